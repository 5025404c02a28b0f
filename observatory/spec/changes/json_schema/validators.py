"""The real validator, built once for each conjunction of schemas; whatever it cannot be built for stays unknown."""

from __future__ import annotations

from typing import Any

import jsonschema_rs
from msgspec import Struct, field

from observatory.spec.changes.json_schema.branches import Conjunction
from observatory.spec.changes.json_schema.cleaning import Cleaned, NotDecidable
from observatory.spec.changes.json_schema.effort import Effort


class Validators(Struct):
    """Answers whether a value is valid. `format` is a remark here, as draft-07 leaves it to be."""

    context: Cleaned
    effort: Effort
    _built: dict[tuple[int, ...], Any] = field(default_factory=dict)
    _kept: list[Conjunction] = field(default_factory=list)
    _patterns: dict[str, Any] = field(default_factory=dict)

    def accepts(self, schemas: Conjunction, value: Any) -> bool | None:
        """Whether all schemas hold for a value; None where no validator can be built for them."""
        key = tuple(map(id, schemas))
        if key not in self._built:
            self._kept.append(schemas)  # the key is made of addresses, so what they belong to must live on
            self._built[key] = self._build({"allOf": list(schemas)} if schemas else True)
        validator = self._built[key]
        if validator is None:
            return None
        try:
            return bool(validator.is_valid(value))
        except (ValueError, OverflowError, TypeError, RecursionError):
            return None

    def matches(self, pattern: str, text: str) -> bool:
        """Whether a pattern is found in a text.

        Raises:
            NotDecidable: It is no regular expression.
        """
        if pattern not in self._patterns:
            self._patterns[pattern] = self._build({"pattern": pattern})
        if self._patterns[pattern] is None:
            raise NotDecidable("pattern", f"{pattern!r} is no regular expression")
        return bool(self._patterns[pattern].is_valid(text))

    def _build(self, schema: Any) -> Any:
        if isinstance(schema, dict) and self.context.definitions:
            schema = {**schema, "definitions": dict(self.context.definitions)}
        try:
            self.effort.spend(self.context.size)
            return jsonschema_rs.Draft7Validator(schema, validate_formats=False)
        except (NotDecidable, ValueError, OverflowError, TypeError, RecursionError):
            return None
