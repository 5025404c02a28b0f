"""Lag in seconds by inversion of the produced curve: every case in which counting backwards is easy to get wrong."""

from __future__ import annotations

import numpy as np
import pytest
from counting_cases import END_MS, HOUR_MS, MINUTE_MS, Series, bound, row_of, scrapes, selector, slices

from observatory.compile.measure import Measurement
from observatory.indicators.expression import Age, Behind, Level, Utilisation
from observatory.ledger.lag import seconds_behind
from observatory.ledger.levels import Level as Samples
from observatory.ledger.levels import LevelSteps, worst_of
from observatory.ledger.queue_lag import Arrivals, age_seconds, seconds_waited
from observatory.windows import Grid

GRID = Grid.ending_at(END_MS, HOUR_MS)


def at(*seconds: float) -> np.ndarray:
    return np.asarray([round(1000 * second) for second in seconds], dtype=np.int64)


def behind(
    produced: list[tuple[float, float]], committed: list[tuple[float, float]], fresh_seconds: float = 60.0
) -> Samples:
    return seconds_behind(
        at(*(t for t, _ in produced)),
        np.asarray([value for _, value in produced], dtype=float),
        at(*(t for t, _ in committed)),
        np.asarray([value for _, value in committed], dtype=float),
        fresh_ms=round(fresh_seconds * 1000),
    )


def test_a_group_at_the_head_has_no_lag() -> None:
    assert behind([(0, 0), (10, 100)], [(10, 100)]).value.tolist() == [0.0]


def test_time_is_interpolated_between_two_samples_of_the_produced_curve() -> None:
    lag = behind([(0, 0), (10, 100), (20, 200)], [(20, 150)])
    assert lag.value.tolist() == [5.0]
    assert lag.error is not None
    assert lag.error.tolist() == [5.0]


def test_an_idle_hour_before_a_message_is_no_lag() -> None:
    """The message at the committed position was written after the last sample that still had it as the head."""
    lag = behind([(0, 50), (1800, 50), (3600, 50), (3610, 51)], [(3610, 50)])
    assert lag.value.tolist() == [10.0]


def test_a_stopped_group_falls_behind_by_a_second_per_second() -> None:
    produced = [(10.0 * step, 10.0 * step) for step in range(100)]
    lag = behind(produced, [(500, 200), (510, 200), (900, 200)])
    assert lag.value.tolist() == [300.0, 310.0, 700.0]


def test_lag_goes_on_growing_while_producers_are_idle() -> None:
    produced = [(0, 0), (10, 100), (20, 100), (30, 100)]
    assert behind(produced, [(30, 50)]).value.tolist() == [25.0]


def test_a_negative_position_is_no_measurement() -> None:
    assert len(behind([(0, 0), (10, 100)], [(5, -1), (10, -1)]).value) == 0


def test_a_position_before_the_first_sample_is_at_least_that_old() -> None:
    lag = behind([(100, 1000), (200, 1100)], [(200, 900)])
    assert lag.value.tolist() == [100.0]
    assert lag.at_least is not None
    assert lag.at_least.tolist() == [True]


def test_a_recreated_topic_begins_a_new_curve() -> None:
    produced = [(0, 9000), (10, 9100), (20, 5), (30, 15)]
    lag = behind(produced, [(30, 10)])
    assert lag.value.tolist() == [5.0]


def test_an_old_answer_of_a_broker_is_overruled_by_what_was_seen_before() -> None:
    produced = [(0, 100), (10, 200), (20, 190), (30, 300)]
    assert behind(produced, [(20, 200)]).value.tolist() == [0.0]


def test_a_commit_beyond_the_head_is_no_negative_lag() -> None:
    assert behind([(0, 0), (10, 100)], [(10, 104)]).value.tolist() == [0.0]


def test_nothing_is_said_while_the_produced_curve_is_missing() -> None:
    assert len(behind([(0, 0), (10, 100)], [(500, 90)]).value) == 0


def test_the_curve_is_not_looked_up_in_the_future() -> None:
    assert behind([(0, 0), (10, 100), (20, 100), (30, 900)], [(20, 100)]).value.tolist() == [0.0]


def test_a_queue_is_behind_by_the_age_of_its_oldest_arrival() -> None:
    depth_t = at(*range(0, 101, 10))
    arrivals = Arrivals(at(*range(0, 100, 10)), at(*range(10, 101, 10)), np.full(10, 10.0))
    depth = np.asarray([0, 0, 0, 0, 0, 10, 20, 30, 40, 0, 0], dtype=float)
    lag = seconds_waited(arrivals, depth_t, depth)
    assert lag.value.tolist() == [0, 0, 0, 0, 0, 10, 20, 30, 40, 0, 0]


