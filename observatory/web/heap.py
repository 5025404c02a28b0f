"""Memory that the C library keeps although nobody holds it any more."""

from __future__ import annotations

import ctypes
from contextlib import suppress
from functools import cache
from typing import Any

_M_ARENA_MAX = -8
"""From glibc's malloc.h."""


def give_back() -> None:
    """Hand unused memory back to the operating system; nothing where the C library cannot.

    glibc keeps what threads have freed, each thread its own; a server whose threads took turns at something large would
    hold it as often as it has threads.
    """
    trim = _trim()
    if trim is not None:
        trim(0)


def share_arenas() -> None:
    """Let threads share two heaps instead of having one each, before they start; nothing where glibc is not."""
    with suppress(OSError, TypeError, AttributeError):
        ctypes.CDLL(None).mallopt(_M_ARENA_MAX, 2)


@cache
def _trim() -> Any:
    try:
        return getattr(ctypes.CDLL(None), "malloc_trim", None)
    except (OSError, TypeError):
        return None
