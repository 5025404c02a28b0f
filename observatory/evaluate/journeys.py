"""From the counts of its hops, or from spans that join them, to the status of a journey."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from msgspec import Struct
from msgspec.structs import replace

from observatory.compile.plan import Measurement
from observatory.errors import Problem, Severity
from observatory.evaluate.composite import Bounds, Composite, HopShare, compose, shares
from observatory.evaluate.journey_status import HopStatus, JourneyStatus
from observatory.evaluate.judgement import judge
from observatory.evaluate.planned import Planned
from observatory.evaluate.reckoning import steps_of
from observatory.evaluate.status import ObjectiveStatus
from observatory.indicators.counts import Counts
from observatory.ledger.row import Row
from observatory.ledger.traced import TracedJourneys
from observatory.objectives.interval import wilson
from observatory.objectives.journeys import JourneyObjective
from observatory.objectives.policy import Policy
from observatory.sources.base import Float64
from observatory.units import format_count, format_percentage
from observatory.windows import Grid

MISSING_SHARE = 0.01
"""More than this share of journeys that never reach a hop is worth a warning."""
SEEN_SHARE = 0.99
"""Spans count journeys where they show at least this share of the events that counters saw entering."""
BY_COUNTS = (
    "counters do not join the hops of one message: of failures in the same minute as many fall on the same journey as "
    "chance would have, at worst none, at best as many as can within the hour; journeys are the events that enter the "
    "first hop"
)
FANNED_OUT = "; a journey has several events at {hops}, spread evenly, and is good when all are"
BY_SPANS = (
    "spans join the hops: each trace that enters the first hop, with the traces linked to it, is one journey, and good "
    "when no hop has a failed span and every hop that is not optional was reached"
)

SAMPLED = (
    "; traces are a sample, each counts as often as its sampler says, and the bounds are as wide as the sample is "
    "small (95 %)"
)


class JourneyEvidence(Struct, frozen=True, kw_only=True):
    """What is known about the hops of a journey.

    Attributes:
        measured: What measures each hop, or why nothing does.
        rows: Counts of each hop; None where its source did not answer.
        failed: Per hop, whether its source failed in this refresh.
        traced: Journeys as spans join them; None where they do not.
        untraced: Why spans do not join the hops, for journeys that only spans can count.
    """

    measured: tuple[Measurement | Problem, ...]
    rows: tuple[Row | None, ...]
    failed: tuple[bool, ...]
    traced: TracedJourneys | None = None
    untraced: str = "no spans show every hop"


class JourneyRow(Struct, frozen=True, kw_only=True):
    """A journey as a row of the ledger.

    Attributes:
        hops: How each hop stands to the journeys of the span that was asked for.
        assumption: What the numbers rest on.
        composite: None where spans count each journey.
        squares: Of a sample of traces the squares of their weights, added per step; None where every trace is there.
    """

    row: Row
    hops: tuple[HopShare, ...]
    assumption: str
    composite: Composite | None = None
    squares: Float64 | None = None

    def bounds(self, part: slice, planned: Planned | None = None) -> Bounds:
        """Good journeys of some steps, at least and at most; without planned work where the budget leaves it out."""
        if self.composite is not None:
            whole = self.composite
            return (whole.without(planned.steps) if planned and planned.use == "budget" else whole).bounds(part)
        row = planned.counted(self.row) if planned else self.row
        good, total = float(row.good[part].sum()), float(row.total[part].sum())
        if self.squares is None or total <= 0:
            return Bounds(good, good)
        # A sample is as sure as one of equal weights of this size (Kish's effective sample size).
        size = total**2 / float(self.squares[part].sum())
        between = wilson(Counts(good / total * size, size))
        return Bounds(between[0] * total, between[1] * total) if between else Bounds(good, good)


def journey_row(journey: JourneyObjective, evidence: JourneyEvidence, grid: Grid, part: slice) -> JourneyRow | None:
    """The counts of a journey; None where a hop is not known, or where only spans could tell and do not.

    Args:
        part: The steps that are asked about: they decide whether spans show every journey, and how many events a
            journey has at each hop.
    """
    traced = evidence.traced
    rows = [row for row in evidence.rows if row is not None and row.series > 0]
    by_counts = len(rows) == len(journey.hops) and journey.within_seconds is None
    # Counters see every message; a sample of traces stands in only where they do not tell.
    sampled = traced is not None and traced.row.counting != "exact"
    if traced is not None and not (sampled and by_counts) and _shows_all(traced, evidence.rows[0], part):
        entered = float(traced.row.total[part].sum())
        seen = [float(arrived[part].sum()) for arrived in traced.arrived]
        hops = tuple(
            HopShare(events_per_journey=one / entered if entered > 0 else None, unarrived=max(0.0, entered - one))
            for one in seen
        )
        return JourneyRow(
            row=traced.row,
            hops=hops,
            assumption=BY_SPANS + (SAMPLED if sampled else ""),
            squares=traced.squares if sampled else None,
        )
    if not by_counts:
        return None
    found = compose(rows, grid, part)
    told = shares(rows, part)
    fanned = [
        f"{hop.objective.operation_key} ({share.events_per_journey:.3g} each)"
        for hop, share in zip(journey.hops, told, strict=True)
        if share.events_per_journey is not None and share.events_per_journey > 1 + MISSING_SHARE
    ]
    assumption = BY_COUNTS + (FANNED_OUT.format(hops=", ".join(fanned)) if fanned else "")
    return JourneyRow(row=found.row(rows), hops=told, assumption=assumption, composite=found)


def judge_journey(
    journey: JourneyObjective,
    evidence: JourneyEvidence,
    grid: Grid,
    policy: Policy | None,
    planned: Planned | None = None,
) -> JourneyStatus:
    """The status of one journey at the end of the grid.

    Args:
        planned: Planned work that concerns any of its hops, on the same grid.
    """
    judged = tuple(
        judge(hop.objective, measured, row, grid, None, source_failed=failed, planned=planned)
        for hop, measured, row, failed in zip(
            journey.hops, evidence.measured, evidence.rows, evidence.failed, strict=True
        )
    )
    hops = tuple(HopStatus(status=hop, optional=one.optional) for hop, one in zip(judged, journey.hops, strict=True))
    part = steps_of(grid, journey.objective.window.range_at(grid.end_ms))
    found = journey_row(journey, evidence, grid, part)
    unknown = next((hop for hop in judged if hop.counts is None), None)
    if found is None or (found.composite is not None and unknown is not None):
        status = _nothing(journey, unknown, judged, _untraced(evidence, part))
        return JourneyStatus(journey=journey, status=status, hops=hops, bounds=None, assumption=BY_COUNTS)
    measured = next(one for one in evidence.measured if isinstance(one, Measurement))
    status = judge(journey.objective, measured, found.row, grid, policy, planned=planned)
    bounds = found.bounds(part, planned)
    if found.composite is not None:
        doubts = (*_missing(journey, found.hops, bounds), *_straddling(journey, status, bounds))
        proxy = any(hop.proxy for hop in judged)
        status = replace(status, proxy=proxy, problems=(*status.problems, *doubts))
    return JourneyStatus(
        journey=journey,
        status=status,
        hops=tuple(
            replace(hop, events_per_journey=share.events_per_journey, unarrived=share.unarrived)
            for hop, share in zip(hops, found.hops, strict=True)
        ),
        bounds=bounds if status.counts else None,
        assumption=found.assumption,
        joined=found.composite is None,
    )


def _shows_all(traced: TracedJourneys, first: Row | None, part: slice) -> bool:
    """Whether spans show as many journeys as were counted entering; where nothing was, spans are all there is.

    One or two of few may be missing: scrapes and spans do not end in the same instant.
    """
    if first is None or first.series == 0:
        return True
    entered = float(first.total[part].sum())
    return _seen(traced, part) >= min(SEEN_SHARE * entered, entered - 2)


def _seen(traced: TracedJourneys, part: slice) -> float:
    return float((traced.row.total[part] + traced.open[part]).sum())


def _untraced(evidence: JourneyEvidence, part: slice) -> str:
    """Why spans do not count the journey."""
    first = evidence.rows[0]
    if evidence.traced is None or first is None:
        return evidence.untraced
    seen, entered = _seen(evidence.traced, part), float(first.total[part].sum())
    return f"spans show {format_count(round(seen))} of the {format_count(round(entered))} that entered"


def _nothing(
    journey: JourneyObjective,
    unknown: ObjectiveStatus | None,
    hops: Sequence[ObjectiveStatus],
    untraced: str,
) -> ObjectiveStatus:
    """A journey of which a hop is not known, or whose length only spans could tell."""
    if unknown is None:
        problem = _problem(
            journey,
            "journey-untraced",
            f"whether {journey.id} is over within its bound can only be told by spans, and {untraced}",
            hint="send spans of every hop, joined by trace id or by links, or take `within` out",
        )
        state = hops[0]
        return replace(
            state,
            objective=journey.objective,
            state="unmapped",
            counts=None,
            counting=None,
            budget=None,
            burn_rates=dict.fromkeys(_windows(state, journey)),
            exhausts_at_ms=None,
            outlook=None,
            not_counted=None,
            left_out=None,
            measurement=None,
            last_sample_ms=None,
            problems=(problem,),
        )
    number = 1 + next(index for index, hop in enumerate(hops) if hop is unknown)
    reason = f": {unknown.problems[0].message}" if unknown.problems else ""
    problem = _problem(
        journey,
        "journey-hop-unknown",
        f"step {number} of {journey.id}, {unknown.objective.sli} of {unknown.objective.operation_key}, is not known, "
        f"so the journey is not either{reason}",
        hint="observatory map shows what measures the step",
    )
    return replace(unknown, objective=journey.objective, not_counted=None, left_out=None, problems=(problem,))


def _windows(status: ObjectiveStatus, journey: JourneyObjective) -> list[str]:
    return list(dict.fromkeys([*status.burn_rates, str(journey.objective.window)]))


def _missing(journey: JourneyObjective, told: Sequence[HopShare], bounds: Bounds) -> Iterator[Problem]:
    """Hops that many journeys never reach, though nobody said that they may not."""
    total = max(bounds.most, 0.0)
    for number, (hop, share) in enumerate(zip(journey.hops, told, strict=True), 1):
        if hop.optional or share.unarrived <= MISSING_SHARE * total or share.unarrived < 1:
            continue
        reached = format_percentage(share.events_per_journey or 0.0)
        yield _problem(
            journey,
            "journey-hop-short",
            f"step {number}, {hop.objective.operation_key}, saw {reached} of what entered: about "
            f"{format_count(round(share.unarrived))} journeys are lost, late, or went elsewhere, and are not counted "
            "as failed",
            hint="write optional: true where messages may go elsewhere; spans that join the hops tell which were lost",
        )


def _straddling(journey: JourneyObjective, status: ObjectiveStatus, bounds: Bounds) -> Iterator[Problem]:
    """The target lies between the bounds, so the state rests on the assumption."""
    if status.counts is None or status.counts.total <= 0:
        return
    low, high = bounds.least / status.counts.total, bounds.most / status.counts.total
    target = journey.objective.target
    if low < target <= high:
        yield _problem(
            journey,
            "journey-bounds-wide",
            f"between {format_percentage(low, target=target)} and {format_percentage(high, target=target)} of journeys "
            f"were good, so whether the target of {target * 100:g} % is met rests on how failures hang together",
            worth="info",
            hint="spans that join the hops count each journey by itself",
        )


def _problem(journey: JourneyObjective, code: str, message: str, hint: str, *, worth: Severity = "warning") -> Problem:
    at = journey.objective.location
    return Problem(code=code, severity=worth, message=message, hint=hint, location=at, subject=journey.id)
