"""Whether two values are alike, in time that grows with what is stored and not with what it unfolds to."""

from __future__ import annotations

import hashlib
from typing import Any

_NOTES = frozenset(
    {"title", "description", "example", "examples", "default", "deprecated", "externalDocs", "doc"}
    | {"$comment", "$id", "$schema"}
)
"""Keys of a schema that say something to people and nothing about which values fit."""
_HOLDERS = frozenset({"properties", "patternProperties", "definitions", "$defs", "dependentSchemas"})
"""Keys under which names stand that people chose, so that a property may be called `title`."""
_SETS = frozenset({"required", "enum", "type"})
_DATA = frozenset({"const", "enum"})


def digest(value: Any, known: dict[int, str] | None = None) -> str:
    """A fingerprint of a plain value; equal values have equal ones, whatever the order of their keys.

    Parts that are shared between places are looked at once, so a value made of references cannot grow the work.

    Args:
        known: Fingerprints by address, for those who ask about parts of one value again and again and keep it alive.
    """
    return _digest(value, {} if known is None else known)


def schema_digest(schema: Any) -> str:
    """A fingerprint of what a JSON Schema or an Avro schema lets pass.

    Titles, descriptions, examples and extensions do not count, nor does the order of keys, of `required` or of `enum`.
    Two schemas that say the same in different words still differ.
    """
    return _schema_digest(schema, {}, named=False)


def _digest(value: Any, known: dict[int, str]) -> str:
    if not isinstance(value, dict | list):
        return _hash(f"{type(value).__name__}:{value!r}")
    if id(value) in known:
        return known[id(value)]
    if isinstance(value, dict):
        parts = ["{", *(f"{key!r}={_digest(value[key], known)}" for key in sorted(value))]
    else:
        parts = ["[", *(_digest(item, known) for item in value)]
    result = _hash("\0".join(parts))
    known[id(value)] = result
    return result


def _schema_digest(value: Any, known: dict[tuple[int, bool], str], *, named: bool) -> str:
    if not isinstance(value, dict | list):
        return _digest(value, {})
    key = (id(value), named)
    if key in known:
        return known[key]
    if isinstance(value, list):
        parts = ["[", *(_schema_digest(item, known, named=False) for item in value)]
    else:
        parts = ["{"]
        for word in sorted(value):
            if not named and (word in _NOTES or word.startswith("x-")):
                continue
            part = value[word]
            if not named and word in _SETS and isinstance(part, list):
                inner = "\0".join(sorted(_digest(item, {}) for item in part))
            elif not named and word in _DATA:
                inner = _digest(part, {})
            else:
                inner = _schema_digest(part, known, named=not named and word in _HOLDERS)
            parts.append(f"{word!r}={inner}")
    result = _hash("\0".join(parts))
    known[key] = result
    return result


def _hash(text: str) -> str:
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()
