"""Where what documents gave is kept between runs."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

VARIABLE = "OBSERVATORY_CACHE_DIR"


def cache_folder(environ: Mapping[str, str], written: Path | None) -> Path | None:
    """The folder of caches; None where there is none to be.

    `OBSERVATORY_CACHE_DIR` comes first, and set to nothing it turns the cache off; then `cache_dir` of the settings
    file; then `observatory` in the cache folder of the user, by the rules of the XDG base directories.
    """
    if VARIABLE in environ:
        return Path(environ[VARIABLE]) if environ[VARIABLE].strip() else None
    if written is not None:
        return written
    base = environ.get("XDG_CACHE_HOME", "")
    if Path(base).is_absolute():
        return Path(base) / "observatory"
    home = environ.get("HOME", "")
    return Path(home) / ".cache" / "observatory" if Path(home).is_absolute() else None
