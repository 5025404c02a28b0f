"""The catalogue: channels as they are on the brokers, and the operations that documents declare on them.

A `Channel` is one runtime address on one broker, however many documents name it. An `Operation` is one
application's side of it: `send` or `receive`, always from the view of the application that the document describes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from msgspec import Struct, field

from observatory.errors import Problem
from observatory.location import Location, Placed
from observatory.spec.bound_values import BindingFact, ConsumerIdentity
from observatory.spec.expansion import expansions
from observatory.spec.parts import Message, Server

if TYPE_CHECKING:
    from observatory.spec.journey import Journey

Action = Literal["send", "receive"]
Criticality = Literal["critical", "high", "normal", "low"]
CRITICALITIES: tuple[Criticality, ...] = ("critical", "high", "normal", "low")

NameKind = Literal[
    "topic",
    "queue",
    "exchange",
    "routing_key",
    "subject",
    "path",
    "destination",
    "subscription",
    "vhost",
    "vpn",
    "queue_manager",
]
"""What a broker calls a thing that a channel is there; `destination` where the protocol has no word of its own.

A `subscription` is the text by which a receiver asks for the channel; `vhost` (AMQP), `vpn` (Solace) and
`queue_manager` (IBM MQ) name the part of the broker that the channel lives in.
"""

SCOPES: frozenset[NameKind] = frozenset({"vhost", "vpn", "queue_manager"})
"""Kinds that name where a channel lives, and not the channel."""

SliWord = Literal[
    "availability",  # M1
    "latency",  # M2
    "lag",  # M3
    "validation",  # M4
    "duplicates",  # M5
    "authorization",  # M6
    "saturation",  # M7
    "contract",  # M9
    "dead_letters",  # M10
    "freshness",
]
SLI_WORDS: tuple[SliWord, ...] = (
    "availability",
    "latency",
    "lag",
    "validation",
    "duplicates",
    "authorization",
    "saturation",
    "contract",
    "dead_letters",
    "freshness",
)

ThresholdUnit = Literal["second", "message", "ratio"]
Measure = Literal["start-start", "end-start", "start-end", "end-end"]
"""Which instants latency lies between: producer span's start or end, to the consumer's start or end of processing."""
ExclusionUse = Literal["alerts", "budget", "none"]
"""What planned work does to an objective."""


class RuntimeName(Placed, frozen=True, kw_only=True):
    """A name that a broker knows the channel by.

    Attributes:
        kind: Topic, queue, exchange and so on.
        value: The exact name; or a template such as `sensors.{site}.temperature` when `pattern` is set.
        pattern: A fully anchored regular expression (RE2 syntax) that the template matches; None for an exact name.
        provenance: Where it comes from, in words: `kafka.topic binding`, `address`, `channel key (2.x)`, `overlay`.
        location: The place in the document.
        template: As written, where the values of all its parameters are listed; `choices` are these values.
    """

    beside: ClassVar = frozenset({"location", "template", "choices"})

    kind: NameKind
    value: str
    pattern: str | None = None
    provenance: str
    location: Location | None = None
    template: str | None = None
    choices: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def expansions(self) -> tuple[str, ...]:
        """Every name that the template stands for, the first thousand; none where a parameter may be anything."""
        return expansions(self.template, self.choices)[0] if self.template is not None else ()

    @property
    def left_out(self) -> int:
        """How many more names there are than `expansions` lists."""
        if self.template is None:
            return 0
        listed, total = expansions(self.template, self.choices)
        return total - len(listed)


class Owner(Placed, frozen=True, kw_only=True):
    """Who answers for a channel or an operation. Every field as written; `provenance` says where.

    Attributes:
        provenance: Where the team is named: `x-owner on info`, `overlay shop.yaml:3`, `backstage catalog-info.yaml:12`.
        filled: Fields that somebody else adds to what is said there, each with its provenance.
    """

    team: str
    contact: str | None = None
    escalation: str | None = None
    runbook: str | None = None
    provenance: str = "x-owner"
    filled: tuple[tuple[str, str], ...] = ()
    location: Location | None = None

    def to_json(self) -> dict[str, Any]:
        """The `ownership` of a channel or a document, every field with where it comes from."""
        return {
            "team": self.team,
            "contact": self.contact,
            "escalation": self.escalation,
            "runbook": self.runbook,
            "provenance": self.provenance,
            "filled": dict(self.filled),
        }


class Threshold(Struct, frozen=True, kw_only=True):
    """The bound of a latency, lag, saturation or freshness objective in its base unit: 500ms is (0.5, second)."""

    value: float
    unit: ThresholdUnit


class SloDeclaration(Placed, frozen=True, kw_only=True):
    """One entry of `x-slo`, checked and normalised, with defaults and precedence already applied.

    Attributes:
        name: The last part of the objective's id; the SLI word unless the author named it.
        target: Ratio in (0, 1).
        window: As written, `30d` or `month`; `timezone` belongs to calendar windows.
        policy: Name of a burn-rate policy.
        measure: Latency only; None means `end-start`.
        exclusions: What planned work does to it: `alerts` are silent, or the `budget` is left untouched too, or `none`.
        min_events: Events that its window must hold before it is judged.
    """

    sli: SliWord
    name: str
    target: float
    threshold: Threshold | None = None
    window: str = "30d"
    timezone: str = "UTC"
    policy: str = "google-30d"
    measure: Measure | None = None
    exclusions: ExclusionUse = "alerts"
    min_events: int = 0
    location: Location | None = None


class TelemetryOverride(Placed, frozen=True, kw_only=True):
    """`x-telemetry`: which profile measures this, and labels that every series of it carries."""

    profile: str | None = None
    labels: tuple[tuple[str, str], ...] = ()
    location: Location | None = None


class Operation(Placed, frozen=True, kw_only=True):
    """One application's use of a channel.

    Attributes:
        key: `document/operation`, unique in the catalogue; objective ids start with it.
        document: Name of the document, unique in the catalogue: the service, made distinct where two share it.
        name: The operation's id; in 2.x without an id `<channel key>.<publish|subscribe>`.
        service: OpenTelemetry `service.name` of the application; `service_provenance` says where it is written.
        action: From the application's view; a 2.x `publish` is a `receive`.
        action_provenance: The overlay that gives the direction; None where the document does.
        channel_id: The `Channel` it is on.
        channel_key: The channel's key inside its document.
        consumer_group: Who consumes, where binding, extension or overlay say and it is one; never invented.
        consumers: All that the documents say who consumes: several where SNS has several subscriptions.
        facts: What the operation's binding declares beyond names.
        bindings: Resolved protocol bindings of the operation, plain data.
        objectives: What `x-slo` asks for, inherited ones included.
    """

    beside: ClassVar = frozenset({"bindings", "facts", "location"})

    key: str
    document: str
    name: str
    service: str
    action: Action
    channel_id: str
    channel_key: str
    messages: tuple[Message, ...] = ()
    consumer_group: str | None = None
    consumer_group_provenance: str | None = None
    consumers: tuple[ConsumerIdentity, ...] = ()
    title: str | None = None
    description: str = ""
    owner: Owner | None = None
    domain: str | None = None
    criticality: Criticality = "normal"
    objectives: tuple[SloDeclaration, ...] = ()
    telemetry: TelemetryOverride | None = None
    bindings: object = None
    facts: tuple[BindingFact, ...] = ()
    reply_channel_id: str | None = None
    action_provenance: str | None = None
    service_provenance: str | None = None
    domain_provenance: str | None = None
    location: Location | None = None


class Channel(Placed, frozen=True, kw_only=True):
    """One runtime address on one broker.

    Attributes:
        id: Stable under reordering of documents and safe in a URL path segment after percent-encoding:
            `<protocol>:<address>`, with `@<broker>` where the same address exists on several brokers, and
            `<document>#<channel key>` where the address is unknown.
        address: Runtime address, None where the document leaves it open (3.x null address).
        protocol: Lower case: kafka, amqp, mqtt, nats; None where no server says.
        names: All runtime names, best first; empty where nothing is known.
        broker: Host of the servers it lives on, None where unknown.
        dead_letter: Address of the channel that takes what cannot be processed, where it is declared.
        operations: Keys of all operations on it, in catalogue order.
        overlaps: Ids of other channels that the same messages may pass: an address and a pattern that it falls under,
            a routing key and the queue behind it, the same address by way of another protocol.
        messages: Those that documents list for the channel, used by an operation or not; the first of each name.
        bindings: Resolved channel bindings, plain data, of the document that comes first.
        facts: What the bindings of the channel and of its servers declare beyond names, of every document.
    """

    beside: ClassVar = frozenset({"bindings", "facts", "location"})

    id: str
    address: str | None
    protocol: str | None
    names: tuple[RuntimeName, ...] = ()
    servers: tuple[Server, ...] = ()
    broker: str | None = None
    title: str | None = None
    description: str = ""
    owner: Owner | None = None
    domain: str | None = None
    domain_provenance: str | None = None
    criticality: Criticality = "normal"
    dead_letter: str | None = None
    partitions: int | None = None
    operations: tuple[str, ...] = ()
    documents: tuple[str, ...] = ()
    overlaps: tuple[str, ...] = ()
    messages: tuple[Message, ...] = ()
    telemetry: TelemetryOverride | None = None
    bindings: object = None
    facts: tuple[BindingFact, ...] = ()
    location: Location | None = None

    def name(self, kind: NameKind) -> RuntimeName | None:
        """The first runtime name of a kind."""
        return next((name for name in self.names if name.kind == kind), None)

    @property
    def address_provenance(self) -> str:
        """Where the address comes from; `x-telemetry` where only labels say what it is, else `unknown`."""
        if self.address is not None:
            named = (name.provenance for name in self.names if name.value == self.address)
            return next(named, "unknown")
        return "x-telemetry" if self.telemetry and self.telemetry.labels else "unknown"

    @property
    def label(self) -> str:
        """What to show a person: the address, else the title, else the id."""
        return self.address or self.title or self.id


class Document(Struct, frozen=True, kw_only=True):
    """A document that was read: `name` is unique in the catalogue, `service` is what runs.

    The name is made of what the document says alone, so that no file beside it changes the ids of objectives; the
    service may be named by an ownership file, where the document leaves it to be guessed.

    Attributes:
        service_provenance: `x-service-name on info`, `id`, or `title` where it is guessed.
    """

    name: str
    path: str
    version: str
    title: str
    service: str
    description: str = ""
    owner: Owner | None = None
    domain: str | None = None
    service_provenance: str | None = None
    domain_provenance: str | None = None


class NamedParticipant(Placed, frozen=True, kw_only=True):
    """A producer or consumer that an ownership file names and no document declares.

    Attributes:
        service: None for a consumer group of which no more is known.
        provenance: The file and line that names it.
    """

    channel_id: str
    action: Action
    service: str | None
    consumer_group: str | None = None
    owner: Owner | None = None
    provenance: str
    location: Location | None = None


class Catalog(Struct, frozen=True, kw_only=True, dict=True):
    """Everything that the documents declare, in a stable order, and what was found wrong on the way.

    Channels are sorted by id, operations by key, documents by name.

    Attributes:
        named: Participants that no document declares, as ownership files name them.
        journeys: Sorted by id; those with a fault are not among them.
    """

    documents: tuple[Document, ...] = ()
    channels: tuple[Channel, ...] = ()
    operations: tuple[Operation, ...] = ()
    named: tuple[NamedParticipant, ...] = ()
    journeys: tuple[Journey, ...] = ()
    problems: tuple[Problem, ...] = ()

    @cached_property
    def _channels(self) -> dict[str, Channel]:
        return {channel.id: channel for channel in self.channels}

    @cached_property
    def _operations(self) -> dict[str, list[Operation]]:
        on: dict[str, list[Operation]] = {}
        for operation in self.operations:
            on.setdefault(operation.channel_id, []).append(operation)
        return on

    @cached_property
    def _named(self) -> dict[str, list[NamedParticipant]]:
        on: dict[str, list[NamedParticipant]] = {}
        for one in self.named:
            on.setdefault(one.channel_id, []).append(one)
        return on

    def channel(self, channel_id: str) -> Channel:
        """The channel with that id.

        Raises:
            KeyError: There is none.
        """
        return self._channels[channel_id]

    def operations_on(self, channel_id: str, action: Action | None = None) -> Iterator[Operation]:
        """Operations on a channel: producers with `send`, consumers with `receive`."""
        for operation in self._operations.get(channel_id, ()):
            if action in (None, operation.action):
                yield operation

    def named_on(self, channel_id: str, action: Action) -> Iterator[NamedParticipant]:
        """Those on one side of a channel that ownership files name and no document declares."""
        return (one for one in self._named.get(channel_id, ()) if one.action == action)
