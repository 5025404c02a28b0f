"""Increments in the store: each counted once, in whatever order and however often they come."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from otlp_metric_writer import DELTA, SHOP, Request

from observatory.sources.base import SeriesRequest
from observatory.sources.receiving.otlp_metrics import decode
from observatory.sources.store import Store
from observatory.sources.store.running_totals import REPEATED_MS
from observatory.windows import TimeRange

T_MS = 1_790_000_000_000
MINUTE = 60_000
ALWAYS = TimeRange(0, 10**14)


def sent(start_ms: int, t_ms: int, value: float, name: str = "sent", **resource: str) -> Request:
    return Request(SHOP | resource).counter(name, start_ms, t_ms, value, temporality=DELTA)


def push(store: Store, request: Request) -> int:
    return store.append_batch(decode(request.body(), "application/x-protobuf")).new


def samples(store: Store, metric: str = "sent_total") -> list[tuple[float, float]]:
    """Minutes since the beginning, and totals."""
    found = store.samples(SeriesRequest(metric, (), ALWAYS))
    assert len(found) <= 1
    return [((t - T_MS) / MINUTE, value) for t, value in zip(found.t_ms.tolist(), found.values.tolist(), strict=True)]


def minute(number: float, value: float, length: float = 1) -> Request:
    """The increment of the interval that ends so many minutes after the beginning."""
    return sent(round(T_MS + (number - length) * MINUTE), round(T_MS + number * MINUTE), value)


@pytest.fixture
def store() -> Iterable[Store]:
    with Store.open() as opened:
        yield opened


def test_a_series_begins_with_nothing_at_the_start_of_its_first_interval(store: Store) -> None:
    push(store, minute(1, 5))
    push(store, minute(2, 3))

    assert samples(store) == [(0, 0), (1, 5), (2, 8)]


def test_an_increment_of_the_time_that_was_pruned_is_not_taken_in_again(store: Store) -> None:
    """The sender repeats it after a restart of the store, when only the bound tells that it was counted."""
    midnight = T_MS // 86_400_000 * 86_400_000
    day = sent(midnight - 2 * MINUTE, midnight - MINUTE, 5)
    push(store, day)
    store.prune(midnight, None)

    assert push(store, day) == 0
    assert push(store, sent(midnight, midnight + MINUTE, 3)) == 1
    assert [value for _, value in samples(store)][-2:] == [5, 8]


def test_a_repeated_request_adds_nothing(store: Store) -> None:
    assert push(store, minute(1, 5)) == 1
    assert push(store, minute(2, 5)) == 1

    assert [push(store, minute(1, 5)), push(store, minute(2, 5))] == [0, 0]
    assert samples(store) == [(0, 0), (1, 5), (2, 10)]


def test_a_late_increment_adds_to_every_later_total_and_changes_the_hours_of_them(store: Store) -> None:
    for number in (1, 3, 64):
        push(store, minute(number, 5))
    before = store.writes()

    assert push(store, minute(2, 7)) == 1

    assert samples(store) == [(0, 0), (1, 5), (2, 12), (3, 17), (63, 17), (64, 22)]
    hours = {(T_MS + number * MINUTE - 1) // 3_600_000 for number in (2, 3, 63, 64)}
    assert {hour for hour, total in store.writes().items() if total != before.get(hour)} == hours


def test_what_happened_after_a_silence_is_not_spread_over_it(store: Store) -> None:
    push(store, minute(1, 5))
    push(store, minute(500, 3))

    assert samples(store) == [(0, 0), (1, 5), (499, 5), (500, 8)]


def test_nor_is_what_comes_after_the_interval_that_follows_it(store: Store) -> None:
    """Where that one begins a sample lies already, which knows nothing of the silence."""
    for number, value in ((1, 5), (11, 3), (10, 4)):
        push(store, minute(number, value))

    assert samples(store) == [(0, 0), (1, 5), (9, 5), (10, 9), (11, 12)]


def test_an_interval_that_begins_a_little_late_follows_the_one_before(store: Store) -> None:
    push(store, minute(1, 5))
    push(store, minute(2, 3, length=0.99))

    assert samples(store) == [(0, 0), (1, 5), (2, 8)]


def test_an_interval_that_comes_after_the_one_that_follows_it_begins_the_series_anew(store: Store) -> None:
    push(store, minute(2, 3))
    push(store, minute(1, 5))
    push(store, minute(1, 5))

    assert samples(store) == [(0, 0), (1, 5), (2, 8)]


def test_an_interval_without_a_start_counts(store: Store) -> None:
    push(store, sent(0, T_MS + MINUTE, 5))
    push(store, sent(0, T_MS + 2 * MINUTE, 3))
    push(store, sent(0, T_MS + MINUTE, 5))

    assert [value for _, value in samples(store)] == [0, 5, 8]


def test_two_increments_that_end_together_both_count(store: Store) -> None:
    for _ in range(2):
        push(store, minute(1, 5))
        push(store, minute(1, 4))
        push(store, minute(2, 1))

    assert samples(store)[-1][1] == 10


def test_totals_are_repeated_while_their_target_sends_something_else(store: Store) -> None:
    push(store, minute(1, 5))
    for number in range(2, 8):
        start = T_MS + (number - 1) * MINUTE
        push(store, sent(start, start + MINUTE, 1, "other"))
        push(store, sent(start, start + MINUTE, 1, "foreign", **{"service.instance.id": "shop-2"}))

    # Once it has missed a whole interval, at every second request.
    assert samples(store) == [(0, 0), (1, 5), (3, 5), (5, 5), (7, 5)]


def test_an_increment_where_its_total_was_repeated_counts_from_there(store: Store) -> None:
    push(store, minute(1, 5))
    push(store, sent(T_MS + 2 * MINUTE, T_MS + 3 * MINUTE, 1, "other"))
    assert samples(store)[-1] == (3, 5)

    push(store, minute(3, 2))
    push(store, minute(3, 2))

    # And from where its interval begins, as it would if nothing had been repeated.
    assert samples(store) == [(0, 0), (1, 5), (2, 5), (3, 7)]


def test_a_small_increment_counts_on_a_large_total(store: Store) -> None:
    push(store, minute(1, 10**13))
    push(store, sent(T_MS + 2 * MINUTE, T_MS + 3 * MINUTE, 1, "other"))

    assert [push(store, minute(3, 2)), push(store, minute(3, 2))] == [1, 0]
    assert samples(store)[-1] == (3, 10**13 + 2)


def test_a_late_increment_ahead_of_all_that_is_kept_is_no_beginning(store: Store) -> None:
    midnight = T_MS // 86_400_000 * 86_400_000
    push(store, sent(midnight - 2 * MINUTE, midnight - MINUTE, 500))
    push(store, sent(midnight + 4 * MINUTE, midnight + 5 * MINUTE, 3))
    store.prune(midnight, None)
    kept = [value for _, value in samples(store)]

    assert push(store, sent(midnight, midnight + MINUTE, 7)) == 1
    assert kept == [500, 503]
    assert [value for _, value in samples(store)] == [500, 507, 507, 510]


def test_totals_are_not_repeated_for_ever(store: Store) -> None:
    push(store, minute(1, 5))
    later = T_MS + REPEATED_MS + 2 * MINUTE
    push(store, sent(later - MINUTE, later, 1, "other"))

    assert samples(store) == [(0, 0), (1, 5)]


def test_totals_go_on_after_the_store_was_opened_anew(tmp_path: Path) -> None:
    for number, value in ((1, 5), (2, 3), (2, 3), (1, 5), (3, 1)):
        with Store.open(tmp_path / "store.duckdb") as store:
            push(store, minute(number, value))

    with Store.open(tmp_path / "store.duckdb") as store:
        assert samples(store) == [(0, 0), (1, 5), (2, 8), (3, 9)]


def test_a_transaction_that_was_given_up_leaves_no_total_behind(store: Store) -> None:
    push(store, minute(1, 5))

    def interrupted() -> None:
        with store.transaction():
            push(store, minute(2, 3))
            raise RuntimeError("the disk is full")

    with pytest.raises(RuntimeError):
        interrupted()
    push(store, minute(2, 3))

    assert samples(store) == [(0, 0), (1, 5), (2, 8)]


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.integers(0, 9), min_size=1, max_size=12).flatmap(
        lambda counts: st.tuples(
            st.just(counts),
            st.lists(st.lists(st.integers(0, len(counts) - 1), min_size=1, max_size=4), max_size=12),
            st.permutations(range(len(counts))),
        )
    )
)
def test_order_and_repeats_of_increments_are_irrelevant(
    case: tuple[Sequence[int], Sequence[Sequence[int]], Sequence[int]],
) -> None:
    counts, requests, rest = case
    with Store.open() as store:
        for numbers in (*requests, rest):
            request = Request()
            for number in numbers:
                start = T_MS + number * MINUTE
                request.counter("sent", start, start + MINUTE, counts[number], temporality=DELTA)
            push(store, request)
        found = dict(samples(store))

    assert min(found.items())[1] == 0
    at = [found[number + 1] for number in range(len(counts))]
    assert [high - low for low, high in zip([0, *at], at, strict=False)] == counts
