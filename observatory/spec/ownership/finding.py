"""Which files say who owns what: those that lie beside the documents, and those that somebody names."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Literal

from msgspec import Struct, field
from msgspec.structs import replace

from observatory.errors import Problem, Severity
from observatory.location import Location
from observatory.spec.catalog import Document

Kind = Literal["backstage", "eventcatalog", "xregistry", "codeowners"]

DESCRIPTORS = ("catalog-info.yaml", "catalog-info.yml")
CODEOWNERS_PLACES = (".github/CODEOWNERS", "CODEOWNERS", "docs/CODEOWNERS", ".gitlab/CODEOWNERS")
"""Where a repository keeps its code owners; the first one there is the one in force."""
PAGES = (".md", ".mdx")
VALUES = (".yaml", ".yml", ".json")
MAX_FILES = 10_000
MAX_LEVELS_UP = 100
MAX_FAULTS = 1_000
_HEAD = 64 * 1024
_SKIPPED = frozenset({"node_modules", "__pycache__", ".git", ".venv", ".tox"})
_ENTITY = re.compile(rb"""["']?apiVersion["']?\s*:\s*["']?[\w.-]*backstage\.io/""")
_ENDPOINTS = re.compile(rb"""["']?endpoints["']?\s*:""")
_USAGE = re.compile(rb"""["']?usage["']?\s*:""")


class File(Struct, frozen=True):
    """A file that says who owns what.

    Attributes:
        path: Its real path.
        shown: Its name in messages, relative as the documents or options are.
        named: Somebody named it, or a folder that holds it; what is wrong with it is an error then.
        base: Of code owners, the folder that their patterns begin in.
        root: The real folder that references of the file may not leave; None where the roots of the documents hold.
    """

    kind: Kind
    path: Path
    shown: str
    named: bool
    base: Path | None = None
    root: Path | None = None


class Faults(Struct):
    """What is wrong with ownership files, as far as it is known."""

    problems: list[Problem] = field(default_factory=list)

    @property
    def full(self) -> bool:
        """Whether so much is wrong that no more is listed."""
        return len(self.problems) > MAX_FAULTS

    def add(
        self,
        code: str,
        message: str,
        at: Location,
        hint: str | None = None,
        *,
        severity: Severity | None = None,
        file: File | None = None,
        subject: str | None = None,
    ) -> None:
        """Report a fault: of the given severity, else an error in a file that was named and a warning elsewhere."""
        chosen: Severity = severity or ("error" if file is not None and file.named else "warning")
        self._keep(Problem(code=code, message=message, severity=chosen, location=at, hint=hint, subject=subject))

    def unreadable(self, file: File, problems: Iterable[Problem], severity: Severity | None = None) -> None:
        """Pass on what reading found: errors in a file that was named, warnings in one that merely lies there."""
        chosen: Severity = severity or ("error" if file.named else "warning")
        for problem in problems:
            self._keep(replace(problem, severity=chosen))

    def _keep(self, problem: Problem) -> None:
        if len(self.problems) == MAX_FAULTS:
            message = f"ownership files have more than {MAX_FAULTS:,} faults; the others are not listed"
            problem = Problem(code="ownership-too-many", severity="warning", message=message, location=problem.location)
        if not self.full:
            self.problems.append(problem)


def find(
    documents: Sequence[Document], named: Sequence[Path], roots: Sequence[Path], faults: Faults
) -> dict[Path, File]:
    """Files by real path: what is named first, then what lies beside the documents or above them.

    Above a document is looked up to the folder of the repository (which holds `.git`) and never outside the roots.
    """
    found: dict[Path, File] = {}
    for path in named:
        for file in _named(path, faults):
            found.setdefault(file.path, file)
    looked: set[Path] = set()
    for document in documents:
        for file in _beside(document, roots, looked, faults):
            found.setdefault(file.path, file)
    return found


def _named(path: Path, faults: Faults) -> Iterator[File]:
    shown = str(path)
    try:
        path.stat()
    except OSError as error:
        gone = isinstance(error, FileNotFoundError | NotADirectoryError)
        message = f"there is no file {shown}" if gone else f"{shown} cannot be read: {error.strerror}"
        faults.add("file-missing" if gone else "file-unreadable", message, Location(shown), severity="error")
        return
    if path.is_dir():
        inside = list(_inside(path, faults))
        if not inside:
            message = f"nothing in {shown} says who owns what"
            hint = "known are catalog-info.yaml, EventCatalog pages, xRegistry files and CODEOWNERS"
            faults.add("ownership-unknown", message, Location(shown), hint, severity="warning")
        yield from inside
    elif (kind := _kind_of(path)) is None:
        message = f"{shown} is no file that says who owns what"
        hint = "known are Backstage entities, EventCatalog pages, xRegistry endpoints and a file called CODEOWNERS"
        faults.add("ownership-unknown", message, Location(shown), hint, severity="error")
    else:
        yield _file(kind, path, shown, path.parent)


def _file(kind: Kind, path: Path, shown: str, root: Path) -> File:
    base = _base_of(path.resolve()) if kind == "codeowners" else None
    return File(kind, path.resolve(), shown, named=True, base=base, root=root.resolve())


def _inside(folder: Path, faults: Faults) -> Iterator[File]:
    """Files of a folder that is named, in the order of names; links to folders are not followed."""
    count = 0
    real = folder.resolve()
    for base, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if name not in _SKIPPED)
        for name in sorted(names):
            path = Path(base) / name
            if not (name == "CODEOWNERS" or name.lower().endswith((*PAGES, *VALUES))):
                continue
            if not _is_file(path) or not path.resolve().is_relative_to(real):
                continue
            count += 1
            if count > MAX_FILES:
                message = f"{folder} holds more than {MAX_FILES:,} files; the others are not read"
                faults.add("ownership-too-many", message, Location(str(folder)))
                return
            if (kind := _kind_of(path)) is not None:
                yield _file(kind, path, str(path), folder)


