"""What makes the numbers of an objective less sure than they look, and why there are none: its problems, in words."""

from __future__ import annotations

from collections.abc import Iterator

from observatory.compile.plan import Measurement
from observatory.compile.terms import at_most
from observatory.errors import Problem
from observatory.evaluate.not_counted import NotCounted
from observatory.evaluate.planned import LeftOut
from observatory.evaluate.reckoning import SeenSteps
from observatory.indicators.counts import Counts
from observatory.indicators.expression import CountAtMost
from observatory.ledger.row import Row
from observatory.objectives.budget import allowed_events, remaining_ratio, smaller_than_one_event
from observatory.objectives.objective import Objective
from observatory.telemetry.binding import MetricBinding, SpanBinding
from observatory.units import format_count, format_duration, number_of
from observatory.windows import Grid, format_instant

LOW_COVERAGE = 0.95
STOPPED_SECONDS = 600.0


def all_is_planned(objective: Objective) -> Iterator[Problem]:
    """Nothing is counted, because all of the window is planned work."""
    yield _problem(
        objective,
        "window-excluded",
        f"the whole window of {objective.window} is planned work, so nothing of {objective.id} is counted",
        severity="info",
    )


def planned_doubts(objective: Objective, out: LeftOut | None) -> Iterator[Problem]:
    """Planned work in the window: how long, who approved it, and what is left of the budget with and without it."""
    if out is None:
        return
    reasons = "; ".join(dict.fromkeys(f"{one.exclusion.reason} ({one.exclusion.approver})" for one in out.work))
    both = [_left_words(numbers.counts, objective.target) for numbers in (out.applied, out.all)]
    counted = "nothing of them is counted" if out.use == "budget" else "only alerts leave them out"
    yield _problem(
        objective,
        "exclusion-applied",
        f"{format_duration(out.seconds)} of the window are planned work and {counted}: {reasons}; of the budget "
        f"{both[0]} are left with the exclusion, and {both[1]} when all is counted",
        severity="info",
    )


def _left_words(counts: Counts, target: float) -> str:
    left = remaining_ratio(counts, target)
    return "not known" if left is None else f"{left * 100:.1f} %"


def edge_doubts(objective: Objective, grid: Grid, late_ms: int) -> Iterator[Problem]:
    """A window that begins inside a step is counted from the next step on, and so is not quite the one asked for."""
    if late_ms > 0:
        yield _problem(
            objective,
            "window-inside-step",
            f"the window of {objective.window} begins {format_duration(late_ms / 1000)} before the first of the steps "
            f"of {format_duration(grid.step_ms / 1000)} that are counted, which end at {format_instant(grid.end_ms)}",
            hint="ask for an instant on a full minute, or choose a window of whole minutes",
        )


def why_nothing(objective: Objective, measured: Measurement, row: Row | None, source_failed: bool) -> Iterator[Problem]:
    """Why there is nothing to count: no source answered, or no series was found."""
    if row is None or source_failed:
        sources = ", ".join(dict.fromkeys(binding.source for binding in measured.bindings if binding.source))
        yield _problem(
            objective,
            "source-unanswered",
            f"{sources or 'no source'} {'did not answer' if sources else 'answered'}, so nothing is known about "
            f"{objective.id}",
        )
        return
    profiles = ", ".join(dict.fromkeys(binding.profile for binding in measured.bindings))
    if row.level is not None and row.series > 0:
        least = row.at_least is not None and bool(row.at_least.any())
        yield _problem(
            objective,
            "level-unknown",
            f"{objective.sli} of {objective.operation_key} cannot be judged: {profiles} shows {row.series} series, and "
            + ("all that they tell is a least value within the bound" if least else "none of them has a known value"),
            hint="the group may never have committed, or nothing was seen for long enough to tell how far behind it is",
        )
        return
    reason = measured.reason or f"no series of {profiles} in the window"
    yield _problem(
        objective,
        "series-missing",
        f"{objective.sli} of {objective.operation_key} has no data: {reason}",
        hint="observatory map shows which series are looked for and which are there",
    )


