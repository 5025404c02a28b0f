"""The list before production, judged: what each item of a channel is decided by, and the evidence that it shows.

The document is there and right; objectives are set; telemetry is found and live; dead letters are measured and an
objective watches them; trace context is carried from producer to consumer; an owner and a runbook are named.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from observatory.compile.measure import Measurement
from observatory.diagnose.ready_items import Item, ItemName, Readiness
from observatory.errors import Problem, SourceFailed
from observatory.ledger.evidence import Sources
from observatory.objectives.objective import Objective
from observatory.sources.base import HopQuery
from observatory.spec.catalog import Catalog, Channel, Operation
from observatory.telemetry.binding import MetricBinding, Resolution, SpanBinding
from observatory.telemetry.dead_letters import dead_letters_of
from observatory.telemetry.mapping import SIGNALS_OF_ROLE
from observatory.telemetry.signals import SIGNALS
from observatory.telemetry.subject import names_of
from observatory.telemetry.survey import Survey
from observatory.units import number_of
from observatory.windows import Grid, TimeRange

WITHOUT_DEAD_LETTERS = frozenset({"mqtt", "mqtts", "secure-mqtt", "ws", "wss", "http", "https", "sse", "stomp"})
"""Protocols whose brokers keep nothing that a consumer refused."""
TRACE_HEADERS = frozenset({"traceparent", "b3", "x-b3-traceid", "uber-trace-id", "x-amzn-trace-id"})
MOST_NAMED = 3


@dataclass(slots=True, kw_only=True)
class Checklist:
    """Everything that the items are judged by.

    Attributes:
        survey: None where no source was asked.
        measured: What measures each objective, or why nothing does, by objective id.
        hops: Joined hops by consuming operation; absent where spans were not asked or could not be read.
        spans_asked: A store of spans answered.
    """

    catalog: Catalog
    objectives: Sequence[Objective]
    survey: Survey | None
    measured: Mapping[str, Measurement | Problem]
    hops: Mapping[str, float] = field(default_factory=dict)
    spans_asked: bool = False
    _of_channel: dict[str, list[Objective]] = field(default_factory=dict, init=False)
    _paths: dict[str, str] = field(default_factory=dict, init=False)
    _letters: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        for objective in self.objectives:
            self._of_channel.setdefault(objective.channel_id, []).append(objective)
        self._paths = {document.name: document.path for document in self.catalog.documents}
        self._letters = frozenset(
            name
            for channel in self.catalog.channels
            for name, _ in dead_letters_of(channel, names_of(channel), self._group(channel)).called
        )

    def of(self, channel: Channel) -> Readiness:
        """The list for one channel."""
        return Readiness(
            channel=channel,
            items=(
                self._document(channel),
                self._objectives(channel),
                self._telemetry(channel),
                self._dead_letters(channel),
                self._trace_context(channel),
                self._owner(channel),
                self._runbook(channel),
            ),
        )

    def _document(self, channel: Channel) -> Item:
        paths = [self._paths[name] for name in channel.documents if name in self._paths]
        wrong = [
            problem
            for problem in self.catalog.problems
            if problem.severity == "error" and problem.location and problem.location.path in paths
        ]
        if wrong:
            return Item(
                name="document",
                state="failed",
                evidence=f"{wrong[0].place()}: {wrong[0].message}{_others(len(wrong) - 1)}",
                hint="`observatory validate` shows every fault",
            )
        return Item(name="document", state="passed", evidence=f"described in {_listed(paths)}")

    def _objectives(self, channel: Channel) -> Item:
        found = self._of_channel.get(channel.id, [])
        operations = list(self.catalog.operations_on(channel.id))
        if not operations:
            return _applies_not("objectives", "no operation is declared on it, and objectives belong to operations")
        if not found and self._takes_dead_letters(channel):
            return _applies_not("objectives", "it takes dead letters, which are watched on the channel they come from")
        if not found:
            return Item(
                name="objectives",
                state="failed",
                evidence=f"no objective on {_listed([one.key for one in operations])}",
                hint="write x-slo on an operation, on the channel, or x-slo-defaults at the root",
            )
        without = [one.key for one in operations if not any(each.operation_key == one.key for each in found)]
        rest = f"; none on {_listed(without)}" if without else ""
        return Item(
            name="objectives", state="passed", evidence=f"{number_of(len(found), 'objective')} ({_words(found)}){rest}"
        )

    def _telemetry(self, channel: Channel) -> Item:
        if self.survey is None:
            return Item(
                name="telemetry",
                state="failed",
                evidence="no source was asked",
                hint="name one: --prometheus URL or --store PATH",
            )
        found = self._of_channel.get(channel.id, [])
        if not found:
            return self._any_signal(channel)
        dark = [(one, self.measured[one.id]) for one in found if not _is_live(self.measured[one.id])]
        if dark:
            objective, why = dark[0]
            reason = why.message if isinstance(why, Problem) else why.reason or "its series are missing"
            return Item(
                name="telemetry",
                state="failed",
                evidence=f"{objective.id}: {reason}{_others(len(dark) - 1)}",
                hint="`observatory map --channel` shows every signal and what to switch on",
            )
        profiles = sorted({one.profile for each in found if isinstance(one := self.measured[each.id], Measurement)})
        return Item(
            name="telemetry",
            state="passed",
            evidence=f"{number_of(len(found), 'objective')} measured by live series of {', '.join(profiles)}",
        )

    def _any_signal(self, channel: Channel) -> Item:
        # What a broker or a registry shows of itself is there for channels that are not there, too.
        own = [one for one in self._resolutions(channel) if SIGNALS[one.signal].scope not in ("broker", "registry")]
        live = [one for one in own if one.chosen and one.chosen.liveness == "live"]
        if live:
            signals = list(dict.fromkeys(one.signal for one in live))
            return Item(
                name="telemetry", state="passed", evidence=f"{_listed(signals)} live, without an objective that asks"
            )
        missing = next((one for one in own if one.chosen), None)
        reason = missing.reason if missing else "no exporter in use measures any of its signals"
        return Item(
            name="telemetry",
            state="failed",
            evidence=reason,
            hint="`observatory map --channel` shows every signal and what to switch on",
        )

    def _resolutions(self, channel: Channel) -> list[Resolution]:
        assert self.survey is not None
        found: list[Resolution] = []
        for operation in self.catalog.operations_on(channel.id):
            side = SIGNALS_OF_ROLE["producer" if operation.action == "send" else "consumer"]
            found += [self.survey.mapping.resolutions[operation.key, signal] for signal in side]
        return [*found, *(self.survey.mapping.resolutions[channel.id, one] for one in SIGNALS_OF_ROLE["channel"])]

    def _dead_letters(self, channel: Channel) -> Item:
        name: ItemName = "dead_letters"
        consumers = list(self.catalog.operations_on(channel.id, "receive"))
        if not consumers:
            return _applies_not(name, "nobody receives from it in these documents")
        if channel.protocol in WITHOUT_DEAD_LETTERS:
            return _applies_not(name, f"{channel.protocol} keeps nothing that a consumer refused")
        if self._takes_dead_letters(channel):
            return _applies_not(name, "it takes the dead letters of another channel itself")
        if self.survey is None:
            return Item(name=name, state="failed", evidence="no source was asked", hint="--prometheus URL or --store")
        dark: list[str] = []
        seen: list[str] = []
        for operation in consumers:
            resolution = self.survey.mapping.resolutions[operation.key, "dead_lettered_messages"]
            chosen = resolution.chosen
            if chosen is None or chosen.liveness != "live":
                dark.append(f"{operation.key}: {resolution.reason}")
            elif isinstance(chosen, MetricBinding):
                seen.append(f"{operation.key}: {chosen.reason}")
        if dark:
            return Item(
                name=name,
                state="failed",
                evidence=f"{dark[0]}{_others(len(dark) - 1)}",
                hint="name the dead-letter channel in a binding or an overlay, and let an exporter show its depth",
            )
        watching = [one for one in self._of_channel.get(channel.id, ()) if one.sli == "dead_letters"]
        unwatched = [one.key for one in consumers if not any(each.operation_key == one.key for each in watching)]
        if unwatched:
            return Item(
                name=name,
                state="failed",
                evidence=f"measured ({_listed(seen)}), and no objective watches it for {_listed(unwatched)}",
                hint="add {sli: dead_letters, target: 99.9%} to x-slo",
            )
        return Item(name=name, state="passed", evidence=f"{_listed(seen)}; watched by {_listed([watching[0].id])}")

    def _takes_dead_letters(self, channel: Channel) -> bool:
        own = {name.value for name in channel.names} | ({channel.address} if channel.address else set())
        return not own.isdisjoint(self._letters)

    def _group(self, channel: Channel) -> str | None:
        groups = [one.consumer_group for one in self.catalog.operations_on(channel.id, "receive")]
        return next(filter(None, groups), None)

    def _trace_context(self, channel: Channel) -> Item:
        name: ItemName = "trace_context"
        operations = list(self.catalog.operations_on(channel.id))
        if not operations:
            return _applies_not(name, "no operation is declared on it")
        consumers = [one for one in operations if one.action == "receive"]
        joined = {one.key: self.hops[one.key] for one in consumers if one.key in self.hops}
        torn = [key for key, number in joined.items() if number == 0]
        if torn:
            return Item(
                name=name,
                state="failed",
                evidence=f"spans of {_listed(torn)} are there, and none is joined to a publish",
                hint="let the producer inject and the consumer extract traceparent, as a parent or a link",
            )
        if joined and len(joined) == len(consumers):
            number = sum(joined.values())
            return Item(name=name, state="passed", evidence=f"{number:,.0f} hops join publish and consume in traces")
        if not consumers:
            return _applies_not(name, "nobody receives from it in these documents, so nothing shows what arrives")
        bare = [one.key for one in operations if not _declares_trace_header(one)]
        if not bare:
            return Item(name=name, state="passed", evidence="every message declares a trace header; no trace was seen")
        seen = "no spans of it" if self.spans_asked else "no store of spans was asked"
        return Item(
            name=name,
            state="failed",
            evidence=f"{seen}, and messages of {_listed(bare)} declare no traceparent header",
            hint="instrument both sides with OpenTelemetry and send traces, or declare the header in the message",
        )

    def _owner(self, channel: Channel) -> Item:
        if channel.owner is None:
            return Item(
                name="owner",
                state="failed",
                evidence="nobody is named",
                hint="write x-owner on info or on the channel, or name it in an overlay or an ownership file",
            )
        return Item(name="owner", state="passed", evidence=f"{channel.owner.team} ({channel.owner.provenance})")

    def _runbook(self, channel: Channel) -> Item:
        owners = [channel.owner, *(one.owner for one in self.catalog.operations_on(channel.id))]
        found = next((one.runbook for one in owners if one and one.runbook), None)
        if found is None:
            return Item(
                name="runbook",
                state="failed",
                evidence="no runbook is named",
                hint="write x-owner: {team: ..., runbook: https://...}",
            )
        if not _opens(found):
            return Item(
                name="runbook",
                state="failed",
                evidence=f"{found!r} is no address that somebody can open",
                hint="write an http or https URL, or the path of a file beside the documents",
            )
        return Item(name="runbook", state="passed", evidence=found)


def count_hops(
    catalog: Catalog, survey: Survey, sources: Sources, span: TimeRange, problems: list[Problem]
) -> dict[str, float]:
    """Hops that traces join, by consuming operation whose spans are there.

    Args:
        problems: What could not be read is added here.
    """
    found: dict[str, float] = {}
    grid = Grid.ending_at(span.end_ms, span.end_ms - span.start_ms, span.end_ms - span.start_ms)
    for store in sources.spans:
        queries: list[HopQuery] = []
        for operation in catalog.operations:
            binding = survey.mapping.chosen(operation.key, "end_to_end_latency")
            if isinstance(binding, SpanBinding) and binding.liveness == "live" and binding.source == store.name:
                queries.append(HopQuery(operation.key, binding.selector))
        try:
            counted = store.count_hops(queries, grid) if queries else {}
        except SourceFailed as error:
            problems += error.problems
            continue
        found |= {key: float(steps.sum()) for key, steps in counted.items()}
    return found


def _opens(address: str) -> bool:
    """Whether a runbook is a web address or a path; other schemes are no place for one, and some run as a program."""
    try:
        parts = urlsplit(address.strip())
    except ValueError:
        return False
    if parts.scheme in ("http", "https"):
        return bool(parts.hostname)
    return not parts.scheme and bool(parts.path) and address.isprintable()


def _is_live(one: Measurement | Problem) -> bool:
    return isinstance(one, Measurement) and one.liveness == "live"


def _declares_trace_header(operation: Operation) -> bool:
    """Whether every message of the operation has a header that carries a trace."""
    named = [
        {str(key).lower() for key in properties}
        for message in operation.messages
        if isinstance(message.headers, dict) and isinstance(properties := message.headers.get("properties"), dict)
    ]
    return (
        bool(operation.messages)
        and len(named) == len(operation.messages)
        and all(keys & TRACE_HEADERS for keys in named)
    )


def _applies_not(name: ItemName, why: str) -> Item:
    return Item(name=name, state="not_applicable", evidence=why)


def _words(objectives: Sequence[Objective]) -> str:
    return ", ".join(dict.fromkeys(one.sli for one in objectives))


def _listed(texts: Sequence[str]) -> str:
    return f"{', '.join(texts[:MOST_NAMED])}{_others(len(texts) - MOST_NAMED)}"


def _others(number: int) -> str:
    return f" and {number} more" if number > 0 else ""
