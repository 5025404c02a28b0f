"""Avro payloads: whether a reader's schema resolves what a writer's schema wrote, by the rules of the specification."""

from __future__ import annotations

from observatory.spec.changes.avro.resolution import Resolution
from observatory.spec.changes.avro.types import AvroInvalid, read_avro
from observatory.spec.changes.verdict import Compatibility, reading_of, undecided

__all__ = ["compare_avro_schemas"]


def compare_avro_schemas(old: object, new: object) -> Compatibility:
    """Both directions of two Avro schemas, each plain data or JSON text."""
    try:
        before, after = read_avro(old), read_avro(new)
    except AvroInvalid as error:
        reading = undecided("schema", f"it cannot be read as Avro: {error}")
        return Compatibility(backward=reading, forward=reading)
    return Compatibility(
        backward=reading_of(Resolution().reasons(before, after)),
        forward=reading_of(Resolution().reasons(after, before)),
    )
