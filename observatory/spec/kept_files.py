"""What shipped files gave, read once: an unchanged package need not parse its own YAML in every run.

The entry belongs to what the files hold, by name and content, and to the code that reads them; anything else finds
nothing, and the files are read. It lies where Python keeps what it makes of modules, as long as that is ours to write:
like these it belongs to the package, and is there for whoever runs it next.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from hashlib import blake2b
from importlib.util import cache_from_source
from pathlib import Path
from typing import TypeVar

from msgspec import Struct

from observatory.spec.cache import DraftCache, code_fingerprint, key_of
from observatory.spec.tables import TableError, Tables

T = TypeVar("T", bound=Struct)
MOST_BESIDE_BYTES = 8 * 1024 * 1024
"""Of entries beside a package: those of a checkout that changes all day."""


def kept_of(folder: Path, shape: type[T], files: Sequence[Path], code: Path, read: Callable[[], T]) -> T:
    """What files gave, as an earlier run kept it, else as `read` gives it, which is kept then.

    Args:
        folder: Of these entries where they cannot be kept beside the files.
        shape: A class of values that holds it.
        code: The folder of the modules that read it.

    Raises:
        InputInvalid: `read` found faults; then nothing is kept.
    """
    places, tables = [*_beside(files), DraftCache(folder)], Tables(shape)
    key = _key(folder.name, files, code)
    for raw in (one.find(key) for one in places):
        if raw is not None:
            try:
                kept: T = tables.read(raw)
            except TableError:
                continue
            return kept
    found = read()
    try:
        raw = tables.write(found)
        # What a table cannot say as it was, such as an infinite bound, is not kept.
        if tables.read(raw) == found and key == _key(folder.name, files, code):
            next((one for one in places if one.keep(key, raw)), places[-1]).trim()
    except TableError:
        pass
    return found


def _beside(files: Sequence[Path]) -> list[DraftCache]:
    """Where Python would keep a module that lay with the files; nowhere when it is told to keep none."""
    if sys.dont_write_bytecode or sys.implementation.cache_tag is None or not files:
        return []
    folder = Path(cache_from_source(str(files[0].with_suffix(".py")))).parent
    return [DraftCache(folder, max_bytes=MOST_BESIDE_BYTES)]


def _key(name: str, files: Sequence[Path], code: Path) -> str:
    mark = blake2b(digest_size=16)
    for path in (*sorted(code.glob("*.py")), *files):
        content = path.read_bytes()
        mark.update(f"{path} {len(content)} ".encode("utf-8", "surrogateescape"))
        mark.update(content)
    return key_of(code_fingerprint(), name, mark.hexdigest())
