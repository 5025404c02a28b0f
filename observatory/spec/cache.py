"""What documents gave in earlier runs, kept in files so that an unchanged document is not read again.

An entry belongs to one document under one name, and its key is a digest of everything that can be known before the
document is read: its contents, the options, and the code that reads it. What only reading shows, the files that it
refers to and what was found there, stands in the entry and is compared before the entry is believed.

The folder is shared between processes. Entries are written aside and moved into place, so none is ever seen half
written; one that is damaged, or that belongs to somebody else, is as good as none. Entries are data, never code.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import stat
import sys
import tempfile
from functools import cache
from pathlib import Path

from observatory import __version__

MAX_BYTES = 256 * 1024 * 1024
MAX_ENTRY_BYTES = 64 * 1024 * 1024
_KEPT_AFTER_TRIM = 0.8
_HEAD = b"observatory drafts 1 "
_SUFFIX = ".drafts"
_UNFINISHED = ".unfinished"
_READING = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
"""Links are not followed, and a pipe in the place of an entry does not make us wait."""


class DraftCache:
    """A folder of entries, bounded in size; the ones that were used longest ago go first."""

    def __init__(self, folder: Path, *, max_bytes: int = MAX_BYTES) -> None:
        self.folder = folder
        self.max_bytes = max_bytes
        self._usable: bool | None = None
        self._written = False

    def find(self, key: str) -> bytes | None:
        """What is kept under a key; None where there is nothing, or nothing that can be believed."""
        if not self._is_usable(make=False):
            return None
        try:
            handle = os.open(self._path(key), _READING)
        except OSError:
            return None
        try:
            about = os.fstat(handle)
            if not stat.S_ISREG(about.st_mode) or not _is_ours(about) or about.st_size > MAX_ENTRY_BYTES:
                return None
            with open(handle, "rb", closefd=False) as file:
                raw = file.read(MAX_ENTRY_BYTES)
            os.utime(handle)
        except OSError:
            return None
        finally:
            os.close(handle)
        head, _, payload = raw.partition(b"\n")
        return payload if head == _HEAD + _digest(payload).encode() else None

    def keep(self, key: str, payload: bytes) -> bool:
        """Keep an entry, and say whether it is kept; where the folder cannot be written it is not."""
        if len(payload) > min(MAX_ENTRY_BYTES - 200, self.max_bytes) or not self._is_usable(make=True):
            return False
        temporary = ""
        try:
            handle, temporary = tempfile.mkstemp(suffix=_UNFINISHED, dir=self.folder)
            with open(handle, "wb") as file:  # noqa: PTH123 (a descriptor)
                file.write(_HEAD + _digest(payload).encode() + b"\n" + payload)
            Path(temporary).replace(self._path(key))
            self._written = True
        except OSError:
            if temporary:
                with contextlib.suppress(OSError):
                    Path(temporary).unlink()
            return False
        return True

    def trim(self) -> None:
        """Take out what was used longest ago where the folder has outgrown its bound; only after a run that wrote."""
        if not self._written:
            return
        entries: list[tuple[int, int, str]] = []
        unfinished: list[tuple[int, str]] = []
        try:
            with os.scandir(self.folder) as listed:
                for one in listed:
                    about = one.stat(follow_symlinks=False)
                    if one.name.endswith(_SUFFIX):
                        entries.append((about.st_mtime_ns, about.st_size, one.path))
                    elif one.name.endswith(_UNFINISHED):
                        unfinished.append((about.st_mtime_ns, one.path))
        except OSError:
            return
        newest = max((when for when, _, _ in entries), default=0)
        # What a process left behind that was killed an hour before the newest entry was written.
        for when, path in unfinished:
            if when < newest - 3_600_000_000_000:
                _remove(path)
        total = sum(size for _, size, _ in entries)
        if total <= self.max_bytes:
            return
        for _, size, path in sorted(entries):
            if total <= self.max_bytes * _KEPT_AFTER_TRIM:
                break
            _remove(path)
            total -= size

    def _path(self, key: str) -> Path:
        return self.folder / f"{key}{_SUFFIX}"

    def _is_usable(self, *, make: bool) -> bool:
        """Whether the folder is there and nobody else can write into it."""
        if self._usable is None or (make and not self._usable):
            self._usable = False
            try:
                if make:
                    self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
                about = self.folder.stat()
                self._usable = stat.S_ISDIR(about.st_mode) and _is_ours(about)
            except OSError:
                pass
        return self._usable


def key_of(*parts: str) -> str:
    """A key from everything that the answer depends on; no two lists of parts share one."""
    return _digest("".join(f"{len(part)}:{part}" for part in parts).encode("utf-8", "surrogateescape"))


@cache
def code_fingerprint() -> str:
    """A digest of the code and the schemas that turn documents into drafts, and of what they run on.

    The version alone would do for released packages; the files themselves also tell two states of a checkout apart.
    """
    from importlib.metadata import PackageNotFoundError, version

    mark = hashlib.blake2b(f"{__version__} {sys.version}".encode(), digest_size=16)
    for package in ("pyyaml", "jsonschema", "jsonschema-rs", "tzdata"):
        with contextlib.suppress(PackageNotFoundError):
            mark.update(f"{package} {version(package)}".encode())
    package_folder = Path(__file__).parent.parent
    for path in sorted(
        [*package_folder.glob("*.py"), *_code(package_folder, "spec"), *_code(package_folder, "reading")]
    ):
        mark.update(f"{path.name} {path.stat().st_size} ".encode())
        mark.update(path.read_bytes())
    return mark.hexdigest()


def _code(package_folder: Path, name: str) -> list[Path]:
    return [path for path in (package_folder / name).rglob("*") if path.suffix in (".py", ".json", ".yaml")]


def _digest(raw: bytes) -> str:
    return hashlib.blake2b(raw, digest_size=20).hexdigest()


def _is_ours(about: os.stat_result) -> bool:
    """Whether a file or folder is this user's and nobody else's to write."""
    if not hasattr(os, "geteuid"):
        return True
    return about.st_uid == os.geteuid() and not about.st_mode & (stat.S_IWGRP | stat.S_IWOTH)


def _remove(path: str) -> None:
    with contextlib.suppress(OSError):
        Path(path).unlink()
