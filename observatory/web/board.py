"""What a panel may ask for. The one place where pages meet the rooms below; panels know nothing else.

Every answer is computed once per snapshot and range and shared by the panels that need it, so numbers on a page agree.
The range and the filters are in `scope`, what the ledger counted in `counted`; here is what sources are asked for.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from observatory.diagnose.cause import Cause
from observatory.evaluate.snapshot import SignalSeries, Statistic
from observatory.sources.base import Span
from observatory.telemetry.binding import Resolution, SpanBinding, SpanSelector
from observatory.telemetry.inventory import SpanDestination
from observatory.telemetry.signals import SIGNALS
from observatory.web.counted import Counted
from observatory.web.view import step_for
from observatory.windows import TimeRange

if TYPE_CHECKING:
    from observatory.errors import Problem
    from observatory.evaluate.deploys import Deploy


class Board(Counted, frozen=True, kw_only=True):
    """The telemetry of one view of one snapshot."""

    def series(
        self,
        signal: str,
        subjects: Sequence[str],
        statistic: Statistic,
        *,
        by_part: bool = False,
        span: TimeRange | None = None,
        step_ms: int | None = None,
    ) -> tuple[SignalSeries, ...]:
        """A signal over the view's range, one series per subject (and part).

        Raises:
            SourceFailed: The source that has it does not answer.
        """
        span = span or self.span
        step_ms = step_ms or step_for(span)
        wanted = tuple(sorted(set(subjects)))
        if not wanted:
            return ()
        return self.memory.get(
            ("series", signal, wanted, statistic, by_part, span, step_ms),
            lambda: self.estate.series(self.snapshot, signal, wanted, span, step_ms, statistic, by_part),
        )

    def missing(self, signal: str, subjects: Iterable[str]) -> Resolution | None:
        """Why a signal is not measured for any of the subjects; None when it is for one of them."""
        first: Resolution | None = None
        for subject in subjects:
            resolution = self.snapshot.mapping.resolutions.get((subject, signal))
            if resolution is None:
                continue
            if resolution.chosen is not None and resolution.chosen.liveness != "missing":
                return None
            first = first or resolution
        return first or Resolution(
            signal=signal, code="not-provided", reason=f"no profile provides {SIGNALS[signal].meaning}"
        )

    def causes(self) -> tuple[Cause, ...]:
        """Probable causes of what the filtered channels suffer, best first."""
        from observatory.diagnose.causes import causes

        kept = {one.channel.id for one in self.channel_standings()}
        found = self.memory.get("causes", lambda: tuple(causes(self.estate, self.snapshot)))
        return tuple(one for one in found if one.channel_id in kept)

    # deployments

    @property
    def has_deploys(self) -> bool:
        """Whether the settings name a metric that tells of deployments."""
        return bool(self.estate.settings.deploys)

    def deploys(self) -> tuple[tuple[Deploy, ...], tuple[Problem, ...]]:
        """Deployments in the range, newest first, and why some may be missing."""
        span = self.span
        return self.memory.get(("deploys", span), lambda: self.estate.deploys(span))

    # spans

    @property
    def has_spans(self) -> bool:
        return bool(self.estate.sources.spans)

    def destinations(self, span: TimeRange | None = None) -> tuple[SpanDestination, ...]:
        """Producers and consumers that spans show in the range."""
        span = span or self.span

        def ask() -> tuple[SpanDestination, ...]:
            return tuple(one for source in self.estate.sources.spans for one in source.destinations(span).destinations)

        return self.memory.get(("destinations", span), ask)

    def span_selector(self, channel_id: str) -> SpanSelector | None:
        """Which spans belong to a channel, None where spans do not show it."""
        names = [operation.key for operation in self.snapshot.catalog.operations_on(channel_id)]
        for subject in (channel_id, *names):
            for signal in ("end_to_end_latency", "processed_messages", "published_messages"):
                resolution = self.snapshot.mapping.resolutions.get((subject, signal))
                found = [resolution.chosen, *resolution.alternatives] if resolution else []
                for binding in found:
                    if isinstance(binding, SpanBinding):
                        return SpanSelector(binding.selector.destinations, binding.selector.system)
        channel = self.channel(channel_id)
        names = list(dict.fromkeys(name.value for name in channel.names if name.pattern is None)) if channel else []
        return SpanSelector(tuple(names)) if names else None

    def trace_ids(self, selector: SpanSelector | None, limit: int) -> tuple[str, ...]:
        """Sample traces of the range: errors first, then slow ones, then recent ones."""
        span = self.span

        def ask() -> tuple[str, ...]:
            return tuple(
                one for source in self.estate.sources.spans for one in source.sample_traces(selector, span, limit)
            )

        return self.memory.get(("traces", selector, span, limit), ask)[:limit]

    def trace(self, trace_id: str) -> tuple[Span, ...]:
        """All spans of a trace and of those linked to it, by start."""

        def ask() -> tuple[Span, ...]:
            for source in self.estate.sources.spans:
                if found := source.trace(trace_id):
                    return tuple(found)
            return ()

        return self.memory.get(("trace", trace_id), ask)
