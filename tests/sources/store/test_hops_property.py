"""Hops of any tangle of spans, against a few lines of Python that count them one by one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from observatory.sources.base import HopQuery, MessageQuery, Span
from observatory.sources.store import Store
from observatory.telemetry.binding import SpanSelector
from observatory.windows import Grid

GRID = Grid(0, 1, 60)
CHANNELS, GROUPS = ("a", "b"), ("g", "h")


@dataclass(frozen=True, slots=True)
class Sent:
    channel: str
    start: int
    length: int


@dataclass(frozen=True, slots=True)
class Taken:
    channel: str
    group: str
    start: int
    parent: int | None
    links: tuple[int, ...]
    failed: bool


numbers = st.integers(0, 5)
producers = st.lists(
    st.builds(Sent, st.sampled_from(CHANNELS), st.integers(1, 30), st.integers(0, 5)), min_size=1, max_size=6
)
consumers = st.lists(
    st.builds(
        Taken,
        st.sampled_from(CHANNELS),
        st.sampled_from(GROUPS),
        st.integers(1, 50),
        st.none() | numbers,
        st.lists(numbers, max_size=3).map(tuple),
        st.booleans(),
    ),
    max_size=8,
)


example_numbers = count(1)


@pytest.fixture(scope="module")
def store() -> Iterator[Store]:
    """One store for all examples, each with ids and channels of its own: opening takes longer than counting."""
    with Store.open() as opened:
        yield opened


def spans(sent: list[Sent], taken: list[Taken], example: int) -> list[Span]:
    """Spans whose traces and channels carry the number of the example."""
    base = example * 1000
    shared = {"name": "", "system": "kafka"}
    result = [
        Span(
            trace_id=f"{base + number + 1:x}",
            span_id=f"{number + 1:x}",
            parent_span_id="",
            kind="producer",
            service="shop",
            destination=f"{one.channel}{example}",
            start_ns=one.start * 10**6,
            end_ns=(one.start + one.length) * 10**6,
            **shared,
        )
        for number, one in enumerate(sent)
    ]
    for number, one in enumerate(taken):
        trace = base + 1 + one.parent if one.parent is not None else base + 100 + number
        result.append(
            Span(
                trace_id=f"{trace:x}",
                span_id=f"{1000 + number:x}",
                parent_span_id="" if one.parent is None else f"{one.parent + 1:x}",
                kind="consumer",
                service="any",
                destination=f"{one.channel}{example}",
                consumer_group=one.group,
                start_ns=one.start * 10**6,
                end_ns=(one.start + 1) * 10**6,
                error=one.failed,
                links=tuple((f"{base + link + 1:x}", f"{link + 1:x}") for link in one.links),
                **shared,
            )
        )
    return result


def expected(sent: list[Sent], taken: list[Taken], channel: str, group: str, bound: float | None) -> list[int]:
    """Steps of the first time that the group took each message of the channel, within the bound."""
    first: dict[int, int] = {}
    for one in taken:
        if (one.channel, one.group) == (channel, group):
            origins = {*one.links} | ({one.parent} if one.parent is not None else set())
            for origin in origins:
                if origin < len(sent) and sent[origin].channel == channel:
                    first[origin] = min(one.start, first.get(origin, one.start))
    return sorted(
        at - 1
        for origin, at in first.items()
        if bound is None or at - sent[origin].start - sent[origin].length <= bound * 1000
    )


@settings(deadline=None, max_examples=50)
@given(producers, consumers, st.none() | st.integers(0, 20).map(lambda ms: ms / 1000), st.booleans())
def test_hops_are_counted_as_by_hand(
    store: Store, sent: list[Sent], taken: list[Taken], bound: float | None, piecemeal: bool
) -> None:
    example = next(example_numbers)
    everything = spans(sent, taken, example)
    queries = [
        HopQuery(f"{channel}{group}", SpanSelector((f"{channel}{example}",), consumer_group=group), bound)
        for channel in CHANNELS
        for group in GROUPS
    ]
    for part in [[one] for one in reversed(everything)] if piecemeal else [everything]:
        store.append_spans(part)
    counted = store.count_hops(queries, GRID)
    for channel in CHANNELS:
        for group in GROUPS:
            steps = [step for step, hops in enumerate(counted[channel + group]) for _ in range(int(hops))]
            assert steps == expected(sent, taken, channel, group, bound)


@settings(deadline=None, max_examples=50)
@given(producers, consumers)
def test_messages_are_counted_as_by_hand(store: Store, sent: list[Sent], taken: list[Taken]) -> None:
    example = next(example_numbers)
    queries = [
        MessageQuery(
            f"{channel}{group}{outcome}",
            SpanSelector((f"{channel}{example}",), consumer_group=group),
            "consumer",
            outcome,
        )
        for channel in CHANNELS
        for group in GROUPS
        for outcome in ("success", "error")
    ]
    produced = [MessageQuery(channel, SpanSelector((f"{channel}{example}",)), "producer") for channel in CHANNELS]
    store.append_spans(spans(sent, taken, example))
    counted = {key: steps.sum() for key, steps in store.count_messages([*queries, *produced], GRID).items()}
    for channel in CHANNELS:
        assert counted[channel] == sum(one.channel == channel for one in sent)
        for group in GROUPS:
            for outcome in ("success", "error"):
                assert counted[channel + group + outcome] == sum(
                    max(1, len({*one.links}))
                    for one in taken
                    if (one.channel, one.group, one.failed) == (channel, group, outcome == "error")
                )
