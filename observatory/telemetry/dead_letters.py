"""Dead letters: under which names the channel that takes them may be found, and on whose word.

Documents name it (a binding, `x-dead-letter`, an overlay); where they do not, frameworks and brokers have conventions.
A name by convention is taken only when telemetry shows it, and a name that could as well be a channel of its own
(`orders_error`) not when the documents know a channel of that name that somebody sends to.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping

from msgspec import Struct, field

from observatory.spec.catalog import Catalog, Channel, NameKind, RuntimeName

Names = Mapping[NameKind, tuple[RuntimeName, ...]]

MAIN_KINDS: tuple[NameKind, ...] = ("queue", "topic", "subject", "path", "destination")
FIFO = ".fifo"
"""Ending that the name of every FIFO queue and topic of AWS must have, that of its dead-letter queue too."""


class Convention(Struct, frozen=True):
    """A way to name a dead-letter channel after the channel.

    Attributes:
        template: `{}` stands for the channel, `{group}` for the consumer group.
        used_by: Who names it so.
        plain: True when the name says nothing of dead letters, so that it may be a channel of its own.
    """

    template: str
    used_by: str
    plain: bool = False

    @property
    def word(self) -> str:
        """On whose word a name so made is taken."""
        return f"by the convention {self.template} ({self.used_by})"


CONVENTIONS = (
    Convention("{}.dlq", "common"),
    Convention("{}-dlq", "common"),
    Convention("{}.DLT", "Spring for Apache Kafka"),
    Convention("{}-dlt", "Spring for Apache Kafka, retryable topics"),
    Convention("dlq.{}", "common"),
    Convention("error.{}", "Spring Cloud Stream", plain=True),
    Convention("{}.{group}.dlq", "Spring Cloud Stream with RabbitMQ"),
    Convention("error.{}.{group}", "Spring Cloud Stream with Kafka", plain=True),
    Convention("{}-{group}-DLQ", "Pulsar"),
    Convention("{}-{group}-dlq", "common"),
    Convention("{}.{group}.DLT", "Spring for Apache Kafka"),
    Convention("{}-{group}-dlt", "Spring for Apache Kafka, retryable topics"),
    Convention("{}_dlq", "common"),
    Convention("{}-DLQ", "common"),
    Convention("{}.DLQ", "common"),
    Convention("{}_DLQ", "common"),
    Convention("{}DLQ", "common"),
    Convention("{}.dlt", "common"),
    Convention("DLQ.{}", "ActiveMQ and Artemis"),
    Convention("dlq-{}", "Kafka Connect"),
    Convention("dead-letter-topic-{}", "SmallRye Reactive Messaging"),
    Convention("{}-dead-letter", "common"),
    Convention("{}.dead-letter", "common"),
    Convention("{}.deadletter", "common"),
    Convention("{}-deadletter", "common"),
    Convention("{}.dead_letter", "common"),
    Convention("{}-dead-letter-queue", "common"),
    Convention("{}_error", "MassTransit", plain=True),
    Convention("{}.error", "common", plain=True),
    Convention("{}-error", "common", plain=True),
)
"""Most common first."""
_SUBJECT = re.compile(r"\{\}(?:(?P<joint>[^{}]+)\{group\})?")
_JOINTS = tuple(
    dict.fromkeys(found["joint"] for one in CONVENTIONS if (found := _SUBJECT.search(one.template)) and found["joint"])
)
"""What stands between a channel and its consumer group."""
_AROUND = tuple(dict.fromkeys(_SUBJECT.sub("\n", one.template).partition("\n")[::2] for one in CONVENTIONS))
"""What conventions put before and after a channel, or a channel and its group."""


class DeadLetters(Struct, frozen=True):
    """Where dead letters may lie.

    Attributes:
        declared: What the documents call it; None when its names follow conventions.
        main: What the channel is called, which conventions start from; empty where none can.
        group: The consumer group, which some conventions name as well.
        taken: Names that are channels of their own, see `sent_to`.
        kind: What the channel itself is.
        place: Where on the broker it lies, and so its dead letters.
    """

    declared: str | None = None
    main: str = ""
    group: str | None = None
    taken: frozenset[str] = frozenset()
    kind: NameKind = "destination"
    place: Names = field(default_factory=dict)

    @property
    def called(self) -> tuple[tuple[str, str], ...]:
        """What it may be called and on whose word, best first."""
        if self.declared:
            return ((self.declared, "declared by the documents"),)
        if not self.main:
            return ()
        return tuple(
            (name, one.word)
            for one in CONVENTIONS
            if (name := _named(one, self.main, self.group)) is not None and not (one.plain and name in self.taken)
        )

    @property
    def stems(self) -> tuple[str, ...]:
        """What stands between what conventions put around it, see `stems_of`."""
        if not self.group:
            return (self.main,)
        stem, ending = _without_ending(self.main)
        return (self.main, *(f"{stem}{joint}{self.group}{ending}" for joint in _JOINTS))

    @property
    def kinds(self) -> tuple[NameKind, ...]:
        """Kinds of runtime name that it has."""
        # Exporters that have a word of their own for the thing still find it, and those that have none do too.
        return (self.kind, "destination") if self.kind != "destination" else MAIN_KINDS

    def names(self, value: str, provenance: str) -> Names:
        """Runtime names by kind of one of those it may be called."""
        found: dict[NameKind, tuple[RuntimeName, ...]] = {
            one: (RuntimeName(kind=one, value=value, provenance=provenance),) for one in self.kinds
        }
        return found | dict(self.place)


NO_DEAD_LETTERS = DeadLetters()


def sent_to(catalog: Catalog) -> frozenset[str]:
    """Names of channels that some application sends to, as the documents have it."""
    senders = {operation.channel_id for operation in catalog.operations if operation.action == "send"}
    return frozenset(
        name.value
        for channel in catalog.channels
        if channel.id in senders
        for name in channel.names
        if name.kind in MAIN_KINDS
    )


def dead_letters_of(
    channel: Channel, names: Names, group: str | None = None, taken: frozenset[str] = frozenset()
) -> DeadLetters:
    """Names of the dead-letter channel of a channel, for one consumer group of it.

    It lies where the channel lies: a broker dead-letters within a virtual host, and another one may hold its namesake.

    Args:
        taken: Names of channels that somebody sends to, see `sent_to`.
    """
    kind = next((kind for kind in MAIN_KINDS if kind in names), None)
    place: Names = {"vhost": names["vhost"]} if "vhost" in names else {}
    if channel.dead_letter:
        return DeadLetters(channel.dead_letter, kind=kind or "destination", place=place)
    if kind is None or names[kind][0].pattern is not None:
        return NO_DEAD_LETTERS
    return DeadLetters(None, names[kind][0].value, group, taken, kind, place)


def stems_of(shown: Iterable[str], rewritten: Callable[[str], str]) -> frozenset[str]:
    """What may be called so that one of the names shown is its dead letters by a convention.

    Many names have one index, so that a channel is looked up once and not under each convention.

    Args:
        rewritten: What the exporter makes of a name, a character for a character.
    """
    around = [(rewritten(before), rewritten(after)) for before, after in _AROUND]
    before = tuple(one for one, _ in around if one)
    after = tuple(one for _, one in around if one)
    fifo = rewritten(FIFO)
    found: set[str] = set()
    for text in shown:
        for name, ending in ((text, ""), (text.removesuffix(fifo), fifo)) if text.endswith(fifo) else ((text, ""),):
            if name.endswith(after) or name.startswith(before):
                found.update(
                    name[len(one) : len(name) - len(two)] + ending
                    for one, two in around
                    if name.startswith(one) and name.endswith(two)
                )
    return frozenset(found)


def _named(convention: Convention, name: str, group: str | None) -> str | None:
    if "{group}" in convention.template and not group:
        return None
    stem, ending = _without_ending(name)
    return convention.template.replace("{group}", group or "").replace("{}", stem) + ending


def _without_ending(name: str) -> tuple[str, str]:
    return (name.removesuffix(FIFO), FIFO) if name.endswith(FIFO) else (name, "")
