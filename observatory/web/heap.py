"""Memory that the C library keeps although nobody holds it any more."""

from __future__ import annotations

import ctypes
from functools import cache
from typing import Any


def give_back() -> None:
    """Hand unused memory back to the operating system; nothing where the C library cannot.

    glibc keeps what threads have freed, each thread its own; a server whose threads took turns at something large would
    hold it as often as it has threads.
    """
    trim = _trim()
    if trim is not None:
        trim(0)


@cache
def _trim() -> Any:
    try:
        return getattr(ctypes.CDLL(None), "malloc_trim", None)
    except (OSError, TypeError):
        return None
