"""Restarts that no fall shows, found by the start of the process."""

from __future__ import annotations

from msgspec.structs import replace

from observatory.ledger.restarts import Candidates, HiddenRestart, falls_of, hidden_restarts
from observatory.ledger.targets import Targets, target_of
from observatory.sources.base import SampleSet

OWNER = {"job": "shop", "instance": "a"}
TIMES = [60_000, 120_000, 180_000, 240_000]


def samples(*values: list[float]) -> SampleSet:
    return SampleSet.of(({"__name__": "x_total", "n": str(n), **OWNER}, TIMES, one) for n, one in enumerate(values))


def targets(of: SampleSet, *starts: tuple[int, int]) -> Targets:
    known = Targets()
    known.learn([("metrics", of)])
    known[target_of("metrics", OWNER)].starts_ms = list(starts)
    return known


STARTS = ((60_000, 1_000), (180_000, 130_000))
BUSY = [100.0, 150.0, 20.0, 60.0]


def test_a_rare_counter_that_holds_one_again_has_counted_again() -> None:
    both = samples(BUSY, [1.0, 1.0, 1.0, 1.0])

    assert hidden_restarts([Candidates(both, "metrics", [0, 1])], targets(both, *STARTS)) == [
        {1: (HiddenRestart(180_000, 1.0),)}
    ]


def test_counters_that_all_went_on_survived_the_start_of_their_exporter() -> None:
    both = samples([100.0, 150.0, 151.0, 160.0], [1.0, 1.0, 1.0, 1.0])

    assert hidden_restarts([Candidates(both, "metrics", [0, 1])], targets(both, *STARTS)) == [{}]


def test_without_a_known_start_nothing_is_assumed() -> None:
    both = samples(BUSY, [1.0, 1.0, 1.0, 1.0])

    assert hidden_restarts([Candidates(both, "metrics", [0, 1])], targets(both)) == [{}]


def test_the_fall_may_be_seen_in_another_answer_of_the_same_target() -> None:
    busy, rare = samples(BUSY), samples([2.0, 2.0, 3.0, 3.0])
    found = hidden_restarts(
        [Candidates(busy, "metrics", [0]), Candidates(rare, "metrics", [0])], targets(busy, *STARTS)
    )

    assert found == [{}, {0: (HiddenRestart(180_000, 2.0),)}]


def test_values_of_a_query_grid_may_repeat_and_prove_nothing() -> None:
    grid = replace(samples(BUSY, [1.0, 1.0, 1.0, 1.0]), exact=False, resolution_ms=60_000)

    assert hidden_restarts([Candidates(grid, "metrics", [0, 1])], targets(grid, *STARTS)) == [{}]


def test_the_start_itself_may_lie_before_the_last_scrape_of_the_old_process() -> None:
    both = samples(BUSY, [1.0, 1.0, 1.0, 1.0])
    # Kept to a second only: the start reads as 119.99 s, the old process was scraped at 120 s.
    found = hidden_restarts([Candidates(both, "metrics", [0, 1])], targets(both, (60_000, 1_000), (180_000, 119_990)))

    assert found == [{1: (HiddenRestart(180_000, 1.0),)}]


def test_a_series_has_fallen_by_its_own_values_and_not_by_those_of_its_neighbour() -> None:
    assert falls_of(samples([5.0, 6.0, 7.0, 8.0], [1.0, 2.0, 1.0, 3.0], [0.0, 0.0, 0.0, 0.0])) == {1: [180_000]}


def test_a_counter_that_says_it_was_created_anew_has_counted_again_where_another_of_its_target_fell() -> None:
    both = samples(BUSY, [1.0, 1.0, 1.0, 1.0])
    recreated = {0: [180_000], 1: [180_000]}
    busy_elsewhere = SampleSet.of([({"__name__": "x_total", "job": "shop", "instance": "b"}, TIMES, BUSY)])

    found = hidden_restarts([Candidates(both, "metrics", [0, 1], recreated)], targets(both))
    alone = hidden_restarts(
        [
            Candidates(samples([1.0, 1.0, 1.0, 1.0]), "metrics", [0], {0: [180_000]}),
            Candidates(busy_elsewhere, "metrics", [0], {0: [180_000]}),
        ],
        targets(both),
    )

    assert found == [{1: (HiddenRestart(180_000, 1.0),)}]
    assert alone == [{}, {}]


def test_a_rare_counter_that_shows_itself_long_after_the_restart_has_counted_again() -> None:
    busy = samples(BUSY)
    rare = SampleSet.of([({"__name__": "y_total", **OWNER}, [60_000, 120_000, 600_000], [1.0, 1.0, 1.0])])

    found = hidden_restarts(
        [Candidates(busy, "metrics", [0], {0: [180_000]}), Candidates(rare, "metrics", [0], {0: [600_000]})],
        targets(busy),
    )

    assert found == [{}, {0: (HiddenRestart(600_000, 1.0),)}]


def test_a_counter_that_goes_on_after_its_collector_restarted_counts_nothing_twice() -> None:
    steady = samples([100.0, 150.0, 151.0, 160.0], [1.0, 1.0, 1.0, 1.0])

    found = hidden_restarts([Candidates(steady, "metrics", [0, 1], {0: [180_000], 1: [180_000]})], targets(steady))

    assert found == [{}]
