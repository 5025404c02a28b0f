"""What shipped files gave, read once: an unchanged package need not parse its own YAML in every run.

The entry belongs to what the files hold, by name and content, and to the code that reads them; anything else finds
nothing, and the files are read.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from hashlib import blake2b
from pathlib import Path
from typing import TypeVar

from observatory.spec.cache import DraftCache, code_fingerprint, key_of
from observatory.spec.tables import TableError, Tables

T = TypeVar("T")


def kept_of(folder: Path, shape: type[T], files: Sequence[Path], code: Path, read: Callable[[], T]) -> T:
    """What files gave, as an earlier run kept it, else as `read` gives it, which is kept then.

    Args:
        folder: Of these entries, beside those of others that are kept between runs.
        shape: A data class that holds it.
        code: The folder of the modules that read it.

    Raises:
        InputInvalid: `read` found faults; then nothing is kept.
    """
    entries, tables = DraftCache(folder), Tables(shape)
    key = _key(folder.name, files, code)
    raw = entries.find(key)
    if raw is not None:
        try:
            kept: T = tables.read(raw)
        except TableError:
            pass
        else:
            return kept
    found = read()
    try:
        raw = tables.write(found)
        # What a table cannot say as it was, such as an infinite bound, is not kept.
        if tables.read(raw) == found and key == _key(folder.name, files, code):
            entries.keep(key, raw)
            entries.trim()
    except TableError:
        pass
    return found


def _key(name: str, files: Sequence[Path], code: Path) -> str:
    mark = blake2b(digest_size=16)
    for path in (*sorted(code.glob("*.py")), *files):
        content = path.read_bytes()
        mark.update(f"{path} {len(content)} ".encode("utf-8", "surrogateescape"))
        mark.update(content)
    return key_of(code_fingerprint(), name, mark.hexdigest())
