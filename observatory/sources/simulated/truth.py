"""What really happens in the estate, minute by minute: the counts that every exporter then shows in its own words.

All arrays hold one entry per minute; entry i covers (edge i, edge i+1], with edges at full minutes. Consumers are
honest queues: what waits is what arrived less what was taken, never less than nothing.
"""

from __future__ import annotations

import numpy as np
from msgspec import Struct, field

from observatory.sources.base import Float64, Int64
from observatory.sources.simulated.effects import Effects
from observatory.sources.simulated.estate import (
    CHANNELS,
    CONTRACT_TESTED,
    GROUPS,
    LATENCY_BOUNDS,
    PUBLISHERS,
    SERVICES,
    ChannelModel,
    GroupModel,
    PublisherModel,
)
from observatory.sources.simulated.incidents import Incident
from observatory.sources.simulated.load import MINUTE_MS, MINUTES_PER_DAY, Dice, load_factor

IN_FLIGHT_SECONDS = 2.0
"""What was published in the last seconds of a minute is taken in the next one: the lag of a healthy consumer."""
HANDLING_SHARE = 0.45
"""Median handling time as a share of the median time from publish to the end of the wait."""
USUAL_ERROR = "TimeoutException"


class PublisherTruth(Struct, frozen=True, kw_only=True):
    """One service's publishes to one channel; arrays per minute.

    Attributes:
        attempts: All publishes; `failures` by error type are part of them.
        misrouted: Successful publishes that went to another topic.
        unroutable: Accepted by the exchange, taken by no binding.
    """

    model: PublisherModel
    attempts: Int64
    failures: dict[str, Int64]
    misrouted: Int64
    unroutable: Int64

    @property
    def accepted(self) -> Int64:
        """Publishes that the broker took, wherever they went."""
        return self.attempts - sum(self.failures.values(), np.zeros_like(self.attempts))


class GroupTruth(Struct, frozen=True, kw_only=True):
    """One consumer of one channel; arrays per minute, with partitions on the second axis.

    Attributes:
        served: Messages taken for the first time.
        waiting: Messages that wait at the end of the minute; `backlog` is what is left of them when the messages
            in flight are set aside.
        behind: Seconds between the end of the minute and the publishing of the oldest waiting message.
        processed: Processings, repeats included; `errors` by type are part of them.
        median: Median seconds from publish to consume, without the time in a backlog.
        handling: Handling times of successes as counts per bucket of `LATENCY_BOUNDS`, and one for what is above
            them all; `failed_handling` of failures.
    """

    model: GroupModel
    served: Int64
    waiting: Int64
    behind: Float64
    processed: Int64
    errors: dict[str, Int64]
    invalid: Int64
    duplicates: Int64
    dead_lettered: Int64
    median: Float64
    backlog: Int64
    handling: Int64 | None = None
    failed_handling: Int64 | None = None

    @property
    def failed(self) -> Int64:
        """Processings that ended in an error."""
        return np.asarray(sum(self.errors.values(), np.zeros_like(self.processed)), dtype=np.int64)