def test_what_waited_before_the_first_sample_is_at_least_that_old() -> None:
    depth_t = at(0, 10, 20)
    arrivals = Arrivals(at(0), at(10), np.asarray([5.0]))
    lag = seconds_waited(arrivals, depth_t, np.asarray([7.0, 12.0, 12.0]))
    assert lag.value.tolist() == [0.0, 10.0, 20.0]
    assert lag.at_least is not None
    assert lag.at_least.tolist() == [True, True, True]


def test_the_age_of_the_head_is_zero_where_nothing_waits() -> None:
    age = age_seconds(at(100, 110), np.asarray([70.0, 70.0]), at(100, 110), np.asarray([3.0, 0.0]), fresh_ms=60_000)
    assert age.value.tolist() == [30.0, 0.0]


def test_the_age_is_unknown_where_something_waits_without_a_timestamp() -> None:
    age = age_seconds(at(100), np.asarray([0.0]), at(100, 110), np.asarray([3.0, 0.0]), fresh_ms=60_000)
    assert age.t_ms.tolist() == [110_000]


def test_arrivals_that_are_scraped_at_other_moments_make_the_bar_wider() -> None:
    # One message at second 61, seen at 115; depth is read at 80 and at 100, when it still waits.
    arrivals = Arrivals(at(-5, 55), at(55, 115), np.asarray([1.0, 1.0]))
    lag = seconds_waited(arrivals, at(40, 80, 100), np.asarray([0.0, 1.0, 1.0]))
    assert lag.error is not None
    for value, error, truth in zip(lag.value.tolist(), lag.error.tolist(), (0.0, 19.0, 39.0), strict=True):
        assert abs(value - truth) <= error


def test_the_worst_of_several_is_as_unsure_as_any_that_may_be_the_worst() -> None:
    grid = Grid(0, MINUTE_MS, 1)
    parts = [
        LevelSteps(np.asarray([value]), np.asarray([error]), np.asarray([least]))
        for value, error, least in ((50.0, 5.0, False), (45.0, 30.0, False))
    ]
    worst = worst_of(parts, grid)
    assert (worst.worst.tolist(), worst.error.tolist(), worst.at_least.tolist()) == ([50.0], [25.0], [False])
    unknown = LevelSteps(np.asarray([40.0]), np.zeros(1), np.asarray([True]))
    assert worst_of([*parts, unknown], grid).at_least.tolist() == [True]


def offsets(topic_lag: int) -> list[tuple[dict[str, str], np.ndarray, np.ndarray]]:
    """Two partitions; in minutes 20 to 29 of the hour partition 1 is not read."""
    t = scrapes(GRID.start_ms - HOUR_MS, GRID.end_ms)
    own = {"job": "k", "instance": "k:1", "topic": "orders"}
    produced = 60.0 * np.arange(len(t))
    stalled = (t > GRID.start_ms + 20 * MINUTE_MS) & (t <= GRID.start_ms + 30 * MINUTE_MS)
    stuck = np.where(stalled, produced[np.argmax(stalled)] - topic_lag, produced)
    series = []
    for partition, committed in (("0", produced), ("1", stuck)):
        series.append(({**own, "__name__": "end", "partition": partition}, t, produced))
        series.append(({**own, "__name__": "done", "partition": partition, "group": "g"}, t, committed))
    return series


def test_a_slice_is_judged_by_the_worst_partition() -> None:
    measurement = slices(
        Behind("produced_offset", "committed_offset"),
        120.0,
        bound("produced_offset", selector("end"), "position"),
        bound("committed_offset", selector("done"), "position"),
    )
    row = row_of(offsets(0), measurement, GRID)
    assert row.level is not None
    assert row.level[20:30].tolist() == pytest.approx([60.0 * minute for minute in range(10)])
    assert (row.good.sum(), row.total.sum()) == (53.0, 60.0)


def test_lag_from_the_head_and_messages_that_wait() -> None:
    t = scrapes(GRID.start_ms - HOUR_MS, GRID.end_ms)
    own = {"job": "k", "instance": "k:1", "topic": "orders"}
    waiting = np.where(np.arange(len(t)) >= len(t) - 5, 180.0, 0.0)
    series = [
        ({**own, "__name__": "end"}, t, 60.0 * np.arange(len(t))),
        ({**own, "__name__": "lag", "group": "g"}, t, waiting),
    ]
    measurement = slices(
        Behind("produced_offset", depth="consumer_lag"),
        120.0,
        bound("produced_offset", selector("end"), "position"),
        bound("consumer_lag", selector("lag"), "level"),
    )
    row = row_of(series, measurement, GRID)
    assert row.level is not None
    assert row.level[-6:].tolist() == [0.0, 180.0, 180.0, 180.0, 180.0, 180.0]


