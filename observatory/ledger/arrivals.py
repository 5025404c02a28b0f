"""Arrivals: how much the sources hold of each hour, so that telemetry which comes late is seen and counted.

Samples come late when an agent was cut off and sends what it buffered, when a recording is backfilled, when a queue of
remote-write is long. Reading everything again would show them and costs what a cold start costs. Instead each source is
asked for one number per hour, which grows when something is added to that hour; where it has grown since the hour was
counted, the hour and what follows it are counted again. Hours further back than the horizon are not asked for.

That a number shrinks means that a server forgets its oldest samples. What was counted of them stays.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from observatory.compile.plan import PlannedRequest
from observatory.errors import SourceFailed
from observatory.ledger.evidence import Sources
from observatory.ledger.marks import HOUR_MS, Marks
from observatory.sources.base import MarkedSource, SeriesRequest
from observatory.windows import Grid, TimeRange

LATE_MS = 86_400_000
"""How far back late telemetry is looked for, where settings do not say."""
CHECK_MS = 300_000
"""Refreshes look for late telemetry once in so long."""
SETTLING_MS = 600_000
"""An hour is marked this long after its end; until then its last samples may be on their way."""


class Arrivals:
    """Marks as of now, read once and only where somebody asks for them: before anything that they are to vouch for."""

    def __init__(self, sources: Sources, grid: Grid, late_ms: int) -> None:
        after = (grid.end_ms - SETTLING_MS) // HOUR_MS
        first = max(grid.end_ms - late_ms, grid.start_ms) // HOUR_MS
        self._span = TimeRange(first * HOUR_MS, max(first, after) * HOUR_MS)
        self._late_ms, self._grid_start_ms = late_ms, grid.start_ms
        self._sources = sources
        self._read: Marks | None = None

    @property
    def known(self) -> Marks | None:
        """Marks that were read for somebody; None where nobody asked."""
        return self._read

    def marks(self, planned: Sequence[PlannedRequest]) -> Marks | None:
        """Marks of the sources that can tell; None where there is no hour to look at, or nobody tells."""
        if self._span.start_ms == self._span.end_ms:
            return None
        if self._read is None:
            self._read = self._look(planned, self._span)
        return self._read if self._read.held else None

    def earlier(self, planned: Sequence[PlannedRequest], before: Marks) -> Marks | None:
        """Marks of hours that the look before was about, as far as they lie before those of `marks`; None for no hour.

        What has come since then may have been no later than the horizon, however long ago that look was.
        """
        start_ms = max(before.start_ms, before.end_ms - self._late_ms, self._grid_start_ms // HOUR_MS * HOUR_MS)
        end_ms = min(before.end_ms, self._span.start_ms)
        if start_ms >= end_ms or self._span.start_ms == self._span.end_ms:
            return None
        return self._look(planned, TimeRange(start_ms, end_ms))

    def _look(self, planned: Sequence[PlannedRequest], span: TimeRange) -> Marks:
        held: dict[str, Mapping[int, int]] = {}
        everyone: dict[str, object] = {one.name: one for one in self._sources.metrics}
        everyone |= {one.name: one for one in self._sources.spans}
        for name, source in everyone.items():
            asked = [SeriesRequest(one.metric, one.matchers, span) for one in planned if one.source == name]
            if isinstance(source, MarkedSource):
                try:
                    held[name] = source.marks(asked, span)
                except SourceFailed:
                    # Its samples are asked for next, and its failure is told then.
                    continue
        return Marks(span.start_ms // HOUR_MS, span.end_ms // HOUR_MS, held)