def doubts(
    objective: Objective,
    measured: Measurement,
    row: Row,
    grid: Grid,
    part: slice,
    raw: Counts,
    seen: SeenSteps | None = None,
) -> Iterator[Problem]:
    """What makes the numbers less sure than they look.

    Args:
        raw: Counts of the window.
        seen: When something was seen in the window, where that is known.
    """
    seen = seen if seen is not None else SeenSteps.of(row.observed[part])
    if raw.total > 0 and seen.first == seen.until:
        yield _problem(
            objective,
            "coverage-low",
            f"nothing of the window of {objective.window} was seen; its events are those that counters counted in a "
            "gap, spread evenly over all of it",
        )
    yield from _coverage_doubts(objective, measured, row, grid, part, seen)
    if raw.good > raw.total * (1 + 1e-9) or raw.good < -1e-9 * max(raw.total, 1.0):
        yield _problem(
            objective,
            "good-exceeds-total",
            f"{raw.good:g} good of {raw.total:g} events were counted, which cannot be; the two series do not count "
            "the same messages",
            hint="observatory map shows which series are used; name the right ones with x-telemetry",
        )
    counts = Counts(min(max(raw.good, 0.0), raw.total), raw.total)
    if 0 < counts.total < objective.min_events:
        yield _problem(
            objective,
            "events-too-few",
            f"{raw.total:g} events are fewer than the {objective.min_events:g} that this objective is judged from, so "
            "it has no state and fires no alert",
            severity="info",
            hint="use a longer window, or lower min_events",
        )
    elif row.level is None and smaller_than_one_event(counts, objective.target):
        yield _problem(
            objective,
            "budget-smaller-than-one-event",
            f"with {raw.total:g} events the budget is {allowed_events(counts, objective.target):.2g} events, so one "
            "failure breaches the objective",
            severity="info",
            hint="use a longer window, a lower target, or the policy low-traffic",
        )
    if measured.proxy:
        yield _problem(
            objective,
            "proxy-used",
            f"{objective.sli} of {objective.operation_key} is not measured directly; counted instead: "
            f"{measured.indicator.measure}",
            severity="info",
        )
    yield from _threshold_doubts(objective, measured, row, part)
    yield from _counting_doubts(objective, row)
    if row.at_least is not None and row.level is not None:
        unsure = int((row.at_least[part] & (row.total[part] == 0)).sum())
        if unsure:
            yield _problem(
                objective,
                "lag-at-least",
                f"for {format_duration(unsure * grid.step_ms / 1000)} the level is only known to be at least what was "
                "seen, which is within the bound, so they count neither way: it reaches back before the first sample, "
                "or a partition was not seen",
                severity="info",
            )


def _coverage_doubts(
    objective: Objective, measured: Measurement, row: Row, grid: Grid, part: slice, seen: SeenSteps
) -> Iterator[Problem]:
    if seen.first == seen.until:
        return
    step = grid.step_ms / 1000
    late = seen.first / seen.steps
    since_ms = grid.start_ms + (part.start + seen.first) * grid.step_ms
    if late > 1 - LOW_COVERAGE:
        yield _problem(
            objective,
            "history-short",
            f"telemetry begins at {format_instant(since_ms)}, so the window of {objective.window} is not full",
            severity="info",
            hint="the numbers cover what there is; check the server's retention if it should reach further back",
        )
    stopped = seen.steps - seen.until
    by_spans = any(isinstance(binding, SpanBinding) for binding in measured.bindings)
    if stopped * step >= STOPPED_SECONDS:
        until_ms = grid.start_ms + (part.start + seen.until) * grid.step_ms
        unread = row.level is not None and (row.last_sample_ms or 0) >= until_ms + STOPPED_SECONDS * 1000
        yield _problem(
            objective,
            "telemetry-stopped",
            f"{_unseen(row, unread=unread)} since {format_instant(until_ms)}, {format_duration(stopped * step)} ago",
            hint="check that spans still arrive, and that their destination has not changed"
            if by_spans
            else "series go on, but their values are not known, or no position of what was produced goes with them"
            if unread
            else "check that the target is scraped and that its labels have not changed",
        )
    coverage = seen.seconds / ((seen.until - seen.first) * step)
    if coverage < LOW_COVERAGE:
        survives = not by_spans and row.level is None
        within = "counted where counters survived" if survives else "not known"
        seen_since = f"of the time since {format_instant(since_ms)}"
        yield _problem(
            objective,
            "coverage-low",
            f"only {coverage:.1%} {seen_since} was seen; what happened in the gaps is {within}",
        )


