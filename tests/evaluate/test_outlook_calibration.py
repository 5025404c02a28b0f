"""Forecasts against what came: over simulated months an interval of 80 % holds about 80 of 100 outcomes.

Targets are set by the past alone, as people set them, so that nothing about the future gets into the question. A budget
that is not spent until the end of the window is an outcome like any other: later than every moment. It lies in an
interval whose latest is None, and in none else. Where a forecast says "not until the end" and nothing else, four in
five must be right; those are also counted apart, because they may hold more than 80 of 100 and cannot hold less.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

import numpy as np
import pytest
from objective_cases import objective
from simulated_services import AHEAD_DAYS, DAY, PAST_DAYS, SERVICES, STEP_MS

from observatory.evaluate.outlook import Outlook, outlook
from observatory.ledger.row import Row
from observatory.windows import Grid, parse_instant

MONTH_BEGAN = parse_instant("2026-10-01T00:00:00Z")
WINDOWS = ("month", "30d", "7d")
SEEDS = 24


@dataclass(frozen=True)
class Case:
    """A forecast, and what came: when the budget ended (infinite where it did not), and what was left at the end."""

    service: str
    window: str
    said: Outlook
    ended_ms: float
    left: float

    @property
    def was_open(self) -> bool:
        return self.said.probability < 1

    @property
    def says_never(self) -> bool:
        return self.said.earliest_ms is None

    @property
    def holds_the_end(self) -> bool:
        earliest = np.inf if self.said.earliest_ms is None else self.said.earliest_ms
        latest = np.inf if self.said.latest_ms is None else self.said.latest_ms
        return bool(earliest <= self.ended_ms <= latest)

    @property
    def holds_what_is_left(self) -> bool:
        return self.said.least <= self.left <= self.said.most


def case(service: str, window: str, seed: int) -> Case:
    random = np.random.default_rng([seed, list(SERVICES).index(service), WINDOWS.index(window)])
    good, total = SERVICES[service].counts(random)
    now = PAST_DAYS * DAY
    past_bad, past_total = float((total - good)[:now].sum()), float(total[:now].sum())
    # The budget is 0.6 to 2 times what the past would have spent, and one and a half events at least.
    allowed = min(0.5, max(past_bad, 1.5) / past_total * float(np.exp(random.uniform(-0.5, 0.7))))
    at_ms = MONTH_BEGAN + int(random.integers(2 * DAY, 28 * DAY)) * STEP_MS
    grid = Grid(at_ms - now * STEP_MS, STEP_MS, now)
    wanted = objective(window=window, target=1 - allowed)
    row = Row(good=good[:now], total=total[:now], observed=np.full(now, STEP_MS / 1000), series=1)
    said = outlook(row, grid, wanted)
    assert said is not None

    span = wanted.window.range_at(at_ms)
    width, ahead = (span.end_ms - span.start_ms) // STEP_MS, (said.until_ms - at_ms) // STEP_MS
    bad = total - good
    begin = now - width + (np.arange(ahead) + 1 if window != "month" else np.zeros(ahead, dtype=np.int64))
    bad_to, total_to = (np.concatenate(([0.0], np.cumsum(one))) for one in (bad, total))
    end = now + np.arange(ahead) + 1
    spent = bad_to[end] - bad_to[begin]
    budget = (total_to[end] - total_to[begin]) * wanted.budget_ratio
    over = np.flatnonzero(spent > budget * (1 + 1e-9))
    ended_ms = at_ms + (int(over[0]) + 1) * STEP_MS if len(over) else np.inf
    return Case(service, window, said, float(ended_ms), 1 - float(spent[-1]) / max(float(budget[-1]), 1e-12))


@cache
def cases() -> tuple[Case, ...]:
    assert AHEAD_DAYS >= 31
    return tuple(case(service, window, seed) for service in SERVICES for window in WINDOWS for seed in range(SEEDS))


def share(found: Iterator[bool]) -> float:
    return float(np.mean(list(found)))


def test_the_interval_of_the_end_holds_75_to_85_of_100_outcomes() -> None:
    told = [one for one in cases() if one.was_open]
    assert len(told) > 400
    assert 0.75 <= share(one.holds_the_end for one in told) <= 0.85
    assert 0.75 <= share(one.holds_the_end for one in told if not one.says_never) <= 0.85


def test_the_interval_of_what_is_left_holds_75_to_85_of_100_outcomes() -> None:
    assert 0.75 <= share(one.holds_what_is_left for one in cases()) <= 0.85


def test_not_until_the_end_is_right_in_four_of_five_cases() -> None:
    told = [one for one in cases() if one.was_open and one.says_never]
    assert len(told) > 80
    assert share(one.holds_the_end for one in told) >= 0.8


def test_the_budget_ends_as_often_as_the_probabilities_say() -> None:
    told = [one for one in cases() if one.was_open]
    said = float(np.mean([one.said.probability for one in told]))
    assert said == pytest.approx(share(bool(np.isfinite(one.ended_ms)) for one in told), abs=0.06)


@pytest.mark.parametrize("service", SERVICES)
def test_no_kind_of_service_is_told_much_too_surely(service: str) -> None:
    """Least of all where the ratio drifts from day to day, for what drifts is not told by its past."""
    mine = [one for one in cases() if one.service == service]
    assert share(one.holds_what_is_left for one in mine) >= {"drifting": 0.58, "growing": 0.75}.get(service, 0.65)
    assert share(one.holds_the_end for one in mine if one.was_open) >= 0.7


@pytest.mark.parametrize("window", WINDOWS)
def test_no_kind_of_window_is_told_much_too_surely(window: str) -> None:
    mine = [one for one in cases() if one.window == window]
    assert share(one.holds_what_is_left for one in mine) >= 0.72
    assert share(one.holds_the_end for one in mine if one.was_open) >= 0.75