def _kind_of(path: Path) -> Kind | None:
    """What a file is, by its name, and by its first lines where the name leaves it open."""
    name = path.name.lower()
    if path.name == "CODEOWNERS":
        return "codeowners"
    if name in DESCRIPTORS:
        return "backstage"
    if name.endswith(PAGES):
        return "eventcatalog"
    if not name.endswith(VALUES):
        return None
    if re.search(r"\.xreg\.\w+$", name):
        return "xregistry"
    try:
        with path.open("rb") as file:
            head = file.read(_HEAD)
    except OSError:
        return None
    if _ENTITY.search(head):
        return "backstage"
    return "xregistry" if _ENDPOINTS.search(head) and _USAGE.search(head) else None


def _beside(document: Document, roots: Sequence[Path], looked: set[Path], faults: Faults) -> Iterator[File]:
    real = Path(document.path).resolve()
    folders = list(_folders_above(real, roots))
    for folder in folders:
        if folder in looked:
            continue
        looked.add(folder)
        for name in DESCRIPTORS:
            yield from _there("backstage", folder / name, document, real, roots, faults)
    # The outermost folder is the likeliest to be the repository's.
    for folder in reversed(folders):
        for place in CODEOWNERS_PLACES:
            if files := list(_there("codeowners", folder / place, document, real, roots, faults)):
                yield from files
                return


def _folders_above(real: Path, roots: Sequence[Path]) -> Iterator[Path]:
    """From the folder of a document up to that of the repository, within the roots."""
    for folder in list(real.parents)[:MAX_LEVELS_UP]:
        if not any(folder.is_relative_to(root) for root in roots):
            return
        yield folder
        if (folder / ".git").exists():
            return


def _there(
    kind: Kind, path: Path, document: Document, real: Path, roots: Sequence[Path], faults: Faults
) -> Iterator[File]:
    if not _is_file(path):
        return
    target = path.resolve()
    shown = os.path.normpath(Path(document.path).parent / os.path.relpath(path, real.parent))
    if not any(target.is_relative_to(root) for root in roots):
        message = f"{shown} is a link that leaves the folders that may be read"
        faults.add("reference-outside-roots", message, Location(shown), severity="warning")
        return
    yield File(kind, target, shown, named=False, base=_base_of(path) if kind == "codeowners" else None)


def _is_file(path: Path) -> bool:
    """Whether there is a file that can be looked at."""
    try:
        return path.is_file()
    except OSError:
        return False


def _base_of(path: Path) -> Path:
    """The folder of the repository that a CODEOWNERS file speaks of."""
    folder = path.parent
    if folder.name in (".github", ".gitlab", "docs") and not (folder / ".git").exists():
        return folder.parent
    return folder
