"""Hops and messages from spans: each generation of instrumentation counts a message once per consumer group."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from msgspec.structs import replace

from observatory.errors import SourceFailed
from observatory.sources.base import HopQuery, MessageQuery, Span
from observatory.sources.store import Store
from observatory.telemetry.binding import SpanSelector
from observatory.windows import Grid, TimeRange

SECOND = 10**9
GRID = Grid(0, 1000, 60)
ORDERS = SpanSelector(("orders",))


def span(
    span_id: int,
    kind: str,
    start: float,
    end: float,
    *,
    trace: int = 1,
    parent: int = 0,
    service: str = "",
    **more: object,
) -> Span:
    """A span on `orders`; times in seconds."""
    return Span(
        trace_id=f"{trace:032x}",
        span_id=f"{span_id:016x}",
        parent_span_id=f"{parent:016x}" if parent else "",
        name="",
        kind=kind,
        service=service or ("shop" if kind == "producer" else "billing"),
        start_ns=round(start * SECOND),
        end_ns=round(end * SECOND),
        **({"system": "kafka", "destination": "orders"} | more),  # type: ignore[arg-type]
    )


def link(span_id: int, trace: int = 1) -> tuple[str, str]:
    return f"{trace:032x}", f"{span_id:016x}"


def messages(spans: list[Span], role: str, group: str | None = None, outcome: str | None = None) -> float:
    with Store.open() as store:
        store.append_spans(spans)
        query = MessageQuery("m", replace(ORDERS, consumer_group=group), role, outcome)  # type: ignore[arg-type]
        return float(store.count_messages([query], GRID)["m"].sum())


def latencies(spans: list[Span], selector: SpanSelector = ORDERS) -> list[float]:
    with Store.open() as store:
        store.append_spans(spans)
        return store.hop_latencies(selector, GRID.range)[1].tolist()


SENT = span(1, "producer", 1, 2)


def test_a_span_sent_twice_is_stored_once() -> None:
    with Store.open() as store:
        assert store.append_spans([SENT, SENT]) == 1
        assert store.append_spans([SENT]) == 0
        assert store.span_count() == 1


def test_a_span_without_hexadecimal_ids_is_refused() -> None:
    with Store.open() as store, pytest.raises(SourceFailed, match="span-invalid"):
        store.append_spans([replace(SENT, span_id="first")])


def test_two_nested_producer_spans_of_one_publish_are_one_message() -> None:
    assert messages([SENT, span(2, "producer", 1.1, 1.9, parent=1)], "producer") == 1


def test_nested_producer_spans_of_two_destinations_are_two_messages() -> None:
    forwarded = span(2, "producer", 1.1, 1.9, parent=1, destination="audit")
    with Store.open() as store:
        store.append_spans([SENT, forwarded])
        selector = SpanSelector(("orders", "audit"))
        assert store.count_messages([MessageQuery("m", selector, "producer")], GRID)["m"].sum() == 2


def test_create_spans_stand_for_the_messages_of_a_batch_and_the_send_span_for_none() -> None:
    creates = [span(i, "producer", 1, 1.1, operation="create") for i in (11, 12, 13)]
    send = span(20, "client", 1.2, 2, operation="send", links=tuple(link(i) for i in (11, 12, 13)))
    assert messages([*creates, send], "producer") == 3


def test_a_send_span_of_a_batch_without_create_spans_counts_its_messages() -> None:
    assert messages([replace(SENT, batch_count=40)], "producer") == 40


def test_two_consumer_groups_count_a_message_each() -> None:
    one = span(2, "consumer", 3, 4, parent=1, consumer_group="billing")
    two = span(3, "consumer", 3, 4, parent=1, consumer_group="mail")
    assert messages([SENT, one, two], "consumer", "billing") == 1
    assert messages([SENT, one, two], "consumer", "mail") == 1
    assert messages([SENT, one, two], "consumer") == 2


def test_a_span_without_a_group_belongs_to_the_group_of_its_service() -> None:
    assert messages([SENT, span(2, "consumer", 3, 4, parent=1, service="billing")], "consumer", "billing") == 1
    assert messages([SENT, span(2, "consumer", 3, 4, parent=1, service="mail")], "consumer", "billing") == 0


def test_a_poll_around_its_process_spans_is_no_further_message() -> None:
    poll = span(5, "client", 1, 3, trace=2, operation="receive", operation_name="poll", batch_count=2)
    processed = [
        span(6, "consumer", 3, 4, trace=2, parent=5, operation="process", links=(link(1),)),
        span(7, "consumer", 3, 4, trace=2, parent=5, operation="process", links=(link(2),)),
    ]
    assert messages([SENT, span(2, "producer", 1, 2), poll, *processed], "consumer") == 2


def test_a_receive_span_beside_a_process_span_of_the_same_message_counts_once() -> None:
    received = span(5, "consumer", 2.5, 2.6, trace=2, operation="receive", links=(link(1),))
    processed = span(6, "consumer", 3, 4, trace=3, operation="process", links=(link(1),))
    assert messages([SENT, received, processed], "consumer") == 1
    assert latencies([SENT, received, processed]) == [1.0]


def test_a_receive_span_without_links_counts_where_nobody_processes() -> None:
    received = span(5, "consumer", 2.5, 2.6, trace=2, operation="receive")
    processed = span(6, "consumer", 3, 4, trace=3, operation="process", links=(link(1),))
    assert messages([SENT, received], "consumer") == 1
    assert messages([SENT, received, processed], "consumer") == 1


def test_of_a_poll_of_two_messages_only_the_one_that_nobody_processed_counts_beside_the_processed_one() -> None:
    poll = span(5, "client", 1, 3, trace=2, operation="receive", links=(link(1), link(2)), batch_count=2)
    processed = span(6, "consumer", 3, 4, trace=3, operation="process", links=(link(1),))
    assert messages([SENT, span(2, "producer", 1, 2), poll, processed], "consumer") == 2


def test_records_of_a_poll_count_and_the_spans_that_link_to_them_do_not() -> None:
    records = [span(i, "consumer", 3, 3, parent=1, operation="receive") for i in (11, 12)]
    topic = span(20, "consumer", 2, 3, trace=2, operation="receive", links=(link(11), link(12)), batch_count=2)
    assert messages([SENT, *records, topic], "consumer") == 2


def test_a_poll_with_empty_hands_is_no_message() -> None:
    assert messages([span(5, "client", 1, 3, operation="receive")], "consumer") == 0


def test_a_batch_span_with_three_links_is_three_messages_and_three_hops() -> None:
    sent = [span(i, "producer", 1, 1 + i) for i in (1, 2, 3)]
    batch = span(9, "consumer", 10, 12, trace=2, operation="process", links=(link(1), link(2), link(3)))
    assert messages([*sent, batch], "consumer") == 3
    assert latencies([*sent, batch]) == [6.0, 7.0, 8.0]


def test_outcomes_are_told_apart_by_the_error_of_the_span() -> None:
    spans = [SENT, span(2, "consumer", 3, 4, parent=1, error=True), span(3, "consumer", 3, 4, parent=1)]
    assert messages(spans, "consumer", outcome="error") == 1
    assert messages(spans, "consumer", outcome="success") == 1


def test_a_hop_by_parent_and_by_link_is_one_hop() -> None:
    assert latencies([SENT, span(2, "consumer", 5, 6, parent=1, links=(link(1),))]) == [3.0]


@pytest.mark.parametrize(
    ("measure", "seconds"), [("end-start", 3.0), ("start-start", 4.0), ("start-end", 5.0), ("end-end", 4.0)]
)
def test_the_measure_chooses_between_which_instants_a_latency_lies(measure: str, seconds: float) -> None:
    spans = [SENT, span(2, "consumer", 5, 6, parent=1)]
    assert latencies(spans, replace(ORDERS, measure=measure)) == [seconds]  # type: ignore[arg-type]


def test_a_poll_that_waited_for_its_message_took_it_when_it_ended() -> None:
    poll = span(5, "client", 0.5, 2.25, trace=2, operation="receive", links=(link(1),))
    assert latencies([SENT, poll]) == [0.25]


def test_a_receive_span_inside_the_producers_trace_took_its_message_when_it_started() -> None:
    # pika: the span is named receive and lasts as long as the callback.
    assert latencies([SENT, span(2, "consumer", 2.5, 9, parent=1, operation="receive")]) == [0.5]


def test_a_link_past_a_retry_topic_to_another_destination_is_no_hop() -> None:
    retried = span(2, "consumer", 5, 6, trace=2, links=(link(1),), destination="orders.retry")
    assert latencies([SENT, retried], SpanSelector(("orders.retry",))) == []


def test_spellings_of_one_channel_may_differ_between_the_ends() -> None:
    sent = replace(SENT, destination="shop:placed")
    taken = span(2, "consumer", 5, 6, parent=1, destination="shop:placed:billing")
    assert latencies([sent, taken], SpanSelector(("shop:placed", "shop:placed:billing"))) == [3.0]


def test_a_message_processed_again_is_two_messages_and_one_hop() -> None:
    spans = [SENT, span(2, "consumer", 3, 4, parent=1, error=True), span(3, "consumer", 8, 9, parent=1)]
    assert messages(spans, "consumer") == 2
    assert latencies(spans) == [1.0]


HOUR = 3600.0


def hops_by_part(spans: list[Span], *edges: float) -> list[float]:
    """Hops between edges (seconds), each part asked for by itself."""
    with Store.open() as store:
        store.append_spans(spans)
        query = [HopQuery("h", ORDERS)]
        parts = [Grid(round(low * 1000), round((high - low) * 1000), 1) for low, high in pairwise(edges)]
        return [float(store.count_hops(query, part)["h"].sum()) for part in parts]


@pytest.mark.parametrize(
    ("times", "hops"),
    [
        ([10.0, 20 * HOUR], [1, 0]),  # within a day: a repeat
        ([10.0, 30 * HOUR], [1, 1]),  # longer ago than a day: a hop of its own
        ([10.0, 20 * HOUR, 40 * HOUR], [1, 0]),  # a repeat of a repeat
    ],
)
def test_a_repeat_within_a_day_is_no_hop_whatever_range_is_asked_for(times: list[float], hops: list[float]) -> None:
    consumers = [span(5 + n, "consumer", t, t + 1, parent=1, operation="process") for n, t in enumerate(times)]
    assert hops_by_part([SENT, *consumers], 0, 12 * HOUR, 48 * HOUR) == hops
    assert hops_by_part([SENT, *consumers], 0, 48 * HOUR) == [sum(hops)]


@pytest.mark.parametrize(("processed", "hops"), [(1.0, [0, 1]), (HOUR, [0, 1]), (3 * HOUR, [1, 0])])
def test_a_message_received_before_an_edge_and_processed_after_it_is_one_hop(
    processed: float, hops: list[float]
) -> None:
    """Processing counts, if it follows within an hour; after that the message had arrived when it was received."""
    edge = 24 * HOUR
    received = span(5, "consumer", edge - 0.5, edge - 0.4, parent=1, operation="receive")
    process = span(6, "consumer", edge - 0.5 + processed, edge + processed, parent=1, operation="process")
    assert hops_by_part([SENT, received, process], 0, edge, 2 * edge) == hops
    assert hops_by_part([SENT, received, process], 0, 2 * edge) == [1]


def test_what_was_sent_an_hour_after_it_arrived_was_something_else() -> None:
    taken = span(5, "consumer", 10, 11, parent=1)
    assert hops_by_part([span(1, "producer", 10 + HOUR, 11 + HOUR), taken], 0, 60) == [1]
    assert hops_by_part([span(1, "producer", 11 + HOUR, 12 + HOUR), taken], 0, 60) == [0]


def test_messages_of_a_batch_under_one_producer_span_are_told_apart_by_their_offsets() -> None:
    spans = [replace(SENT, batch_count=2)]
    spans += [span(i, "consumer", 3, 4, trace=i, links=(link(1),), partition="0", offset=str(i)) for i in (5, 6)]
    assert latencies(spans) == [1.0, 1.0]


def test_a_latency_below_zero_is_clamped_and_told() -> None:
    with Store.open() as store:
        store.append_spans(
            [SENT, span(2, "consumer", 1.5, 4, parent=1), span(3, "consumer", 3, 4, parent=1, service="x")]
        )
        assert store.hop_latencies(ORDERS, GRID.range)[1].tolist() == [0.0, 1.0]
        assert store.clamped_hops(ORDERS, GRID.range) == (1, 2)


def test_hops_without_a_producer_span_are_not_counted() -> None:
    assert latencies([span(2, "consumer", 5, 6, parent=1)]) == []


def test_weights_multiply_across_traces_and_not_within_one() -> None:
    sent = replace(SENT, weight=4.0)
    within = span(2, "consumer", 5, 6, parent=1, weight=4.0, consumer_group="a")
    across = span(3, "consumer", 5, 6, trace=2, links=(link(1),), weight=2.0, consumer_group="b")
    with Store.open() as store:
        store.append_spans([sent, within, across])
        queries = [HopQuery(group, replace(ORDERS, consumer_group=group)) for group in "ab"]
        counted = {key: hops.sum() for key, hops in store.count_hops(queries, GRID).items()}
        produced = store.count_messages([MessageQuery("p", ORDERS, "producer")], GRID)["p"].sum()
    assert counted == {"a": 4.0, "b": 8.0}
    assert produced == 4.0


def test_a_hop_on_an_edge_belongs_to_the_step_before() -> None:
    with Store.open() as store:
        store.append_spans([SENT, span(2, "consumer", 5, 6, parent=1)])
        hops = store.count_hops([HopQuery("h", ORDERS)], GRID)["h"]
    assert np.flatnonzero(hops).tolist() == [4]


def test_a_bound_holds_what_is_exactly_as_late() -> None:
    with Store.open() as store:
        store.append_spans([SENT, span(2, "consumer", 5, 6, parent=1)])
        queries = [HopQuery("at", ORDERS, 3.0), HopQuery("under", ORDERS, 2.999), HopQuery("all", ORDERS)]
        counted = {key: hops.sum() for key, hops in store.count_hops(queries, GRID).items()}
    assert counted == {"at": 1.0, "under": 0.0, "all": 1.0}


def test_no_queries_are_no_answers() -> None:
    with Store.open() as store:
        assert store.count_hops([], GRID) == {}
        assert store.count_messages([], GRID) == {}


def test_names_from_outside_stay_values() -> None:
    name = "o'rders\"; DROP TABLE spans; --"
    with Store.open() as store:
        store.append_spans([replace(SENT, destination=name), span(2, "consumer", 5, 6, parent=1, destination=name)])
        assert store.count_hops([HopQuery(name, SpanSelector((name,)))], GRID)[name].sum() == 1


def test_destinations_show_who_produces_and_who_consumes() -> None:
    with Store.open() as store:
        store.append_spans([SENT, span(2, "consumer", 5, 6, parent=1, consumer_group="g")])
        found = store.destinations(GRID.range).destinations
    assert [(d.role, d.system, d.destination, d.service, d.consumer_group, d.messages) for d in found] == [
        ("consumer", "kafka", "orders", "billing", "g", 1.0),
        ("producer", "kafka", "orders", "shop", "", 1.0),
    ]
    assert [(d.first_ms, d.last_ms) for d in found] == [(5000, 5000), (1000, 1000)]


def test_presence_bridges_short_silence_and_ends_with_the_last_span() -> None:
    minute = 60
    with Store.open() as store:
        store.append_spans([span(i, "producer", t, t, trace=i) for i, t in ((1, 90), (2, 330), (3, 1530))])
        seen = store.span_presence(Grid(0, minute * 1000, 30))
    assert np.flatnonzero(seen).tolist() == [1, 2, 3, 4, 5, 25]
    assert set(seen.tolist()) == {0.0, 60.0}


def test_traces_with_errors_come_first_then_slow_ones_then_new_ones() -> None:
    spans = [span(i, "producer", i, i + (9 if i == 2 else 0.1), trace=i, error=i == 1) for i in (1, 2, 3, 4, 5)]
    with Store.open() as store:
        store.append_spans(spans)
        found = store.sample_traces(ORDERS, GRID.range, 3)
        assert store.sample_traces(SpanSelector(("other",)), GRID.range, 3) == []
    assert [int(trace, 16) for trace in found] == [1, 2, 5]


def test_a_trace_brings_its_linked_traces_and_every_field_back() -> None:
    taken = span(
        2, "consumer", 5, 6, trace=2, links=(link(1),), consumer_group="g", attributes={"a": "ü"}, partition="7"
    )
    taken = replace(taken, offset="12", message_id="m", batch_count=3, error=True, error_type="E", operation="process")
    with Store.open() as store:
        store.append_spans([taken, replace(SENT, operation="send"), span(9, "producer", 1, 2, trace=9)])
        assert store.trace(SENT.trace_id) == [replace(SENT, operation="send"), taken]
        assert store.trace(taken.trace_id) == [replace(SENT, operation="send"), taken]
        assert store.trace("nothing") == []


def test_columns_give_the_same_counts_as_spans() -> None:
    count = 1000
    ids = np.arange(1, count + 1, dtype=np.uint64)
    start = np.arange(count, dtype=np.int64) * 10_000_000 + 1
    with Store.open() as store:
        shared = {"trace_hi": 0, "trace_lo": ids, "system": "kafka", "destination": "orders"}
        produced = {"span_id": ids, "kind": "producer", "start_ns": start, "end_ns": start + 1, "service": "shop"}
        consumed = {
            "span_id": ids + 5000,
            "kind": "consumer",
            "start_ns": start + SECOND,
            "end_ns": start + 2 * SECOND,
            "consumer_group": "g",
        }
        half = ids[::2]
        links = dict(
            zip(
                ("trace_hi", "trace_lo", "span_id", "target_trace_hi", "target_trace_lo", "target_span_id"),
                (half * 0, half, half + 5000, half * 0, half, half),
                strict=True,
            )
        )
        assert store.append_span_batch(shared | produced) == count
        parents = np.where(ids % 2 == 0, ids, 0).astype(np.uint64)
        assert store.append_span_batch(shared | consumed | {"parent_span_id": parents}, links) == count
        assert store.count_hops([HopQuery("h", ORDERS, 1.0)], GRID)["h"].sum() == count
        assert store.count_messages([MessageQuery("m", ORDERS, "consumer")], GRID)["m"].sum() == count


def test_splitting_a_range_and_adding_gives_the_whole() -> None:
    spans = [span(i, "producer", i, i + 0.5, trace=i) for i in range(1, 50)]
    spans += [span(100 + i, "consumer", i + 0.5 + i % 3, i + 9, trace=i, parent=i) for i in range(1, 50)]
    with Store.open() as store:
        store.append_spans(spans)
        whole = store.count_hops([HopQuery("h", ORDERS, 1.0)], GRID)["h"]
        first = store.count_hops([HopQuery("h", ORDERS, 1.0)], Grid(0, 1000, 17))["h"]
        second = store.count_hops([HopQuery("h", ORDERS, 1.0)], Grid(17_000, 1000, 43))["h"]
    assert np.concatenate([first, second]).tolist() == whole.tolist()


def test_an_empty_store_shows_nothing() -> None:
    with Store.open() as store:
        assert store.destinations(TimeRange(0, 10**12)).destinations == ()
        assert store.span_presence(GRID).sum() == 0
        assert store.hop_latencies(ORDERS, GRID.range)[0].tolist() == []
