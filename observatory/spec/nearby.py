"""What a reference to a missing file may have meant: a file that is near by name, or a place in the same document."""

from __future__ import annotations

import os
import posixpath
from itertools import islice
from pathlib import Path
from typing import Any

from observatory.spec.suggestions import meant

_TYPOGRAPHIC = frozenset("\u2018\u2019\u201c\u201d\u201e")
MAX_NAMES = 2000
"""Names of a folder that are looked at."""


def pointer_meant(target: str, data: Any) -> str | None:
    """A hint for a reference that lacks its `#`: `/channels/orders`, or `components/schemas/Order`."""
    if target[:1] in _TYPOGRAPHIC:
        return f"{target[0]} is a typographic quote, and part of the text; write ' instead"
    first, slash, _ = target.removeprefix("./").lstrip("/").partition("/")
    if slash and isinstance(data, dict) and first in data:
        return f"did you mean '#/{target.removeprefix('./').lstrip('/')}'?"
    return None


def file_meant(target: str, real: Path) -> str | None:
    """A hint that names the file beside the missing one whose name is nearest, with the same path before it.

    Args:
        target: The reference as it was written.
        real: Where it leads; the caller has made sure that this lies in a folder that may be read.
    """
    try:
        with os.scandir(real.parent) as entries:
            names = [entry.name for entry in islice(entries, MAX_NAMES) if not entry.name.startswith(".")]
    except OSError:
        return None
    if "\\" in target:
        return f"did you mean {target.replace(chr(92), '/')!r}? References are written with / on every system"
    folder, name = posixpath.split(target)
    if name in ("", ".", ".."):
        return None
    near = _same_stem(real, names) or _near_stem(real, names)
    return f"did you mean {posixpath.join(folder, near)!r}?" if near else None


def _same_stem(real: Path, names: list[str]) -> str | None:
    """The file that differs in its ending alone: .yml for .yaml, or an ending that was left out."""
    endings = [name for name in sorted(names) if Path(name).stem.lower() == real.stem.lower()]
    return endings[0] if len(endings) == 1 else None


def _near_stem(real: Path, names: list[str]) -> str | None:
    """The file whose name is nearest; endings do not count, for they make any two names alike."""
    by_stem = {Path(name).stem: name for name in sorted(names, key=lambda name: Path(name).suffix == real.suffix)}
    near = meant(real.stem, by_stem)
    return by_stem[near] if near else None