def test_arrivals_of_several_connections_are_one_curve() -> None:
    """Counters by connection end and begin; what they count together goes on."""
    t = scrapes(GRID.start_ms - HOUR_MS, GRID.end_ms)
    own = {"job": "r", "instance": "r:1", "queue": "q"}
    half = len(t) - 30
    series = [
        ({**own, "__name__": "in_total", "channel": "1"}, t[:half], 10.0 * (1 + np.arange(half))),
        ({**own, "__name__": "in_total", "channel": "2"}, t[half:], 10.0 * (1 + np.arange(30))),
        ({**own, "__name__": "depth"}, t, np.where(np.arange(len(t)) == len(t) - 1, 20.0, 0.0)),
    ]
    measurement = slices(
        Behind("enqueued_messages", depth="queue_depth"),
        60.0,
        bound("enqueued_messages", selector("in_total", queue="q")),
        bound("queue_depth", selector("depth", queue="q"), "level"),
    )
    row = row_of(series, measurement, GRID)
    assert row.level is not None
    assert row.level[-2:].tolist() == [0.0, 120.0]
    assert float(row.total.sum()) == 60.0


def test_a_group_far_behind_is_bad_even_if_nobody_knows_how_far() -> None:
    t = scrapes(GRID.start_ms - HOUR_MS, GRID.end_ms)
    own = {"job": "k", "instance": "k:1", "topic": "orders"}
    series = [
        ({**own, "__name__": "end"}, t, 1e6 + 60.0 * np.arange(len(t))),
        ({**own, "__name__": "done", "group": "g"}, t, np.full(len(t), 5.0)),
    ]
    bindings = (
        bound("produced_offset", selector("end"), "position"),
        bound("committed_offset", selector("done"), "position"),
    )
    level = Behind("produced_offset", "committed_offset")
    strict = row_of(series, slices(level, 60.0, *bindings), GRID)
    loose = row_of(series, slices(level, 5 * 3600.0, *bindings), GRID)
    assert (float(strict.good.sum()), float(strict.total.sum())) == (0.0, 60.0)
    assert (float(loose.good.sum()), float(loose.total.sum())) == (0.0, 0.0)


def test_a_level_holds_until_the_next_sample_but_not_over_a_gap() -> None:
    t = np.asarray([GRID.start_ms + minute * MINUTE_MS for minute in (-20, -15, -10, -5, 0, 5, 10, 40, 45)])
    labels = {"__name__": "depth", "job": "r", "instance": "r:1"}
    row = row_of([(labels, t, np.arange(9.0))], slices_of_depth(), GRID)
    assert row.level is not None
    assert row.level[:12].tolist() == [4, 4, 4, 4, 5, 5, 5, 5, 5, 6, 6, 6]
    assert np.isnan(row.level[25:39]).all()


def slices_of_depth() -> Measurement:
    return slices(Level("queue_depth"), 100.0, bound("queue_depth", selector("depth"), "level"))


def test_a_value_that_means_unknown_is_left_out() -> None:
    t = scrapes(GRID.start_ms, GRID.end_ms)
    labels = {"__name__": "lag", "job": "k", "instance": "k:1"}
    binding = bound("queue_depth", selector("lag"), "level", invalid_below=0.0)
    row = row_of([(labels, t, np.full(len(t), -1.0))], slices(Level("queue_depth"), 100.0, binding), GRID)
    assert float(row.total.sum()) == 0.0


def test_a_share_is_taken_broker_by_broker() -> None:
    t = scrapes(GRID.start_ms - HOUR_MS, GRID.end_ms)
    series = []
    for node, used in (("n1", 30.0), ("n2", 80.0)):
        own = {"job": "r", "instance": f"{node}:1"}
        series.append(({**own, "__name__": "used"}, t, np.full(len(t), used)))
        series.append(({**own, "__name__": "limit"}, t, np.full(len(t), 100.0 if node == "n1" else 160.0)))
    measurement = slices(
        Utilisation("broker_memory_used", "broker_memory_limit"),
        0.4,
        bound("broker_memory_used", selector("used"), "level"),
        bound("broker_memory_limit", selector("limit"), "level"),
    )
    row = row_of(series, measurement, GRID)
    assert row.level is not None
    assert set(row.level.tolist()) == {0.5}
    assert float(row.good.sum()) == 0.0


