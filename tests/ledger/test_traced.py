"""Journeys by traces: what belongs to which journey, and where that cannot be told."""

from __future__ import annotations

import numpy as np

from observatory.ledger.row import Row
from observatory.ledger.traced import LATEST_MS, TracedJourneys, count_journeys, spliced
from observatory.sources.base import Visits
from observatory.windows import Grid

GRID = Grid(0, 60_000, 2 * 1440)
PRESENCE = np.full(GRID.steps, 60.0)
Visit = tuple[int, int, float, bool]
"""Hop, trace, minute, failed."""


def counted(visits: list[Visit], links: list[tuple[int, int]] = [], hops: int = 2) -> TracedJourneys | None:  # noqa: B006
    """Links are (trace, the one that it links to)."""

    def ids(numbers: list[int]) -> np.ndarray:
        return np.asarray([(1, number) for number in numbers], np.uint64).reshape(-1, 2)

    start_ns = np.asarray([round(minute * 60e9) for *_, minute, _ in visits], np.int64)
    found = Visits(
        query=np.asarray([hop for hop, *_ in visits], np.int64),
        trace=ids([trace for _, trace, *_ in visits]),
        start_ns=start_ns,
        end_ns=start_ns + 10**9,
        failed=np.asarray([failed for *_, failed in visits], bool),
        weight=np.ones(len(visits)),
        linked=np.concatenate([ids([one for one, _ in links]), ids([other for _, other in links])], axis=1),
    )
    return count_journeys(found, [False] * hops, None, GRID, PRESENCE)


def good_of_total(*arguments: object) -> tuple[float, float]:
    found = counted(*arguments)  # type: ignore[arg-type]
    assert found is not None
    return float(found.row.good.sum()), float(found.row.total.sum())


def test_a_trace_that_reaches_every_hop_well_is_good() -> None:
    assert good_of_total([(0, 1, 5, False), (1, 1, 6, False)]) == (1.0, 1.0)


def test_a_hop_tried_again_after_a_failure_has_failed_as_counters_have_it() -> None:
    assert good_of_total([(0, 1, 5, False), (1, 1, 6, True), (1, 1, 7, False)]) == (0.0, 1.0)


def test_traces_linked_one_after_another_are_one_journey() -> None:
    visits = [(0, 1, 5, False), (1, 2, 6, False), (2, 3, 7, False)]
    assert good_of_total(visits, [(2, 1), (3, 2)], 3) == (1.0, 1.0)
    assert good_of_total(visits, [(2, 1)], 3) == (0.0, 1.0)


def test_a_trace_that_links_to_two_others_cannot_be_told_apart() -> None:
    visits = [(0, 1, 5, False), (0, 2, 5, False), (1, 3, 6, False)]
    assert counted(visits, [(3, 1), (3, 2)]) is None
    # Nor can what comes after it.
    assert counted([*visits[:2], (1, 4, 6, False)], [(3, 1), (3, 2), (4, 3)]) is None
    # A batch that no hop of the journey sees does no harm.
    assert good_of_total([(0, 1, 5, False), (1, 1, 6, False)], [(9, 7), (9, 8)]) == (1.0, 1.0)


def test_a_ring_of_links_has_no_beginning() -> None:
    assert counted([(0, 1, 5, False), (1, 2, 6, False)], [(1, 2), (2, 1)]) is None


def test_what_never_entered_is_no_journey() -> None:
    assert good_of_total([(1, 1, 5, False)]) == (0.0, 0.0)


def test_a_hop_reached_a_day_later_was_not_reached() -> None:
    day = LATEST_MS / 60_000
    assert good_of_total([(0, 1, 5, False), (1, 1, 5 + day, False)]) == (1.0, 1.0)
    assert good_of_total([(0, 1, 5, False), (1, 1, 5.1 + day, False)]) == (0.0, 1.0)


def test_a_journey_counts_in_the_minute_in_which_it_entered() -> None:
    found = counted([(0, 1, 5.5, False), (1, 1, 100, True)])
    assert found is not None
    assert np.flatnonzero(found.row.total).tolist() == [5]
    assert [float(one.sum()) for one in found.arrived] == [1.0, 1.0]


def test_nothing_is_no_journey_and_no_ambiguity() -> None:
    assert good_of_total([]) == (0.0, 0.0)


def test_a_tail_replaces_the_steps_that_it_covers() -> None:
    old, new = counted([(0, 1, 5, False), (0, 2, 2000, False)]), counted([(0, 1, 5, False), (1, 1, 6, False)])
    assert old is not None
    assert new is not None
    tail = Grid(GRID.end_ms - 1440 * 60_000, 60_000, 1440)
    half, row = slice(1440, None), new.row
    newest = TracedJourneys(
        row=Row(good=row.good[half], total=row.total[half], observed=row.observed[half], series=1),
        open=new.open[half],
        arrived=tuple(one[half] for one in new.arrived),
        squares=new.squares[half],
    )
    found = spliced(old, GRID, newest, tail, GRID)
    assert np.flatnonzero(found.row.total).tolist() == [4]
    assert float(found.squares.sum()) == 1.0
