"""A profile: what one exporter calls things, as data. Adding an exporter means adding one YAML file.

A profile maps metrics to the closed vocabulary of `signals`. Each signal it measures has one or more recipes, best
first; every other word of the vocabulary stands under `not_provided`, with the reason and the switch that would
change it. Silence is not a declaration.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import ClassVar, Literal

from msgspec import Struct, field

from observatory.location import Location, Placed
from observatory.spec.catalog import NameKind
from observatory.telemetry.binding import Matcher, SemanticKind

Category = Literal["client", "convention", "broker", "exporter", "registry", "traces"]
Confidence = Literal["live", "source_read", "doc", "dashboard", "rule_derived", "recalled", "convention"]
"""How a name was checked: on a running server, in the source, in documentation, in a published dashboard, by applying
a naming rule, from memory, or made up here for applications to follow."""
MetricType = Literal["counter", "gauge", "histogram", "summary", "unknown"]
NameTransform = Literal["none", "dots-to-underscores", "dashes"]
SpanRole = Literal["producer", "consumer", "hop"]

CONFIDENCE_WORDS: dict[str, str] = {
    "live": "checked on a running server",
    "source_read": "read in the exporter's source",
    "doc": "read in official documentation",
    "dashboard": "read in a published dashboard",
    "rule_derived": "built by the exporter's naming rule",
    "recalled": "from memory, not checked",
    "convention": "a convention for applications to follow",
}


class Spelling(Struct, frozen=True):
    """One way in which a label may write a channel: kinds of runtime name joined by colons.

    Attributes:
        kinds: `("exchange", "routing_key", "queue")` is written `shop:orders.placed:billing`; empty parts and
            repeats are left out.
        loose: True when the spelling can mean other channels too, such as an exchange without its routing key.
        tail: True when the label may hold more in front: any `...:billing` means the queue billing.
    """

    kinds: tuple[NameKind, ...]
    loose: bool = False
    tail: bool = False


class ChannelLabel(Struct, frozen=True):
    """A label that shows the channel.

    Attributes:
        label: Name of the label.
        spellings: Best first.
        optional: The label narrows where the document knows the name, and is left out where it does not (vhost).
        transforms: How exporters change the name; `none` is tried first.
        template: Text around the name, `{}` standing for it; more than one for labels such as a span's name. A `#` at
            the end stands for digits: `{}-partition-#`.
    """

    label: str
    spellings: tuple[Spelling, ...]
    optional: bool = False
    transforms: tuple[NameTransform, ...] = ("none",)
    templates: tuple[str, ...] = ("{}",)
    of_template: bool = False

    @property
    def is_plain(self) -> bool:
        """The label holds the name and nothing else, unchanged."""
        return not self.of_template and self.transforms == ("none",)


class Identity(Struct, frozen=True, kw_only=True):
    """Which labels say what a series is about.

    Attributes:
        channel: Labels that show the channel; empty for numbers of a whole broker or registry.
        consumer_group: Label of the consumer group.
        queue_is_consumer: True where one queue has one consuming application, so that no group label is needed.
        services: Labels that may hold the application's name, best first.
        partition: Label that tells partitions apart.
        dead_letter: True when the names are those of the dead-letter channel and not of the channel itself.
        absent: Labels that only another exporter's series of the same names have; such series are not this one's.
        protocols: Those of its profile that it says something of; none for all of them. A profile of several services
            names things of one that another has as well: an SNS topic and a Kinesis stream may both be `orders`.
    """

    name: str
    channel: tuple[ChannelLabel, ...] = ()
    consumer_group: str | None = None
    queue_is_consumer: bool = False
    services: tuple[str, ...] = ()
    partition: str | None = None
    dead_letter: bool = False
    absent: tuple[str, ...] = ()
    protocols: tuple[str, ...] = ()

    def speaks(self, protocol: str | None) -> bool:
        """True when its labels can show channels of this protocol; unknown protocols match all."""
        return not self.protocols or protocol is None or protocol in self.protocols

    @property
    def labels(self) -> tuple[str, ...]:
        """Every label that takes part in finding a subject, each once."""
        group = (self.consumer_group,) if self.consumer_group else ()
        return tuple(dict.fromkeys((*(part.label for part in self.channel), *group, *self.services, *self.absent)))


class MetricTerm(Struct, frozen=True):
    """One signed metric of a count, with conditions on labels that hold for every channel."""

    sign: Literal[1, -1]
    metric: str
    where: tuple[Matcher, ...] = ()


class Recipe(Struct, frozen=True, kw_only=True, dict=True):
    """One way to measure a signal with one naming variant.

    Attributes:
        all, success, error: Terms as in `MetricBinding`; for distributions the metric is the base name.
        type: What the TYPE line says, which the example proves; `kind` is what governs counting.
        proxy: True when it stands in for what the signal means.
        versions: Releases of the exporter that have it, in words; empty for all.
        period_ms: Length of the finished periods whose totals the values are; 0 for other kinds.
        switch: What to switch on where the exporter is there and these series are not.
        typed: True when the TYPE line tells this recipe from another one of the same metric.
        shared: True when other exporters use the same name, so that it does not show that this one is there.
        place: Order within the profile, smaller first.
    """

    signal: str
    profile: str
    variant: str = ""
    identity: Identity
    kind: SemanticKind
    type: MetricType
    unit: str
    scale: float
    all: tuple[MetricTerm, ...]
    success: tuple[MetricTerm, ...] = ()
    error: tuple[MetricTerm, ...] = ()
    proxy: bool = False
    confidence: Confidence
    versions: str = ""
    invalid_below: float | None = None
    period_ms: int = 0
    switch: str = ""
    typed: bool = False
    shared: bool = False
    caveats: tuple[str, ...] = ()
    place: int = 0

    @cached_property
    def series_names(self) -> tuple[str, ...]:
        """Names under which a server must have series for this recipe to be live, bucket names included."""
        suffix = "_bucket" if self.kind == "distribution" else ""
        return tuple(dict.fromkeys(term.metric + suffix for term in self.all))


class SpanRecipe(Struct, frozen=True, kw_only=True):
    """A signal that spans measure."""

    signal: str
    profile: str
    role: SpanRole
    spellings: tuple[Spelling, ...]
    caveats: tuple[str, ...] = ()
    place: int = 0


class NotProvided(Struct, frozen=True):
    """Why an exporter does not measure a signal, and what would make it observable; `switch` may be empty."""

    why: str
    switch: str = ""

    def __str__(self) -> str:
        return f"{self.why}; {self.switch}" if self.switch else self.why


class DeclaredValues(Struct, frozen=True, kw_only=True):
    """A metric that writes what bindings declare as well: the type of an exchange, the retention of a topic.

    Attributes:
        labels: Key of the binding's value, such as `amqp.exchange.type`, by label.
        value: Key of the binding's value that the samples hold; None where only labels tell.
        scale: Factor from the samples to the binding's unit.
        says_nothing: Values of the labels that stand for an unknown one.
        switch: What makes the series appear, or the labels.
    """

    metric: str
    identity: Identity
    labels: Mapping[str, str] = field(default_factory=dict)
    value: str | None = None
    scale: float = 1.0
    says_nothing: tuple[str, ...] = ()
    switch: str = ""

    @property
    def keys(self) -> tuple[str, ...]:
        """Every key that it tells something of."""
        return (*self.labels.values(), *((self.value,) if self.value else ()))


class Profile(Placed, frozen=True, kw_only=True, dict=True):
    """One exporter.

    Attributes:
        id: What `x-telemetry: {profile: ...}` names.
        also: Other names that it goes by, such as those of the endpoints or repositories that it covers.
        versions: Releases that the names were checked for.
        protocols: Lower-case AsyncAPI protocols it speaks about; empty for any.
        rank: Order among profiles that measure a signal equally well, smaller first.
        recipes, span_recipes: In file order, variants expanded.
        not_provided: Signals it does not measure.
        declared_values: Labels that write settings of a channel.
        presence: Names that show that it is there, whether or not it measures anything that is mapped.
        example: Exposition text as the exporter writes it, which tests parse.
        example_spans: For span profiles: (role, system, destination, service, consumer group) of typical spans.
        places: Where each signal stands in the file, and under `example` the first line of the example.
    """

    beside: ClassVar = frozenset({"location", "places"})

    id: str
    title: str
    category: Category
    versions: str
    protocols: tuple[str, ...]
    rank: int
    confidence: Confidence
    recipes: tuple[Recipe, ...] = ()
    span_recipes: tuple[SpanRecipe, ...] = ()
    not_provided: Mapping[str, NotProvided] = field(default_factory=dict)
    declared_values: tuple[DeclaredValues, ...] = ()
    presence: tuple[str, ...] = ()
    also: tuple[str, ...] = ()
    caveats: tuple[str, ...] = ()
    variants: tuple[str, ...] = ()
    example: str = ""
    example_spans: tuple[tuple[str, str, str, str, str], ...] = ()
    location: Location | None = None
    places: Mapping[str, Location] = field(default_factory=dict)

    def goes_by(self, name: str | None) -> bool:
        """True when the name is its id or another one that it goes by."""
        return name == self.id or name in self.also

    def speaks(self, protocol: str | None) -> bool:
        """True when the profile can say something about channels of this protocol; unknown protocols match all."""
        return not self.protocols or protocol is None or protocol in self.protocols

    @cached_property
    def signals(self) -> frozenset[str]:
        """Signals that it measures in some variant."""
        return frozenset([recipe.signal for recipe in self.recipes] + [recipe.signal for recipe in self.span_recipes])

    def recipes_for(self, signal: str) -> Iterator[Recipe]:
        """Metric recipes for a signal, best first."""
        return (recipe for recipe in self.recipes if recipe.signal == signal)
