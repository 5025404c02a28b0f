"""Files that documents live in: found in folders, opened once, and never outside the roots."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from msgspec import Struct, field
from msgspec.structs import replace

from observatory.errors import InputInvalid, Problem, Severity
from observatory.location import Location
from observatory.reading import Reading, bytes_of, read_bytes, read_text
from observatory.reading.faults import MAX_BYTES
from observatory.spec.nearby import file_meant, pointer_meant
from observatory.spec.secrets import without_secrets

SUFFIXES = (".yaml", ".yml", ".json")
MAX_FILES = 20_000
_VERSION_KEY = re.compile(rb"""(?m)^(?:\xef\xbb\xbf)?["']?asyncapi["']?[ \t]*:""")
_FLOW_VERSION_KEY = re.compile(rb"""["']?asyncapi["']?\s*:""")
_SKIPPED_FOLDERS = frozenset({"node_modules", "__pycache__", ".git", ".venv", ".tox"})


class Source(Struct, frozen=True, eq=False):
    """An opened file: `address` is its real path or URL, `reading.path` its name in messages."""

    address: str
    reading: Reading

    @property
    def data(self) -> Any:
        return self.reading.data


class OpenFiles(Struct):
    """Files of one run: each is read once, however many documents refer to it."""

    _readings: dict[tuple[str, str], Reading | Problem] = field(default_factory=dict)
    _fingerprints: dict[str, str] = field(default_factory=dict)

    def fingerprint(self, address: str) -> str:
        """A digest of what a file holds, as it was first read; a word instead where it cannot be read."""
        if address not in self._fingerprints:
            try:
                self._bytes(address, address)
            except InputInvalid as error:
                self._fingerprints[address] = error.problems[0].code
        return self._fingerprints[address]

    def read(self, address: str, shown: str, load: Callable[[], Reading] | None = None) -> Reading:
        """A file under the name it has in messages.

        Args:
            load: How to read what is no file of this machine.

        Raises:
            InputInvalid: It cannot be read; it is not tried twice.
        """
        kept = self._readings.get((address, shown))
        if kept is None:
            try:
                read = load() if load else read_bytes(self._bytes(address, shown), shown, lenient=True)
                kept = without_secrets(read)
            except InputInvalid as error:
                kept = error.problems[0]
                self._fingerprints.setdefault(address, kept.code)
            self._readings[address, shown] = kept
        if isinstance(kept, Problem):
            raise InputInvalid(kept)
        return kept

    def forget(self, address: str, shown: str) -> None:
        """Let go of a file that nobody else is likely to ask for; it is read again when somebody does."""
        self._readings.pop((address, shown), None)

    def _bytes(self, address: str, shown: str) -> bytes:
        raw = bytes_of(Path(address), shown)
        self._fingerprints[address] = hashlib.blake2b(raw, digest_size=16).hexdigest()
        return raw


class Library(Struct):
    """What one document may open: it refuses what lies outside the roots, symbolic links followed.

    Attributes:
        roots: Real paths of the folders that references may not leave.
        allow_remote: Whether references to web addresses may be fetched.
        files: Shared by the libraries of one run.
        followed: Each file name that was followed, with the file that holds it, and where it led (`trace`).
        fetched: Whether something was fetched from the web.
    """

    roots: tuple[Path, ...]
    allow_remote: bool = False
    files: OpenFiles = field(default_factory=OpenFiles)
    followed: dict[tuple[str, str], str] = field(default_factory=dict)
    fetched: bool = False
    _opened: dict[str, Source | Problem] = field(default_factory=dict)

    def another(self) -> Library:
        """A library for another document of the same run."""
        return Library(self.roots, self.allow_remote, self.files)

    def document(self, real: Path, shown: str) -> Source:
        """Open a document that was named or found.

        Args:
            real: Its real path.

        Raises:
            InputInvalid: It cannot be read, or a link led it out of the roots.
        """
        self.require_inside(real, shown)
        return self._open(str(real), shown)

    def require_inside(self, real: Path, shown: str) -> None:
        """Refuse a document that a link led out of the roots.

        Raises:
            InputInvalid: It is outside.
        """
        if not self.holds(real):
            message = f"{shown} is a link that leaves the folder it was found in"
            raise InputInvalid(_outside(message, Location(shown)))

    def referenced(self, target: str, origin: Source) -> Source:
        """Open the file of a reference, relative to the file that holds the reference.

        Raises:
            InputInvalid: Missing, unreadable or not allowed; the problems have no place, which the caller knows.
        """
        if re.match(r"(?i)[a-z][a-z0-9+.-]*://", target) or re.match(r"(?i)https?://", origin.address):
            return self._remote(target, origin)
        key = (origin.address, target)
        try:
            real = self._located(target, origin.address, Path(origin.reading.path).name, origin.data)
        except InputInvalid as error:
            self.followed[key] = self._refusal(error, target, origin.address)
            raise
        try:
            return self._open(str(real), os.path.normpath(Path(origin.reading.path).parent / target))
        finally:
            self.followed[key] = f"{real} {self.files.fingerprint(str(real))}"

    def trace(self, target: str, address: str) -> str:
        """Where a file name leads from a file, and what is there now: equal traces mean that nothing has changed."""
        try:
            real = self._located(target, address, Path(address).name)
        except InputInvalid as error:
            return self._refusal(error, target, address)
        return f"{real} {self.files.fingerprint(str(real))}"

    def _refusal(self, error: InputInvalid, target: str, address: str) -> str:
        """Why a name leads nowhere, and the names beside it, which a message may suggest."""
        code = error.problems[0].code
        try:
            folder = (Path(address).parent / target).resolve().parent
            names = sorted(path.name for path in folder.iterdir()) if self.holds(folder) else []
        except (OSError, ValueError, RuntimeError):
            names = []
        beside = hashlib.blake2b("\0".join(names).encode("utf-8", "surrogateescape"), digest_size=16).hexdigest()
        return f"{code} {beside}"

    def _located(self, target: str, address: str, beside: str, data: Any = None) -> Path:
        """The file that a name leads to from a file; `data` is what that file holds, for what may have been meant."""
        inside = pointer_meant(target, data)
        try:
            real = (Path(address).parent / target).resolve()
            if not self.holds(real):
                problem = _outside(f"{target!r} leads outside the folders that may be read", None)
                raise InputInvalid(replace(problem, hint=inside) if inside else problem)
            is_file, exists = real.is_file(), real.exists()
        except (OSError, ValueError, RuntimeError):
            message = f"{target!r} is not a usable file name"
            raise InputInvalid(Problem(code="reference-file-missing", message=message)) from None
        if exists and not is_file:
            message = f"{target!r} is a folder, a pipe or a device, and no file"
            raise InputInvalid(Problem(code="reference-file-missing", message=message))
        if not is_file:
            message = f"there is no file {target!r} beside {beside}"
            near = inside or file_meant(target, real)
            raise InputInvalid(Problem(code="reference-file-missing", message=message, hint=near))
        return real

    def holds(self, real: Path) -> bool:
        """Whether a real path lies in one of the roots."""
        return any(real.is_relative_to(root) for root in self.roots)

    def sources(self) -> Iterator[Source]:
        """Every file that was opened with success, in the order of opening."""
        return (source for source in self._opened.values() if isinstance(source, Source))

    def _open(self, address: str, shown: str, load: Callable[[], Reading] | None = None) -> Source:
        kept = self._opened.get(address)
        if kept is None:
            if len(self._opened) >= MAX_FILES:
                message = f"more than {MAX_FILES:,} files are referred to"
                raise InputInvalid(Problem(code="reference-too-deep", message=message))
            try:
                kept = Source(address, self.files.read(address, shown, load))
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
        if not re.match(r"(?i)https?://", url):
            self.followed[origin.address, target] = "reference-remote"
            message = f"{shown} is not followed: references are paths, or addresses that begin with https://"
            raise InputInvalid(
                Problem(
                    code="reference-remote", message=message, hint="write the path of the file as seen from this one"
                )
            )
        if not self.allow_remote:
            self.followed[origin.address, target] = "reference-remote"
            raise InputInvalid(
                Problem(
                    code="reference-remote",
                    message=f"{shown} is a web address, and those are not fetched",
                    hint="keep a copy beside the document, or allow it: allow_remote_references: true",
                )
            )
        self.fetched = True
        return self._open(url, shown, lambda: read_text(fetch(url), shown, lenient=True))


def real_path(path: Path, shown: str) -> Path:
    """Where a path leads, links followed.

    Raises:
        InputInvalid: It is a link that leads in a circle.
    """
    try:
        return path.resolve()
    except (OSError, RuntimeError):
        message = f"{shown} is a link that leads in a circle"
        raise InputInvalid(Problem(code="file-unreadable", message=message, location=Location(shown))) from None


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
    folders are not followed. A path that does not exist is a problem, and so is a folder without a document: an error
    where nothing else is there to read, else a warning.
    """
    found: dict[Path, bool] = {}
    problems: list[Problem] = []
    without: list[tuple[Path, int]] = []
    for path in paths:
        if _is(path.is_dir):
            candidates = list(_walk(path))
            inside = [one for one in candidates if _looks_like_document(one)]
            if not inside:
                without.append((path, len(candidates)))
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
    severity: Severity = "warning" if found else "error"
    return list(found.items()), [*(_no_documents(path, seen, severity) for path, seen in without), *problems]


def _no_documents(folder: Path, seen: int, severity: Severity) -> Problem:
    """A folder in which nothing is a document, and among how many files one was looked for."""
    files = "file, without" if seen == 1 else "files, all without"
    looked = (
        f"{seen} YAML or JSON {files} the key asyncapi at the top" if seen else "no YAML or JSON file in it or below"
    )
    return Problem(
        code="no-documents",
        severity=severity,
        message=f"no AsyncAPI document in {folder}: {looked}",
        location=Location(str(folder)),
        hint="name the folder that holds the documents, or a document itself",
    )


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
