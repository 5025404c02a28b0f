"""What spans show for one subject: the destinations that mean its channel, and whose spans count."""

from __future__ import annotations

from collections.abc import Sequence

from observatory.telemetry.binding import Liveness, SpanBinding, SpanSelector
from observatory.telemetry.inventory import SpanDestination
from observatory.telemetry.matching import Candidate
from observatory.telemetry.recipe import SpanRecipe
from observatory.telemetry.span_rows import SpanRows
from observatory.telemetry.subject import Subject, WrittenName

EXCHANGE_AND_QUEUE = ("exchange", "routing_key", "queue")


def span_candidate(recipe: SpanRecipe, subject: Subject, source: str, spans: SpanRows | None) -> Candidate | None:
    """The span binding of a subject; None when it has no name. Without spans nothing is known to be live."""
    options = subject.written(recipe.spellings)
    if not options:
        return None
    role = "producer" if recipe.role == "producer" else "consumer"
    there = spans or SpanRows(())
    protocol = subject.channel.protocol
    notes: list[str] = []
    caveats = list(recipe.caveats)
    strict = [option for option in options if not option.loose]
    rows = there.named(strict, role, protocol)
    coarseness = 0
    if not rows:
        rows = by_elimination(there, subject)
        if rows:
            notes.append(f"{rows[0].destination} is the only destination that {subject.service} consumes from")
    if not rows:
        rows = there.named([option for option in options if option.loose], role, protocol)
        if rows:
            coarseness += 1
            caveats.append(f"spans name {rows[0].destination} only, so other channels may be counted")
    rows, service, group = _own(rows, subject, notes)
    names = tuple(dict.fromkeys(row.destination for row in rows)) or tuple(
        dict.fromkeys(option.text for option in options if option.pattern is None and not option.loose)
    )
    if not names:
        return None
    if recipe.role == "hop":
        names = _with_senders(names, there, strict)
    seen_systems = {row.system for row in rows}
    state: Liveness = "unknown" if spans is None else "live" if rows else "missing"
    reason = {"live": "live in spans", "missing": "no such spans", "unknown": "spans"}[state]
    binding = SpanBinding(
        signal=recipe.signal,
        source=source,
        profile=recipe.profile,
        selector=SpanSelector(
            destinations=tuple(sorted(names)),
            system=next(iter(seen_systems)) or None if len(seen_systems) == 1 else None,
            service=service,
            consumer_group=group,
        ),
        liveness=state,
        messages=sum(row.messages for row in rows),
        reason=reason + (f"; {', '.join(notes)}" if notes else ""),
        caveats=tuple(caveats),
    )
    return Candidate(liveness=state, bind=lambda: binding, coarseness=coarseness)


def by_elimination(spans: SpanRows, subject: Subject) -> list[SpanDestination]:
    """Spans of a consumer that name an exchange or key which its document does not know (pika does): they are its
    own when the service receives from one channel only and its spans name one destination only.

    Only where a broker has exchanges and queues: elsewhere both sides write the same name, and another name is another
    channel.
    """
    if subject.role != "consumer" or not subject.only_receive or subject.names.keys().isdisjoint(EXCHANGE_AND_QUEUE):
        return []
    own = spans.of_service(subject.service, "consumer", subject.channel.protocol)
    return own if len({row.destination for row in own}) == 1 else []


def _with_senders(names: tuple[str, ...], spans: SpanRows, options: Sequence[WrittenName]) -> tuple[str, ...]:
    """Also what the producers' spans of the same messages say: the consumer's name without the queue at its end, and
    every spelling of the channel's own names."""
    heads = [name[:position] for name in names for position, char in enumerate(name) if char == ":"]
    sent = spans.named([*options, *map(WrittenName, heads)], "producer", None)
    return tuple(dict.fromkeys((*names, *(row.destination for row in sent))))


def _own(
    rows: list[SpanDestination], subject: Subject, notes: list[str]
) -> tuple[list[SpanDestination], str | None, str | None]:
    """The subject's rows, and the service and group that select them."""
    group = subject.consumer_group if subject.role == "consumer" else None
    if subject.role == "channel" or not rows:
        return rows, subject.service or None, group
    by_group = [row for row in rows if group and row.consumer_group == group]
    if by_group:
        return by_group, subject.service or None, group
    own = [row for row in rows if row.service == subject.service and not (group and row.consumer_group)]
    if not own and rows:
        notes.append(f"seen from {', '.join(sorted({row.service for row in rows})[:5])}")
    # Spans without a group are found by their service alone; asking for the group as well would find none of them.
    return own, subject.service or None, None if own else group