def _unseen(row: Row, *, unread: bool) -> str:
    if row.outcome_by:
        jobs = " and ".join(job or source for source, job in row.outcome_by)
        return f"events, and which of them were good, as {jobs} counts it, were not seen together"
    return f"nothing {'that can be judged ' if unread else ''}was seen"


def _counting_doubts(objective: Objective, row: Row) -> Iterator[Problem]:
    if row.counting == "pushdown":
        yield _problem(
            objective,
            "counted-by-server",
            "there are too many samples to be read, so the server counted in steps of 5m: as much of the events at "
            "either edge of a window may belong to the neighbouring one, what a counter counted in a gap comes with "
            "the end of the gap, and coverage knows only gaps that all counters have together; counters that began "
            "anew in a gap, or twice in a step, or are back after 12h, are estimated",
            severity="info",
            hint="narrow the source with labels, or record the sums of these series on the server",
        )


def first_value_doubts(objective: Objective, counts: Counts, missing: NotCounted | None) -> Iterator[Problem]:
    """First values that are not counted and may matter: of a counter with a history, or of new processes."""
    if missing is None or counts.total <= 0:
        return
    words = []
    decides = missing.decides(counts, objective.target)
    if (matters := decides or missing.is_much(counts)) and missing.share:
        low, high = missing.share
        new, beside = missing.new, f", on either side of the target of {objective.target * 100:g} %" if decides else ""
        words.append(
            f"first values of {number_of(new.first_values, 'counter')} are not counted, for nothing says when they "
            f"began: they hold at most {format_count(new.events)} events beside the {format_count(counts.total)} that "
            f"are counted, so the share lies between {low:.4%} and {high:.4%}{beside}"
        )
    if missing.large.first_values:
        large = missing.large
        words.append(
            f"{number_of(large.first_values, 'counter')} began with {format_count(large.events)} events, at targets "
            "that were not scraped before and do not say since when they count; too many for new processes, they are "
            "taken as counted before"
        )
    if words:
        yield _problem(
            objective,
            "first-values-not-counted",
            "; ".join(words),
            severity="warning" if matters else "info",
            hint="let the target export process_start_time_seconds, or when each counter was created (x_created)",
        )


def _threshold_doubts(objective: Objective, measured: Measurement, row: Row, part: slice) -> Iterator[Problem]:
    good = measured.indicator.good
    if row.upper is None or not isinstance(good, CountAtMost) or not (row.upper[part] > row.good[part]).any():
        return
    binding = measured.binding(good.signal)
    if not isinstance(binding, MetricBinding):
        return
    buckets = at_most(binding, good.bound)
    bounds = [format_duration(one) for one in (buckets.lower_bound, buckets.upper_bound) if one is not None]
    where = f"between the buckets of {' and '.join(bounds)}" if len(bounds) == 2 else "outside the finite buckets"
    if buckets.exact:
        where = "on a boundary that the histogram did not have all the time"
    total = float(row.total[part].sum())
    share = (
        f", so the share lies between {row.good[part].sum() / total:.4%} and {row.upper[part].sum() / total:.4%}, and "
        "the lower one counts"
        if total > 0
        else ""
    )
    yield _problem(
        objective,
        "threshold-between-buckets",
        f"the threshold of {format_duration(good.bound)} lies {where}{share}",
        hint="choose a bucket boundary as the threshold, or add one to the histogram",
    )


def _problem(
    objective: Objective, code: str, message: str, *, severity: str = "warning", hint: str | None = None
) -> Problem:
    return Problem(
        code=code,
        severity="info" if severity == "info" else "warning",
        message=message,
        hint=hint,
        location=objective.location,
        subject=objective.id,
    )
