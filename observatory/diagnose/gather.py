"""Evidence from an estate: every sign of every channel, in a dozen batched requests however many channels there are."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from msgspec import Struct, field
from msgspec.structs import replace

from observatory.compile.measure import Measurement, bound_measurement
from observatory.diagnose.course import Course
from observatory.diagnose.evidence import ChannelEvidence, Sign, with_surroundings
from observatory.diagnose.strangers import find_strangers
from observatory.errors import Problem, SourceFailed
from observatory.evaluate.estate import Estate
from observatory.evaluate.snapshot import SignalSeries, Snapshot, Statistic
from observatory.indicators.expression import Count
from observatory.indicators.indicator import Indicator
from observatory.ledger.build import build
from observatory.spec.catalog import Action, Channel, Operation
from observatory.windows import Grid

SPAN_SECONDS = 6 * 3600.0
STEP_MS = 60_000
SILENT = 1e-3
"""Messages per second below which a channel counts as silent, and a similar name is looked for."""


class Source(Struct, frozen=True):
    """Where a sign comes from: the first of these signals that is measured for the subject."""

    signals: tuple[tuple[str, Statistic], ...]
    side: Action | None


SERIES: Mapping[Sign, Source] = {
    "consume_rate": Source(
        (
            ("processed_messages", "rate"),
            ("delivered_messages", "rate"),
            ("acknowledged_messages", "rate"),
            ("committed_offset", "rate"),
        ),
        "receive",
    ),
    "dead_letters": Source((("dead_lettered_messages", "rate"),), "receive"),
    "lag": Source((("consumer_lag", "level"), ("queue_ready", "level"), ("queue_depth", "level")), "receive"),
    "behind": Source((("consumer_lag_time", "behind"),), "receive"),
    "latency": Source((("end_to_end_latency", "p99"), ("process_duration", "p99")), "receive"),
    "duplicates": Source((("duplicate_messages", "rate"),), "receive"),
    "redeliveries": Source((("redelivered_messages", "rate"),), "receive"),
    "broker_load": Source((("broker_load", "level"),), None),
    "registry_latency": Source((("registry_request_duration", "p99"), ("registry_latency", "level")), None),
    "unroutable": Source((("unroutable_messages", "rate"),), None),
    "partitions": Source((("partitions", "level"),), None),
}
"""Signs that are a signal as it is. Those with a side are asked per operation, the others per channel."""
ERRORS: Mapping[Sign, tuple[str, Action | None]] = {
    "publish_errors": ("published_messages", "send"),
    "process_errors": ("processed_messages", "receive"),
    "validation_errors": ("validated_messages", "receive"),
    "refusals": ("authorization_attempts", None),
    "registry_errors": ("registry_requests", None),
    "registry_refusals": ("registry_checks", None),
}
"""Signs that are the failed part of a counter."""


SHARED: frozenset[Sign] = frozenset(("broker_load", "registry_errors", "registry_latency", "registry_refusals"))
"""Signs of a neighbour that many channels share; its name is not the channel's."""


def gather(
    estate: Estate, snapshot: Snapshot, channels: Sequence[Channel], *, span_seconds: float = SPAN_SECONDS
) -> tuple[tuple[ChannelEvidence, ...], tuple[Problem, ...]]:
    """Evidence of the channels up to the snapshot's instant, and what could not be asked.

    A source that fails leaves its signs unobserved; the rest holds.
    """
    operations = [one for channel in channels for one in snapshot.catalog.operations_on(channel.id)]
    asked = _Inquiry(
        estate=estate,
        snapshot=snapshot,
        grid=Grid.ending_at(snapshot.at_ms, round(span_seconds * 1000), STEP_MS),
        channels=channels,
        operations=operations,
        names={channel.id: channel.label for channel in channels} | {one.key: _who(one) for one in operations},
    )
    asked.signals()
    asked.memory()
    asked.publish_rates()
    asked.errors()
    problems, found = asked.problems, asked.found
    evidence = with_surroundings([_evidence(channel, operations, found) for channel in channels])
    silent = [one.channel for one in evidence if _is_silent(one)]
    strangers = find_strangers(estate.sources, snapshot, silent, asked.grid.range, problems)
    complete = tuple(
        replace(one, strangers=strangers.found.get(one.channel.id, ()), strangers_observable=strangers.observable)
        if one.channel in silent
        else replace(one, strangers_observable=True)
        for one in evidence
    )
    return complete, tuple(dict.fromkeys(problems))


