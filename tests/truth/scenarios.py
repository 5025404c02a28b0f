"""Streams of events with known truth, as the samples that scrapes of them would leave behind.

A to F are those on which tools for SLOs on Prometheus go wrong by up to a factor of fifty; they are 30 days long, with
a target of 99.9 %. The rest, here and in `disturbances`, are our own and shorter. Everything is generated from
integers, so the truth is exact.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from counting_cases import DAY_MS, HOUR_MS, MINUTE_MS, Series, counter, handled, scrapes
from truth.scenario import Scenario, grid_of, hour_of_day, on_grid, steady

PROBE = "probe_failing"
"""The gauge of F; everything else is counted from `handled_total`."""


def busy_days_with_errors() -> Scenario:
    """A: 100 a second by day with 0.2 % errors, 1 a second by night without."""
    grid, t = steady(30)
    day = (hour_of_day(t) >= 8) & (hour_of_day(t) < 20)
    errors, good = np.where(day, 12.0, 0.0), np.where(day, 5988.0, 60.0)
    series = [counter(handled("success"), t, good), counter(handled("error"), t, errors)]
    return Scenario(series, grid, on_grid(t, errors, grid), on_grid(t, errors + good, grid), 1.0)


def quiet_nights_with_errors() -> Scenario:
    """A2: clean days, nights of 1 a second with 1 % errors."""
    grid, t = steady(30)
    night = (hour_of_day(t) < 8) | (hour_of_day(t) >= 20)
    errors, good = np.where(night, 0.6, 0.0), np.where(night, 59.4, 6000.0)
    errors, good = np.round(errors * 5), np.round(good * 5)
    series = [counter(handled("success"), t, good), counter(handled("error"), t, errors)]
    return Scenario(series, grid, on_grid(t, errors, grid), on_grid(t, errors + good, grid), 1.0)


def an_idle_hour_a_day() -> Scenario:
    """B: no events at all for an hour a day, 0.05 % errors otherwise."""
    grid, t = steady(30)
    idle = hour_of_day(t) == 3
    errors, good = np.where(idle, 0.0, 3.0), np.where(idle, 0.0, 5997.0)
    series = [counter(handled("success"), t, good), counter(handled("error"), t, errors)]
    return Scenario(series, grid, on_grid(t, errors, grid), on_grid(t, errors + good, grid), 1.0)


def errors_that_begin_late() -> Scenario:
    """C: the error series is born one hour of 10 % errors before it is clean again; 3,600 errors."""
    grid, t = steady(30)
    first = grid.end_ms - 20 * HOUR_MS
    wrong = (t > first) & (t <= first + HOUR_MS)
    errors, good = np.where(wrong, 60.0, 0.0), np.where(wrong, 540.0, 600.0)
    assert errors.sum() == 3600
    born = int(np.flatnonzero(wrong)[0])
    series = [counter(handled("success"), t, good), counter(handled("error"), t[born:], errors[born:])]
    return Scenario(series, grid, 3600.0, on_grid(t, errors + good, grid), 1.0)


def pods_that_fail_once(with_start_time: bool = False) -> Scenario:
    """D: 240 pods, one after the other, live three hours each and log exactly one error, a series born at the value 1.

    Three hours times 240 are the 30 days, at one event a second: 240 errors are 9.3 % of a budget of 0.1 %.
    """
    grid = grid_of(30)
    series: list[Series] = []
    seen_total = 0.0
    pods = 240
    for pod in range(pods):
        begin = grid.start_ms + pod * 3 * HOUR_MS
        t = scrapes(begin, begin + 3 * HOUR_MS)
        instance = f"pod-{pod}:1"
        series.append(counter(handled("success", instance), t, 60.0))
        error_at = 40 + pod % 100
        series.append((handled("error", instance), t[error_at:], np.ones(len(t) - error_at)))
        if with_start_time:
            start = {"__name__": "process_start_time_seconds", "job": "svc", "instance": instance}
            series.append((start, t, np.full(len(t), begin / 1000)))
        # Without a start time nobody can know whether the first scrape's 60 events are new or old.
        seen_total += 60.0 * (len(t) if with_start_time else len(t) - 1) + 1.0
    return Scenario(series, grid, float(pods), seen_total, 1.0)


def a_gap_with_errors() -> Scenario:
    """E: nothing scraped for six hours, in which half of all events fail; the counters survive."""
    grid, t = steady(30)
    first = grid.end_ms - 30 * HOUR_MS
    gap = (t > first) & (t <= first + 6 * HOUR_MS)
    errors, good = np.where(gap, 300.0, 0.0), np.where(gap, 300.0, 600.0)
    seen = ~gap
    total_errors, total_good = np.cumsum(errors), np.cumsum(good)
    series: list[Series] = [
        (handled("success"), t[seen], total_good[seen]),
        (handled("error"), t[seen], total_errors[seen]),
    ]
    return Scenario(series, grid, on_grid(t, errors, grid), on_grid(t, errors + good, grid), 1 - 6 / 720)


def a_probe_that_goes_dark() -> Scenario:
    """F: a gauge that is 1 in 43 failing minutes, and three days without a sample; these are neither good nor bad."""
    grid = grid_of(30)
    t = scrapes(grid.start_ms, grid.end_ms)
    dark = (t > grid.end_ms - 10 * DAY_MS) & (t <= grid.end_ms - 7 * DAY_MS)
    failing = np.zeros(len(t))
    failing[5_000:5_043] = 1.0
    labels = {"__name__": PROBE, "job": "probe", "instance": "p:1"}
    return Scenario([(labels, t[~dark], failing[~dark])], grid, 43.0, float((~dark).sum()), 0.9)


def restarts_every_ten_minutes() -> Scenario:
    """A process that begins anew every ten minutes; what it counts between its last scrape and its end is lost."""
    grid, t = steady(1)
    life = np.arange(len(t)) % 10
    good, errors = 10.0 * (life + 1), 2.0 * (life + 1)
    rise = np.where(life == 0, 1, np.diff(life, prepend=0))
    inside = (t > grid.start_ms) & (t <= grid.end_ms)
    series: list[Series] = [(handled("success"), t, good), (handled("error"), t, errors)]
    return Scenario(series, grid, float(2 * rise[inside].sum()), float(12 * rise[inside].sum()), 1.0)


def a_reset_inside_a_gap() -> Scenario:
    """A restart while nothing is scraped: what the old process counted unseen cannot be known, the new one's can."""
    grid, t = steady(2)
    good = np.cumsum(np.full(len(t), 10.0))
    first = len(t) // 2
    seen = np.ones(len(t), dtype=bool)
    seen[first : first + 120] = False
    good[first + 60 :] = np.cumsum(np.full(len(t) - first - 60, 10.0))
    inside = (t > grid.start_ms) & (t <= grid.end_ms)
    truth = 10.0 * (inside.sum() - 60)
    return Scenario([(handled("success"), t[seen], good[seen])], grid, 0.0, float(truth))


