"""Exponential histograms in the store, shown as the classic series that they stand for."""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np
import pytest
from otlp_metric_writer import CUMULATIVE, DELTA, Request

from observatory.sources.base import SeriesRequest
from observatory.sources.receiving.otlp_metrics import decode
from observatory.sources.store import Store
from observatory.telemetry.binding import Matcher
from observatory.telemetry.inventory import InventoryRequest
from observatory.windows import TimeRange

T_MS = 1_790_000_000_000
MINUTE = 60_000
ALWAYS = TimeRange(0, 10**14)
SCALES = (5, 3, 3, 2, 2)
"""Of the histograms that are sent one after the other; a sender lowers it when values spread."""


@pytest.fixture
def store() -> Iterable[Store]:
    with Store.open() as opened:
        yield opened


def observations() -> list[np.ndarray]:
    """Values of five minutes, wider from minute to minute."""
    random = np.random.default_rng(3)
    return [random.lognormal(-1, 0.3 * (minute + 1), 200) for minute in range(len(SCALES))]


def request(values: np.ndarray, scale: int, minute: int, temporality: int, start: int = 0) -> Request:
    """One histogram of these values, as a sender would put them into buckets."""
    lower = [math.ceil(math.log2(value) * 2.0**scale) - 1 for value in values.tolist()]
    offset = min(lower)
    counts = np.bincount(np.asarray(lower) - offset).tolist()
    start_ms = T_MS + start * MINUTE
    return Request().exponential(
        "wait", start_ms, T_MS + (minute + 1) * MINUTE, scale, offset, counts, zero=1, temporality=temporality,
        topic="orders",
    )  # fmt: skip


def push(store: Store, one: Request) -> None:
    store.append_batch(decode(one.body(), "application/x-protobuf"))


def send_all(store: Store, temporality: int, times: int = 1) -> None:
    seen = observations()
    for minute, scale in enumerate(SCALES):
        values = seen[minute] if temporality == DELTA else np.concatenate(seen[: minute + 1])
        start = minute if temporality == DELTA else 0
        for _ in range(times):
            push(store, request(values, scale, minute, temporality, start))


def at_most(store: Store, le: str, span: TimeRange = ALWAYS) -> list[float]:
    found = store.samples(SeriesRequest("wait_seconds_bucket", (Matcher("le", (le,)),), span))
    assert len(found) <= 1
    if len(found):
        assert found.labels[0]["le"] == le
        assert found.labels[0]["topic"] == "orders"
        assert "__bucket__" not in found.labels[0]
    return found.values.tolist()


def truth(bound: float, zeros_each: int) -> list[int]:
    """Values at or under a bound after each minute; a zero stands for every histogram that was sent."""
    under = np.cumsum([int((values <= bound).sum()) for values in observations()])
    return [int(count) + (zeros_each * (minute + 1) if zeros_each else 1) for minute, count in enumerate(under)]


@pytest.mark.parametrize("bound", [0.25, 0.5, 1.0, 2.0])
def test_values_under_a_boundary_are_counted_exactly_at_every_scale(store: Store, bound: float) -> None:
    send_all(store, CUMULATIVE)

    assert at_most(store, str(bound)) == truth(bound, zeros_each=0)


@pytest.mark.parametrize("bound", [0.25, 0.5, 1.0, 2.0])
def test_increments_of_histograms_add_up_whatever_their_scale(store: Store, bound: float) -> None:
    send_all(store, DELTA, times=2)

    # The first sample is the start of the first interval.
    assert at_most(store, str(bound)) == [0, *truth(bound, zeros_each=1)]


def test_a_part_of_the_time_shows_the_same_totals(store: Store) -> None:
    send_all(store, DELTA)

    late = TimeRange(T_MS + 3 * MINUTE, T_MS + 5 * MINUTE)

    assert at_most(store, "0.5", late) == truth(0.5, zeros_each=1)[3:]


@pytest.mark.parametrize("temporality", [CUMULATIVE, DELTA])
def test_everything_is_in_the_infinite_bucket_and_in_the_count(store: Store, temporality: int) -> None:
    send_all(store, temporality)

    every = truth(math.inf, zeros_each=1 if temporality == DELTA else 0)
    shown = [0, *every] if temporality == DELTA else every
    assert at_most(store, "+Inf") == shown
    assert store.samples(SeriesRequest("wait_seconds_count", (), ALWAYS)).values.tolist() == shown


def test_a_bound_that_coarser_buckets_do_not_have_is_shown_while_there_were_finer_ones(store: Store) -> None:
    send_all(store, CUMULATIVE)
    fine = format(2.0 ** (-1 / 8), ".12g")

    assert len(at_most(store, fine)) == SCALES.count(5) + SCALES.count(3)
    assert at_most(store, "0.3") == []


