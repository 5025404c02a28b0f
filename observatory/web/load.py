"""`dashboards/*.yaml` to declarations: shipped ones first, a team's own folder layered over them.

A page of the same id in a later folder replaces the earlier one. Every fault is a Problem with its place; pages load
only when there is none, for a dashboard that silently lacks a panel misleads.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path

from msgspec import Struct

from observatory.dashboards import PageDeclaration, PanelDeclaration, Subject
from observatory.errors import InputInvalid, Problem
from observatory.location import Location
from observatory.reading import Reading, read
from observatory.web.kind import Field, Kind
from observatory.web.view import DEFAULT_RANGE, RANGES

PAGE_KEYS = ("id", "title", "path", "subject", "question", "key", "order", "range", "panels")
PANEL_KEYS = ("id", "kind", "title", "question", "width", "height")
SUBJECTS: tuple[Subject, ...] = ("estate", "channel", "group")
_ID = re.compile(r"[a-z][a-z0-9-]{0,59}")
_PATH = re.compile(r"(/[a-z0-9-]+)+(/<id>)?")


def shipped_folder() -> Path:
    """Folder of the dashboards that come with the product: inside the package in a wheel, beside it in a checkout.

    Raises:
        InputInvalid: Neither is there, so the installation is damaged.
    """
    package = Path(__file__).resolve().parent.parent
    for folder in (package / "_dashboards", package.parent / "dashboards"):
        if any(folder.glob("*.yaml")):
            return folder
    raise InputInvalid(
        Problem(
            code="dashboards-missing",
            message=f"the dashboards that come with Observatory are not installed in {package / '_dashboards'}",
            hint="install the package again",
        )
    )


def load_pages(folders: Sequence[Path], kinds: Mapping[str, Kind]) -> tuple[PageDeclaration, ...]:
    """Pages of all folders by their order, later folders over earlier ones.

    Raises:
        InputInvalid: A folder is missing or a file is wrong; carries every fault found.
    """
    problems: list[Problem] = []
    pages: dict[str, PageDeclaration] = {}
    for folder in folders:
        if not folder.is_dir():
            problems.append(
                Problem(
                    code="dashboards-missing",
                    message=f"{folder} is not a folder",
                    location=Location(str(folder)),
                    hint="name a folder that holds dashboard files ending in .yaml",
                )
            )
            continue
        for path in sorted(folder.glob("*.yaml")):
            try:
                page = _PageReader(read(path), kinds, path.stem, problems).page()
            except InputInvalid as error:
                problems += error.problems
                continue
            pages[page.id] = page
    problems += _clashes(pages.values())
    if problems:
        raise InputInvalid(problems)
    return tuple(sorted(pages.values(), key=lambda page: (page.order, page.id)))


def _clashes(pages: Iterable[PageDeclaration]) -> list[Problem]:
    seen: dict[str, PageDeclaration] = {}
    found: list[Problem] = []
    for page in pages:
        for what, value in (("path", page.path), ("key", page.key)):
            if value and (other := seen.setdefault(f"{what} {value}", page)) is not page:
                found.append(
                    Problem(
                        code="dashboard-clash",
                        message=f"{what} {value!r} is already taken by page {other.id!r}",
                        location=page.location,
                        hint=f"choose another {what}",
                    )
                )
    return found


def _nearest(word: str, words: Iterable[str]) -> str | None:
    near = get_close_matches(word, list(words), 1, 0.5)
    return f"did you mean {near[0]!r}?" if near else None


class _PageReader(Struct):
    """One file. Faults go to `problems`; what is read beside them only serves to find more of them."""

    reading: Reading
    kinds: Mapping[str, Kind]
    stem: str
    problems: list[Problem]

    def page(self) -> PageDeclaration:
        data = self.reading.data
        if not isinstance(data, dict):
            self._fault((), "dashboard-invalid", "a dashboard is a mapping with title, path and panels", key=False)
            return PageDeclaration(id=self.stem, title="", path="")
        self._known((), data, PAGE_KEYS, "a dashboard")
        panels = data.get("panels")
        if not isinstance(panels, list) or not panels:
            self._fault(("panels",), "dashboard-invalid", "`panels` is a list of at least one panel", key=False)
            panels = []
        declared = tuple(self._panel(index, one) for index, one in enumerate(panels))
        names = [panel.id for panel in declared]
        for index, name in enumerate(names):
            if name in names[:index]:
                self._fault(
                    ("panels", str(index), "id"), "dashboard-clash", f"a second panel has the id {name!r}", key=False
                )
        subject = self._text((), data, "subject", "estate", allowed=SUBJECTS)
        path = self._text((), data, "path", "", pattern=_PATH, required=True)
        wanted = "the estate ends without" if subject == "estate" else f"one {subject} ends in"
        if path and (subject == "estate") == path.endswith("/<id>"):
            self._fault(
                ("path",),
                "dashboard-invalid",
                f"the path of a page about {wanted} /<id>",
                key=False,
            )
        return PageDeclaration(
            id=self._text((), data, "id", self.stem, pattern=_ID),
            title=self._text((), data, "title", "", required=True),
            path=path,
            subject=next(one for one in SUBJECTS if one == subject),
            question=self._text((), data, "question", ""),
            key=self._text((), data, "key", "", pattern=re.compile("[a-z]?")),
            order=self._whole((), data, "order", 100, 0, 10_000),
            range=self._text((), data, "range", DEFAULT_RANGE, allowed=tuple(RANGES)),
            panels=declared,
            location=self.reading.at(()),
        )

    def _panel(self, index: int, data: object) -> PanelDeclaration:
        at = ("panels", str(index))
        if not isinstance(data, dict):
            self._fault(at, "dashboard-invalid", "a panel is a mapping with id, kind and title", key=False)
            return PanelDeclaration(id=f"panel-{index}", kind="", title="")
        faults = len(self.problems)
        name = self._text(at, data, "kind", "", required=True)
        kind = self.kinds.get(name)
        if name and kind is None:
            self._fault(
                (*at, "kind"),
                "panel-kind-unknown",
                f"there is no panel kind {name!r}",
                key=False,
                hint=_nearest(name, self.kinds) or f"kinds are {', '.join(sorted(self.kinds))}",
            )
        if kind:
            self._known(at, data, (*PANEL_KEYS, *kind.fields), f"a panel of kind {name!r}")
        options = {
            key: self._option((*at, key), value, kind.fields[key])
            for key, value in data.items()
            if kind and key in kind.fields
        }
        for key, field in kind.fields.items() if kind else ():
            if field.required and key not in data:
                self._fault(
                    at, "dashboard-invalid", f"a panel of kind {name!r} needs `{key}`: {field.meaning}", key=False
                )
        declared = PanelDeclaration(
            id=self._text(at, data, "id", f"panel-{index}", pattern=_ID, required=True),
            kind=name,
            title=self._text(at, data, "title", "", required=True),
            question=self._text(at, data, "question", ""),
            width=self._whole(at, data, "width", 12, 1, 12),
            height=self._whole(at, data, "height", 0, 0, 2000),
            options=options,
            location=self.reading.at(at),
        )
        # Options are looked at together once each is right by itself.
        if kind and kind.check and len(self.problems) == faults and (wrong := kind.check(declared)):
            self._fault((*at, wrong[0]), "dashboard-invalid", f"`{wrong[0]}` {wrong[1]}", key=False)
        return declared

    def _option(self, at: tuple[str, ...], value: object, field: Field) -> object:
        if fault := field.fault(value):
            hint = _nearest(value, field.words) if isinstance(value, str) else None
            self._fault(at, "dashboard-invalid", f"`{at[-1]}` {fault}", key=False, hint=hint or field.meaning)
        for index, one in field.strange(value):
            hint = _nearest(one, field.words) or f"it takes {', '.join(field.words)}"
            self._fault((*at, str(index)), "dashboard-invalid", f"`{at[-1]}` has {one!r}", key=False, hint=hint)
        return value

    def _known(self, at: tuple[str, ...], data: Mapping[str, object], allowed: Sequence[str], what: str) -> None:
        for key in data:
            if key not in allowed:
                self._fault(
                    (*at, key),
                    "dashboard-key-unknown",
                    f"{what} has no key {key!r}",
                    key=True,
                    hint=_nearest(key, allowed) or f"keys are {', '.join(allowed)}",
                )

    def _text(
        self,
        at: tuple[str, ...],
        data: Mapping[str, object],
        key: str,
        default: str,
        *,
        pattern: re.Pattern[str] | None = None,
        allowed: Sequence[str] = (),
        required: bool = False,
    ) -> str:
        if key not in data:
            if required:
                self._fault(at, "dashboard-invalid", f"`{key}` is missing", key=False)
            return default
        value = data[key]
        if not isinstance(value, str) or (required and not value.strip()):
            self._fault((*at, key), "dashboard-invalid", f"`{key}` is a text", key=False)
            return default
        if (pattern and not pattern.fullmatch(value)) or (allowed and value not in allowed):
            wanted = f"one of {', '.join(allowed)}" if allowed else f"of the form {pattern.pattern}" if pattern else ""
            self._fault((*at, key), "dashboard-invalid", f"`{key}` is {value!r}; it is {wanted}", key=False)
            return default
        return value

    def _whole(
        self, at: tuple[str, ...], data: Mapping[str, object], key: str, default: int, low: int, high: int
    ) -> int:
        value = data.get(key, default)
        if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
            self._fault((*at, key), "dashboard-invalid", f"`{key}` is a whole number from {low} to {high}", key=False)
            return default
        return value

    def _fault(self, at: tuple[str, ...], code: str, message: str, *, key: bool, hint: str | None = None) -> None:
        place = self.reading.at(at, key=key)
        self.problems.append(Problem(code=code, message=message, location=place, hint=hint))
