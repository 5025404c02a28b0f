"""The estate: documents, profiles and sources together; asked for an instant, it answers with a snapshot."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from math import gcd

from msgspec import Struct
from msgspec.structs import replace

from observatory.compile.plan import Measurement
from observatory.errors import Problem, in_order
from observatory.evaluate.deploys import Annotated, Deploy, deploys
from observatory.evaluate.estate_status import Status
from observatory.evaluate.journey_counting import Traced, trace_journeys
from observatory.evaluate.journey_status import JourneyStatus
from observatory.evaluate.journeys import JourneyEvidence, judge_journey
from observatory.evaluate.judgement import judge
from observatory.evaluate.known_alerts import KnownAlerts
from observatory.evaluate.known_mapping import KnownMapping, map_estate
from observatory.evaluate.outlook import MOST_HISTORY_MS
from observatory.evaluate.planned import Planned, touched_steps
from observatory.evaluate.reckoning import Reckoned
from observatory.evaluate.signal_series import signal_series
from observatory.evaluate.snapshot import SignalSeries, Snapshot, Statistic
from observatory.evaluate.status import ObjectiveStatus
from observatory.evaluate.together import reckon_together
from observatory.ledger.build import build
from observatory.ledger.evidence import Sources
from observatory.ledger.keeping import Keeper
from observatory.ledger.ledger import Ledger
from observatory.objectives.exclusions import concerns, planned_work, unmatched
from observatory.objectives.journeys import journeys_of
from observatory.objectives.load import objectives_of
from observatory.objectives.objective import Objective
from observatory.objectives.policy import Policy, check_policy, load_policies
from observatory.settings import Settings
from observatory.settings.deploys import DeployAnnotations, DeployMetric
from observatory.sources.base import MetricSource, SourceState, SpanSource
from observatory.spec.catalog import Catalog, ExclusionUse
from observatory.telemetry.binding import MappingResult
from observatory.telemetry.recipe import Profile
from observatory.units import parse_duration
from observatory.windows import BURN_WINDOWS, STEP_MS, Grid, TimeRange, Window

MAPPING_FRESH_MS = 300_000
"""A mapping is used again for this long; exporters do not change more often than people can look."""
LEAST_STEP_MS = 5_000
INVENTORY_LOOKBACK_MS = 3_600_000


class Estate:
    """Everything that is asked again and again, read once: catalogue, objectives, profiles, policies.

    Attributes:
        catalog: What the documents declare.
        objectives: What they ask for.
        journeys: What they ask for over several channels.
        policies: Burn-rate policies by name.
        sources: Who answers.
        problems: What is wrong with the documents, with their objectives and with the policies these name.
    """

    def __init__(
        self, settings: Settings, sources: Sources, catalog: Catalog | None = None, *, keeper: Keeper | None = None
    ) -> None:
        """Read documents, profiles and policies; no source is asked.

        Args:
            keeper: Where days that are over are kept once they are counted; numbers are the same without.
            catalog: In place of the settings' documents, for callers that have read them.

        Raises:
            InputInvalid: Profiles or policies cannot be used. Faults of documents are in `catalog.problems`.
        """
        from observatory.spec.load import configured_catalog
        from observatory.telemetry.profile import load_profiles

        self.settings = settings
        self.sources = sources
        self.keeper = keeper
        self.catalog = catalog if catalog is not None else configured_catalog(settings)
        self.profiles: tuple[Profile, ...] = load_profiles(settings.profiles_dir, cache=settings.cache_dir)
        self.policies: dict[str, Policy] = load_policies(settings.policies_dir, cache=settings.cache_dir)
        self.objectives, problems = objectives_of(self.catalog)
        self.journeys = journeys_of(self.catalog)
        judged = (*self.objectives, *(one.objective for one in self.journeys))
        self._of_policy = {one.id: check_policy(one, self.policies) for one in judged}
        named = [problem for found in self._of_policy.values() for problem in found]
        faults = (problem for problem in named if problem.severity == "error")
        parts = [part for one in self.journeys for part in one.parts]
        aimless = unmatched(settings.exclusions, [*self.objectives, *parts])
        self.problems: tuple[Problem, ...] = (*self.catalog.problems, *problems, *faults, *aimless)
        self._known: KnownMapping | None = None
        self._grafanas: tuple[Annotated, ...] | None = None

    def snapshot(
        self,
        at_ms: int,
        previous: Snapshot | None = None,
        *,
        length_seconds: float | None = None,
        judged: bool = True,
    ) -> Snapshot:
        """Everything at one instant.

        Args:
            at_ms: The instant; time is never read from a clock here.
            previous: An earlier snapshot of this estate: its counts are kept, and only newer steps are asked for.
            length_seconds: How far back the ledger reaches at least; as far as the longest window when None.
            judged: Whether the status judges objectives and journeys; for callers that need the ledger alone it holds
                none of them, only its sources and problems.

        A source that fails is part of the answer: its state says so, and what it should have answered is unknown.
        """
        grid = self.grid(at_ms, length_seconds)
        known = self._mapping(grid, previous)
        measured = known.of_all(self.objectives)
        measurements = {key: one for key, one in measured.items() if isinstance(one, Measurement)}
        hops = {one.id: tuple(known.measure(hop.objective) for hop in one.hops) for one in self.journeys}
        of_hops = [hop for found in hops.values() for hop in found if isinstance(hop, Measurement)]
        answering = _without(self.sources, known.failed)
        ledger = build(
            [*measurements.values(), *of_hops],
            answering,
            grid,
            previous=previous.ledger if previous is not None else None,
            keeper=self.keeper,
            late_ms=round(self.settings.keeping.late_seconds * 1000),
        )
        earlier = (previous.traced, previous.ledger.grid) if previous is not None else None
        traced = trace_journeys(self.journeys, known.mapping, answering.spans, grid, earlier)
        planned = self.planned(ledger.grid)
        status = self._status(at_ms, measured if judged else None, ledger, known, planned)
        if judged:
            status = replace(status, journeys=self._journeys(hops, traced, ledger, status, planned))
        return Snapshot(
            at_ms=at_ms,
            catalog=self.catalog,
            objectives=self.objectives,
            mapping=known.mapping,
            measurements=measurements,
            ledger=ledger,
            status=status,
            journeys=self.journeys,
            hops=hops,
            traced=traced,
            planned=planned,
        )

    def counted(self, snapshot: Snapshot, grid: Grid) -> Ledger:
        """Everything that a snapshot measures, counted on another grid by the sources that answered for it.

        Days that are over are kept, and found, as those of snapshots are.
        """
        failed = {state.name for state in snapshot.status.sources if state.state == "failed"}
        return build(
            snapshot.asked(),
            _without(self.sources, failed),
            grid,
            keeper=self.keeper,
            late_ms=round(self.settings.keeping.late_seconds * 1000),
        )

    def measured(self, at_ms: int) -> tuple[dict[str, Measurement | Problem], tuple[Problem, ...]]:
        """What measures each objective, by id, or why nothing does; no sample is read. And what went wrong on the way.

        Without any source the profiles alone decide, and nothing is known to be live.
        """
        known = self._mapping(self.grid(at_ms), None)
        found = dict(known.of_all(self.objectives))
        states = self._states(known)
        problems = [*self.problems, *known.problems]
        problems += [problem for state in states for problem in state.problems if state.state != "ok"]
        return found, tuple(in_order(problems))

    @property
    def mapping(self) -> MappingResult:
        """What measures which channel, as it was asked last; empty before anything was."""
        return self._known.mapping if self._known is not None else MappingResult({})

    def grid(self, at_ms: int, length_seconds: float | None = None) -> Grid:
        """The grid that holds every objective's window and the longest burn-rate window.

        For a calendar window it reaches as far back as at the window's end, but 35 days at most: forecasts need a past.

        Steps are a minute, or shorter where a window is no multiple of a minute (or a calendar window does not begin
        a whole number of minutes ago), but not below five seconds.
        """
        judged = (*self.objectives, *(one.objective for one in self.journeys))
        spans = [one.window.range_at(at_ms) for one in judged]
        lengths_ms = [span.end_ms - span.start_ms for span in spans]
        step_ms = gcd(STEP_MS, *lengths_ms)
        if step_ms < LEAST_STEP_MS:
            step_ms = STEP_MS
        reached_ms = [_history_ms(one.window, at_ms) for one in self.objectives]
        longest = max([*lengths_ms, *reached_ms, *(round(parse_duration(word) * 1000) for word in BURN_WINDOWS)])
        if length_seconds is not None:
            longest = max(longest, round(length_seconds * 1000))
        return Grid.ending_at(at_ms, longest, step_ms)

    def series(
        self,
        snapshot: Snapshot,
        signal: str,
        subjects: Sequence[str],
        span: TimeRange,
        step_ms: int,
        statistic: Statistic,
        by_part: bool = False,
    ) -> tuple[SignalSeries, ...]:
        """A signal over time for panels, one line per subject, or per subject and part; few requests for all of them.

        Subjects that nothing measures, or without any sample in the span, are left out.

        Raises:
            SourceFailed: The source that has the signal did not answer.
        """
        return signal_series(
            snapshot.catalog, snapshot.mapping, self.sources, signal, subjects, span, step_ms, statistic, by_part
        )

    def deploys(self, span: TimeRange) -> tuple[tuple[Deploy, ...], tuple[Problem, ...]]:
        """Deployments that metrics and annotations tell of, newest first, and why some may be missing."""
        metrics = [one for one in self.settings.deploys if isinstance(one, DeployMetric)]
        return deploys(metrics, self.sources.metrics, span, self._annotated())

    def _annotated(self) -> Sequence[Annotated]:
        """Those that the settings name, made when they are first asked."""
        if self._grafanas is None:
            named = [one for one in self.settings.deploys if isinstance(one, DeployAnnotations)]
            found: list[Annotated] = []
            if named:
                from observatory.sources.grafana_annotations import GrafanaAnnotations

                found = [GrafanaAnnotations(one) for one in named]
            self._grafanas = tuple(found)
        return self._grafanas

    def planned(self, grid: Grid) -> dict[str, Planned]:
        """Planned work by objective and by journey, which it concerns where it concerns a hop.

        Those that it concerns alike share one value.
        """
        work = planned_work(self.settings.exclusions, grid.range)
        shared: dict[tuple[ExclusionUse, tuple[int, ...]], Planned] = {}
        found: dict[str, Planned] = {}
        judged: list[tuple[Objective, tuple[Objective, ...]]] = [(one, (one,)) for one in self.objectives]
        judged += [(one.objective, one.parts) for one in self.journeys]
        for one, parts in judged if work else ():
            mine = tuple(
                number for number, each in enumerate(work) if any(concerns(each.exclusion, part) for part in parts)
            )
            if not mine or one.exclusions == "none":
                continue
            key = (one.exclusions, mine)
            if key not in shared:
                chosen = tuple(work[number] for number in mine)
                shared[key] = Planned(one.exclusions, chosen, touched_steps(chosen, grid))
            found[one.id] = shared[key]
        return found

    def _status(
        self,
        at_ms: int,
        measured: Mapping[str, Measurement | Problem] | None,
        ledger: Ledger,
        known: KnownMapping,
        planned: dict[str, Planned],
    ) -> Status:
        """The status; without any objective where `measured` is None."""
        states = self._states(known)
        failed = {state.name for state in states if state.state == "failed"}
        statuses: tuple[ObjectiveStatus, ...] = ()
        if measured is not None:
            plain = [
                (one, found.key)
                for one in self.objectives
                if isinstance(found := measured[one.id], Measurement) and one.id not in planned
            ]
            reckoned = reckon_together(plain, ledger, self.policies)
            statuses = tuple(
                self._judged(one, measured[one.id], ledger, failed, planned.get(one.id), reckoned.get(one.id))
                for one in self.objectives
            )
        problems = [*self.problems, *known.problems, *ledger.problems]
        problems += [problem for state in states for problem in state.problems if state.state != "ok"]
        return Status(at_ms=at_ms, sources=states, objectives=statuses, problems=tuple(in_order(problems)))

    def _judged(
        self,
        objective: Objective,
        measured: Measurement | Problem,
        ledger: Ledger,
        failed: set[str],
        planned: Planned | None,
        reckoned: Reckoned | None,
    ) -> ObjectiveStatus:
        row = None
        if isinstance(measured, Measurement):
            row = ledger.rows.get(measured.key) if reckoned is None else ledger.about(measured.key)
        status = judge(
            objective,
            measured,
            row,
            ledger.grid,
            self.policies.get(objective.policy),
            source_failed=_is_unanswered(measured, failed),
            planned=planned,
            reckoned=reckoned,
        )
        if status.state == "unmapped" and failed and not isinstance(measured, Measurement):
            # With a source gone it is not known whether something measures this.
            status = replace(status, state="no_data")
        of_policy = self._of_policy[objective.id]
        return replace(status, problems=(*status.problems, *of_policy)) if of_policy else status

    def _journeys(
        self,
        hops: Mapping[str, tuple[Measurement | Problem, ...]],
        traced: Traced,
        ledger: Ledger,
        status: Status,
        planned: Mapping[str, Planned],
    ) -> tuple[JourneyStatus, ...]:
        gone = {source.name for source in status.sources if source.state == "failed"}
        found: list[JourneyStatus] = []
        for journey in self.journeys:
            measured = hops[journey.id]
            evidence = JourneyEvidence(
                measured=measured,
                rows=tuple(ledger.rows.get(one.key) if isinstance(one, Measurement) else None for one in measured),
                failed=tuple(_is_unanswered(one, gone) for one in measured),
                traced=traced.journeys.get(journey.id),
                untraced=traced.reasons.get(journey.id, ""),
            )
            policy = self.policies.get(journey.objective.policy)
            found.append(judge_journey(journey, evidence, ledger.grid, policy, planned.get(journey.id)))
        return tuple(found)

    def known_alerts(self, snapshot: Snapshot) -> KnownAlerts:
        """Where policies fired on the grid of a snapshot, as far as it was worked out before and kept."""
        grid = snapshot.ledger.grid
        if self.keeper is None:
            return KnownAlerts(grid)
        judged = sorted((one.id, one.target, one.policy) for one in self.objectives)
        return KnownAlerts(grid, self.keeper.alerts(repr(judged), grid.step_ms))

    def _states(self, known: KnownMapping) -> tuple[SourceState, ...]:
        states = [source.state() for source in self.sources.metrics]
        names = {state.name for state in states}
        for source in self.sources.spans:
            if source.name not in names:
                failed = source.name in known.failed
                states.append(SourceState(source.name, "spans", "failed" if failed else "ok"))
        return tuple(states)

    def _mapping(self, grid: Grid, previous: Snapshot | None) -> KnownMapping:
        known = self._known
        usable = previous is not None and known is not None and not known.failed and known.is_bound
        if usable and known is not None and 0 <= grid.end_ms - known.at_ms < MAPPING_FRESH_MS:
            return known
        span = TimeRange(grid.start_ms - INVENTORY_LOOKBACK_MS, grid.end_ms)
        self._known = map_estate(self.catalog, self.profiles, self.sources, span)
        return self._known


def _history_ms(window: Window, at_ms: int) -> int:
    """How far back a calendar window wants the ledger to reach: as at its end, for forecasts early in it."""
    return min(MOST_HISTORY_MS, round(window.full_seconds(at_ms) * 1000)) if window.kind == "calendar" else 0


class _Answering(Struct, frozen=True):
    """Sources that answered just now; those that did not are not asked again in the same refresh."""

    metrics: tuple[MetricSource, ...]
    spans: tuple[SpanSource, ...]


def _without(sources: Sources, failed: Collection[str]) -> _Answering:
    return _Answering(
        tuple(source for source in sources.metrics if source.name not in failed),
        tuple(source for source in sources.spans if source.name not in failed),
    )


def _is_unanswered(measured: Measurement | Problem, failed: Collection[str]) -> bool:
    """Whether a source that is asked for it failed, or none is known."""
    bindings = measured.bindings if isinstance(measured, Measurement) else ()
    return any(one.source in failed or not one.source for one in bindings)


def everything_failed(status: Status) -> bool:
    """Whether no source answered at all."""
    return bool(status.sources) and all(source.state == "failed" for source in status.sources)


def is_partial(status: Status) -> bool:
    """Whether a source failed or answered in part, so that some numbers are missing or old."""
    return any(source.state != "ok" for source in status.sources)
