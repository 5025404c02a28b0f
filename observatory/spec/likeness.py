"""Whether two values are alike, in time that grows with what is stored and not with what it unfolds to."""

from __future__ import annotations

import hashlib
from typing import Any


def digest(value: Any, known: dict[int, str] | None = None) -> str:
    """A fingerprint of a plain value; equal values have equal ones, whatever the order of their keys.

    Parts that are shared between places are looked at once, so a value made of references cannot grow the work.

    Args:
        known: Fingerprints by address, for those who ask about parts of one value again and again and keep it alive.
    """
    return _digest(value, {} if known is None else known)


def _digest(value: Any, known: dict[int, str]) -> str:
    if not isinstance(value, dict | list):
        return hashlib.blake2b(f"{type(value).__name__}:{value!r}".encode(), digest_size=16).hexdigest()
    if id(value) in known:
        return known[id(value)]
    if isinstance(value, dict):
        parts = ["{", *(f"{key!r}={_digest(value[key], known)}" for key in sorted(value))]
    else:
        parts = ["[", *(_digest(item, known) for item in value)]
    result = hashlib.blake2b("\0".join(parts).encode(), digest_size=16).hexdigest()
    known[id(value)] = result
    return result
