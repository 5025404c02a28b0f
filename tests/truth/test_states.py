"""What is not known is told apart: each way of not knowing has a state, a coverage and a reason of its own."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
from counting_cases import (
    END_MS,
    HOUR_MS,
    Series,
    bound,
    counter,
    events,
    handled,
    ledger_of,
    measured,
    scrapes,
    selector,
    slices,
)
from objective_cases import objective

from observatory.compile.plan import Measurement
from observatory.errors import Problem
from observatory.evaluate.judgement import judge
from observatory.evaluate.status import ObjectiveStatus, State
from observatory.indicators.expression import Behind, Count, Level
from observatory.indicators.indicator import Indicator
from observatory.objectives.policy import load_policies
from observatory.windows import Grid

GRID = Grid.ending_at(END_MS, 24 * HOUR_MS)
POLICY = load_policies()["google-30d"]
times = scrapes(GRID.start_ms - 2 * HOUR_MS, GRID.end_ms)
UNMAPPED = Problem(code="not-provided", severity="warning", message="the exporter has no such number")


@dataclass(frozen=True)
class Situation:
    """What a server holds, and what it says about an objective of 99 % over a day."""

    state: State
    codes: tuple[str, ...]
    coverage: float | None
    good: float | None
    total: float | None
    series: tuple[Series, ...] = ()
    measurement: Measurement | Problem | None = None
    source_failed: bool = False
    min_events: int = 0


def seen(from_hours: float, to_hours: float, outcome: str = "success", each: float = 5.0) -> Series:
    """A counter that is scraped from so many hours before the end to so many."""
    kept = (times > END_MS - from_hours * HOUR_MS) & (times <= END_MS - to_hours * HOUR_MS)
    labels, _, values = counter(handled(outcome), times, each)
    return labels, times[kept], np.asarray(values)[kept]


def joined(*parts: Series) -> Series:
    """One series of several pieces."""
    return (
        parts[0][0],
        np.concatenate([np.asarray(one[1]) for one in parts]),
        np.concatenate([np.asarray(one[2]) for one in parts]),
    )


def more_good_than_all() -> Measurement:
    bindings = (
        bound("delivered_messages", selector("handled_total", outcome="error")),
        bound("acknowledged_messages", selector("handled_total", outcome="success")),
    )
    total, good = Count("delivered_messages"), Count("acknowledged_messages")
    return measured(Indicator(sli="availability", total=total, good=good, measure="acknowledged"), bindings)


def waiting() -> Measurement:
    binding = bound("consumer_lag", selector("lag"), "level", invalid_below=0.0)
    return slices(Level("consumer_lag"), 100.0, binding)


def waits(values: np.ndarray) -> Series:
    return {"__name__": "lag", "job": "k", "instance": "k:1"}, times, values


DAY = 1440.0
SITUATIONS: dict[str, Situation] = {
    "everything is seen": Situation(
        "breached",
        (),
        1.0,
        5 * DAY,
        6 * DAY,
        (seen(26, 0), seen(26, 0, "error", 1.0)),
    ),
    "no error series": Situation("meeting", (), 1.0, 5 * DAY, 5 * DAY, (seen(26, 0),)),
    "no traffic": Situation("no_traffic", (), 1.0, 0.0, 0.0, (seen(26, 0, each=0.0),)),
    "too few events": Situation(
        "no_traffic",
        ("events-too-few",),
        1.0,
        5 * DAY,
        6 * DAY,
        (seen(26, 0), seen(26, 0, "error", 1.0)),
        min_events=10**6,
    ),
    "a budget below one event": Situation(
        "meeting", ("budget-smaller-than-one-event",), 1.0, 72.0, 72.0, (seen(26, 0, each=0.05),)
    ),
    "a gap": Situation("meeting", ("coverage-low",), 0.75, 5 * DAY, 5 * DAY, (joined(seen(26, 10), seen(4, 0)),)),
    "the target is gone": Situation("meeting", ("telemetry-stopped",), 0.75, 5 * 1080, 5 * 1080, (seen(26, 6),)),
    "telemetry is young": Situation("meeting", ("history-short",), 0.5, 5 * 719, 5 * 719, (seen(12, 0),)),
    "a wrong name": Situation(
        "no_data", ("series-missing",), None, None, None, (seen(26, 0),), measurement=events("handeld_total")
    ),
    "a group that never committed": Situation(
        "no_data", ("level-unknown",), None, None, None, (waits(np.full(len(times), -1.0)),), measurement=waiting()
    ),
    "nothing in the window": Situation("no_data", ("series-missing",), None, None, None, (seen(26, 25),)),
    "the source failed": Situation(
        "no_data", ("source-unanswered",), None, None, None, measurement=events(), source_failed=True
    ),
    "nothing measures it": Situation("unmapped", ("not-provided",), None, None, None, measurement=UNMAPPED),
    "more good than all": Situation(
        "meeting",
        ("good-exceeds-total",),
        1.0,
        5 * DAY,
        5 * DAY,
        (seen(26, 0, each=7.0), seen(26, 0, "error", 5.0)),
        measurement=more_good_than_all(),
    ),
}


def status_of(situation: Situation) -> ObjectiveStatus:
    wanted = objective(window="1d", target=0.99, min_events=situation.min_events)
    measurement = situation.measurement or events()
    if isinstance(measurement, Problem):
        return judge(wanted, measurement, None, GRID, POLICY)
    rows = {} if situation.source_failed else ledger_of(situation.series, [measurement], GRID).rows
    return judge(wanted, measurement, rows.get(measurement.key), GRID, POLICY, source_failed=situation.source_failed)


@pytest.mark.parametrize("name", SITUATIONS)
def test_each_situation_has_its_state_its_coverage_and_its_reason(name: str) -> None:
    situation = SITUATIONS[name]
    status = status_of(situation)
    shown = status.to_json()
    assert (status.state, tuple(problem.code for problem in status.problems)) == (situation.state, situation.codes)
    if situation.coverage is None:
        assert (shown["good"], shown["total"], shown["ratio"], shown["coverage"]) == (None, None, None, None)
        assert (shown["budget"], shown["interval"], shown["forecast"]) == (None, None, None)
        assert set(shown["burn_rates"].values()) == {None}
        return
    assert shown["coverage"] == pytest.approx(situation.coverage, abs=0.002)
    assert (shown["good"], shown["total"]) == (pytest.approx(situation.good), pytest.approx(situation.total))
    assert shown["ratio"] == (pytest.approx(situation.good / situation.total) if situation.total else None)  # type: ignore[operator]
    assert (shown["interval"] is None) is (situation.total == 0)


def test_no_two_situations_look_alike() -> None:
    seen_as = {}
    for name, situation in SITUATIONS.items():
        status = status_of(situation)
        key = (status.state, tuple(problem.code for problem in status.problems), situation.total == 0)
        seen_as.setdefault(key, []).append(name)
    # These two differ in what nobody can see: whether there ever was such a series.
    alike = [names for names in seen_as.values() if len(names) > 1]
    assert alike == [["a wrong name", "nothing in the window"]]


def test_positions_without_those_of_the_topic_send_nobody_to_the_scrape_targets() -> None:
    seen, offset = times <= END_MS - 6 * HOUR_MS, 60.0 * np.arange(len(times))
    labels = {"job": "k", "instance": "k:1"}
    series = ({**labels, "__name__": "end"}, times[seen], offset[seen]), ({**labels, "__name__": "done"}, times, offset)
    behind = slices(
        Behind("produced_offset", "committed_offset"),
        60.0,
        bound("produced_offset", selector("end"), "position"),
        bound("committed_offset", selector("done"), "position"),
    )
    status = status_of(Situation("meeting", (), None, None, None, series, measurement=behind))
    (told,) = status.problems
    assert (status.state, told.code) == ("meeting", "telemetry-stopped")
    assert told.message.startswith("nothing that can be judged was seen since 2026-11-19T18:0")
    assert told.hint is not None
    assert told.hint.startswith("series go on, but their values are not known")


def test_too_few_events_fire_no_alert() -> None:
    few, enough = (
        status_of(
            Situation("breached", (), 1.0, 0, 0, (seen(26, 0, each=0.0), seen(26, 0, "error", 1.0)), min_events=least)
        )
        for least in (1441, 1440)
    )
    assert (few.state, few.firing, few.outlook) == ("no_traffic", (), None)
    assert few.budget is not None
    assert few.budget.spent == 1440.0
    assert (enough.state, enough.firing) == ("breached", ("page", "ticket"))