def test_the_inventory_shows_the_bounds_that_all_buckets_share(store: Store) -> None:
    send_all(store, CUMULATIVE)
    wanted = InventoryRequest({"wait_seconds_bucket": ("topic", "le"), "wait_seconds_count": ("topic",)})

    found = store.inventory(wanted, ALWAYS)

    shown = [row[1] for row in found.label_sets["wait_seconds_bucket"].rows]
    steps = sorted(math.log2(float(le)) * 4 for le in shown if le != "+Inf")
    assert np.allclose(steps, np.round(steps))
    assert {"0.5", "1", "2", "+Inf"} <= set(shown)
    assert found.label_sets["wait_seconds_count"].rows == (("orders",),)
    assert found.names == {"wait_seconds_bucket", "wait_seconds_count", "wait_seconds_sum", "wait_seconds_created"}


def test_several_requests_together_find_the_same(store: Store) -> None:
    send_all(store, CUMULATIVE)
    near = TimeRange(T_MS, T_MS + 10 * MINUTE)
    asked = [
        SeriesRequest("wait_seconds_count", (), near),
        SeriesRequest("wait_seconds_bucket", (Matcher("le", ("0.5", "1")),), near),
    ]

    together = store.samples_together(asked)

    assert [one.values.tolist() for one in together] == [store.samples(one).values.tolist() for one in asked]
    assert [dict(labels)["le"] for labels in together[1].labels] == ["0.5", "1"]


def test_values_below_zero_are_at_most_every_bound(store: Store) -> None:
    one = request(np.array([0.3, 0.7]), 3, 0, CUMULATIVE)
    point = one.message.resource_metrics[0].scope_metrics[0].metrics[0].exponential_histogram.data_points[0]
    point.negative.offset = 0
    point.negative.bucket_counts.extend([4])
    point.count += 4
    push(store, one)

    assert at_most(store, "0.5") == [1 + 1 + 4]


def test_a_bound_inside_the_zero_bucket_tells_nothing(store: Store) -> None:
    one = request(np.array([0.3, 0.7]), 3, 0, CUMULATIVE)
    one.message.resource_metrics[0].scope_metrics[0].metrics[0].exponential_histogram.data_points[
        0
    ].zero_threshold = 0.26
    push(store, one)

    assert (at_most(store, "0.25"), at_most(store, "0.5")) == ([], [2])


@pytest.mark.parametrize("temporality", [CUMULATIVE, DELTA])
@pytest.mark.parametrize(("scale", "place"), [(0, 1023), (0, 1024), (8, 2**18 - 1), (-4, 63), (0, -1075)])
def test_the_largest_and_smallest_numbers_have_buckets_that_can_be_read(
    store: Store, scale: int, place: int, temporality: int
) -> None:
    for minute in (1, 2):
        start_ms = T_MS + (minute - 1 if temporality == DELTA else 0) * MINUTE
        push(
            store,
            Request().exponential("wait", start_ms, T_MS + minute * MINUTE, scale, place, [5], temporality=temporality),
        )

    found = store.samples(SeriesRequest("wait_seconds_bucket", (), ALWAYS))

    last = {labels["le"]: values[-1] for labels, _, values in map(found.series, range(len(found)))}
    assert last["+Inf"] == (10 if temporality == DELTA else 5)
    assert all(float(le) > 0 for le in last)
    (shown,) = store.inventory(InventoryRequest({"wait_seconds_bucket": ("le",)}), ALWAYS).label_sets.values()
    assert {le for (le,) in shown.rows} == set(last)


@pytest.mark.parametrize("le", ["0.5", "0.50"])
def test_a_histogram_that_was_sent_with_explicit_bounds_before_goes_on_as_the_same_bucket(
    store: Store, le: str
) -> None:
    """The minute in which it changed was sent in both ways, as by two exporters; it counts once."""
    seen, counts = observations(), []
    for minute in range(len(SCALES)):
        values = np.concatenate(seen[: minute + 1])
        t_ms, under = T_MS + (minute + 1) * MINUTE, int((values <= 0.5).sum())
        counts.append(under + 1.0)
        if minute <= 2:
            explicit = Request().histogram("wait", T_MS, t_ms, [0.5], [under + 1, len(values) - under], topic="orders")
            push(store, explicit)
        if minute >= 2:
            push(store, request(values, SCALES[minute], minute, CUMULATIVE))

    texts = (le, "0.5") if le != "0.5" else ("0.5",)
    found = store.samples(SeriesRequest("wait_seconds_bucket", (Matcher("le", texts),), ALWAYS))

    assert [one["le"] for one in found.labels] == [le]
    assert found.values.tolist() == counts
