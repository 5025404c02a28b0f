"""The service map as a graph: services and channels, or whole domains, and what flows between them.

Nodes and arrows with their states and rates; where they stand and how they look is another matter.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Literal

import numpy as np
from msgspec import Struct, field
from msgspec.structs import replace

from observatory.errors import SourceFailed
from observatory.evaluate.status import STATES, ObjectiveStatus, State
from observatory.spec.catalog import Channel
from observatory.spec.orphans import orphans
from observatory.spec.participant import Participant
from observatory.web.board import Board
from observatory.web.channel_standing import ChannelStanding
from observatory.web.panels.participants import participants_of
from observatory.web.parts import GLYPHS, channel_path
from observatory.windows import TimeRange

NodeKind = Literal["service", "channel", "group"]
Grouping = Literal["domain", "owner"]
GROUPINGS: tuple[Grouping, ...] = ("domain", "owner")
STRANGERS = "undeclared"
"""The group of those whom no document declares."""
RATE_MS, RATE_STEP_MS = 3_600_000, 300_000
SENT = ("published_messages",)
RECEIVED = ("processed_messages", "acknowledged_messages", "delivered_messages")
WRITTEN = ("enqueued_messages", "produced_offset")


class Node(Struct, frozen=True, kw_only=True):
    """A box.

    Attributes:
        state: Worst state of its objectives; None where nothing is promised. Services have none of their own.
        href: Where a press leads; empty for nowhere.
        marks: Short words below its name: `no consumer`, `24 channels`.
        declared: False where only telemetry, or an ownership file, knows it.
    """

    key: str
    kind: NodeKind
    label: str
    href: str = ""
    state: State | None = None
    marks: tuple[str, ...] = ()
    declared: bool = True
    words: str = ""

    @property
    def channel_id(self) -> str:
        """The channel that it stands for; empty where it is no channel."""
        return self.key.removeprefix("channel ") if self.kind == "channel" else ""


class Arrow(Struct, frozen=True, kw_only=True):
    """A flow of messages from one box to another.

    Attributes:
        state: Worst state of the objectives on it; None where nothing is promised.
        per_second: Messages per second of the last hour of the range; None where nothing counts them.
        what: `sends`, `receives`, `dead letters`, or how many channels.
    """

    tail: str
    head: str
    state: State | None = None
    per_second: float | None = None
    declared: bool = True
    what: str = ""


class Line(Struct, frozen=True, kw_only=True):
    """A row of the table that says what the drawing shows.

    Attributes:
        place: Node of the channel, or of the group that an arrow leaves.
    """

    place: Node
    senders: tuple[str, ...]
    receivers: tuple[str, ...]
    per_second: float | None
    marks: tuple[str, ...] = ()


class MapGraph(Struct, frozen=True, kw_only=True):
    """What is drawn.

    Attributes:
        grouped: By what channels were put together; None where each has its own box.
        hidden: Channels that are in scope and not drawn.
    """

    nodes: Mapping[str, Node] = field(default_factory=dict)
    arrows: tuple[Arrow, ...] = ()
    lines: tuple[Line, ...] = ()
    grouped: Grouping | None = None
    hidden: int = 0
    warnings: tuple[str, ...] = ()


def map_graph(board: Board, ids: Sequence[str], limit: int, by: Grouping) -> MapGraph:
    """The graph of some channels: each by itself up to `limit`, else put together into groups.

    Where nothing tells groups apart, or a group of its own is still too large, the most urgent `limit` are drawn.
    """
    chosen = set(ids)
    standings = [one for one in board.every_standing() if one.channel.id in chosen]
    if len(standings) > limit and len({_group_of(board, one.channel, by) for one in standings}) > 1:
        return _grouped(board, standings, by)
    kept = standings[:limit]
    return replace(_each(board, kept), hidden=len(standings) - len(kept))


def worst(states: Iterable[State | None]) -> State | None:
    """The worst of some states; None where there is none."""
    return min((one for one in states if one), key=STATES.index, default=None)


def rate_text(per_second: float | None) -> str:
    """Messages per second, or per minute or hour where these are few."""
    if per_second is None:
        return "–"
    for amount, unit in ((per_second, "s"), (per_second * 60, "min")):
        if amount >= 0.95 or per_second == 0:
            return f"{amount:,.0f}/{unit}" if amount >= 9.95 or per_second == 0 else f"{amount:.1f}/{unit}"
    return f"{per_second * 3600:.1f}/h"


# each channel


def _each(board: Board, standings: Sequence[ChannelStanding]) -> MapGraph:
    everyone = participants_of(board)
    rates, warnings = rates_of(board, [one.channel.id for one in standings])
    states = _operation_states(board.snapshot.status.objectives)
    lonely = _orphans(board, everyone)
    nodes: dict[str, Node] = {}
    arrows: dict[tuple[str, str, str], Arrow] = {}
    lines: list[Line] = []
    for standing in standings:
        channel = standing.channel
        marks = tuple([lonely[channel.id]] if channel.id in lonely else [])
        node = Node(
            key=f"channel {channel.id}",
            kind="channel",
            label=channel.label,
            href=channel_path(channel.id),
            state=standing.state if standing.statuses else None,
            marks=marks,
            words=_channel_words(standing, marks),
        )
        nodes[node.key] = node
        sides: dict[str, list[str]] = {"send": [], "receive": []}
        there = everyone.get(channel.id, ())
        alone = sum(1 for one in there if one.action == "send") == 1
        for one in there:
            end = _participant_node(one)
            nodes.setdefault(end.key, end)
            rate = _rate_of(board, channel, one, rates, alone=alone)
            ends = (end.key, node.key) if one.action == "send" else (node.key, end.key)
            arrow = Arrow(
                tail=ends[0],
                head=ends[1],
                state=states.get(one.operation.key) if one.operation else None,
                per_second=rate,
                declared=one.declared,
                what="sends" if one.action == "send" else "receives",
            )
            key = (*ends, arrow.what)
            arrows[key] = _merged(arrows[key], arrow) if key in arrows else arrow
            sides[one.action].append(f"{end.label}{'' if one.declared else ' (not declared)'}")
        inward_rate = rates.get(channel.id) or _sum([rates.get(o.key) for o in board.operations((channel.id,), "send")])
        lines.append(
            Line(
                place=node,
                senders=tuple(dict.fromkeys(sides["send"])),
                receivers=tuple(dict.fromkeys(sides["receive"])),
                per_second=inward_rate,
                marks=marks,
            )
        )
    for arrow in _dead_letters(standings, nodes):
        arrows.setdefault((arrow.tail, arrow.head, arrow.what), arrow)
    return MapGraph(nodes=nodes, arrows=tuple(arrows.values()), lines=tuple(lines), warnings=warnings)


def _participant_node(one: Participant) -> Node:
    name = one.service or f"group {one.consumer_group}"
    where = "" if one.declared else f", named by {one.named_by}" if one.named_by else ", seen and not declared"
    return Node(
        key=f"service {name}",
        kind="service",
        label=name,
        href=f"/map?{_query('q', one.service or one.consumer_group or '')}",
        declared=one.declared,
        words=f"service {name}{where}",
    )


def _query(key: str, value: str) -> str:
    from urllib.parse import urlencode

    return urlencode({key: value})


def _channel_words(standing: ChannelStanding, marks: Sequence[str]) -> str:
    channel = standing.channel
    state = GLYPHS[standing.state][1].lower() if standing.statuses else "nothing promised"
    return ", ".join([f"channel {channel.label}", *([channel.protocol] if channel.protocol else []), state, *marks])


def _dead_letters(standings: Sequence[ChannelStanding], nodes: Mapping[str, Node]) -> list[Arrow]:
    """From a channel to the one that takes what cannot be processed, where both are drawn."""
    by_address: dict[tuple[str | None, str], str] = {}
    for one in standings:
        for name in one.channel.names:
            by_address.setdefault((one.channel.broker, name.value), f"channel {one.channel.id}")
    found: list[Arrow] = []
    for one in standings:
        other = by_address.get((one.channel.broker, one.channel.dead_letter or ""))
        if other is not None and other in nodes and other != f"channel {one.channel.id}":
            found.append(Arrow(tail=f"channel {one.channel.id}", head=other, what="dead letters"))
    return found


def _orphans(board: Board, everyone: Mapping[str, Sequence[Participant]]) -> dict[str, str]:
    """By channel id what is missing there, as far as documents and telemetry say."""

    def find() -> dict[str, str]:
        found: dict[str, str] = {}
        for orphan in orphans(board.snapshot.catalog):
            action = orphan.missing
            if not any(one.action == action for one in everyone.get(orphan.channel.id, ())):
                found[orphan.channel.id] = "no consumer" if action == "receive" else "no producer"
        for channel in board.snapshot.catalog.channels:
            if not everyone.get(channel.id):
                found[channel.id] = "nobody uses it"
        return found

    return board.memory.get(("orphans", board.span), find)


def _operation_states(statuses: Iterable[ObjectiveStatus]) -> dict[str, State]:
    found: dict[str, State] = {}
    for one in statuses:
        key = one.objective.operation_key
        found[key] = one.state if key not in found else min(found[key], one.state, key=STATES.index)
    return found


def _merged(one: Arrow, other: Arrow) -> Arrow:
    return replace(
        one,
        state=worst((one.state, other.state)),
        per_second=_sum([one.per_second, other.per_second]),
        declared=one.declared or other.declared,
    )


# rates


def rate_span(board: Board) -> TimeRange:
    """What rates are means of: the last hour of the range."""
    return TimeRange(board.span.end_ms - RATE_MS, board.span.end_ms)


def rates_of(board: Board, channel_ids: Sequence[str]) -> tuple[dict[str, float], tuple[str, ...]]:
    """Messages per second by operation key and by channel id, and what went wrong."""
    span = rate_span(board)
    found: dict[str, float] = {}
    asked = (
        (SENT, [one.key for one in board.operations(channel_ids, "send")]),
        (RECEIVED, [one.key for one in board.operations(channel_ids, "receive")]),
        (WRITTEN, list(channel_ids)),
    )
    try:
        for signals, subjects in asked:
            for signal in signals:
                waiting = [one for one in subjects if one not in found]
                for one in board.series(signal, waiting, "rate", span=span, step_ms=RATE_STEP_MS):
                    seen = one.value[np.isfinite(one.value)]
                    if len(seen):
                        found.setdefault(one.subject, float(seen.mean()))
    except SourceFailed as error:
        return found, (f"rates are not known: {error.problems[0].message}",)
    return found, ()


def _rate_of(
    board: Board, channel: Channel, one: Participant, rates: Mapping[str, float], *, alone: bool
) -> float | None:
    """Of a participant: what counts its own messages, else what its channel takes where it is the only sender."""
    if one.operation and one.operation.key in rates:
        return rates[one.operation.key]
    if one.seen and one.seen.messages is not None:
        return one.seen.messages / board.span.seconds
    return rates.get(channel.id) if one.action == "send" and alone else None


def _sum(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) if known else None


# groups


def _group_of(board: Board, channel: Channel, by: Grouping) -> str:
    return (channel.domain or "") if by == "domain" else next(iter(board.owners(channel)), "")


def _group_of_end(board: Board, channel: Channel, one: Participant, by: Grouping) -> str:
    """The group of a participant, that of its channel where it has none."""
    if one.operation is None:
        return one.owner.team if one.owner and by == "owner" else STRANGERS
    if by == "domain":
        return one.operation.domain or channel.domain or ""
    return one.operation.owner.team if one.operation.owner else _group_of(board, channel, by)


def _grouped(board: Board, standings: Sequence[ChannelStanding], by: Grouping) -> MapGraph:
    everyone = participants_of(board)
    rates, warnings = rates_of(board, [one.channel.id for one in standings])
    lonely = _orphans(board, everyone)
    members: dict[str, list[ChannelStanding]] = {}
    flows: dict[tuple[str, str], list[tuple[ChannelStanding, float | None]]] = {}
    for standing in standings:
        channel = standing.channel
        own = _group_of(board, channel, by)
        members.setdefault(own, []).append(standing)
        ends: dict[str, dict[str, None]] = {"send": {}, "receive": {}}
        for one in everyone.get(channel.id, ()):
            ends[one.action][_group_of_end(board, channel, one, by)] = None
        rate = rates.get(channel.id) or _sum([rates.get(one.key) for one in board.operations((channel.id,), "send")])
        for tail in ends["send"] or {own: None}:
            for head in ends["receive"] or {own: None}:
                flows.setdefault((tail, head), []).append((standing, rate))
    names = dict.fromkeys([*members, *(name for pair in flows for name in pair)])
    nodes = {name: _group_node(name, members.get(name, []), by, lonely) for name in names}
    arrows: list[Arrow] = []
    lines: list[Line] = []
    for (tail, head), carried in sorted(flows.items()):
        rate = _sum([each for _, each in carried])
        count = len(carried)
        if tail != head:
            state = worst(one.state if one.statuses else None for one, _ in carried)
            what = f"{count} channel{'s' * (count != 1)}"
            arrows.append(Arrow(tail=tail, head=head, state=state, per_second=rate, what=what))
        lines.append(
            Line(
                place=nodes[tail],
                senders=(nodes[tail].label,),
                receivers=(nodes[head].label,),
                per_second=rate,
                marks=(f"{count}",),
            )
        )
    return MapGraph(nodes=nodes, arrows=tuple(arrows), lines=tuple(lines), grouped=by, warnings=warnings)


def _group_node(name: str, members: Sequence[ChannelStanding], by: Grouping, lonely: Mapping[str, str]) -> Node:
    counted = Counter(one.state for one in members if one.statuses)
    count = len(members)
    marks = [f"{count} channel{'s' * (count != 1)}"] if members else []
    marks += [
        f"{counted[state]} {GLYPHS[state][1].lower()}" for state in STATES if counted[state] and state != "meeting"
    ]
    alone = sum(1 for one in members if one.channel.id in lonely)
    marks += [f"{alone} one-sided"] if alone else []
    shown = name or f"no {by}"
    return Node(
        key=name,
        kind="group",
        label=shown,
        href=f"/map?{_query(by, name)}" if name and members else "",
        state=worst(one.state if one.statuses else None for one in members),
        marks=tuple(marks),
        declared=name != STRANGERS,
        words=", ".join([f"{by} {shown}", *marks]),
    )
