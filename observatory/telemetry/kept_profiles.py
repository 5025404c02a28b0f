"""Shipped profiles, read once: an unchanged package need not parse its own YAML in every run.

The entry belongs to what the files hold, by name and content, and to the code that reads them; anything else finds
nothing, and the files are read. A team's own profiles are read every time: they are few, and being worked on.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from hashlib import blake2b
from pathlib import Path

from observatory.spec.cache import DraftCache, code_fingerprint, key_of
from observatory.spec.tables import TableError, Tables
from observatory.telemetry.recipe import Profile

FOLDER = "profiles"


@dataclass(frozen=True, slots=True)
class _Shipped:
    """What an entry holds."""

    profiles: tuple[Profile, ...]


def kept_profiles(folder: Path, files: Sequence[Path], read: Callable[[], Sequence[Profile]]) -> tuple[Profile, ...]:
    """The profiles of some files, as an earlier run kept them, else as `read` gives them, which are kept then.

    Args:
        folder: Of everything that is kept between runs.

    Raises:
        InputInvalid: `read` found faults; then nothing is kept.
    """
    entries = DraftCache(folder / FOLDER)
    key = _key(files)
    raw = entries.find(key)
    if raw is not None:
        try:
            found: _Shipped = _tables().read(raw)
        except TableError:
            pass
        else:
            return found.profiles
    profiles = tuple(read())
    try:
        raw = _tables().write(_Shipped(profiles))
        # What a table cannot say as it was, such as an infinite bound, is not kept.
        if _tables().read(raw).profiles == profiles and key == _key(files):
            entries.keep(key, raw)
            entries.trim()
    except TableError:
        pass
    return profiles


def _key(files: Sequence[Path]) -> str:
    mark = blake2b(digest_size=16)
    for path in (*sorted(Path(__file__).parent.glob("*.py")), *files):
        content = path.read_bytes()
        mark.update(f"{path} {len(content)} ".encode("utf-8", "surrogateescape"))
        mark.update(content)
    return key_of(code_fingerprint(), "profiles", mark.hexdigest())


@cache
def _tables() -> Tables:
    return Tables(_Shipped)
