"""Names that systems make for themselves, and those that follow from a declared one: seen, and no faults."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence

from observatory.settings.drift import IgnoredNames
from observatory.spec.catalog import Catalog
from observatory.telemetry.dead_letters import dead_letters_of, sent_to
from observatory.telemetry.subject import names_of

_MIRROR = re.compile(r"mm2-(configs|offsets|offset-syncs|status)\..*|.*\.checkpoints\.internal")
_HEARTBEATS = re.compile(r"(.+\.)?heartbeats")
"""A name that anybody may use, and MirrorMaker's where its other topics are."""
_OWN: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"(.*/)?__.+"), "internal topic of the broker or of a managed service"),
    (
        re.compile(r"_(schema.*|confluent.*|redpanda.*|kafka.*)|strimzi\.cruisecontrol\..*"),
        "internal topic of the platform",
    ),
    (re.compile(r"kafkasql-.+|kminion-end-to-end"), "internal topic of a registry or an exporter"),
    (re.compile(r"ksql-.+-command|.*ksql_processing_log"), "internal topic of ksqlDB"),
    (
        re.compile(r"(.*[-_])?connect(-cluster)?[-_](configs|offsets|status)"),
        "internal topic of Kafka Connect",
    ),
    (_MIRROR, "MirrorMaker"),
    (re.compile(r".+-(changelog|repartition)|.*(KSTREAM|KTABLE)-.*"), "state of a Kafka Streams application"),
    (re.compile(r"amq\..*"), "reserved by AMQP, or named by the broker"),
    (re.compile(r"mqtt-(subscription|will)-.*|(federation|shovel)[:. ].*"), "made by a plugin of RabbitMQ"),
    (re.compile(r"aliveness-test"), "of RabbitMQ's check whether it lives"),
    (re.compile(r"\$.*|_INBOX\..*|_sys\..*|#.*"), "system subject of the broker"),
    (re.compile(r"(KV|OBJ)_.+"), "a store of keys or objects of JetStream"),
    (re.compile(r"console-consumer-\d+|amq\.ctag-.*"), "a consumer started by hand"),
)
_DERIVED = r"(?:dlq|dlt|dlx|dl|dead|dead[-_.]?letters?|errors?|parking[-_.]?lot|retry|retries|redrive)"
_ENDING = re.compile(rf"(?P<base>.+?)[-_.:/]{_DERIVED}(?:[-_.]?\w+)?", re.IGNORECASE)
_BEGINNING = re.compile(rf"{_DERIVED}[-_.:/](?P<base>.+)", re.IGNORECASE)


_STORAGE = re.compile(r"(?P<cluster>.+)[-_.](?P<topic>config|offset|status)(?:e?s)?")
"""Topics that every cluster of Kafka Connect keeps, whatever its settings call them."""


class Internal:
    """Tells internal names from those that a document should have.

    Args:
        bases: Names that documents declare, to which dead-letter and retry names may belong.
        letters: Dead-letter names that documents declare or that follow conventions, with the channel.
        ignored: What a team leaves aside; this comes first.
        connect: Beginnings of the names of topics that a cluster of Kafka Connect keeps.
        mirrored: MirrorMaker is at work.
    """

    def __init__(
        self,
        bases: Collection[str],
        letters: dict[str, str],
        ignored: Sequence[IgnoredNames] = (),
        connect: Collection[str] = (),
        *,
        mirrored: bool = False,
    ) -> None:
        self._bases = bases
        self._letters = letters
        self._ignored = ignored
        self._connect = connect
        self._mirrored = mirrored

    @classmethod
    def of(cls, catalog: Catalog, seen: Iterable[str] = (), ignored: Sequence[IgnoredNames] = ()) -> Internal:
        """What the names of a catalogue imply.

        Args:
            seen: Every name that telemetry shows: three of them together may tell what one alone does not.
        """
        names = tuple(seen)
        kept: dict[str, set[str]] = {}
        for found in filter(None, map(_STORAGE.fullmatch, names)):
            kept.setdefault(found["cluster"], set()).add(found["topic"])
        connect = {cluster for cluster, topics in kept.items() if len(topics) == 3}
        mirrored = any(map(_MIRROR.fullmatch, names))
        bases = {name.value for channel in catalog.channels for name in channel.names}
        bases |= {channel.address for channel in catalog.channels if channel.address}
        bases |= {operation.consumer_group for operation in catalog.operations if operation.consumer_group}
        letters: dict[str, str] = {}
        taken = sent_to(catalog)
        for channel in catalog.channels:
            groups = {one.consumer_group for one in catalog.operations_on(channel.id, "receive")} or {None}
            for group in sorted(groups, key=str):
                for name, _ in dead_letters_of(channel, names_of(channel), group, taken).called:
                    letters.setdefault(name, channel.id)
        return cls(bases, letters, ignored, connect, mirrored=mirrored)

    def reason(self, name: str) -> str | None:
        """Why the name needs no document; None when it needs one."""
        if not name:
            return "the default exchange"
        for one in self._ignored:
            if one.holds(name):
                return one.reason
        for pattern, why in _OWN:
            if pattern.fullmatch(name):
                return why
        if self._connect and (found := _STORAGE.fullmatch(name)) is not None and found["cluster"] in self._connect:
            return f"internal topic of the Kafka Connect cluster {found['cluster']}"
        if self._mirrored and _HEARTBEATS.fullmatch(name):
            return "MirrorMaker"
        if name in self._letters:
            return f"dead letters of {self._letters[name]}"
        base = next((one for one in _bases_of(name) if one in self._bases), None)
        return f"dead letters or retries of {base}" if base is not None else None


def is_derived(name: str) -> bool:
    """Whether the name is that of a dead-letter or retry channel, by convention."""
    return bool(_ENDING.fullmatch(name) or _BEGINNING.fullmatch(name))


def _bases_of(name: str) -> Iterable[str]:
    """What a dead-letter or retry name may be derived from, the longest first."""
    rest = name
    while (found := _ENDING.fullmatch(rest)) is not None:
        rest = found["base"]
        yield rest
        # `orders.v1.billing.retry`: the group stands between the topic and the word.
        for mark in ".-_":
            if mark in rest:
                yield rest.rpartition(mark)[0]
    if (found := _BEGINNING.fullmatch(name)) is not None:
        yield found["base"]
