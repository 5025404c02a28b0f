"""Objectives of one document: which operation takes up which `x-slo`, and which nobody does."""

from __future__ import annotations

from msgspec import Struct, field

from observatory.errors import Problem
from observatory.location import Location
from observatory.spec.catalog import SloDeclaration
from observatory.spec.corrections import corrected_action
from observatory.spec.declared import DeclaredDocument, DeclaredOperation
from observatory.spec.references import Cursor
from observatory.spec.slo import CONSUMER_ONLY, SloReader
from observatory.spec.slo_defaults import SloDefaults, read_defaults


class ObjectiveReading(Struct):
    """Reads each `x-slo` of a document once, however many operations inherit it; `problems` is added to."""

    declared: DeclaredDocument
    problems: list[Problem]
    _slo: dict[object, tuple[SloDeclaration, ...]] = field(default_factory=dict)
    _defaults: dict[object, SloDefaults] = field(default_factory=dict)
    _alike: dict[object, SloDeclaration] = field(default_factory=dict)
    _used: set[Location | None] = field(default_factory=set)

    def of(self, declared: DeclaredOperation, beside: list[DeclaredOperation]) -> tuple[SloDeclaration, ...]:
        """What `x-slo` asks of an operation, inherited ones included.

        Args:
            declared: With the direction that an overlay may give it.
            beside: The other operations on its channel.
        """
        defaults = self._slo_defaults(declared)
        found: dict[str, SloDeclaration] = {}
        for level, value in self.declared.operation_levels(declared, "x-slo"):
            own = level in ("operation", "trait")
            for one in self._read_slo(value, defaults):
                if declared.action == "send" and one.sli in CONSUMER_ONLY:
                    if own:
                        message = f"{one.sli} belongs to those who receive, and this operation sends"
                        hint = "declare it on the channel or on the receiving operation"
                        self.problems.append(
                            Problem(code="slo-role", message=message, location=one.location, hint=hint)
                        )
                        self._used.add(one.location)
                    continue
                # What consumers see is theirs where the document has one; a producer alone keeps the promise itself.
                inherited_by_sender = declared.action == "send" and one.sli == "latency" and not own
                if inherited_by_sender and any(
                    corrected_action(self.declared, other)[0] == "receive" for other in beside
                ):
                    continue
                self._used.add(one.location)
                found.setdefault(one.name, one)
        return tuple(found.values())

    def _slo_defaults(self, declared: DeclaredOperation) -> SloDefaults:
        levels = [value for _, value in self.declared.operation_levels(declared, "x-slo-defaults")]
        key = tuple(value.identities for value in levels)
        if key not in self._defaults:
            read = [read_defaults(value, self.problems) for value in levels]
            self._defaults[key] = SloDefaults(
                window=next((one.window for one in read if one.window), None),
                timezone=next((one.timezone for one in read if one.timezone), None),
                policy=next((one.policy for one in read if one.policy), None),
                measure=next((one.measure for one in read if one.measure), None),
                exclusions=next((one.exclusions for one in read if one.exclusions), None),
                min_events=next((one.min_events for one in read if one.min_events is not None), None),
            )
        return self._defaults[key]

    def _read_slo(self, value: Cursor, defaults: SloDefaults) -> tuple[SloDeclaration, ...]:
        key = (value.identities, defaults)
        if key not in self._slo:
            reader = SloReader(defaults, known=self._alike)
            self._slo[key] = reader.read(value)
            self.problems += reader.problems
        return self._slo[key]

    def report_unused(self) -> None:
        """Objectives that no operation takes up, and `x-slo` of channels without operations, read all the same."""
        busy = {id(operation.channel) for operation in self.declared.operations}
        for channel in self.declared.channels:
            for level, value in self.declared.channel_levels(channel, "x-slo"):
                if level == "channel" and id(channel) not in busy:
                    self._read_slo(value, SloDefaults())
        for operation in self.declared.unplaced:
            if (own := operation.get("x-slo")) is not None:
                self._used |= {one.location for one in self._read_slo(own, SloDefaults())}
        if not self.declared.operations:
            for _, value in self.declared.document_levels("x-slo"):
                self._read_slo(value, SloDefaults())
        for declarations in self._slo.values():
            for one in declarations:
                if one.location not in self._used:
                    message = f"no operation takes up the objective {one.name!r}"
                    hint = f"{one.sli} needs an operation that {'receives' if one.sli in CONSUMER_ONLY else 'uses it'}"
                    problem = Problem(
                        code="slo-unused", severity="warning", message=message, location=one.location, hint=hint
                    )
                    self.problems.append(problem)
                    self._used.add(one.location)
