"""When pushed counters began: kept beside them, exactly as far as it can be known."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pytest
from otlp_metric_writer import Request

from observatory.sources.base import SeriesRequest
from observatory.sources.receiving.otlp_metrics import decode
from observatory.sources.store import Store
from observatory.telemetry.binding import Matcher
from observatory.windows import TimeRange

T_MS = 1_790_000_000_000
MINUTE = 60_000


def push(store: Store, *requests: Request) -> None:
    for one in requests:
        store.append_batch(decode(one.body(), "application/x-protobuf"))


def sent(minute: float, value: int, start: float = -10, **attributes: str) -> Request:
    return Request().counter("sent", at(start), at(minute), value, **attributes)


def at(minute: float) -> int:
    return round(T_MS + minute * MINUTE)


def begun(store: Store, **labels: str) -> list[tuple[float, float]]:
    """When it was told, and what; in minutes."""
    matchers = tuple(Matcher(label, (labels.get(label, ""),)) for label in ("error_type",))
    found = store.samples(SeriesRequest("sent_created", matchers, TimeRange(0, 10**14)))
    return [
        ((t - T_MS) / MINUTE, round((value * 1000 - T_MS) / MINUTE, 6))
        for t, value in zip(found.t_ms.tolist(), found.values.tolist(), strict=True)
    ]


@pytest.fixture
def store() -> Iterable[Store]:
    with Store.open() as opened:
        yield opened


def test_a_beginning_is_told_with_the_first_value_and_not_with_every_one(store: Store) -> None:
    push(store, sent(0, 5), sent(1, 6), sent(2, 7))

    assert begun(store) == [(0, -10)]


def test_a_restart_is_told_when_it_is_seen(store: Store) -> None:
    push(store, sent(0, 5), sent(1, 6), sent(2, 7, start=1.5))

    assert begun(store) == [(0, -10), (2, 1.5)]


def test_a_beginning_is_told_again_now_and_then(store: Store) -> None:
    push(store, *(sent(minute, 5) for minute in range(0, 90, 10)))

    assert begun(store) == [(0, -10), (40, -10), (80, -10)]


def test_a_label_set_that_appears_later_began_after_its_target_was_last_heard_without_it(store: Store) -> None:
    push(store, sent(0, 5), sent(1, 6), sent(2, 1, error__type="timeout"))

    assert begun(store, error_type="timeout") == [(2, 1)]


def test_an_export_in_several_requests_is_one_instant(store: Store) -> None:
    push(store, sent(0, 5), sent(1, 6), sent(2, 7))
    push(store, sent(2, 1, error__type="timeout"))

    assert begun(store, error_type="timeout") == [(2, 1)]


def test_that_is_known_of_a_store_that_was_closed_meanwhile(tmp_path: Path) -> None:
    path = tmp_path / "store.duckdb"
    with Store.open(path) as store:
        push(store, sent(0, 5), sent(1, 6))

    with Store.open(path) as store:
        push(store, sent(2, 1, error__type="timeout"))
        assert begun(store, error_type="timeout") == [(2, 1)]


def test_a_label_set_that_says_a_later_beginning_is_believed(store: Store) -> None:
    push(store, sent(0, 5), sent(2, 1, start=1.25, error__type="timeout"))

    assert begun(store, error_type="timeout") == [(2, 1.25)]


def test_several_points_of_one_request_are_told_at_the_first(store: Store) -> None:
    request = sent(3, 8)
    for minute in (1, 2):
        request.counter("sent", at(-10), at(minute), minute)
    push(store, request)

    assert begun(store) == [(1, -10)]


def test_a_process_began_before_points_that_overtook_its_first(store: Store) -> None:
    push(store, sent(0, 5), sent(3, 8, start=1.5), sent(2, 7, start=1.5), sent(4, 9, start=1.5))

    assert begun(store) == [(0, -10), (2, 1.5), (3, 1.5)]


def test_a_late_point_of_the_process_before_is_no_new_beginning(store: Store) -> None:
    push(store, sent(0, 5), sent(2, 1, start=1.5), sent(1, 6), sent(3, 2, start=1.5))

    assert begun(store) == [(0, -10), (1, -10), (2, 1.5)]


def test_a_newcomer_whose_second_point_came_first_began_when_that_was_told(store: Store) -> None:
    push(store, sent(0, 5), sent(3, 2, error__type="timeout"), sent(2, 1, error__type="timeout"))

    assert begun(store, error_type="timeout") == [(2, 0), (3, 0)]
