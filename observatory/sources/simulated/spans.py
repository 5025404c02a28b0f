"""Spans of the estate: sampled journeys, each message with its own time in the queue, as columns.

Which journeys are traced follows the truth's publishes; how long each step takes is drawn from a hash of the journey's
number, so that a journey is the same whenever and in whatever company it is looked at.
"""

from __future__ import annotations

from typing import Any
from zlib import crc32

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from observatory.sources.base import Float64, Int64
from observatory.sources.simulated.estate import channel_model
from observatory.sources.simulated.incidents import MISNAMED_TOPIC
from observatory.sources.simulated.journeys import JOURNEYS, Journey, Step
from observatory.sources.simulated.load import MINUTE_MS, Dice
from observatory.sources.simulated.truth import HANDLING_SHARE, GroupTruth, Truth

UInt64 = NDArray[np.uint64]
Bools = NDArray[np.bool_]

RICH_BEFORE_ANCHOR_MS = 86_400_000
"""Tracing of details was turned on a day before the history was first prepared."""
LONGEST_JOURNEY_MS = 5 * 3_600_000
"""Spans end no later than this after their journey began, unless a message waits for longer still."""
_NO_ERROR = ""


class StepKey(Struct, frozen=True):
    """What all spans of a step have in common, and what some of them have instead."""

    step: Step
    destination: str
    error_type: str


class SpanTable(Struct, frozen=True):
    """Spans as columns of one length, by start.

    Attributes:
        key: Index into `keys`.
        partition: Partition number, -1 where there is none.
        target_hi, target_lo, target: Ids of the linked span, 0 without a link.
    """

    keys: tuple[StepKey, ...]
    key: Int64
    trace_hi: UInt64
    trace_lo: UInt64
    span_id: UInt64
    parent: UInt64
    start_ns: Int64
    end_ns: Int64
    partition: Int64
    weight: Float64
    target_hi: UInt64
    target_lo: UInt64
    target: UInt64

    def __len__(self) -> int:
        return len(self.span_id)


def spans(truth: Truth, seed: int, anchor_ms: int, roots: tuple[int, int], ended: tuple[int, int]) -> SpanTable:
    """Spans of journeys that began in (roots] and that themselves ended in (ended]; milliseconds.

    Args:
        anchor_ms: When the history was first prepared; details are recorded from a day before.
    """
    rows = _Rows()
    for journey in JOURNEYS:
        _travel(journey, truth, seed, anchor_ms, roots, ended, rows)
    return rows.table()


class _Rows:
    """Columns of the steps so far."""

    def __init__(self) -> None:
        self._keys: dict[StepKey, int] = {}
        self._parts: list[tuple[NDArray[Any], ...]] = []

    def number(self, key: StepKey) -> int:
        return self._keys.setdefault(key, len(self._keys))

    def add(self, *columns: NDArray[Any]) -> None:
        self._parts.append(columns)

    def table(self) -> SpanTable:
        def joined(index: int, kind: type[np.generic]) -> NDArray[Any]:
            return np.concatenate([np.empty(0, kind), *[part[index] for part in self._parts]]).astype(kind)

        # By time, as they would have arrived: a store then finds an hour without looking at a month.
        order = np.argsort(joined(5, np.int64), kind="stable")

        def column(index: int, kind: type[np.generic]) -> NDArray[Any]:
            return joined(index, kind)[order]

        return SpanTable(
            keys=tuple(self._keys),
            key=column(0, np.int64),
            trace_hi=column(1, np.uint64),
            trace_lo=column(2, np.uint64),
            span_id=column(3, np.uint64),
            parent=column(4, np.uint64),
            start_ns=column(5, np.int64),
            end_ns=column(6, np.int64),
            partition=column(7, np.int64),
            weight=column(8, np.float64),
            target_hi=column(9, np.uint64),
            target_lo=column(10, np.uint64),
            target=column(11, np.uint64),
        )


class _Visit(Struct):
    """One step of all journeys of a kind; arrays over the journeys, times in seconds since the epoch."""

    happens: Bools
    failed: Bools
    start: Float64
    end: Float64
    trace_hi: UInt64
    trace_lo: UInt64
    span_id: UInt64
    destination_lost: Bools


