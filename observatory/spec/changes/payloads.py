"""Payloads by their format: JSON Schema, OpenAPI 3.0 schemas and Avro are decided, others are equal or unknown."""

from __future__ import annotations

import re

from observatory.spec.changes.avro import compare_avro_schemas
from observatory.spec.changes.json_schema import Effort, compare_json_schemas
from observatory.spec.changes.verdict import COMPATIBLE, SAME, Compatibility, undecided
from observatory.spec.likeness import digest
from observatory.spec.parts import Message

_ASYNCAPI = re.compile(r"application/vnd\.aai\.asyncapi(\+json|\+yaml)?(;.*)?")
_DRAFT_07 = re.compile(r"application/schema(\+json|\+yaml)(;\s*version=[\"']?draft-0?[67][\"']?)?")
_OPENAPI_3_0 = re.compile(r"application/vnd\.oai\.openapi(\+json|\+yaml)?;\s*version=[\"']?3\.0(\.\d+)?[\"']?")
_AVRO = re.compile(r"application/vnd\.apache\.avro(\+json|\+yaml)?(;.*)?")


def family_of_format(schema_format: str | None) -> str:
    """`json-schema`, `openapi-3.0`, `avro`, or the format itself where nobody here knows its rules."""
    text = (schema_format or "").strip().lower()
    if not text or _ASYNCAPI.fullmatch(text) or _DRAFT_07.fullmatch(text):
        return "json-schema"
    if _OPENAPI_3_0.fullmatch(text):
        return "openapi-3.0"
    return "avro" if _AVRO.fullmatch(text) else text.partition(";")[0].strip()


def compare_payloads(old: Message, new: Message, effort: Effort | None = None) -> Compatibility:
    """Both directions of the payloads of two messages."""
    if _alike(old.schema, new.schema, old, new) and _family(old) == _family(new):
        return SAME
    if old.schema is None or new.schema is None:
        return _undeclared("payload", old.schema is None, new.schema is None)
    before, after = _family(old), _family(new)
    if before != after:
        reading = undecided("schemaFormat", f"the schema format changed from {before} to {after}")
        return Compatibility(backward=reading, forward=reading)
    if before in ("json-schema", "openapi-3.0"):
        return compare_json_schemas(
            old.schema,
            new.schema,
            old_definitions=old.definitions,
            new_definitions=new.definitions,
            openapi=before == "openapi-3.0",
            effort=effort,
        )
    if before == "avro":
        return compare_avro_schemas(old.schema, new.schema)
    reading = undecided("schemaFormat", f"it changed, and the rules of {before} are not known here")
    return Compatibility(backward=reading, forward=reading)


def compare_headers(old: Message, new: Message, effort: Effort | None = None) -> Compatibility:
    """Both directions of the headers of two messages, which are always JSON Schema."""
    if _alike(old.headers, new.headers, old, new):
        return SAME
    if old.headers is None or new.headers is None:
        return _undeclared("headers", old.headers is None, new.headers is None)
    return compare_json_schemas(
        old.headers, new.headers, old_definitions=old.definitions, new_definitions=new.definitions, effort=effort
    )


def _family(message: Message) -> str:
    return family_of_format(message.schema_format)


def _undeclared(what: str, old: bool, new: bool) -> Compatibility:
    """A reader that declares nothing takes anything; what a writer writes that declares nothing, nobody knows."""
    reading = undecided(what, f"the writer declares no {what}, so nobody knows what it writes")
    return Compatibility(backward=reading if old else COMPATIBLE, forward=reading if new else COMPATIBLE)


def _alike(one: object, other: object, old: Message, new: Message) -> bool:
    return digest([one, dict(old.definitions)]) == digest([other, dict(new.definitions)])
