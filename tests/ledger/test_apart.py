"""All events counted by one job and their outcome by another: what only one of them saw is no ratio."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from counting_cases import (
    END_MS,
    HOUR_MS,
    MINUTE_MS,
    Answering,
    Series,
    bound,
    events,
    ledger_of,
    measured,
    scrapes,
    selector,
    store_of,
)
from objective_cases import objective

from observatory.compile.plan import Measurement
from observatory.evaluate.judgement import judge
from observatory.evaluate.status import ObjectiveStatus
from observatory.indicators.expression import Count
from observatory.indicators.indicator import Indicator
from observatory.ledger.build import build
from observatory.objectives.policy import load_policies
from observatory.telemetry.binding import SemanticKind
from observatory.windows import Grid

HOURS = 24
GRID = Grid.ending_at(END_MS, HOURS * HOUR_MS)
BROKER = scrapes(GRID.start_ms - 2 * HOUR_MS, GRID.end_ms, 15_000, 3_000)
CONSUMER = scrapes(GRID.start_ms - 2 * HOUR_MS, GRID.end_ms, 60_000, 41_000)
ALL = Count("delivered_messages")
PER_HOUR = 36_000
Seen = Callable[[np.ndarray], np.ndarray]


def by_good() -> Measurement:
    bindings = bound(ALL.signal, selector("sent")), bound("acknowledged_messages", selector("done"))
    return measured(
        Indicator(sli="availability", total=ALL, good=Count("acknowledged_messages"), measure="done"), bindings
    )


def by_bad(kind: SemanticKind = "cumulative") -> Measurement:
    bindings = bound(ALL.signal, selector("sent")), bound("dead_lettered_messages", selector("failed"), kind)
    return measured(
        Indicator(sli="dead_letters", total=ALL, bad=Count("dead_lettered_messages"), measure="failed"), bindings
    )


def always(t_ms: np.ndarray) -> np.ndarray:
    return t_ms > 0


def until(hours_ago: float) -> Seen:
    return lambda t_ms: t_ms <= END_MS - hours_ago * HOUR_MS


def since(hours_ago: float) -> Seen:
    return lambda t_ms: t_ms > END_MS - hours_ago * HOUR_MS


def but(begin: float, end: float) -> Seen:
    return lambda t_ms: until(begin)(t_ms) | since(end)(t_ms)


def sent(seen: Seen = always) -> Series:
    kept = BROKER[seen(BROKER)]
    return {"__name__": "sent", "job": "broker", "instance": "b:1"}, kept, 1e6 + (kept - BROKER[0]) / 100


def counted(name: str, seen: Seen, each_second: float, restart: float | None = None) -> Series:
    t_ms = CONSUMER[seen(CONSUMER)]
    values = 5e5 + (t_ms - BROKER[0]) / 1000 * each_second
    if restart is not None:
        began_ms = END_MS - restart * HOUR_MS
        values = np.where(t_ms > began_ms, (t_ms - began_ms) / 1000 * each_second, values)
    return {"__name__": name, "job": "consumer", "instance": "c:1"}, t_ms, values


def done(seen: Seen, restart: float | None = None) -> Series:
    return counted("done", seen, 10.0, restart)


def failed(seen: Seen, restart: float | None = None) -> Series:
    return counted("failed", seen, 0.5, restart)


def judged(series: list[Series], measurement: Measurement) -> ObjectiveStatus:
    row = ledger_of(series, [measurement], GRID).rows[measurement.key]
    return judge(objective(window="1d", target=0.99), measurement, row, GRID, load_policies()["google-30d"])


@pytest.mark.parametrize(
    ("series", "measurement", "hours", "error_ratio", "coverage", "code"),
    [
        ([sent(), done(but(10, 4))], by_good(), 24, 0.0, 0.75, "coverage-low"),
        ([sent(), done(but(10, 4), restart=7)], by_good(), 18, 0.0, 0.75, "coverage-low"),
        ([sent(), done(until(6))], by_good(), 18, 0.0, 0.75, "telemetry-stopped"),
        ([sent(), done(since(6))], by_good(), 6, 0.0, 0.25, "history-short"),
        ([sent(until(6)), done(always)], by_good(), 18, 0.0, 0.75, "telemetry-stopped"),
        ([sent(since(6)), done(always)], by_good(), 6, 0.0, 0.25, "history-short"),
        ([sent(), failed(but(10, 4))], by_bad(), 24, 0.05, 0.75, "coverage-low"),
        ([sent(), failed(until(6))], by_bad("position"), 18, 0.05, 0.75, "telemetry-stopped"),
        ([sent(), failed(since(6))], by_bad("position"), 6, 0.05, 0.25, "history-short"),
        ([sent(since(6)), failed(always)], by_bad(), 6, 0.05, 0.25, "history-short"),
    ],
)
def test_what_only_one_of_two_jobs_saw_is_neither_good_nor_bad(
    series: list[Series], measurement: Measurement, hours: float, error_ratio: float, coverage: float, code: str
) -> None:
    status = judged(series, measurement)

    assert status.counts is not None
    assert status.counts.total == pytest.approx(hours * PER_HOUR, rel=0.005)
    assert status.counts.bad / status.counts.total == pytest.approx(error_ratio, abs=0.002)
    assert status.counts.coverage == pytest.approx(coverage, abs=0.005)
    assert code in [problem.code for problem in status.problems]


def test_nothing_burns_and_nothing_is_well_while_the_outcome_is_not_seen() -> None:
    status = judged([sent(), done(until(6))], by_good())

    assert status.burn_rates["5m"] is status.burn_rates["6h"] is None
    assert status.firing == ()
    (told,) = status.problems
    assert told.message.startswith("events, and which of them were good, as consumer counts it, were not seen together")


def test_a_job_that_is_up_and_shows_no_error_has_none() -> None:
    up = {"__name__": "up", "job": "consumer", "instance": "c:2"}, CONSUMER, np.ones(len(CONSUMER))
    status = judged([sent(), failed(until(6)), up], by_bad())

    assert status.counts is not None
    assert status.counts.total == pytest.approx(24 * PER_HOUR)
    assert status.counts.bad == pytest.approx(18 * PER_HOUR / 20, rel=0.001)
    assert status.counts.coverage == 1.0
    assert status.burn_rates["6h"] == 0.0


@pytest.mark.parametrize(
    ("series", "measurement"),
    [
        ([sent(), done(but(5, 2), restart=3)], by_good()),
        ([sent(), done(since(4))], by_good()),
        ([sent(), done(but(8, 3))], by_good()),
        ([sent(), failed(but(8, 3))], by_bad("position")),
        ([sent(but(7, 5)), failed(until(4))], by_bad()),
    ],
)
def test_a_refresh_tells_the_unknown_apart_as_one_look_does(series: list[Series], measurement: Measurement) -> None:
    with store_of(series) as store:
        source = Answering((store,))
        ledger = None
        for ago in (9.0, 7.9, 6.2, 4.5, 3.6, 2.97, 1.9, 1.0, 0.0):
            end_ms = END_MS - round(ago * 60) * MINUTE_MS
            ledger = build([measurement], source, Grid.ending_at(end_ms, HOURS * HOUR_MS), previous=ledger)
        assert ledger is not None
        whole = build([measurement], source, GRID).rows[measurement.key]

    row = ledger.rows[measurement.key]
    np.testing.assert_allclose(row.total, whole.total, atol=1e-6)
    np.testing.assert_allclose(row.good, whole.good, atol=1e-6)
    np.testing.assert_allclose(row.observed, whole.observed, atol=1e-6)


def test_counts_of_a_window_that_lies_in_a_gap_are_said_to_be_a_share_of_it() -> None:
    """As `status --at` asks about an outage of monitoring."""
    grid = Grid.ending_at(END_MS - 5 * HOUR_MS, 2 * HOUR_MS)
    series: Series = {"__name__": "handled_total", "job": "svc", "outcome": "success"}, *sent(but(9, 2))[1:]
    measurement = events()
    with store_of([series]) as store:
        row = build([measurement], Answering((store,)), GRID).rows[measurement.key]
    part = slice(-7 * 60, -5 * 60)
    row = type(row)(good=row.good[part], total=row.total[part], observed=row.observed[part], series=1)
    status = judge(objective(window="2h", target=0.99), measurement, row, grid, None)

    assert status.counts is not None
    assert (status.counts.total, status.counts.coverage) == (pytest.approx(2 * PER_HOUR), 0.0)
    assert [problem.code for problem in status.problems] == ["coverage-low"]