def _travel(
    journey: Journey,
    truth: Truth,
    seed: int,
    anchor_ms: int,
    roots: tuple[int, int],
    ended: tuple[int, int],
    rows: _Rows,
) -> None:
    rich_from = (anchor_ms - RICH_BEFORE_ANCHOR_MS) // MINUTE_MS - truth.first_minute
    minutes = np.arange(truth.minutes)
    every = np.where(minutes >= rich_from, journey.sampled_rich, journey.sampled)
    attempts = np.ones(truth.minutes, np.int64)
    if journey.publisher:
        attempts = truth.publishers[(journey.publisher, journey.address)].attempts
    traced = Dice(seed, truth.first_minute, truth.minutes).binomial(f"traced {journey.name}", attempts, 1.0 / every)
    first = max(0, roots[0] // MINUTE_MS - truth.first_minute)
    last = min(truth.minutes, -(-roots[1] // MINUTE_MS) - truth.first_minute)
    minute = np.repeat(minutes[first:last], traced[first:last])
    if not len(minute):
        return
    within = np.arange(len(minute)) - np.repeat(np.cumsum(traced[first:last]) - traced[first:last], traced[first:last])
    number = _mix(
        (minute + truth.first_minute).astype(np.uint64) * np.uint64(4096)
        + within.astype(np.uint64)
        + np.uint64(crc32(f"{seed} {journey.name}".encode()) << 32)
    )
    begin = (minute + truth.first_minute) * 60.0 + 60.0 * _uniform(number, 1)
    weight = every[minute].astype(np.float64)
    rich = minute >= rich_from
    visits: list[_Visit] = []
    for index, step in enumerate(journey.steps):
        draw = _Draw(number, index)
        above = visits[step.under] if step.under >= 0 else None
        visit, error_types, partition = _visit(step, above, begin, rich, truth, draw)
        visits.append(visit)
        wanted = visit.happens & (visit.end * 1000 > ended[0]) & (visit.end * 1000 <= ended[1])
        _record(rows, step, visit, above, error_types, partition, weight, wanted)
        if step.kind == "consumer":
            again = _repeat(step, visit, truth, draw)
            if again is not None:
                wanted = again.happens & (again.end * 1000 > ended[0]) & (again.end * 1000 <= ended[1])
                _record(rows, step, again, above, error_types, partition, weight, wanted)


class _Draw:
    """Random numbers of one step of all journeys."""

    def __init__(self, number: UInt64, step: int) -> None:
        self._number = number
        self._step = step

    def uniform(self, purpose: int) -> Float64:
        return _uniform(self._number, 1000 + 16 * self._step + purpose)

    def bits(self, purpose: int) -> UInt64:
        return _mix(self._number + _stride(1000 + 16 * self._step + purpose))

    def time(self, purpose: int, median: Float64 | float, tail: float = 4.5) -> Float64:
        """A duration from the log-logistic distribution, by its quantile function."""
        u = np.clip(self.uniform(purpose), 1e-4, 1 - 1e-4)
        return np.asarray(median * (u / (1 - u)) ** (1 / tail))


def _visit(
    step: Step, above: _Visit | None, begin: Float64, rich: Bools, truth: Truth, draw: _Draw
) -> tuple[_Visit, dict[str, Bools], Int64]:
    count = len(begin)
    span_id = draw.bits(0)
    partition = np.full(count, -1, np.int64)
    errors: dict[str, Bools] = {}
    if above is None:
        trace_hi, trace_lo = draw.bits(1), draw.bits(2)
        start, happens = begin, np.ones(count, bool)
        length = draw.time(3, step.seconds)
    else:
        trace_hi, trace_lo = above.trace_hi, above.trace_lo
        happens = above.happens & (draw.uniform(4) < step.chance)
        start, length = above.start, np.zeros(count)
    if step.rich:
        happens = happens & rich
    if above is not None and step.kind == "client":
        start = above.start + step.at * (above.end - above.start)
        length = step.share * (above.end - above.start) * (0.7 + 0.6 * draw.uniform(3))
        if "registry" in dict(step.attributes).get("server.address", ""):
            minute = _minute(start, truth)
            slower = truth.registry_seconds[minute] / truth.registry_seconds.min()
            length = length * slower
            failing = truth.registry_failures[minute] / np.maximum(1, truth.registry_requests[minute])
            errors["503"] = draw.uniform(5) < failing
    lost = np.zeros(count, bool)
    if above is not None and step.kind == "producer":
        happens = happens & ~above.failed
        start = above.start + step.at * (above.end - above.start)
        length = draw.time(3, step.seconds)
        minute = _minute(start, truth)
        told = truth.publishers[(step.service, step.address)]
        tried = np.maximum(1, told.attempts)
        errors = _pick({name: (n / tried)[minute] for name, n in told.failures.items()}, draw.uniform(5))
        lost = draw.uniform(6) < ((told.misrouted + told.unroutable) / tried)[minute]
    if above is not None and step.kind == "consumer":
        told_group = truth.groups[f"{step.service}/{step.address}"]
        partition, wait = _queueing(step, told_group, above.end, truth, draw)
        happens = happens & ~above.failed & ~above.destination_lost & np.isfinite(wait)
        wait = np.where(np.isfinite(wait), wait, 0.0)
        minute = _minute(above.end + wait, truth)
        median = told_group.median[minute]
        start = above.end + wait + draw.time(7, median, told_group.model.tail)
        length = draw.time(3, median * HANDLING_SHARE, told_group.model.tail)
        minute = _minute(start, truth)
        handled = np.maximum(1, told_group.processed)
        errors = _pick({name: (n / handled)[minute] for name, n in told_group.errors.items()}, draw.uniform(5))
        if step.link == "trace":
            trace_hi, trace_lo = draw.bits(1), draw.bits(2)
    failed = np.zeros(count, bool)
    for mask in errors.values():
        failed |= mask
    visit = _Visit(happens, failed, start, start + length, trace_hi, trace_lo, span_id, lost)
    return visit, errors, partition


def _repeat(step: Step, visit: _Visit, truth: Truth, draw: _Draw) -> _Visit | None:
    """The second delivery of messages that were delivered twice; None where that does not happen."""
    told = truth.groups[f"{step.service}/{step.address}"]
    if not told.duplicates.any():
        return None
    minute = _minute(visit.start, truth)
    share = (told.duplicates / np.maximum(1, told.processed - told.duplicates))[minute]
    twice = visit.happens & (draw.uniform(8) < share)
    later = 30.0 + 5.0 * draw.uniform(9)
    return _Visit(
        twice,
        np.zeros(len(twice), bool),
        visit.start + later,
        visit.end + later,
        visit.trace_hi,
        visit.trace_lo,
        draw.bits(10),
        visit.destination_lost,
    )


def _queueing(step: Step, told: GroupTruth, sent: Float64, truth: Truth, draw: _Draw) -> tuple[Int64, Float64]:
    """Partition of each message and the seconds that it waits in a backlog; infinity while it is not taken."""
    shares = np.asarray(channel_model(step.address).partitions)
    partition = np.minimum(np.searchsorted(np.cumsum(shares), draw.uniform(11)), len(shares) - 1)
    minute = _minute(sent, truth)
    wait = np.zeros(len(sent))
    for p in range(len(shares)):
        held = (partition == p) & (told.backlog[minute, p] > 0)
        if not held.any():
            continue
        produced = np.concatenate([[0], np.cumsum(truth.produced[step.address][:, p])])
        taken = np.concatenate([[0], np.cumsum(told.served[:, p])])
        place = sent[held] / 60.0 - truth.first_minute
        offset = np.interp(place, np.arange(len(produced)), produced)
        after = np.searchsorted(taken, offset, side="left")
        inside = np.clip(after, 1, len(taken) - 1)
        step_size = np.maximum(1, taken[inside] - taken[inside - 1])
        reached = inside - 1 + (offset - taken[inside - 1]) / step_size
        seconds = np.maximum(0.0, reached - place) * 60.0
        wait[held] = np.where(after >= len(taken), np.inf, seconds)
    return partition.astype(np.int64), wait


def _pick(shares: dict[str, Float64], u: Float64) -> dict[str, Bools]:
    """One error type, or none, for each number in [0, 1)."""
    found: dict[str, Bools] = {}
    below = np.zeros(len(u))
    for name, share in shares.items():
        found[name] = (u >= below) & (u < below + share)
        below = below + share
    return found


def _record(
    rows: _Rows,
    step: Step,
    visit: _Visit,
    above: _Visit | None,
    error_types: dict[str, Bools],
    partition: Int64,
    weight: Float64,
    wanted: Bools,
) -> None:
    if not wanted.any():
        return
    name = ""
    if step.address:
        channel = channel_model(step.address)
        name = channel.destination or channel.address
    key = np.full(len(wanted), rows.number(StepKey(step, name, _NO_ERROR)), np.int64)
    if step.kind == "producer" and step.address == "orders.order.cancelled.v1" and visit.destination_lost.any():
        key[visit.destination_lost] = rows.number(StepKey(step, MISNAMED_TOPIC, _NO_ERROR))
    for error, mask in error_types.items():
        if (mask & visit.failed).any():
            key[mask & visit.failed] = rows.number(StepKey(step, name, error))
    none = np.zeros(len(wanted), np.uint64)
    linked = above is not None and step.link != ""
    parent = none if above is None or step.link == "trace" else above.span_id
    kafka = bool(step.address) and channel_model(step.address).system == "kafka"
    columns = (
        key,
        visit.trace_hi,
        visit.trace_lo,
        visit.span_id,
        parent,
        np.rint(visit.start * 1e9).astype(np.int64),
        np.rint(visit.end * 1e9).astype(np.int64),
        partition if kafka else np.full(len(wanted), -1, np.int64),
        weight,
        above.trace_hi if above is not None and linked else none,
        above.trace_lo if above is not None and linked else none,
        above.span_id if above is not None and linked else none,
    )
    rows.add(*[column[wanted] for column in columns])


def _minute(seconds: Float64, truth: Truth) -> Int64:
    return np.clip((seconds / 60.0).astype(np.int64) - truth.first_minute, 0, truth.minutes - 1)


_GOLDEN = np.uint64(0x9E3779B97F4A7C15)


def _stride(purpose: int) -> np.uint64:
    return np.uint64(purpose * int(_GOLDEN) % 2**64)


def _mix(value: UInt64) -> UInt64:
    """The finaliser of SplitMix64: neighbouring numbers become unrelated ones."""
    value = value + _GOLDEN
    value = (value ^ (value >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    value = (value ^ (value >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return np.asarray(value ^ (value >> np.uint64(31)))


def _uniform(number: UInt64, purpose: int) -> Float64:
    """Numbers in [0, 1) with 53 random bits."""
    mixed = _mix(number + _stride(purpose))
    return np.asarray((mixed >> np.uint64(11)).astype(np.float64) / 2**53)
