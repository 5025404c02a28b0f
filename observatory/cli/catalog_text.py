"""The catalogue for people: a tree, a table, or the answer to who produces and who consumes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from msgspec import Struct, field

from observatory.cli.columns import isolated, wrapped
from observatory.cli.columns import table as columns
from observatory.errors import printable
from observatory.spec.catalog import Action, Catalog, Channel, Operation
from observatory.spec.orphans import Orphan
from observatory.spec.participant import Participant, declared_on
from observatory.units import format_count, number_of
from observatory.windows import format_instant


class Drawing(Struct, frozen=True, kw_only=True):
    """Channels to draw.

    Attributes:
        participants: With what telemetry shows, by channel id; None when no telemetry was asked.
        spans_asked: Spans answered, so that who has no sighting was not seen.
        alone: Channels with one side only, by id.
        replies: Operations whose reply passes a channel, by its id.
        width: Cells of the terminal; None where nothing has to fit.
    """

    catalog: Catalog
    channels: Sequence[Channel]
    participants: Mapping[str, tuple[Participant, ...]] | None = None
    spans_asked: bool = False
    alone: Mapping[str, Orphan] = field(default_factory=dict)
    replies: Mapping[str, Sequence[Operation]] = field(default_factory=dict)
    width: int | None = None

    def on(self, channel: Channel, action: Action | None = None) -> list[Participant]:
        """Who sends to a channel or receives from it, senders first."""
        found = declared_on(self.catalog, channel.id) if self.participants is None else self.participants[channel.id]
        return [one for one in found if action in (None, one.action)]

    def who(self, one: Participant, *, alone: bool = False) -> str:
        """A participant with its group, its owner and what is seen of it, on one line.

        Args:
            alone: No line above says where the channel's owner comes from, so that this one does.
        """
        parts = [one.service] if one.service else []
        if one.operation:
            parts = [f"{one.service} ({one.operation.key})"]
            if one.operation.action_provenance:
                parts.append(f"direction by {one.operation.action_provenance}")
        if one.consumer_group:
            where = sourced(one.operation.consumer_group_provenance) if one.operation else ""
            parts.append(f"group {one.consumer_group}{where}")
        elif one.identities:
            parts.append(f"consumers {', '.join(identity.value for identity in one.identities)}")
        if one.answering:
            parts.append(f"owner {one.answering.team}{sourced(one.answering.provenance) if alone else ''}")
        if not one.declared:
            parts.append(f"undeclared, named by {one.named_by}" if one.named_by else "undeclared")
        seen = self.seen(one)
        return printable(", ".join(parts) + (f": {seen}" if seen else ""))

    def seen(self, one: Participant) -> str:
        """What telemetry shows, in words; empty when that is not known."""
        if one.seen is None:
            return "not seen" if self.spans_asked else ""
        if one.seen.last_ms is None:
            return "seen in series"
        last = f"last seen {format_instant(one.seen.last_ms)}"
        if one.seen.messages is None:
            return f"{last}, messages not told apart from those of other channels"
        shared = f" together with {', '.join(one.shared_with)}" if one.shared_with else ""
        noun = "message" if one.seen.messages == 1 else "messages"
        return f"{format_count(one.seen.messages)} {noun}{shared}, {last}"


def sourced(provenance: str | None) -> str:
    """Where a value comes from, when it is not from the document itself."""
    outside = provenance is not None and provenance.rpartition(":")[2].isdecimal()
    return f" ({provenance})" if outside else ""


def side(drawing: Drawing, *, receiving: bool) -> str:
    """Who consumes these channels, or who produces them, a line each."""
    verb = "consumed" if receiving else "produced"
    said = "documents" if drawing.participants is None else "documents and telemetry"
    lines: list[str] = []
    for channel in drawing.channels:
        found = [drawing.who(one, alone=True) for one in drawing.on(channel, "receive" if receiving else "send")]
        asking: Action = "send" if receiving else "receive"
        found += [_reply(one) for one in drawing.replies.get(channel.id, ()) if one.action == asking]
        name = isolated(printable(channel.id))
        if not found:
            lines.append(f"{name}: {verb} by nobody, as far as the {said} say{_meant(drawing, channel, receiving)}")
        lines += [f"{name}: {verb} by {who}" for who in found]
    return "\n".join(lines)


def tree(drawing: Drawing) -> str:
    """Each channel with its owner, and its participants below."""
    lines: list[str] = []
    for channel in drawing.channels:
        about = [f"{channel.owner.team}{sourced(channel.owner.provenance)}" if channel.owner else "no owner"]
        about += [f"{channel.domain}{sourced(channel.domain_provenance)}" if channel.domain else ""]
        about += [channel.criticality if channel.criticality != "normal" else ""]
        head = printable(f"{channel.id}  [{', '.join(part for part in about if part)}]")
        lines += _hanging(head, "", "    ", drawing.width)
        rows = list(_rows(drawing, channel))
        for index, row in enumerate(rows):
            last = index == len(rows) - 1
            lines += _hanging(row, "└── " if last else "├── ", "      " if last else "│     ", drawing.width)
    lines.append(
        f"\n{len(drawing.channels)} of {number_of(len(drawing.catalog.channels), 'channel')}; <- produces, -> consumes"
    )
    return "\n".join(lines)


def _rows(drawing: Drawing, channel: Channel) -> list[str]:
    """What stands below a channel: who uses it, what it is tied to, what is missing."""
    found = drawing.on(channel)
    rows = [f"{'<-' if one.action == 'send' else '->'} {drawing.who(one)}" for one in found]
    rows += [
        f"{'->' if operation.action == 'send' else '<-'} {_reply(operation)}"
        for operation in drawing.replies.get(channel.id, ())
    ]
    if not rows:
        rows.append("used by no operation")
    if (one := drawing.alone.get(channel.id)) is not None:
        undone = "received" if one.missing == "receive" else "sent"
        rows.append(printable(f"{undone} by nobody in these documents{_near(one)}"))
    if channel.overlaps:
        rows.append(printable(f"overlaps {', '.join(channel.overlaps)}"))
    if channel.dead_letter:
        rows.append(printable(f"dead letters to {channel.dead_letter}"))
    return rows


def _reply(operation: Operation) -> str:
    return printable(f"{operation.service} ({operation.key}, reply)")


def _meant(drawing: Drawing, channel: Channel, receiving: bool) -> str:
    one = drawing.alone.get(channel.id)
    return printable(_near(one)) if one and one.missing == ("receive" if receiving else "send") else ""


def _near(one: Orphan) -> str:
    return f"; did you mean {' or '.join(one.near)}?" if one.near else ""


def _hanging(text: str, first: str, further: str, width: int | None) -> list[str]:
    """A row behind its branch, its further lines below it."""
    if width is None:
        return [first + isolated(text)]
    parts = wrapped(text, max(20, width - max(len(first), len(further))))
    return [(further if number else first) + isolated(part) for number, part in enumerate(parts)]


def table(drawing: Drawing) -> str:
    """A row per channel."""
    head = ("channel", "produced by", "consumed by", "owner", "domain", "criticality")
    rows: list[tuple[str, ...]] = []
    for channel in drawing.channels:
        senders, receivers = (_briefly(drawing, drawing.on(channel, action)) for action in ("send", "receive"))
        owner = channel.owner.team if channel.owner else "-"
        cells = (channel.id, senders or "-", receivers or "-", owner, channel.domain or "-")
        rows.append((*map(printable, cells), channel.criticality))
    return columns(head, rows, drawing.width)


def _briefly(drawing: Drawing, side: Sequence[Participant]) -> str:
    cells: dict[str, None] = {}
    for one in side:
        notes = [] if one.declared else ["undeclared"]
        if one.seen and one.seen.messages is not None:
            notes.append(format_count(one.seen.messages))
        elif one.seen:
            notes.append("seen")
        elif drawing.spans_asked:
            notes.append("not seen")
        name = one.service or f"group {one.consumer_group}"
        cells[name + (f" ({', '.join(notes)})" if notes else "")] = None
    return ", ".join(cells)
