"""Traces in reading order: lanes, queues, the critical path, ticks."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from observatory.figures.broken_axis import Break, BrokenAxis
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


def test_a_long_stretch_without_work_is_left_out_of_the_axis_and_named() -> None:
    hour = 3_600_000 * MS
    axis = BrokenAxis.of([(hour, hour + 30 * MS), (0, 10 * MS), (5 * MS, 20 * MS)], 0, hour + 30 * MS)
    assert axis.breaks == (Break(20 * MS, hour),)
    assert axis.breaks[0].words == "1 h"
    # 50 ms of work share what the break leaves of the width.
    assert axis.drawn_ns == 50 * MS
    assert axis.share(20 * MS) == pytest.approx(0.94 * 0.4)
    assert axis.share(hour) == pytest.approx(0.94 * 0.4 + 0.06)
    assert axis.share(hour + 30 * MS) == pytest.approx(1)
    assert [words for _, words in axis.ticks()] == ["0 ms", "10 ms", "20 ms", "+1 h"]


def test_a_short_wait_stays_to_scale() -> None:
    axis = BrokenAxis.of([(0, 10 * MS), (50 * MS, 60 * MS)], 0, 60 * MS)
    assert axis.breaks == ()
    assert axis.share(15 * MS) == pytest.approx(0.25)
    assert axis.ticks()[0] == (0.0, "0 ms")


def test_spans_without_length_are_drawn_to_scale() -> None:
    axis = BrokenAxis.of([(0, 0), (9 * MS, 9 * MS)], 0, 9 * MS)
    assert axis.breaks == ()
    assert axis.share(9 * MS) == pytest.approx(1)


@given(st.lists(st.tuples(st.integers(0, 10**15), st.integers(0, 10**12)), min_size=1, max_size=8))
def test_later_times_stand_further_on_a_broken_axis(intervals: list[tuple[int, int]]) -> None:
    worked = [(begin, begin + length) for begin, length in intervals]
    start, end = min(one[0] for one in worked), max(one[1] for one in worked) + 1
    axis = BrokenAxis.of(worked, start, end)
    shares = [axis.share(at) for at in sorted({edge for one in worked for edge in one} | {start, end})]
    assert all(later >= earlier - 1e-9 for earlier, later in pairwise(shares))
    assert (shares[0], shares[-1]) == (pytest.approx(0), pytest.approx(1))
