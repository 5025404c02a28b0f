"""Files that documents live in: found in folders, opened once, and never outside the roots."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from observatory.errors import InputInvalid, Problem
from observatory.location import Location
from observatory.reading import Reading, read, read_text
from observatory.reading.faults import MAX_BYTES
from observatory.spec.nearby import file_meant, pointer_meant
from observatory.spec.secrets import without_secrets

SUFFIXES = (".yaml", ".yml", ".json")
MAX_FILES = 20_000
_VERSION_KEY = re.compile(rb"""(?m)^(?:\xef\xbb\xbf)?["']?asyncapi["']?[ \t]*:""")
_FLOW_VERSION_KEY = re.compile(rb"""["']?asyncapi["']?\s*:""")
_SKIPPED_FOLDERS = frozenset({"node_modules", "__pycache__", ".git", ".venv", ".tox"})


@dataclass(frozen=True, slots=True, eq=False)
class Source:
    """An opened file: `address` is its real path or URL, `reading.path` its name in messages."""

    address: str
    reading: Reading

    @property
    def data(self) -> Any:
        return self.reading.data


@dataclass(slots=True)
class Library:
    """Opens each file once and refuses what lies outside the roots, symbolic links followed.

    Attributes:
        roots: Real paths of the folders that references may not leave.
        allow_remote: Whether references to web addresses may be fetched.
    """

    roots: tuple[Path, ...]
    allow_remote: bool = False
    _opened: dict[str, Source | Problem] = field(default_factory=dict)

    def document(self, path: Path, shown: str) -> Source:
        """Open a document that was named or found.

        Raises:
            InputInvalid: It cannot be read, or a link led it out of the roots.
        """
        try:
            real = path.resolve()
        except (OSError, RuntimeError):
            message = f"{shown} is a link that leads in a circle"
            raise InputInvalid(Problem(code="file-unreadable", message=message, location=Location(shown))) from None
        if not self.holds(real):
            message = f"{shown} is a link that leaves the folder it was found in"
            raise InputInvalid(_outside(message, Location(shown)))
        return self._open(str(real), lambda: read(real, shown_as=shown, lenient=True))

    def referenced(self, target: str, origin: Source) -> Source:
        """Open the file of a reference, relative to the file that holds the reference.

        Raises:
            InputInvalid: Missing, unreadable or not allowed; the problems have no place, which the caller knows.
        """
        if re.match(r"(?i)[a-z][a-z0-9+.-]*://", target) or re.match(r"(?i)https?://", origin.address):
            return self._remote(target, origin)
        base = Path(origin.address).parent
        try:
            real = (base / target).resolve()
            if not self.holds(real):
                problem = _outside(f"{target!r} leads outside the folders that may be read", None)
                inside = pointer_meant(target, origin.data)
                raise InputInvalid(replace(problem, hint=inside) if inside else problem)
            is_file, exists = real.is_file(), real.exists()
        except (OSError, ValueError, RuntimeError):
            message = f"{target!r} is not a usable file name"
            raise InputInvalid(Problem(code="reference-file-missing", message=message)) from None
        if exists and not is_file:
            message = f"{target!r} is a folder, a pipe or a device, and no file"
            raise InputInvalid(Problem(code="reference-file-missing", message=message))
        if not is_file:
            message = f"there is no file {target!r} beside {Path(origin.reading.path).name}"
            near = pointer_meant(target, origin.data) or file_meant(target, real)
            raise InputInvalid(Problem(code="reference-file-missing", message=message, hint=near))
        shown = os.path.normpath(Path(origin.reading.path).parent / target)
        return self._open(str(real), lambda: read(real, shown_as=shown, lenient=True))

    def holds(self, real: Path) -> bool:
        """Whether a real path lies in one of the roots."""
        return any(real.is_relative_to(root) for root in self.roots)

    def sources(self) -> Iterator[Source]:
        """Every file that was opened with success, in the order of opening."""
        return (source for source in self._opened.values() if isinstance(source, Source))

    def _open(self, address: str, load: Callable[[], Reading]) -> Source:
        kept = self._opened.get(address)
        if kept is None:
            if len(self._opened) >= MAX_FILES:
                message = f"more than {MAX_FILES:,} files are referred to"
                raise InputInvalid(Problem(code="reference-too-deep", message=message))
            try:
                kept = Source(address, without_secrets(load()))
            except InputInvalid as error:
                kept = error.problems[0]
            self._opened[address] = kept
        if isinstance(kept, Problem):
            raise InputInvalid(kept)
        return kept

    def _remote(self, target: str, origin: Source) -> Source:
        from observatory.spec.remote import absolute, fetch, without_credentials

        try:
            url = absolute(target, origin.address)
            shown = without_credentials(url)
        except ValueError:
            message = f"{target!r} is no web address"
            raise InputInvalid(Problem(code="reference-file-missing", message=message)) from None
        if not self.allow_remote:
            raise InputInvalid(
                Problem(
                    code="reference-remote",
                    message=f"{shown} is a web address, and those are not fetched",
                    hint="keep a copy beside the document, or allow it: allow_remote_references: true",
                )
            )
        return self._open(url, lambda: read_text(fetch(url), shown, lenient=True))


def _outside(message: str, location: Location | None) -> Problem:
    return Problem(
        code="reference-outside-roots",
        message=message,
        location=location,
        hint="name a folder above both under `roots:` in observatory.yaml",
    )


def find_documents(paths: Sequence[Path]) -> tuple[list[tuple[Path, bool]], list[Problem]]:
    """Files to read, each with whether it was named; folders are searched, in the order of names.

    A file in a folder counts when it has a line with the key `asyncapi`; a named one always does. Symbolic links to
    folders are not followed. A path that does not exist is a problem.
    """
    found: dict[Path, bool] = {}
    problems: list[Problem] = []
    for path in paths:
        if _is(path.is_dir):
            inside = [one for one in _walk(path) if _looks_like_document(one)]
            if not inside:
                message = f"no AsyncAPI document in {path}"
                at = Location(str(path))
                problems.append(Problem(code="no-documents", severity="warning", message=message, location=at))
            for one in inside:
                found.setdefault(one, False)
        elif _is(path.exists) and not _is(path.is_file):
            message = f"{path} is a pipe or a device and not a file"
            at, hint = Location(str(path)), "write it into a file first"
            problems.append(Problem(code="file-unreadable", message=message, location=at, hint=hint))
        elif _is(path.exists) or path.is_symlink():
            found[path] = True
        else:
            message = f"there is no file {path}"
            problems.append(Problem(code="file-missing", message=message, location=Location(str(path))))
    return list(found.items()), problems


def roots_of(paths: Sequence[Path], roots: Sequence[Path] = ()) -> tuple[Path, ...]:
    """Real paths of the roots: those given, and else the folders of the documents."""
    chosen = roots or [path if _is(path.is_dir) else path.parent for path in paths]
    return tuple(dict.fromkeys(path.resolve() for path in chosen))


def _is(look: Callable[[], bool]) -> bool:
    """The answer about a path, no where the answer is refused or the path is no path."""
    try:
        return look()
    except OSError:
        return False


def _walk(folder: Path) -> Iterator[Path]:
    for base, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if name not in _SKIPPED_FOLDERS)
        for name in sorted(names):
            if name.lower().endswith(SUFFIXES):
                yield Path(base) / name


def _looks_like_document(path: Path) -> bool:
    """Whether a file has the key `asyncapi` at its top, as far as its text shows without being parsed."""
    try:
        if not path.is_file():
            return False
        with path.open("rb") as file:
            head = file.read(64 * 1024)
            if head.startswith((b"\xff\xfe", b"\xfe\xff")):
                return True
            pattern = _FLOW_VERSION_KEY if head.lstrip().startswith(b"{") else _VERSION_KEY
            # The key is usually the first; in sorted files it may stand anywhere.
            return bool(pattern.search(head)) or (
                len(head) == 64 * 1024 and pattern.search(file.read(MAX_BYTES)) is not None
            )
    except OSError:
        return False
