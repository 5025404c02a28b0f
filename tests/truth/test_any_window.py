"""An event belongs to its minute whatever window asks for it, and however far back the evidence for it lies."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pytest
from counting_cases import (
    DAY_MS,
    END_MS,
    HOUR_MS,
    MINUTE_MS,
    Answering,
    Series,
    bad,
    counter,
    events,
    handled,
    row_of,
    scrapes,
    store_of,
)

from observatory.ledger.build import build
from observatory.windows import Grid, TimeRange

AVAILABILITY = events()
t = scrapes(END_MS - 5 * DAY_MS, END_MS)
steady: Series = counter(handled("success"), t, 1.0)


def first_of(since_ms: int) -> int:
    return int(np.searchsorted(t, since_ms, side="right"))


def errors_of(series: Iterable[Series], span: TimeRange, length_ms: int) -> float:
    """Errors of a range, by a ledger of some length that ends with it."""
    grid = Grid.ending_at(span.end_ms, length_ms)
    with store_of(series) as store:
        counts = build([AVAILABILITY], Answering((store,)), grid).counts(AVAILABILITY.key, span)
    return counts.bad


def refreshed(series: Iterable[Series], late_minutes: Iterable[int], length_ms: int) -> float:
    with store_of(series) as store:
        ledger = None
        for late in late_minutes:
            grid = Grid.ending_at(END_MS - late * MINUTE_MS, length_ms)
            ledger = build([AVAILABILITY], Answering((store,)), grid, previous=ledger)
    assert ledger is not None
    return bad(ledger.rows[AVAILABILITY.key])


def restarting(kept: float, again: float) -> list[Series]:
    """A process that begins anew two days before the end; a rare error of it is shown again an hour before the end."""
    restart, shown = first_of(END_MS - 2 * DAY_MS), first_of(END_MS - HOUR_MS)
    number = np.arange(len(t), dtype=np.float64)
    busy = np.where(number < restart, number + 9_000.0, number - restart)
    held = (t <= END_MS - 2 * DAY_MS - HOUR_MS) | (np.arange(len(t)) >= shown)
    rare = np.where(np.arange(len(t)) < shown, kept, again)
    return [(handled("success"), t, busy), (handled("error"), t[held], rare[held])]


@pytest.mark.parametrize("length_ms", [HOUR_MS * 2, DAY_MS, 3 * DAY_MS, 4 * DAY_MS])
@pytest.mark.parametrize(
    ("kept", "again"), [pytest.param(70.0, 50.0, id="it fell"), pytest.param(3.0, 5.0, id="it did not fall")]
)
def test_errors_of_a_new_process_belong_to_the_minute_in_which_they_are_first_shown(
    kept: float, again: float, length_ms: int
) -> None:
    shown_ms = int(t[first_of(END_MS - HOUR_MS)])

    row = row_of(restarting(kept, again), AVAILABILITY, Grid.ending_at(END_MS, length_ms))

    inside = (row.total - row.good)[(shown_ms - END_MS) // MINUTE_MS]
    assert (inside, bad(row)) == (again, again)


def test_a_refresh_finds_the_restart_that_lies_before_all_that_it_reads() -> None:
    assert refreshed(restarting(3.0, 5.0), [120, 61, 30, 0], DAY_MS) == 5.0


def newcomers_of_a_gap() -> list[Series]:
    """A server is away from noon to six; its target goes on, with an error that is new, and so does a new pod."""
    seen = (t <= END_MS - 12 * HOUR_MS) | (t > END_MS - 6 * HOUR_MS)
    late = t > END_MS - 6 * HOUR_MS
    pod = handled("error", "new:1")
    began = np.full(int(late.sum()), (END_MS - 11 * HOUR_MS) / 1000)
    return [
        (handled("success"), t[seen], np.arange(len(t), dtype=np.float64)[seen]),
        (handled("error"), t[late], np.full(int(late.sum()), 60.0)),
        (pod, t[late], np.full(int(late.sum()), 50.0)),
        ({**pod, "__name__": "handled_created"}, t[late], began),
    ]


def test_newcomers_of_a_gap_are_counted_by_a_window_that_begins_within_it() -> None:
    span = TimeRange(END_MS - 8 * HOUR_MS, END_MS)

    counted = [errors_of(newcomers_of_a_gap(), span, length) for length in (8 * HOUR_MS, DAY_MS, 3 * DAY_MS)]

    # Two hours of the six in which the target was not seen, and of the five since the pod was created.
    assert counted == pytest.approx([60 / 3 + 50 * 2 / 5] * 3, rel=0.01)
    assert counted == pytest.approx([counted[0]] * 3, rel=1e-9)


def test_a_large_first_value_is_believed_or_not_by_what_happens_about_then() -> None:
    """A hundred a second for a while does not make a history of millions, shown hours later, events."""
    burst = np.where((t > END_MS - 10 * HOUR_MS) & (t <= END_MS - 9 * HOUR_MS), 6_000.0, 1.0)
    born, shown = first_of(END_MS - 9.5 * HOUR_MS), first_of(END_MS - 3 * HOUR_MS)
    series: list[Series] = [
        counter(handled("success"), t, burst),
        (handled("error", kind="real"), t[born:], np.full(len(t) - born, 4_000.0)),
        (handled("error", kind="history"), t[shown:], np.full(len(t) - shown, 50_000.0)),
    ]
    span = TimeRange(END_MS - 10 * HOUR_MS, END_MS)

    counted = [errors_of(series, span, length) for length in (10 * HOUR_MS, DAY_MS, 3 * DAY_MS)]

    assert counted == [4_000.0] * 3
    assert refreshed(series, range(720, -1, -45), DAY_MS) == 4_000.0


@pytest.mark.parametrize("length_ms", [HOUR_MS, 10 * HOUR_MS, 3 * DAY_MS])
def test_a_process_that_was_not_scraped_for_hours_counts_since_it_began(length_ms: int) -> None:
    """It says when that was, and its server was there; a window that begins later has its share."""
    seen = t > END_MS - HOUR_MS / 2
    began_ms = END_MS - 4.5 * HOUR_MS
    start = {"__name__": "process_start_time_seconds", "job": "svc", "instance": "new:1"}
    series: list[Series] = [
        steady,
        (handled("error", "new:1"), t[seen], np.full(int(seen.sum()), 80.0)),
        (start, t[seen], np.full(int(seen.sum()), began_ms / 1000)),
    ]
    span = TimeRange(END_MS - HOUR_MS, END_MS)

    assert errors_of(series, span, length_ms) == pytest.approx(80.0 / 4 / 2, rel=0.02)
