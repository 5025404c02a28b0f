"""What a panel may ask for. The one place where pages meet the rooms below; panels know nothing else.

Every answer is computed once per snapshot and range and shared by the panels that need it, so numbers on a page agree.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from observatory.diagnose.cause import Cause
from observatory.evaluate.snapshot import Incident, SignalSeries, Snapshot, Statistic
from observatory.evaluate.status import ObjectiveStatus
from observatory.figures.clock import abbreviation, wall
from observatory.indicators.counts import Counts
from observatory.objectives.policy import Pair, Policy
from observatory.sources.base import Float64, Span
from observatory.spec.catalog import Channel, Operation
from observatory.telemetry.binding import Resolution, SpanBinding, SpanSelector
from observatory.telemetry.inventory import SpanDestination
from observatory.telemetry.signals import SIGNALS
from observatory.web.changes import Change
from observatory.web.channel_standing import ChannelStanding, burn_of, criticality_of, urgency
from observatory.web.memory import Memory
from observatory.web.parts import clock
from observatory.web.service import Standing
from observatory.web.view import View, step_for
from observatory.windows import TimeRange

if TYPE_CHECKING:
    from observatory.errors import Problem
    from observatory.evaluate.deploys import Deploy
    from observatory.evaluate.estate import Estate
    from observatory.evaluate.journey_status import JourneyStatus


MOST_OBJECTIVES = 20_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Board:
    """The telemetry of one view of one snapshot.

    Attributes:
        argument: What the page is about: a channel id or a consumer group; empty for the estate.
        now_ms: The reader's clock, for ages only.
    """

    snapshot: Snapshot
    estate: Estate
    view: View
    memory: Memory
    policies: Mapping[str, Policy] = field(default_factory=dict)
    changes: tuple[Change, ...] = ()
    argument: str = ""
    now_ms: int = 0

    @classmethod
    def of(
        cls,
        standing: Standing,
        estate: Estate,
        view: View,
        *,
        policies: Mapping[str, Policy],
        argument: str = "",
        now_ms: int = 0,
    ) -> Board | None:
        """The board of a service's standing; None before the first snapshot."""
        if standing.snapshot is None:
            return None
        return cls(
            snapshot=standing.snapshot,
            estate=estate,
            view=view,
            memory=standing.memory,
            policies=policies,
            changes=standing.changes,
            argument=argument,
            now_ms=now_ms,
        )

    # time

    @property
    def span(self) -> TimeRange:
        """The range that the view shows."""
        return self.view.span(self.snapshot.at_ms)

    def clock(self, at_ms: int, *, seconds: bool = False) -> str:
        """A time of day on the reader's clock, with the date where it is not the snapshot's day."""
        text = clock(at_ms, self.snapshot.at_ms, self.view.zone)
        return f"{text}:{wall(at_ms, self.view.zone):%S}" if seconds else text

    def between(self, span: TimeRange) -> str:
        """A range on the reader's clock: `11:00 to 12:00`, with dates where it leaves the snapshot's day."""
        first, last = wall(span.start_ms, self.view.zone), wall(span.end_ms, self.view.zone)
        today = wall(self.snapshot.at_ms, self.view.zone).date()
        if first.date() == last.date() == today:
            return f"{first:%H:%M} to {last:%H:%M}"
        return f"{first:%m-%d %H:%M} to {last:{'%H:%M' if first.date() == last.date() else '%m-%d %H:%M'}}"

    @property
    def zone_words(self) -> str:
        """What the reader's clock is called: `UTC`, `CET`."""
        return abbreviation(self.snapshot.at_ms, self.view.zone)

    # what is declared

    def channels(self, *, criticality: Sequence[str] = ()) -> tuple[Channel, ...]:
        """Channels that the filters let through, most critical first, then by id."""
        return tuple(one.channel for one in self.channel_standings(criticality=criticality))

    def channel_standings(self, *, criticality: Sequence[str] = ()) -> tuple[ChannelStanding, ...]:
        """Channels with their objectives: the fastest burning and the worst first."""
        kept = [
            one
            for one in self.every_standing()
            if self._passes(one.channel) and (not criticality or criticality_of(one) in criticality)
        ]
        return tuple(kept)

    def every_standing(self) -> tuple[ChannelStanding, ...]:
        """All channels with their objectives, filters aside."""
        return self.memory.get("standings", self._standings)

    def _standings(self) -> tuple[ChannelStanding, ...]:
        by_channel: dict[str, list[ObjectiveStatus]] = {}
        for status in self.snapshot.status.objectives:
            by_channel.setdefault(status.objective.channel_id, []).append(status)
        found = [
            ChannelStanding(channel=channel, statuses=tuple(sorted(by_channel.get(channel.id, ()), key=urgency)))
            for channel in self.snapshot.catalog.channels
        ]
        found.sort(key=lambda one: (*(urgency(one.worst) if one.worst else (9, 9, 0.0)), one.channel.id))
        return tuple(found)

    def statuses(self) -> tuple[ObjectiveStatus, ...]:
        """Objectives of the channels that the filters let through, the most urgent first."""
        kept = {one.channel.id for one in self.channel_standings()}
        found = [one for one in self.snapshot.status.objectives if one.objective.channel_id in kept]
        return tuple(sorted(found, key=urgency))

    def channel(self, channel_id: str) -> Channel | None:
        """A channel by id, filters aside."""
        return self._channels().get(channel_id)

    def _channels(self) -> Mapping[str, Channel]:
        return self.memory.get("channels", lambda: {one.id: one for one in self.snapshot.catalog.channels})

    def operations(self, channel_ids: Iterable[str] | None = None, action: str | None = None) -> tuple[Operation, ...]:
        """Operations on the channels, in catalogue order; on all filtered channels by default."""
        if isinstance(channel_ids, tuple) and len(channel_ids) == 1:
            return tuple(
                one for one in self.snapshot.catalog.operations_on(channel_ids[0]) if action in (None, one.action)
            )
        kept = set(channel_ids) if channel_ids is not None else {one.channel.id for one in self.channel_standings()}
        return tuple(
            one for one in self.snapshot.catalog.operations if one.channel_id in kept and action in (None, one.action)
        )

    def _passes(self, channel: Channel) -> bool:
        if self.view.domain and (channel.domain or "") != self.view.domain:
            return False
        if self.view.channel and channel.id != self.view.channel:
            return False
        if self.view.broker and (channel.broker or "") != self.view.broker:
            return False
        if self.view.owner and self.view.owner not in self.owners(channel):
            return False
        return not self.view.query or self.view.query.casefold() in self._haystack(channel)

    def owners(self, channel: Channel) -> tuple[str, ...]:
        """Teams that answer for a channel or for one side of it, the channel's own first."""
        found = [channel.owner, *(one.owner for one in self.snapshot.catalog.operations_on(channel.id))]
        return tuple(dict.fromkeys(one.team for one in found if one))

    def _haystack(self, channel: Channel) -> str:
        return self.memory.get("haystacks", self._haystacks)[channel.id]

    def _haystacks(self) -> Mapping[str, str]:
        return {key: self._words_of(one) for key, one in self._channels().items()}

    def _words_of(self, channel: Channel) -> str:
        words = [channel.id, channel.label, channel.title or "", channel.domain or ""]
        words += [name.value for name in channel.names]
        words += [channel.owner.team] if channel.owner else []
        for operation in self.snapshot.catalog.operations_on(channel.id):
            words += [operation.service, operation.name, operation.consumer_group or ""]
            words += [operation.owner.team] if operation.owner else []
        return "\n".join(words).casefold()

    # numbers, all from the rooms below

    def counts(self, status: ObjectiveStatus, span: TimeRange) -> Counts | None:
        """Good and total of a range; None where nothing was measured."""
        if status.measurement is None or status.measurement not in self.snapshot.ledger.rows:
            return None
        if status.objective.id not in self.snapshot.planned:
            part, grid = self.snapshot.ledger.part(status.measurement, span)
            return part.counts(grid, span)
        row = self.snapshot.row(status.objective.id)
        return row.counts(self.snapshot.ledger.grid, span) if row else None

    def policy(self, status: ObjectiveStatus) -> Policy | None:
        return self.policies.get(status.objective.policy)

    def firing_pair(self, status: ObjectiveStatus) -> Pair | None:
        """The fastest pair whose two windows both burn too fast; None when none does."""
        policy = self.policy(status)
        for pair in policy.pairs if policy else ():
            rates = (burn_of(status, pair.long_text), burn_of(status, pair.short_text))
            if pair.severity in status.firing and all(rate is not None and rate >= pair.factor for rate in rates):
                return pair
        return None

    def burn(self, status: ObjectiveStatus, window_seconds: float) -> Float64:
        """Burn rate over a window at every step of the ledger's grid; empty where nothing was measured."""
        from observatory.evaluate.history import burn_history

        row = self.snapshot.row(status.objective.id)
        if row is None:
            return np.empty(0)
        target = status.objective.target
        counted = status.objective.id if status.objective.id in self.snapshot.planned else status.measurement
        return self.memory.get(
            ("burn", counted, target, window_seconds),
            lambda: burn_history(row, self.snapshot.ledger.grid, target, window_seconds),
        )

    def cell_counts(self, status: ObjectiveStatus, span: TimeRange, cells: int) -> tuple[Float64, Float64]:
        """Good and total of each of `cells` equal parts of a range, oldest first; zeros where nothing was measured."""
        ledger, step_ms = self.snapshot.ledger, self.snapshot.ledger.grid.step_ms
        width = max(1, (span.end_ms - span.start_ms) // step_ms // cells)
        counts = np.zeros((2, cells * width))
        if status.measurement is not None and status.measurement in ledger.rows:
            part, cut = ledger.part(status.measurement, span)
            good, total = part.good, part.total
            if status.objective.id in self.snapshot.planned and (row := self.snapshot.row(status.objective.id)):
                first = (cut.start_ms - ledger.grid.start_ms) // step_ms
                good, total = row.good[first : first + cut.steps], row.total[first : first + cut.steps]
            begin = max(0, (cut.start_ms - span.start_ms) // step_ms)
            length = max(0, min(cut.steps, cells * width - begin))
            counts[:, begin : begin + length] = good[:length], total[:length]
        every = counts.reshape(2, cells, width).sum(axis=2)
        return every[0], every[1]

    def burn_cells(self, status: ObjectiveStatus, cells: int, cell_seconds: float) -> tuple[float, ...]:
        """Burn rate of each of the last `cells` spans of equal length, oldest first; NaN where not observed."""
        from observatory.evaluate.history import burn_cells
        from observatory.evaluate.rolling import window_steps

        ledger, target = self.snapshot.ledger, status.objective.target
        if status.measurement is None or status.measurement not in ledger.rows:
            return (float("nan"),) * cells
        if status.objective.id not in self.snapshot.planned:
            length = cells * window_steps(cell_seconds, ledger.grid.step_ms) * ledger.grid.step_ms
            part, grid = ledger.part(status.measurement, TimeRange(ledger.grid.end_ms - length, ledger.grid.end_ms))
            return burn_cells(part, grid, target, cells, cell_seconds)
        row = self.snapshot.row(status.objective.id)
        assert row is not None
        return burn_cells(row, ledger.grid, target, cells, cell_seconds)

    # journeys

    def journeys(self) -> tuple[JourneyStatus, ...]:
        """Journeys that come by a channel which the filters let through, the most urgent first."""
        kept = {one.channel.id for one in self.channel_standings()}
        found = [
            one
            for one in self.snapshot.status.journeys
            if any(hop.status.objective.channel_id in kept for hop in one.hops)
        ]
        return tuple(sorted(found, key=lambda one: (*urgency(one.status), one.journey.id)))

    def journey(self) -> JourneyStatus | None:
        """The journey that the view names, else the most urgent one that the filters let through."""
        named = next((one for one in self.snapshot.status.journeys if one.journey.id == self.view.journey), None)
        return named or next(iter(self.journeys()), None)

    def journey_burn_cells(self, one: JourneyStatus, cells: int, cell_seconds: float) -> tuple[float, ...]:
        """As `burn_cells`, of a journey."""
        from observatory.evaluate.history import burn_cells
        from observatory.evaluate.journey_losses import row_of

        def ask() -> tuple[float, ...]:
            found, planned = row_of(self.snapshot, one.journey), self.snapshot.planned.get(one.journey.id)
            if found is None:
                return (float("nan"),) * cells
            row = planned.counted(found.row) if planned else found.row
            return burn_cells(row, self.snapshot.ledger.grid, one.journey.objective.target, cells, cell_seconds)

        return self.memory.get(("journey burn", one.journey.id, cells, cell_seconds), ask)

    def incidents(self, status: ObjectiveStatus) -> tuple[Incident, ...]:
        """Incidents of an objective on the whole grid, oldest first."""
        from observatory.evaluate.history import incidents

        def find() -> tuple[Incident, ...]:
            row, policy = self.snapshot.alerting_row(status.objective.id), self.policy(status)
            if row is None or policy is None:
                return ()
            return tuple(incidents(row, self.snapshot.ledger.grid, status.objective, policy))

        # Small values of every objective: among those of panels they would push each other out.
        found: Memory = self.memory.get("incidents", lambda: Memory(MOST_OBJECTIVES))
        return found.get(status.objective.id, find)

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
