"""The JSON Schemas that are shipped, as one minor version of AsyncAPI has them."""

from __future__ import annotations

import json
from functools import cache
from importlib import resources
from typing import Any

Schema = dict[str, Any]
NAMES = ("asyncapi-2", "asyncapi-3", "bindings", "extensions", "schema-objects")
LATEST = {2: 6, 3: 1}
"""The last minor version of each family."""


@cache
def load_schema(name: str, minor: int | None = None) -> Schema:
    """A shipped JSON Schema, with the definitions of schema-objects that it refers to.

    Args:
        name: One of `NAMES`.
        minor: Parts of other minor versions are left out; None keeps everything. A key that comes with a later one is
            named in `x-later` of its object, a key that an earlier one had is not.
    """
    schema = _read(name)
    if minor is not None:
        schema = _of_minor(schema, minor)
    if name in ("asyncapi-2", "asyncapi-3", "bindings"):
        shared = _read("schema-objects")["definitions"]
        schema = {**schema, "definitions": {**schema["definitions"], **shared}}
    return schema


def _read(name: str) -> Schema:
    text = (resources.files("observatory.spec") / "schemas" / f"{name}.json").read_text(encoding="utf-8")
    schema: Schema = json.loads(text)
    return schema


def _of_minor(part: Any, minor: int) -> Any:
    if isinstance(part, list):
        return [_of_minor(item, minor) for item in part if _exists(item, minor)]
    if not isinstance(part, dict):
        return part
    kept = {key: _of_minor(value, minor) for key, value in part.items() if _exists(value, minor)}
    properties = part.get("properties")
    if isinstance(properties, dict):
        later = {
            key: value["x-since"]
            for key, value in properties.items()
            if isinstance(value, dict) and value.get("x-since", 0) > minor
        }
        if later:
            kept["x-later"] = later
    return kept


def _exists(part: Any, minor: int) -> bool:
    if not isinstance(part, dict):
        return True
    first, last = part.get("x-since", 0), part.get("x-until", minor)
    # A property may be called x-since as well.
    return not (isinstance(first, int) and first > minor) and not (isinstance(last, int) and last < minor)
