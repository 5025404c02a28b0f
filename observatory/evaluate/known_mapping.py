"""What measures the objectives of an estate: a mapping that was found once, and stays true for some minutes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from msgspec import Struct, field

from observatory.compile.plan import Measurement, measure
from observatory.errors import Problem, SourceFailed
from observatory.ledger.evidence import Sources
from observatory.objectives.objective import Objective
from observatory.spec.catalog import Catalog
from observatory.telemetry.binding import MappingResult
from observatory.telemetry.recipe import Profile
from observatory.windows import TimeRange


class KnownMapping(Struct, frozen=True):
    """A mapping and what it was made from."""

    at_ms: int
    mapping: MappingResult
    names: dict[str, frozenset[str]]
    problems: tuple[Problem, ...]
    failed: frozenset[str]
    measured: dict[Objective, Measurement | Problem] = field(default_factory=dict)
    of_estate: dict[str, Measurement | Problem] = field(default_factory=dict)

    def measure(self, objective: Objective) -> Measurement | Problem:
        """What measures an objective by this mapping, or why nothing does; looked for once."""
        found = self.measured.get(objective)
        if found is None:
            found = self.measured[objective] = measure(objective, self.mapping, self.names)
        return found

    def of_all(self, objectives: Sequence[Objective]) -> Mapping[str, Measurement | Problem]:
        """By id what measures the objectives of the estate, which are the same in every snapshot."""
        if not self.of_estate:
            self.of_estate.update({one.id: self.measure(one) for one in objectives})
        return self.of_estate

    @property
    def is_bound(self) -> bool:
        """Whether anything is measured; where nothing is, the first telemetry is about to come."""
        return any(one.chosen is not None for one in self.mapping.resolutions.values())


def map_estate(catalog: Catalog, profiles: Sequence[Profile], sources: Sources, span: TimeRange) -> KnownMapping:
    """Look at what the sources have over a time; where none of them answers, at nothing, and their failures say why."""
    from observatory.telemetry.mapping import map_catalog
    from observatory.telemetry.survey import survey

    try:
        found = survey(catalog, profiles, sources.metrics, sources.spans, span)
    except SourceFailed as error:
        # Nobody answered: what would be looked for is still known.
        failed = frozenset(source.name for source in sources.metrics)
        failed |= {source.name for source in sources.spans}
        mapping = map_catalog(catalog, profiles, [])
        return KnownMapping(span.end_ms, mapping, {}, tuple(error.problems), failed)
    return KnownMapping(span.end_ms, found.mapping, found.names, found.problems, frozenset(found.failed))