def births_in_bulk() -> Scenario:
    """Two hundred error series, one per error class, all born in one scrape at the value 3."""
    grid, t = steady(1)
    at = 900
    series = [counter(handled("success"), t, 100.0)]
    series += [(handled("error", kind=f"e{kind}"), t[at:], np.full(len(t) - at, 3.0)) for kind in range(200)]
    return Scenario(series, grid, 600.0, on_grid(t, np.full(len(t), 100.0), grid) + 600.0, 1.0)


def one_event_a_day() -> Scenario:
    """A counter that moves once a day, and once fails."""
    grid, t = steady(5)
    noon = (t - t[0]) // MINUTE_MS % 1440 == 900
    good = np.where(noon, 1.0, 0.0)
    errors = np.zeros(len(t))
    errors[np.flatnonzero(noon)[2] + 5] = 1.0
    series = [counter(handled("success"), t, good), counter(handled("error"), t, errors)]
    return Scenario(series, grid, on_grid(t, errors, grid), on_grid(t, good + errors, grid), 1.0)


def scrapes_that_jitter() -> Scenario:
    """Scrapes up to twenty seconds early or late, every seventh one missed."""
    grid, t = steady(2)
    rng = np.random.default_rng(7)
    t = t + rng.integers(-20_000, 20_000, len(t))
    t = t[t <= grid.end_ms]
    amount = rng.integers(0, 50, len(t)).astype(np.float64)
    errors = rng.integers(0, 3, len(t)).astype(np.float64)
    seen = np.arange(len(t)) % 7 != 3
    seen[:2] = seen[-2:] = True
    # What a missed scrape would have shown is seen in the next one.
    owner = np.searchsorted(np.flatnonzero(seen), np.arange(len(t)))
    good_seen = np.bincount(owner, weights=amount)
    errors_seen = np.bincount(owner, weights=errors)
    t = t[seen]
    series = [counter(handled("success"), t, good_seen), counter(handled("error"), t, errors_seen)]
    return Scenario(series, grid, on_grid(t, errors_seen, grid), on_grid(t, errors_seen + good_seen, grid), 1.0)