def test_the_age_of_the_oldest_message_by_its_timestamp() -> None:
    t = scrapes(GRID.start_ms - HOUR_MS, GRID.end_ms)
    own = {"job": "r", "instance": "r:1", "queue": "q"}
    series = [
        ({**own, "__name__": "head"}, t, t / 1000 - 45),
        ({**own, "__name__": "depth"}, t, np.full(len(t), 2.0)),
    ]
    measurement = slices(
        Age("head_timestamp", "queue_depth"),
        60.0,
        bound("head_timestamp", selector("head"), "timestamp"),
        bound("queue_depth", selector("depth"), "level"),
    )
    row = row_of(series, measurement, GRID)
    assert row.level is not None
    assert row.level.tolist() == pytest.approx([45.0] * 60)
    assert float(row.good.sum()) == 60.0


T = scrapes(GRID.start_ms - 6 * HOUR_MS, GRID.end_ms)
PRODUCED = 60.0 * np.arange(len(T))
HALF = GRID.end_ms - 30 * MINUTE_MS < T
"""Scrapes of the second half of the hour."""


def exported(name: str, values: np.ndarray, kept: np.ndarray | None = None, **labels: str) -> Series:
    kept = np.ones(len(T), dtype=bool) if kept is None else kept
    return {"__name__": name, "job": "k", "instance": "k:1", "topic": "orders", **labels}, T[kept], values[kept]


def by_offsets(threshold: float, committed: str = "committed_offset") -> Measurement:
    second = bound(committed, selector("done"), "position", partition_label="partition")
    if committed == "consumer_lag":
        second = bound(committed, selector("done"), "level", partition_label="partition")
        level = Behind("produced_offset", depth=committed)
    else:
        level = Behind("produced_offset", committed)
    return slices(level, threshold, bound("produced_offset", selector("end"), "position"), second)


def test_an_exporter_that_starts_anew_in_another_pod_knows_what_was_produced_before() -> None:
    pods = [(~HALF, {"pod": "p-1", "instance": "k:1"}), (HALF, {"pod": "p-2", "instance": "k:2"})]
    series = [exported("end", PRODUCED, kept, partition="0", **pod) for kept, pod in pods]
    series += [exported("done", PRODUCED - 7200, kept, partition="0", group="g", **pod) for kept, pod in pods]
    row = row_of(series, by_offsets(3 * 3600.0), GRID)
    assert row.level is not None
    assert set(row.level.tolist()) == {7200.0}
    assert float(row.good.sum()) == 60.0


def test_lag_that_is_shown_by_topic_is_held_against_all_partitions_together() -> None:
    """Two partitions at their own positions, a message a second each; 120 messages wait in both together."""
    series = [exported("end", PRODUCED + far, partition=name) for name, far in (("0", 0.0), ("1", 500_000.0))]
    row = row_of([*series, exported("done", np.full(len(T), 120.0), group="g")], by_offsets(60.0, "consumer_lag"), GRID)
    assert row.level is not None
    assert set(row.level.tolist()) == {60.0}


@pytest.mark.parametrize(
    "measurement",
    [
        by_offsets(60.0),
        slices(
            Level("consumer_lag"), 50.0, bound("consumer_lag", selector("done"), "level", partition_label="partition")
        ),
    ],
)
def test_a_partition_that_goes_missing_leaves_what_was_good_unknown(measurement: Measurement) -> None:
    """An exporter leaves out a partition without a leader; the rest of the group says nothing about it."""
    behind = Level("consumer_lag") == measurement.indicator.good.level  # type: ignore[union-attr]
    done = np.zeros(len(T)) if behind else PRODUCED
    series = [exported("end", PRODUCED, partition=name) for name in "01"]
    series += [exported("done", done, kept, partition=name, group="g") for name, kept in (("0", None), ("1", ~HALF))]
    row = row_of(series, measurement, GRID)
    assert (float(row.good.sum()), float(row.total.sum())) == (31.0, 31.0)


def test_what_a_pair_of_exporters_shows_is_counted_once() -> None:
    series = [
        exported("done", np.full(len(T), 90.0), partition=name, group="g", instance=instance)
        for name in "01"
        for instance in ("k:1", "k:2")
    ]
    waiting = bound("consumer_lag", selector("done"), "level", partition_label="partition")
    row = row_of(series, slices(Level("consumer_lag"), 200.0, waiting), GRID)
    assert row.level is not None
    assert set(row.level.tolist()) == {180.0}
