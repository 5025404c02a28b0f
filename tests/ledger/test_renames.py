"""Old series under new names, and newcomers that only look like them."""

from __future__ import annotations

import numpy as np
import pytest
from counting_cases import END_MS, HOUR_MS, Series, bad, counter, events, handled, row_of, scrapes, total

from observatory.windows import Grid

GRID = Grid.ending_at(END_MS, 4 * HOUR_MS)
TIMES = scrapes(GRID.start_ms - HOUR_MS, GRID.end_ms)
NEW = len(TIMES) - 60
SEEN = len(TIMES[GRID.start_ms < TIMES])
STEADY = counter(handled("success"), TIMES, 10.0)


def moved(old: dict[str, str], new: dict[str, str], before: np.ndarray, after: np.ndarray) -> list[Series]:
    return [(old, TIMES[:NEW], before), (new, TIMES[NEW:], after)]


def test_twenty_topics_rewritten_at_once_go_on() -> None:
    series: list[Series] = [STEADY]
    for number in range(20):
        values = 40.0 * number + np.cumsum(np.full(len(TIMES), 2.0))
        old, new = (
            handled("error", topic="Orders", kind=f"k{number}"),
            handled("error", topic="orders", kind=f"k{number}"),
        )
        series += moved(old, new, values[:NEW], values[NEW:])
    assert bad(row_of(series, events(), GRID)) == 20 * 2.0 * SEEN


def test_channels_that_are_opened_anew_count_for_themselves() -> None:
    series: list[Series] = [STEADY]
    for number in range(5):
        before, after = np.cumsum(np.full(NEW, 4.0)), 3.0 + np.cumsum(np.full(60, 4.0))
        old, new = handled("error", channel=f"1.{number}"), handled("error", channel=f"2.{number}")
        series += moved(old, new, before, after)
    seen_before = int((TIMES[:NEW] > GRID.start_ms).sum())
    assert bad(row_of(series, events(), GRID)) == 5 * (4.0 * seen_before + 7.0 + 4.0 * 59)


@pytest.mark.parametrize("errors", [1.0, 4.0])
def test_a_pod_that_replaces_another_and_fails_as_often_counts_for_itself(errors: float) -> None:
    series: list[Series] = [
        (handled("success", "pod-1"), TIMES[:NEW], np.cumsum(np.full(NEW, 10.0))),
        (handled("success", "pod-2"), TIMES[NEW:], np.cumsum(np.full(60, 10.0))),
        (handled("error", "pod-1"), TIMES[:NEW], np.full(NEW, errors)),
        (handled("error", "pod-2"), TIMES[NEW:], np.full(60, errors)),
    ]
    for pod, t, begun in (("pod-1", TIMES[:NEW], TIMES[0] - 9e7), ("pod-2", TIMES[NEW:], TIMES[NEW] - 30_000)):
        start = {"__name__": "process_start_time_seconds", "job": "svc", "instance": pod}
        series.append((start, t, np.full(len(t), begun / 1000)))
    row = row_of(series, events(), GRID)
    assert bad(row) == errors
    assert total(row) == 10.0 * SEEN + errors


def test_an_exporter_that_comes_back_elsewhere_after_ten_minutes_brings_no_history() -> None:
    away = (TIMES[NEW] < TIMES) & (TIMES[NEW] + 600_000 >= TIMES)
    values = 5e6 + np.cumsum(np.full(len(TIMES), 3.0))
    late = TIMES[NEW] + 600_000 < TIMES
    start = {"__name__": "process_start_time_seconds", "job": "svc", "instance": "exporter-2"}
    series: list[Series] = [
        STEADY,
        (handled("error", "exporter-1"), TIMES[: NEW + 1], values[: NEW + 1]),
        (handled("error", "exporter-2"), TIMES[late], values[late]),
        (start, TIMES[late], np.full(int(late.sum()), (TIMES[late][0] - 40_000) / 1000)),
    ]
    # Where it was is not known from its labels, so what happened meanwhile is not counted, and no history is.
    assert bad(row_of(series, events(), GRID)) == 3.0 * (SEEN - int(away.sum()) - 1)


@pytest.mark.parametrize("away_minutes", [0, 5, 45])
@pytest.mark.parametrize("label", ["job", "instance"])
def test_targets_that_look_alike_go_on_under_new_names_each_as_itself(label: str, away_minutes: int) -> None:
    """Three young processes, all renamed while the server was away: they say when they began, so nothing is lost."""
    begun = TIMES[0] + 20 * 60_000
    alive = begun < TIMES
    new = TIMES[NEW] < TIMES
    seen = alive & ((TIMES[NEW] >= TIMES) | (TIMES[NEW] + away_minutes * 60_000 < TIMES))
    series: list[Series] = []
    for number in range(3):
        old = handled("error", f"pod-{number}")
        after = {**old, label: f"new-{number}" if label == "instance" else "service"}
        values = np.cumsum(np.where(alive, 1.0 + number, 0.0))
        for labels, part in ((old, seen & ~new), (after, seen & new)):
            series.append((labels, TIMES[part], values[part]))
            start = {"__name__": "process_start_time_seconds", "job": labels["job"], "instance": labels["instance"]}
            series.append((start, TIMES[part], np.full(int(part.sum()), begun / 1000)))
    counted = (alive & (GRID.start_ms < TIMES)).sum()
    assert bad(row_of(series, events(), GRID)) == pytest.approx(6.0 * counted)


@pytest.mark.parametrize("away_minutes", [5, 45])
@pytest.mark.parametrize(("history", "restarted"), [(300.0, False), (300.0, True), (0.0, True)])
def test_a_value_rewritten_while_the_server_was_away_is_told_from_a_new_process_by_what_it_counts(
    away_minutes: int, history: float, restarted: bool
) -> None:
    new = TIMES[NEW] + away_minutes * 60_000
    old, late = TIMES[TIMES[NEW] >= TIMES], TIMES[new < TIMES]
    values = history + np.arange(1.0, len(TIMES) + 1)
    after = values[new < TIMES] - (values[TIMES[NEW] >= TIMES][-1] if restarted else 0.0)
    series: list[Series] = [
        (handled("error", version="1"), old, values[: len(old)]),
        (handled("error", version="2"), late, after),
        (
            {"__name__": "up", "job": "svc", "instance": "a:1"},
            np.concatenate((old, late)),
            np.ones(len(old) + len(late)),
        ),
    ]
    assert bad(row_of(series, events(), GRID)) == pytest.approx(SEEN)


def test_a_target_that_was_there_before_a_gap_is_not_another_one_that_ended_in_it() -> None:
    """Both looked alike: one failed once and was gone after the gap, the other one failed for the first time in it."""
    away_until = TIMES[NEW] + 30 * 60_000
    old, late = TIMES[NEW] >= TIMES, away_until < TIMES
    both = old | late
    series: list[Series] = [
        (handled("success", "stays"), TIMES[both], np.cumsum(np.full(len(TIMES), 10.0))[both]),
        (handled("success", "ends"), TIMES[old], np.cumsum(np.full(len(TIMES), 10.0))[old]),
        (handled("error", "ends"), TIMES[old][-20:], np.ones(20)),
        (handled("error", "stays"), TIMES[late], np.ones(late.sum())),
    ]
    for name, part in (("stays", both), ("ends", old)):
        start = {"__name__": "process_start_time_seconds", "job": "svc", "instance": name}
        series.append((start, TIMES[part], np.full(int(part.sum()), TIMES[0] / 1000 - 9e4)))
    assert bad(row_of(series, events(), GRID)) == pytest.approx(2.0)
