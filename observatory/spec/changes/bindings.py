"""What differs between the protocol bindings of two channels or two operations."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec.structs import replace

from observatory.spec.catalog import Channel
from observatory.spec.changes.differences import Difference, from_to
from observatory.spec.changes.verdict import Verdict

ROUTING = frozenset({
    "kafka.topic", "amqp.is", "amqp.queue.name", "amqp.queue.vhost", "amqp.exchange.name", "amqp.exchange.type",
    "amqp.exchange.vhost", "nats.queue", "sqs.queue.name", "sns.name", "jms.destination", "jms.destinationType",
    "ibmmq.destinationType", "ibmmq.queue.objectName", "ibmmq.topic.objectName", "ibmmq.topic.string",
    "pulsar.namespace", "pulsar.persistence", "anypointmq.destination", "anypointmq.destinationType",
    "googlepubsub.topic",
})  # fmt: skip
"""Bindings that say where messages go: who keeps the old value misses them."""
SAID_TO_PEOPLE = frozenset({"description", "title", "summary", "example", "examples", "bindingVersion"})
HARMLESS = frozenset({"kafka.replicas"})


def channel_binding_differences(old: Channel, new: Channel) -> Iterator[Difference]:
    """Bindings of a channel that differ: those of the document that stands for it, then what the others declare.

    Each document is compared with itself; one that came or went is told as such.
    """
    before, after = _declared(old), _declared(new)
    first, first_now = (next(iter(one), ("", ""))[0] for one in (before, after))
    same = first == first_now or first not in new.documents
    said = list(binding_differences(old.bindings, new.bindings)) if same else []
    yield from said
    messages = {one.message for one in said}
    for document, path in sorted(before.keys() | after.keys()):
        if document not in old.documents or document not in new.documents or (same and document == first):
            continue
        was, becomes = before.get((document, path)), after.get((document, path))
        if was != becomes and (one := _difference(path, was, becomes, known=was is not None)).message not in messages:
            yield replace(one, message=f"{one.message} in {document}")


def _declared(channel: Channel) -> dict[tuple[str, str], object]:
    """Values of channel bindings by document and path; the document whose bindings stand for the channel is first."""
    return {
        (fact.document, fact.key): list(fact.value) if isinstance(fact.value, tuple) else fact.value
        for fact in channel.facts
        if fact.level == "channel" and fact.key.rsplit(".", 1)[-1] not in SAID_TO_PEOPLE
    }


def binding_differences(old: object, new: object) -> Iterator[Difference]:
    """Values of protocol bindings that differ, by their path; versions of bindings and extensions left out."""
    before, after = dict(_leaves(old, "")), dict(_leaves(new, ""))
    for path in sorted(before.keys() | after.keys()):
        if before.get(path, _ABSENT) == after.get(path, _ABSENT):
            continue
        yield _difference(path, before.get(path), after.get(path), known=path in before)


_ABSENT = object()


def _difference(path: str, old: object, new: object, *, known: bool) -> Difference:
    """What one value became; `known` says whether it was declared before."""
    if path in HARMLESS:
        verdict: Verdict = "compatible"
    elif path == "kafka.partitions":
        verdict = _partitions(old, new)
    else:
        verdict = "breaking" if path in ROUTING and known else "unknown"
    message = from_to(path, old, new)
    if path == "kafka.partitions" and verdict == "unknown":
        message += ": keys move to other partitions"
    return Difference(f"binding {path}", message, verdict)


def _partitions(old: object, new: object) -> Verdict:
    """Partitions cannot become fewer, and more of them give keys new places; saying the number at all is no change."""
    if isinstance(old, int) and isinstance(new, int):
        return "breaking" if new < old else "unknown"
    return "compatible"


def _leaves(value: object, path: str) -> Iterator[tuple[str, object]]:
    if isinstance(value, dict):
        for key, part in value.items():
            if not str(key).startswith("x-") and key not in SAID_TO_PEOPLE:
                yield from _leaves(part, f"{path}.{key}" if path else str(key))
    elif path:
        yield path, value