class Truth(Struct, frozen=True, kw_only=True):
    """Everything that happened.

    Attributes:
        first_minute: Minutes since the epoch at edge 0.
        down: Per service (and `rabbitmq`) the minutes in which it was restarting, as indices.
        produced: Per address the messages that reached the log or queue, (minutes, partitions).
    """

    seed: int
    first_minute: int
    minutes: int
    incidents: tuple[Incident, ...]
    down: dict[str, tuple[int, ...]]
    publishers: dict[tuple[str, str], PublisherTruth]
    produced: dict[str, Int64]
    groups: dict[str, GroupTruth]
    registry_requests: Int64
    registry_failures: Int64
    registry_seconds: Float64
    rabbitmq_load: Float64
    contract_runs: dict[str, Int64]
    contract_failures: dict[str, Int64]
    twins: dict[str, Int64] = field(default_factory=dict)

    @property
    def start_ms(self) -> int:
        return self.first_minute * MINUTE_MS

    @property
    def end_ms(self) -> int:
        return (self.first_minute + self.minutes) * MINUTE_MS

    def part(self, start_ms: int, end_ms: int) -> slice:
        """The minutes of (start, end]; both must be full minutes inside the history.

        Raises:
            ValueError: They are not.
        """
        if start_ms % MINUTE_MS or end_ms % MINUTE_MS or start_ms < self.start_ms or end_ms > self.end_ms:
            raise ValueError(f"({start_ms}, {end_ms}] is not made of minutes of this history")
        return slice(start_ms // MINUTE_MS - self.first_minute, end_ms // MINUTE_MS - self.first_minute)

    def published(self, service: str, address: str, start_ms: int, end_ms: int) -> tuple[int, int]:
        """Accepted and attempted publishes in (start, end]; those that went to another topic are not among them."""
        truth, part = self.publishers[(service, address)], self.part(start_ms, end_ms)
        elsewhere = int(truth.misrouted[part].sum())
        return int(truth.accepted[part].sum()) - elsewhere, int(truth.attempts[part].sum()) - elsewhere

    def consumed(self, service: str, address: str, start_ms: int, end_ms: int) -> tuple[int, int]:
        """Processings without error and all processings in (start, end]."""
        truth, part = self.groups[f"{service}/{address}"], self.part(start_ms, end_ms)
        return int((truth.processed - truth.failed)[part].sum()), int(truth.processed[part].sum())

    def behind_seconds(self, service: str, address: str) -> Float64:
        """Seconds that the worst partition is behind at the end of each minute."""
        return np.asarray(self.groups[f"{service}/{address}"].behind.max(axis=1))


def simulate(
    *, seed: int, first_minute: int, minutes: int, incidents: tuple[Incident, ...], past_minutes: int
) -> Truth:
    """Run the estate.

    Args:
        seed: Same seed, first minute, incidents and past: same truth, however long it runs on.
        first_minute: Minutes since the epoch.
        minutes: How long.
        incidents: From `incidents.schedule`.
        past_minutes: Length of the first history; restarts lie in it.
    """
    clock = np.arange(first_minute, first_minute + minutes, dtype=np.int64)
    load = load_factor(clock)
    dice = Dice(seed, first_minute, minutes)
    effects = Effects(incidents, first_minute, minutes)
    down = _restarts(past_minutes, minutes)
    channels = {channel.address: channel for channel in CHANNELS}
    publishers: dict[tuple[str, str], PublisherTruth] = {}
    produced: dict[str, Int64] = {}
    groups: dict[str, GroupTruth] = {}
    twins: dict[str, Int64] = {}
    dead: dict[str, Int64] = {}
    dead_letter_addresses = {model.dead_letter_address for model in GROUPS if model.dead_letter_address}

    def publish(model: PublisherModel, channel: ChannelModel, mean: Float64 | None, count: Int64 | None) -> None:
        truth = _publish(model, dice, effects, mean=mean, count=count)
        publishers[(model.service, model.address)] = truth
        arrived = truth.accepted - truth.misrouted - truth.unroutable
        stream = f"split {model.address}"
        produced[model.address] = dice.split(stream, arrived, np.asarray(channel.partitions))
        for other in effects.shares("misroute", model.address):
            twins[other] = dice.split(f"split {other}", truth.misrouted, np.asarray(channel.partitions))

    for model in PUBLISHERS:
        channel = channels[model.address]
        if model.address not in dead_letter_addresses:
            mean = channel.rate * 60.0 * load
            for name in (model.service, channel.system):
                mean[list(down.get(name, ()))] = 0.0
            publish(model, channel, mean, None)
    for channel in CHANNELS:
        produced.setdefault(channel.address, np.zeros((minutes, len(channel.partitions)), np.int64))
    for group in GROUPS:
        channel = channels[group.address]
        stopped = sorted({*down.get(group.service, ()), *down.get(channel.system, ())})
        truth = _consume(group, channel, produced[group.address], load, dice, effects, stopped)
        groups[group.key] = truth
        if group.dead_letter_address:
            dead[group.dead_letter_address] = truth.dead_lettered
    for model in PUBLISHERS:
        if model.address in dead_letter_addresses:
            publish(model, channels[model.address], None, dead[model.address])
    requests = dice.poisson("registry requests", 90.0 * load)
    failures = dice.binomial(
        "registry failures", requests, np.maximum(2e-4, effects.share("registry_failure", "registry"))
    )
    busy = 0.22 + 0.14 * load + 0.03 * dice.uniform("rabbitmq memory")
    runs = {address: _contract_runs(index, clock) for index, address in enumerate(CONTRACT_TESTED)}
    return Truth(
        seed=seed,
        first_minute=first_minute,
        minutes=minutes,
        incidents=incidents,
        down=down,
        publishers=publishers,
        produced=produced,
        groups=groups,
        registry_requests=requests,
        registry_failures=failures,
        registry_seconds=0.012 * effects.multiple("registry_slower", "registry"),
        rabbitmq_load=np.maximum(busy, effects.share("broker_load", "rabbitmq")),
        contract_runs=runs,
        contract_failures={
            address: dice.binomial(f"contract {address}", runs[address], np.full(minutes, 0.004)) for address in runs
        },
        twins=twins,
    )


def _contract_runs(index: int, clock: Int64) -> Int64:
    """Twenty contract tests with every build of the main branch, one build every four hours."""
    return np.where((clock - 37 * index) % 240 == 0, 20, 0).astype(np.int64)


def _restarts(past_minutes: int, minutes: int) -> dict[str, tuple[int, ...]]:
    """Minutes of downtime: each service twice or three times in the past, the RabbitMQ node once."""
    down: dict[str, tuple[int, ...]] = {}
    for index, service in enumerate((*SERVICES, "rabbitmq")):
        times = 1 if service == "rabbitmq" else 2 + index % 2
        # Irrational steps spread the restarts without a pattern that lines up with incidents.
        shares = [0.08 + 0.84 * ((0.618034 * (index + 1) + 0.414214 * turn) % 1.0) for turn in range(times)]
        down[service] = tuple(
            sorted({round(share * past_minutes) for share in shares if share * past_minutes < minutes})
        )
    return down


def _publish(
    model: PublisherModel,
    dice: Dice,
    effects: Effects,
    *,
    mean: Float64 | None,
    count: Int64 | None,
) -> PublisherTruth:
    name = f"{model.service}>{model.address}"
    attempts = count if count is not None else dice.poisson(name, mean if mean is not None else np.empty(0))
    left = attempts
    failures: dict[str, Int64] = {}
    for error, shares in effects.shares("publish_failure", model.address).items():
        failures[error] = dice.binomial(f"{name} {error}", left, shares)
        left = left - failures[error]
    failures[USUAL_ERROR] = dice.binomial(f"{name} usual", left, np.full(len(left), model.failure))
    left = left - failures[USUAL_ERROR]
    misrouted = dice.binomial(f"{name} misrouted", left, effects.share("misroute", model.address))
    # A share of one must take every message: binomial draws at 1.0 are exact.
    unroutable = dice.binomial(f"{name} unroutable", left - misrouted, effects.share("unroutable", model.address))
    return PublisherTruth(model=model, attempts=attempts, failures=failures, misrouted=misrouted, unroutable=unroutable)


def _consume(
    model: GroupModel,
    channel: ChannelModel,
    arrived: Int64,
    load: Float64,
    dice: Dice,
    effects: Effects,
    stopped: list[int],
) -> GroupTruth:
    name = model.key
    minutes, partitions = arrived.shape
    shares = np.asarray(channel.partitions)
    healthy = np.ceil(model.headroom * channel.rate * 60.0 * shares) + 5
    arriving = channel.rate * 60.0 * load[:, None] * shares
    limit = effects.capacity(name, partitions)
    limited = np.isfinite(limit)
    throttled = np.floor(np.where(limited, limit, 0.0) * arriving)
    capacity = np.where(limited, np.minimum(healthy, throttled), healthy).astype(np.int64)
    capacity[stopped] = 0
    late = np.stack(
        [
            dice.binomial(f"{name} in flight {p}", arrived[:, p], np.full(minutes, IN_FLIGHT_SECONDS / 60))
            for p in range(partitions)
        ],
        axis=1,
    )
    ready = arrived - late
    ready[1:] += late[:-1]
    # Lindley's recursion in closed form: the backlog is the walk less its running minimum.
    walk = np.cumsum(ready - capacity, axis=0)
    backlog = walk - np.minimum(0, np.minimum.accumulate(walk, axis=0))
    served = ready - np.diff(backlog, axis=0, prepend=0)
    waiting = backlog + late
    behind = behind_head(arrived, served)
    median = model.latency * effects.multiple("slower", name)
    first_time = served.sum(axis=1)
    duplicates = dice.binomial(
        f"{name} duplicates", first_time, np.maximum(model.duplicate, effects.share("duplicates", name))
    )
    processed = first_time + duplicates
    left = processed
    errors: dict[str, Int64] = {}
    invalid = np.zeros(minutes, np.int64)
    invalid_effects = effects.shares("invalid", name)
    if model.invalid or invalid_effects:
        share = np.maximum(model.invalid, effects.share("invalid", name))
        invalid = dice.binomial(f"{name} invalid", left, share)
        errors["SchemaValidationError"] = invalid
        left = left - invalid
    for error, failing in effects.shares("process_failure", name).items():
        errors[error] = dice.binomial(f"{name} {error}", left, failing)
        left = left - errors[error]
    usual = dice.binomial(f"{name} usual", left, np.full(minutes, max(0.0, model.failure - model.invalid)))
    errors[USUAL_ERROR] = usual
    failed = np.asarray(sum(errors.values(), np.zeros_like(processed)), dtype=np.int64)
    dead = dice.binomial(f"{name} dead", failed, np.full(minutes, model.dead_letter))
    handling = failed_handling = None
    if model.histogram:
        handling_shares = _bucket_shares(median * HANDLING_SHARE, model.tail)
        handling = dice.split(f"{name} handling", processed - failed, handling_shares)
        failed_handling = dice.split(f"{name} failed handling", failed, handling_shares)
    return GroupTruth(
        model=model,
        served=served,
        waiting=waiting,
        behind=behind,
        processed=processed,
        errors=errors,
        invalid=invalid,
        duplicates=duplicates,
        dead_lettered=dead,
        median=median,
        backlog=backlog,
        handling=handling,
        failed_handling=failed_handling,
    )


def behind_head(arrived: Int64, served: Int64) -> Float64:
    """Seconds behind the head at the end of each minute, (minutes, partitions).

    The produced curve is linear inside a minute; the instant at which it reached the consumer's position is read
    off it. Where the position is the head, the consumer is not behind.
    """
    minutes, partitions = arrived.shape
    found = np.zeros((minutes, partitions))
    edges = np.arange(minutes + 1, dtype=np.float64)
    for p in range(partitions):
        produced = np.concatenate([[0], np.cumsum(arrived[:, p])])
        position = np.cumsum(served[:, p])
        last = np.searchsorted(produced, position, side="right") - 1
        following = np.minimum(last + 1, minutes)
        step = np.maximum(1, produced[following] - produced[last])
        reached = edges[last] + (position - produced[last]) / step
        seconds = (edges[1:] - reached) * 60.0
        found[:, p] = np.where(position >= produced[1:], 0.0, seconds)
    return found


def _bucket_shares(median: Float64, tail: float) -> Float64:
    """Share of each bucket of `LATENCY_BOUNDS`, (minutes, buckets + 1)."""
    return _differences(_share_below(np.asarray(LATENCY_BOUNDS)[None, :], median[:, None], tail))


def held_up(behind: Float64, backlog: Int64) -> Float64:
    """Seconds of waiting beyond what a healthy consumer has in flight, (minutes, partitions)."""
    return np.where(backlog > 0, np.maximum(0.0, behind - 2 * IN_FLIGHT_SECONDS), 0.0)


def _share_below(bound: Float64, median: Float64, tail: float) -> Float64:
    """Distribution function of the log-logistic distribution."""
    return np.asarray(1.0 / (1.0 + (median / bound) ** tail))


def _differences(below: Float64) -> Float64:
    return np.diff(below, axis=-1, prepend=0.0, append=1.0)


def first_minute_of(end_ms: int, days: float) -> int:
    """The first minute of a history of `days` that ends at an instant, with two hours of run-up."""
    return end_ms // MINUTE_MS - round(days * MINUTES_PER_DAY) - 120
