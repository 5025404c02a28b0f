"""What a server really has, as a value: names, metadata and label sets. Sources fill it, mapping reads it."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct, field

from observatory.errors import Problem


class MetricMetadata(Struct, frozen=True):
    """The TYPE, UNIT and HELP lines of a metric; often wrong, so a hint and no proof."""

    type: str = "unknown"
    unit: str = ""
    help: str = ""


class InventoryRequest(Struct, frozen=True):
    """What is wanted of a server.

    Attributes:
        labels: For each metric (full series name, `..._bucket` included) the labels whose combinations are wanted.
        placed: Metrics of which it is enough to know where they come from, by the labels `places`: jobs, clusters.
    """

    labels: Mapping[str, tuple[str, ...]]
    placed: tuple[str, ...] = ()
    places: tuple[str, ...] = ()


class LabelSets(Struct, frozen=True):
    """Distinct combinations of `labels` on one metric. A label that a series lacks is the empty string.

    Attributes:
        labels: Label names, the columns of `rows`.
        rows: One tuple of values per combination.
        series: How many series stand behind each row.
    """

    labels: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    series: tuple[int, ...]


class Inventory(Struct, frozen=True, kw_only=True):
    """What one source has at one time.

    Attributes:
        source: Name of the source.
        names: All series names, or those that were looked for.
        label_sets: Per series name, for what an `InventoryRequest` asked.
        metadata: Per metric name, where the server offers it.
        places: Per series name where its series come from, for what was asked to be placed; a hint, so it may lack.
        destinations: For span sources: what spans name, per (role, system, destination, service, consumer group).
        problems: What could not be read; the rest holds.
    """

    source: str
    names: frozenset[str] = frozenset()
    label_sets: Mapping[str, LabelSets] = field(default_factory=dict)
    metadata: Mapping[str, MetricMetadata] = field(default_factory=dict)
    places: Mapping[str, LabelSets] = field(default_factory=dict)
    destinations: tuple[SpanDestination, ...] = ()
    problems: tuple[Problem, ...] = ()


class SpanDestination(Struct, frozen=True, kw_only=True):
    """A producer or consumer that spans show on a destination.

    `messages` counts messages, sampling weights applied; times are the first and last span seen.
    """

    role: str  # "producer" or "consumer"
    system: str
    destination: str
    service: str
    consumer_group: str
    messages: float
    first_ms: int
    last_ms: int
