"""Traces in reading order: lanes, queues, the critical path, ticks."""

from __future__ import annotations

from observatory.figures.traces import arrange, span_words, time_ticks
from observatory.sources.base import Span

MS = 1_000_000


def span(name: str, start: int, end: int, *, parent: str = "", kind: str = "internal", link: str = "") -> Span:
    links = (("other", link),) if link else ()
    return Span(
        trace_id="t",
        span_id=name,
        parent_span_id=parent,
        name=name,
        kind=kind,
        service="shop",
        start_ns=start * MS,
        end_ns=end * MS,
        links=links,
    )


def test_a_consumer_stands_under_its_producer_with_the_time_in_the_queue_between() -> None:
    lanes = arrange([span("consume", 50, 80, kind="consumer", link="publish"), span("publish", 0, 10, kind="producer")])
    assert [(one.span.span_id, one.depth, one.queued_ns // MS) for one in lanes] == [
        ("publish", 0, 0),
        ("consume", 1, 40),
        ("consume", 1, 0),
    ]


def test_the_critical_path_is_the_chain_that_ends_last() -> None:
    lanes = arrange(
        [
            span("root", 0, 10),
            span("quick", 1, 2, parent="root"),
            span("slow", 1, 9, parent="root"),
            span("last", 5, 30, parent="slow"),
        ]
    )
    assert [one.span.span_id for one in lanes if one.on_path] == ["root", "slow", "last"]


def test_spans_in_a_ring_of_parents_are_shown_once() -> None:
    assert [one.span.span_id for one in arrange([span("a", 0, 1, parent="b"), span("b", 1, 2, parent="a")])] == [
        "a",
        "b",
    ]


def test_a_trace_that_nests_deeper_than_python_is_arranged() -> None:
    chain = [span(str(index), index, index + 1, parent=str(index - 1) if index else "") for index in range(5000)]
    lanes = arrange(chain)
    assert [lanes[0].span.span_id, lanes[-1].span.span_id, len(lanes)] == ["0", "4999", 5000]
    assert max(one.depth for one in lanes) == 8


def test_no_span_is_no_lane() -> None:
    assert arrange([]) == []


def test_ticks_are_round_and_in_the_unit_of_the_length() -> None:
    assert time_ticks(700 * MS) == ((0, "0 ms"), (200 * MS, "200 ms"), (400 * MS, "400 ms"), (600 * MS, "600 ms"))


def test_the_words_of_a_span_name_its_error() -> None:
    failed = Span(
        trace_id="t",
        span_id="a",
        parent_span_id="",
        name="read",
        kind="client",
        service="shop",
        start_ns=0,
        end_ns=1,
        error=True,
        error_type="Timeout",
        attributes={"db": "x"},
    )
    assert span_words(failed) == "shop: read (client)\nerror: Timeout\ndb: x"
