"""Lag in seconds in every situation that is known to fool it: the value, its error bar, or that nothing is known.

E is the produced position, C the committed one; scrapes are ten seconds apart unless a case says otherwise, so the
message at C was written within ten seconds, and the error reaches to the farther of the two scrapes around it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pytest
from counting_cases import END_MS, HOUR_MS, MINUTE_MS, bound, row_of, scrapes, selector, slices

from observatory.indicators.expression import Behind
from observatory.ledger.lag import seconds_behind
from observatory.ledger.levels import Level
from observatory.ledger.queue_lag import age_seconds
from observatory.ledger.row import Row
from observatory.windows import Grid

GRID = Grid.ending_at(END_MS, HOUR_MS)
TEN = 10.0
Curve = Sequence[tuple[float, float]]


def lag(produced: Curve, committed: Curve, fresh_seconds: float = 60.0) -> Level:
    def columns(curve: Curve) -> tuple[np.ndarray, np.ndarray]:
        return np.asarray([round(1000 * t) for t, _ in curve], np.int64), np.asarray([v for _, v in curve], float)

    return seconds_behind(*columns(produced), *columns(committed), fresh_ms=round(fresh_seconds * 1000))


def steady(until: float, per_second: float = 1.0, since: float = 0.0) -> list[tuple[float, float]]:
    """Production at an even pace, scraped every ten seconds."""
    return [(t, per_second * (t - since)) for t in np.arange(since, until + 1, TEN).tolist()]


def seen(found: Level) -> list[tuple[float, float, bool]]:
    """Value, error and whether it is only at least that, at each sample of C."""
    assert found.error is not None
    assert found.at_least is not None
    return list(zip(found.value.tolist(), found.error.tolist(), found.at_least.tolist(), strict=True))


def test_nothing_new_and_caught_up_is_zero_for_certain() -> None:
    idle = [(t, 100.0) for t in range(0, 3600, 10)]
    assert set(seen(lag(idle, [(600, 100), (3590, 100)]))) == {(0.0, 0.0, False)}


def test_nothing_new_and_behind_grows_by_a_second_per_second_with_the_same_error() -> None:
    # 100 messages by second 100, then silence; the group stands at 55, written between seconds 50 and 60.
    produced = steady(100) + [(t, 100.0) for t in range(110, 3600, 10)]
    assert seen(lag(produced, [(1000, 55), (2000, 55)])) == [(945.0, 5.0, False), (1945.0, 5.0, False)]


def test_one_message_after_an_idle_time_is_as_old_as_one_scrape_at_most() -> None:
    produced = [(float(t), 50.0) for t in range(0, 3600, 10)] + [(3600.0, 51.0)]
    assert seen(lag(produced, [(3600, 50)])) == [(10.0, 10.0, False)]


def test_after_a_restart_of_the_exporter_the_error_is_as_wide_as_the_gap() -> None:
    # Nothing was scraped from 100 to 400; the message at 250 was written in between.
    produced = [*steady(100), *[(float(t), float(t)) for t in range(400, 500, 10)]]
    assert seen(lag(produced, [(490, 250)])) == [(240.0, 150.0, False)]


def test_further_behind_than_anything_that_was_seen_is_at_least_that_far() -> None:
    assert seen(lag(steady(500, since=100), [(500, 0.0)])) == [(400.0, 10.0, False)]
    late = [(t, value + 1000) for t, value in steady(500, since=100)]
    assert seen(lag(late, [(500, 900)])) == [(400.0, 0.0, True)]


def test_compaction_leaves_gaps_in_positions_and_times_are_right_all_the_same() -> None:
    # The consumer jumps over what was compacted; where it stands was written at second 300 to 310.
    assert seen(lag(steady(1000, per_second=7.0), [(1000, 7.0 * 305)])) == [
        (pytest.approx(695.0), pytest.approx(5.0), False)
    ]


def test_a_transaction_marker_at_the_end_of_an_idle_topic_looks_like_a_message_that_waits() -> None:
    # 99 messages and a marker; a client that does not commit past the marker stands at 99. Offsets alone cannot tell
    # it from a last message that nobody takes, so it is not made zero.
    produced = steady(100) + [(float(t), 100.0) for t in range(110, 600, 10)]
    assert seen(lag(produced, [(100, 99), (590, 99)])) == [(1.0, 9.0, False), (491.0, 9.0, False)]


def test_an_open_transaction_holds_readers_back_and_lag_by_the_head_grows() -> None:
    stable = 200.0  # the last stable offset; the head goes on
    assert [value for value, *_ in seen(lag(steady(1000), [(300, stable), (500, stable), (900, stable)]))] == [
        100.0,
        300.0,
        700.0,
    ]


@pytest.mark.parametrize("written", [-1.0, float("nan")])
def test_a_partition_that_was_never_committed_is_unknown_and_not_zero(written: float) -> None:
    assert len(lag(steady(100), [(50, written), (100, written)]).value) == 0


def test_a_rebalance_is_a_short_rise() -> None:
    committed = [(100.0, 100.0), (110.0, 100.0), (120.0, 100.0), (130.0, 130.0)]
    assert [value for value, *_ in seen(lag(steady(200), committed))] == [0.0, 10.0, 20.0, 0.0]


def test_a_reset_to_earliest_jumps_up_and_one_to_latest_to_zero() -> None:
    committed = [(500.0, 495.0), (510.0, 20.0), (520.0, 520.0)]
    assert seen(lag(steady(600), committed)) == [(5.0, 5.0, False), (490.0, 10.0, False), (0.0, 0.0, False)]


def test_a_topic_that_was_made_anew_is_not_compared_with_the_old_one() -> None:
    # The old one ended at 9,000; the group still has its old position until it reads the new topic.
    produced = [
        *[(float(t), 9000.0) for t in range(0, 100, 10)],
        *[(100.0 + t, t) for t in np.arange(0, 200, TEN).tolist()],
    ]
    assert seen(lag(produced, [(150, 9000), (200, 40), (250, 145)])) == [
        (0.0, 0.0, False),
        (60.0, 10.0, False),
        (5.0, 5.0, False),
    ]


def test_a_position_in_a_topic_that_is_gone_is_unknown_and_not_zero() -> None:
    old = [(float(t), 9000.0) for t in range(0, 100, 10)]
    made_anew = [(100.0 + t, t) for t in np.arange(0, 200, TEN).tolist()]
    assert seen(lag([*old, *made_anew], [(50, 9000), (150, 9000), (200, 40)])) == [
        (0.0, 0.0, False),
        (60.0, 10.0, False),
    ]


def test_a_position_beyond_the_end_is_unknown_however_long_ago_the_topic_was_made_anew() -> None:
    """What was before is out of sight; but what stands still is no position in a topic that has not come so far."""
    assert seen(lag(steady(1000), [(t, 9000.0) for t in range(500, 600, 10)])) == [(0.0, 0.0, False)] * 6
    # One that moves was only read later than the end.
    assert len(lag(steady(1000), [(float(t), t + 3.0) for t in range(500, 600, 10)]).value) == 10


def test_a_topic_cut_short_by_an_unclean_election_is_no_lag_for_a_group_at_its_end() -> None:
    produced = [*steady(1000), *[(float(t), 900.0) for t in range(1010, 5000, 10)]]
    # While an old answer could still explain the fall, the bar reaches down to nothing; after that it is certain.
    assert seen(lag(produced, [(1020, 900), (4990, 900)])) == [(0.0, 0.0, False), (0.0, 0.0, False)]
    undecided = seen(lag(produced[:103], [(1020, 900)]))
    assert undecided == [(120.0, 120.0, False)]


def test_a_single_absurd_answer_does_not_cut_the_history() -> None:
    """It is no measurement; the topic may have been made anew and soon as long again, so the bar reaches to it."""
    produced = steady(1000)
    produced[50] = (500.0, 0.0)
    assert seen(lag(produced, [(490, 100), (500, 100), (1000, 100)])) == [(390.0, 10.0, False), (900.0, 410.0, False)]


def test_zero_is_as_sure_as_the_head_is_new() -> None:
    """Positions of two exporters: the head was read 45 seconds before the commit, and more may have come since."""
    assert seen(lag([(0, 100), (60, 700)], [(45, 100)], 150)) == [(0.0, 45.0, False)]
    assert seen(lag([(0, 100), (60, 100)], [(45, 100)], 150)) == [(0.0, 0.0, False)]


def test_retention_that_deletes_unread_messages_does_not_make_lag_shrink() -> None:
    # By count the lag would shrink with the oldest offset; by time the group stands where it stood.
    assert [value for value, *_ in seen(lag(steady(5000), [(1000, 100), (3000, 100), (5000, 100)]))] == [
        900.0,
        2900.0,
        4900.0,
    ]


def test_a_position_read_after_the_head_is_no_negative_lag() -> None:
    assert seen(lag(steady(100), [(100, 103)])) == [(0.0, 0.0, False)]


def test_a_group_that_commits_every_minute_saws_between_zero_and_a_minute() -> None:
    committed = [(float(t), float(t // 60 * 60)) for t in range(60, 300, 10)]
    values = [value for value, *_ in seen(lag(steady(300), committed))]
    assert (min(values), max(values)) == (0.0, 50.0)


def test_a_consumer_that_never_commits_grows_for_ever() -> None:
    assert [value for value, *_ in seen(lag(steady(7200), [(3600, 10), (7200, 10)]))] == [3590.0, 7190.0]


def test_a_requeued_message_makes_the_head_older_again() -> None:
    shown = np.asarray([100_000, 110_000, 120_000], np.int64)
    stamps = np.asarray([95.0, 108.0, 95.0])
    age = age_seconds(shown, stamps, shown, np.asarray([2.0, 1.0, 2.0]), fresh_ms=60_000)
    assert age.value.tolist() == [5.0, 2.0, 25.0]
    assert age.error is not None
    # Publishers write whole seconds, so each is up to one younger than its stamp says.
    assert age.error.tolist() == [1.0, 1.0, 1.0]


# In slices of time, partition by partition

Committed = Callable[[np.ndarray, np.ndarray], np.ndarray]


def lag_row(partitions: dict[str, Committed | None], bound_seconds: float = 60.0) -> Row:
    """A message a second in each partition, scraped once a minute; None: nobody ever committed, so no series."""
    t = scrapes(GRID.start_ms - HOUR_MS, GRID.end_ms)
    own = {"job": "k", "instance": "k:1", "topic": "orders"}
    produced = 60.0 * np.arange(len(t))
    series = []
    for partition, committed in partitions.items():
        series.append(({**own, "__name__": "end", "partition": partition}, t, produced))
        if committed is not None:
            values = committed(t, produced)
            kept = ~np.isnan(values)
            labels = {**own, "__name__": "done", "partition": partition, "group": "g"}
            series.append((labels, t[kept], values[kept]))
    measurement = slices(
        Behind("produced_offset", "committed_offset"),
        bound_seconds,
        bound("produced_offset", selector("end"), "position"),
        bound("committed_offset", selector("done"), "position", invalid_below=0.0),
    )
    return row_of(series, measurement, GRID)


def at_the_head(_: np.ndarray, produced: np.ndarray) -> np.ndarray:
    return produced


def behind_by(seconds: float) -> Committed:
    return lambda _, produced: produced - seconds


@pytest.mark.parametrize("missing", [None, lambda t, _: np.full(len(t), -1.0)])
def test_a_new_partition_without_a_commit_leaves_the_others_known(missing: Committed | None) -> None:
    row = lag_row({"0": at_the_head, "1": missing})
    assert (float(row.good.sum()), float(row.total.sum())) == (60.0, 60.0)


def test_a_group_that_never_committed_anything_has_no_slices() -> None:
    row = lag_row({"0": lambda t, _: np.full(len(t), -1.0)})
    assert (float(row.total.sum()), float(row.observed.sum())) == (0.0, 0.0)


def test_offsets_that_expired_end_the_slices_and_are_not_good() -> None:
    def expiring(t: np.ndarray, produced: np.ndarray) -> np.ndarray:
        return np.where(t <= GRID.start_ms + 30 * MINUTE_MS, produced, np.nan)

    row = lag_row({"0": expiring})
    assert 30.0 <= float(row.total.sum()) < 40.0
    assert float(row.observed.sum()) == 60 * float(row.total.sum())
    assert float(row.total[40:].sum()) == 0.0


def test_the_worst_partition_brings_its_own_error_bar() -> None:
    row = lag_row({"0": at_the_head, "1": behind_by(90.0)})
    assert row.level is not None
    assert row.level_error is not None
    assert set(row.level.tolist()) == {90.0}
    # Half-way between two scrapes a minute apart: half a minute in either direction.
    assert set(row.level_error.tolist()) == {30.0}
    assert float(row.good.sum()) == 0.0


def test_a_slice_on_the_bound_is_good_and_one_above_it_is_not() -> None:
    assert float(lag_row({"0": behind_by(60.0)}, 60.0).good.sum()) == 60.0
    assert float(lag_row({"0": behind_by(61.0)}, 60.0).good.sum()) == 0.0