def a_server_that_restarts() -> Scenario:
    """The server is away for twenty minutes; counters go on, and no first sample after it is a birth."""
    grid, t = steady(2)
    away = (t > grid.end_ms - 10 * HOUR_MS) & (t <= grid.end_ms - 10 * HOUR_MS + 20 * MINUTE_MS)
    good = np.full(len(t), 50.0)
    values = 1_000_000.0 + np.cumsum(good)
    series: list[Series] = [(handled("success"), t[~away], values[~away])]
    return Scenario(series, grid, 0.0, on_grid(t, good, grid))


def a_retention_cut() -> Scenario:
    """The server holds only the second half of the window: large first values are history, not births."""
    grid, t = steady(2)
    kept = t > grid.end_ms - DAY_MS
    values = 5_000_000.0 + np.cumsum(np.full(len(t), 50.0))
    errors = 4_000.0 + np.cumsum(np.full(len(t), 1.0))
    series: list[Series] = [(handled("success"), t[kept], values[kept]), (handled("error"), t[kept], errors[kept])]
    seen = kept.sum() - 1
    return Scenario(series, grid, float(seen), float(51 * seen))


def a_target_with_a_history() -> Scenario:
    """A target is added in mid-window; its counters hold millions from before."""
    grid, t = steady(2)
    late = t > grid.end_ms - 20 * HOUR_MS
    old = counter(handled("success", "old:1"), t, 50.0)
    values = 7_000_000.0 + np.cumsum(np.full(len(t), 5.0))
    new: Series = (handled("success", "new:1"), t[late], values[late])
    truth = on_grid(t, np.full(len(t), 50.0), grid) + 5.0 * (late.sum() - 1)
    return Scenario([old, new], grid, 0.0, float(truth))


def a_label_is_added() -> Scenario:
    """Relabelling adds a label in mid-window: every series goes on under a new name."""
    grid, t = steady(2)
    new = t > grid.end_ms - 20 * HOUR_MS
    good, errors = np.full(len(t), 50.0), np.full(len(t), 1.0)
    series: list[Series] = []
    for outcome, amount, start in (("success", good, 9e6), ("error", errors, 5e3)):
        values = start + np.cumsum(amount)
        series.append((handled(outcome), t[~new], values[~new]))
        series.append((handled(outcome, region="eu"), t[new], values[new]))
    return Scenario(series, grid, on_grid(t, errors, grid), on_grid(t, good + errors, grid), 1.0)


def two_replicas() -> Scenario:
    """Two servers scrape the same target half a minute apart; each is away for two hours at another time."""
    grid, t = steady(2)
    series: list[Series] = []
    for name, phase_ms, away_hours in (("a", 0, 30), ("b", 30_000, 10)):
        times = t[:-1] + phase_ms
        away = (times > grid.end_ms - away_hours * HOUR_MS) & (times <= grid.end_ms - (away_hours - 2) * HOUR_MS)
        second = (times - times[0]) // 1000 + phase_ms // 1000
        for outcome, rate in (("success", 10), ("error", 1)):
            labels = handled(outcome, prometheus_replica=name)
            series.append((labels, times[~away], (second[~away] * rate).astype(np.float64)))
    last = t[-2]
    inside = (last - t[t <= grid.start_ms][-1]) / 1000
    return Scenario(series, grid, inside, 11 * inside, 1.0)


SCENARIOS: dict[str, Callable[[], Scenario]] = {
    function.__name__: function
    for function in (
        busy_days_with_errors,
        quiet_nights_with_errors,
        an_idle_hour_a_day,
        errors_that_begin_late,
        pods_that_fail_once,
        a_gap_with_errors,
        restarts_every_ten_minutes,
        a_reset_inside_a_gap,
        births_in_bulk,
        one_event_a_day,
        scrapes_that_jitter,
        a_server_that_restarts,
        a_retention_cut,
        a_target_with_a_history,
        a_label_is_added,
        two_replicas,
    )
} | {"pods_that_fail_once_and_say_when_they_started": lambda: pods_that_fail_once(with_start_time=True)}
