"""What differs between two channels or two operations besides their messages: names, servers, bindings, owners."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from observatory.spec.catalog import Channel, Operation, Owner, SloDeclaration
from observatory.spec.changes.bindings import binding_differences, channel_binding_differences
from observatory.spec.changes.differences import Difference, from_to
from observatory.spec.changes.verdict import Verdict
from observatory.units import format_duration


def channel_differences(old: Channel, new: Channel) -> Iterator[Difference]:
    """Aspects of a channel that differ."""
    yield from _address(old, new)
    if old.protocol != new.protocol:
        verdict: Verdict = "compatible" if old.protocol is None else "breaking"
        yield Difference("protocol", from_to("protocol", old.protocol, new.protocol), verdict)
    yield from _servers(old, new)
    before, after = _names(old), _names(new)
    if before != after and old.address == new.address and old.protocol == new.protocol:
        yield Difference("names", from_to("runtime names", before, after), "breaking" if before else "compatible")
    yield from channel_binding_differences(old, new)
    yield from _ownership(old.owner, new.owner)
    for aspect, one, other in (
        ("domain", old.domain, new.domain),
        ("criticality", old.criticality, new.criticality),
    ):
        if one != other:
            yield Difference(aspect, from_to(aspect, one, other))
    if old.dead_letter != new.dead_letter:
        yield Difference("dead letters", from_to("dead letters", old.dead_letter, new.dead_letter), "unknown")


def _address(old: Channel, new: Channel) -> Iterator[Difference]:
    if old.address == new.address:
        return
    verdict: Verdict = "breaking" if old.address is not None and new.address is not None else "unknown"
    if old.address is None:
        verdict = "compatible"
    yield Difference("address", from_to("address", old.address, new.address), verdict)


def _names(channel: Channel) -> list[str]:
    return sorted(f"{name.kind} {name.value}" for name in channel.names)


def _servers(old: Channel, new: Channel) -> Iterator[Difference]:
    before = {(one.protocol, one.host) for one in old.servers}
    after = {(one.protocol, one.host) for one in new.servers}
    if before == after:
        return
    gone, come = sorted(before - after), sorted(after - before)
    parts = [f"{' and '.join(_server(one) for one in gone)} removed"] if gone else []
    parts += [f"{' and '.join(_server(one) for one in come)} added"] if come else []
    verdict: Verdict = "compatible" if not gone else "unknown" if before & after or not after else "breaking"
    yield Difference("servers", f"servers: {', '.join(parts)}", verdict)


def _server(server: tuple[str, str]) -> str:
    protocol, host = server
    return f"{protocol}://{host}"


def operation_differences(old: Operation, new: Operation) -> Iterator[Difference]:
    """Aspects of an operation that differ, apart from its direction, its channel and its messages."""
    if old.consumer_group != new.consumer_group:
        message = from_to("consumer group", old.consumer_group, new.consumer_group)
        if old.consumer_group is not None and new.consumer_group is not None:
            message += ": another group starts from its own position"
            yield Difference("consumer group", message, "unknown")
        else:
            yield Difference("consumer group", message)
    grouped = old.consumer_group != new.consumer_group
    for one in binding_differences(old.bindings, new.bindings):
        # The group of a binding has been said as such.
        if not (grouped and one.aspect.startswith(("binding kafka.groupId", "binding nats.queue"))):
            yield one
    if old.service != new.service:
        yield Difference("service", from_to("service", old.service, new.service))
    yield from _ownership(old.owner, new.owner)
    if old.criticality != new.criticality:
        yield Difference("criticality", from_to("criticality", old.criticality, new.criticality))
    yield from objective_differences(old.objectives, new.objectives)


def _ownership(old: Owner | None, new: Owner | None) -> Iterator[Difference]:
    for aspect, name in (
        ("owner", "team"),
        ("contact", "contact"),
        ("escalation", "escalation"),
        ("runbook", "runbook"),
    ):
        before, after = getattr(old, name, None), getattr(new, name, None)
        if before != after:
            yield Difference(aspect, from_to(aspect, before, after))


def objective_differences(old: tuple[SloDeclaration, ...], new: tuple[SloDeclaration, ...]) -> Iterator[Difference]:
    """Objectives that came, went, were loosened or tightened. They break no reader: what changed is a promise."""
    before, after = {one.name: one for one in old}, {one.name: one for one in new}
    for name in sorted(before.keys() | after.keys()):
        one, other = before.get(name), after.get(name)
        aspect = f"objective {name}"
        if one is None and other is not None:
            yield Difference(aspect, f"objective {name} added: {_objective(other)}")
        elif other is None and one is not None:
            yield Difference(aspect, f"objective {name} removed: {_objective(one)}")
        elif one is not None and other is not None and _terms(one) != _terms(other):
            word = _direction(one, other)
            yield Difference(aspect, f"objective {name} {word}: {_objective(one)} became {_objective(other)}")


def _terms(one: SloDeclaration) -> tuple[Any, ...]:
    terms = (one.sli, one.target, one.threshold, one.window, one.timezone, one.policy, one.measure)
    return (*terms, one.exclusions, one.min_events)


def _direction(old: SloDeclaration, new: SloDeclaration) -> str:
    """`loosened` or `tightened` where target and threshold agree on it and nothing else differs; else `changed`."""
    if (old.sli, old.window, old.timezone, old.measure) != (new.sli, new.window, new.timezone, new.measure):
        return "changed"
    if (old.exclusions, old.min_events) != (new.exclusions, new.min_events):
        return "changed"
    signs = {(new.target > old.target) - (new.target < old.target)}
    if old.threshold and new.threshold and old.threshold.unit == new.threshold.unit:
        signs.add((new.threshold.value < old.threshold.value) - (new.threshold.value > old.threshold.value))
    elif old.threshold != new.threshold:
        return "changed"
    signs.discard(0)
    return {frozenset({1}): "tightened", frozenset({-1}): "loosened"}.get(frozenset(signs), "changed")


def _objective(one: SloDeclaration) -> str:
    threshold = ""
    if one.threshold is not None:
        value, unit = one.threshold.value, one.threshold.unit
        bound = f"{value:g} messages"
        if unit != "message":
            bound = format_duration(value) if unit == "second" else _percent(value)
        threshold = f" within {bound}"
    more = "" if one.exclusions == "alerts" else f", exclusions: {one.exclusions}"
    more += f", from {one.min_events} events on" if one.min_events else ""
    return f"{one.sli}{threshold} {_percent(one.target)} over {one.window}{more}"


def _percent(ratio: float) -> str:
    return f"{ratio * 100:.10g}%"