class _Inquiry(Struct, kw_only=True):
    """What is asked, about which channels and over which steps; what was found, and what could not be asked.

    Attributes:
        names: Of whom a course speaks, by the id of its channel or the key of its operation.
        found: By sign and subject.
    """

    estate: Estate
    snapshot: Snapshot
    grid: Grid
    channels: Sequence[Channel]
    operations: Sequence[Operation]
    names: Mapping[str, str]
    found: dict[tuple[Sign, str], Course] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)

    def signals(self) -> None:
        """Signs that are a signal as it is."""
        for sign, source in SERIES.items():
            subjects = self._subjects(source.side)
            for signal, statistic in source.signals:
                left = [subject for subject in subjects if (sign, subject) not in self.found]
                for line in self._series(signal, left, statistic):
                    self._note(sign, line, statistic)

    def memory(self) -> None:
        """Broker load as memory over its limit, where no exporter says how busy the broker is."""
        left = [channel.id for channel in self.channels if ("broker_load", channel.id) not in self.found]
        used = {line.subject: line for line in self._series("broker_memory_used", left, "level")}
        limit = {line.subject: line for line in self._series("broker_memory_limit", list(used), "level")}
        for subject, most in limit.items():
            with np.errstate(divide="ignore", invalid="ignore"):
                share = np.where(most.value > 0, used[subject].value / most.value, np.nan)
            self.found["broker_load", subject] = Course(
                subject=subject, name="", unit="ratio", t_ms=used[subject].t_ms, value=share
            )

    def publish_rates(self) -> None:
        """What reaches the channel, by the broker's own count where there is one, else by its producers'."""
        covered: set[str] = set()
        for signal in ("produced_offset", "enqueued_messages"):
            for line in self._series(signal, [one.id for one in self.channels if one.id not in covered], "rate"):
                self._note("publish_rate", line, "rate")
                covered.add(line.subject)
        senders = [one.key for one in self.operations if one.action == "send" and one.channel_id not in covered]
        for line in self._series("published_messages", senders, "rate"):
            self._note("publish_rate", line, "rate")

    def errors(self) -> None:
        """Failures per second, counted by the ledger from the error part of each counter."""
        home = {one.key: one.channel_id for one in self.operations} | {one.id: one.id for one in self.channels}
        wanted: dict[tuple[Sign, str], Measurement] = {}
        for sign, (signal, side) in ERRORS.items():
            indicator = Indicator(
                sli="availability", total=Count(signal), bad=Count(signal, "error"), measure=f"failed {signal}"
            )
            for subject in self._subjects(side):
                one = bound_measurement(indicator, subject, home[subject], self.snapshot.mapping)
                if one is not None and one.liveness != "missing":
                    wanted[sign, subject] = one
        grid = self.grid
        ledger = build(wanted.values(), self.estate.sources, grid)
        self.problems += ledger.problems
        t_ms = grid.start_ms + grid.step_ms * np.arange(1, grid.steps + 1, dtype=np.int64)
        for (sign, subject), one in wanted.items():
            row = ledger.rows.get(one.key)
            if row is None:
                continue
            rate = np.where(row.observed > 0, (row.total - row.good) / (grid.step_ms / 1000), np.nan)
            unit = "request/s" if sign in ("refusals", "registry_errors", "registry_refusals") else "message/s"
            name = "" if sign in SHARED else self.names[subject]
            self.found[sign, subject] = Course(subject=subject, name=name, unit=unit, t_ms=t_ms, value=rate)

    def _subjects(self, side: Action | None) -> list[str]:
        if side is None:
            return [channel.id for channel in self.channels]
        return [one.key for one in self.operations if one.action == side]

    def _series(self, signal: str, subjects: Sequence[str], statistic: Statistic) -> Sequence[SignalSeries]:
        """The lines of a signal; none where its source fails, which is noted."""
        if not subjects:
            return ()
        try:
            return self.estate.series(self.snapshot, signal, subjects, self.grid.range, self.grid.step_ms, statistic)
        except SourceFailed as error:
            self.problems += error.problems
            return ()

    def _note(self, sign: Sign, line: SignalSeries, statistic: Statistic) -> None:
        names = {} if sign in SHARED else self.names
        self.found[sign, line.subject] = _course(line, names, statistic)


def _course(line: SignalSeries, names: Mapping[str, str], statistic: Statistic) -> Course:
    unit = f"{line.unit}/s" if statistic == "rate" else line.unit
    unit = unit.replace("offset", "message")
    return Course(subject=line.subject, name=names.get(line.subject, ""), unit=unit, t_ms=line.t_ms, value=line.value)


def _evidence(
    channel: Channel, operations: Iterable[Operation], found: Mapping[tuple[Sign, str], Course]
) -> ChannelEvidence:
    own = [one for one in operations if one.channel_id == channel.id]
    subjects = {channel.id, *(one.key for one in own)}
    courses: dict[Sign, tuple[Course, ...]] = {}
    for (sign, subject), course in found.items():
        if subject in subjects:
            courses[sign] = (*courses.get(sign, ()), course)
    owners = [channel.owner, *(one.owner for one in own)]
    owner = next((one for one in owners if one is not None), None)
    runbook = next((one.runbook for one in owners if one is not None and one.runbook), None)
    return ChannelEvidence(channel=channel, courses=courses, owner=owner.team if owner else None, runbook=runbook)


def _is_silent(one: ChannelEvidence) -> bool:
    """Whether nothing is consumed or nothing is published, as far as that is measured."""
    for courses in (one.of("consume_rate"), one.of("publish_rate")):
        if courses and max(course.now or 0.0 for course in courses) <= SILENT:
            return True
    return False


def _who(operation: Operation) -> str:
    return operation.consumer_group or operation.service
