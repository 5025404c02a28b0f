"""Explanation of what is seen of one side of a channel: by spans, and by the series that count its messages."""

from __future__ import annotations

from collections.abc import Sequence

from observatory.compile import sql
from observatory.evaluate.status import ObjectiveStatus
from observatory.spec.participant import Participant
from observatory.telemetry.binding import Binding, MetricBinding
from observatory.units import format_count
from observatory.web.board import Board
from observatory.web.explain.explanation import Content, Explanation, Query, Table
from observatory.web.explain.facts import COUNTING, coverage_words
from observatory.web.explain.queries import (
    EXTRAPOLATED,
    binding_evidence,
    measurement_queries,
    signal_query,
    statement_query,
)
from observatory.web.explain.reference import Reference, number, participant_key
from observatory.web.panels.participants import participants_of
from observatory.web.parts import channel_path, mono, percent, status
from observatory.web.view import step_for

SPANS = "Messages are counted from spans, each once, with the weights that sampling gave them."
SERIES = "Spans show who takes part; objectives are judged by the series below, and the two need not agree."


def explain_participant(board: Board, reference: Reference) -> Explanation | None:
    """What is seen of a producer or consumer; None where there is none of that name on that channel."""
    found = _participant(board, reference.key)
    if found is None:
        return None
    channel_id, one = found
    channel = board.channel(channel_id)
    judged = _objectives(board, one)
    counted = next((each for each in judged if each.objective.sli == "availability"), None)
    binding = _binding(board, one, channel_id)
    seen = one.seen
    figure = format_count(round(seen.messages)) if seen and seen.messages is not None else "–"
    queries, note = _queries(board, counted, binding)
    return Explanation(
        reference=reference,
        title=f"{one.service or 'nobody named'} {'produces to' if one.action == 'send' else 'consumes from'} "
        f"{channel.label if channel else channel_id}",
        what=f"messages that spans show, {board.view.words}",
        figure=figure,
        why=_why(board, one, bool(queries)),
        facts=_facts(board, one, counted, binding),
        tables=[_judged(judged)] if judged else [],
        queries=[*queries, *_by_spans(board)],
        query_note=note,
        evidence=(binding_evidence(binding),) if binding else (),
        caveats=binding.caveats if binding else (),
        subject=(channel.label, channel_path(channel.id)) if channel else None,
    )


def _participant(board: Board, key: str) -> tuple[str, Participant] | None:
    *who, channel_id = participant_key(key)
    for one in participants_of(board).get(channel_id, ()):
        if [one.action, one.service or "", one.consumer_group or ""] == who:
            return channel_id, one
    return None


def _objectives(board: Board, one: Participant) -> list[ObjectiveStatus]:
    key = one.operation.key if one.operation else None
    return [each for each in board.snapshot.status.objectives if each.objective.operation_key == key]


def _binding(board: Board, one: Participant, channel_id: str) -> Binding | None:
    """What counts its messages; of what no document declares nothing is mapped."""
    signal = "published_messages" if one.action == "send" else "processed_messages"
    subjects = [one.operation.key, channel_id] if one.operation else []
    found = (board.snapshot.mapping.chosen(subject, signal) for subject in subjects)
    return next((each for each in found if each and each.liveness != "missing"), None)


def _why(board: Board, one: Participant, has_series: bool) -> list[str]:
    if not board.has_spans:
        return ["No source of spans is configured, so that nobody is seen; the documents alone tell of it."]
    if one.seen is None:
        return ["No span of it lies in this range."]
    words = [SPANS] if one.seen.messages is not None else ["Its presence is seen, and nothing counts its messages."]
    if one.shared_with:
        words.append(f"Telemetry cannot tell it from {', '.join(one.shared_with)}: the number is of all of them.")
    return [*words, SERIES] if has_series else words


def _facts(
    board: Board, one: Participant, counted: ObjectiveStatus | None, binding: Binding | None
) -> list[tuple[str, Content]]:
    known: list[tuple[str, Content]] = []
    if counted is not None:
        counts = board.counts(counted, board.span)
        known += [
            ("Good", mono(format_count(counts.good)) if counts else "not counted"),
            ("Total", mono(format_count(counts.total)) if counts else "not counted"),
            ("Coverage", coverage_words(counts)),
        ]
    known.append(("Window", f"{board.view.words}: {board.between(board.span)} {board.zone_words}"))
    if counted is not None:
        known.append(("Counted", COUNTING[counted.counting] if counted.counting else "–"))
    if one.seen and one.seen.first_ms is not None and one.seen.last_ms is not None:
        first, last = (board.clock(at_ms, seconds=True) for at_ms in (one.seen.first_ms, one.seen.last_ms))
        known.append(("Spans", f"from {first} to {last}"))
    if one.consumer_group:
        known.append(("Group", mono(one.consumer_group)))
    declared: Content = "no document declares it"
    if one.operation:
        where = one.operation.location
        declared = [one.operation.name, f" at {where}" if where else f" in {one.operation.document}"]
    known.append(("Declared", declared))
    owner = one.answering
    return [
        *known,
        ("Owner", owner.team if owner else "none named"),
        ("Profile", binding.profile if binding else "none"),
        ("Source", binding.source if binding else "none"),
    ]


def _judged(judged: Sequence[ObjectiveStatus]) -> Table:
    rows: list[Sequence[Content]] = [
        [
            number(one.objective.id, Reference("objective", one.objective.id, "ratio"), name="mono"),
            format_count(one.counts.good) if one.counts else "–",
            format_count(one.counts.total) if one.counts else "–",
            percent(one.counts.ratio if one.counts else None, one.objective.target),
            status(one.state),
        ]
        for one in judged
    ]
    title = "Objectives, each over its own window"
    return Table(title=title, head=["Objective", "Good", "Total", "Share", "State"], rows=rows, numeric=(1, 2, 3))


def _queries(board: Board, counted: ObjectiveStatus | None, binding: Binding | None) -> tuple[tuple[Query, ...], str]:
    """Good and total of the range where it has an objective, else how many messages a second its series count."""
    measurement = board.snapshot.measurements.get(counted.objective.id) if counted else None
    if measurement is not None and (found := measurement_queries(board, measurement, board.span)):
        return found, EXTRAPOLATED
    if isinstance(binding, MetricBinding):
        step = step_for(board.span)
        query = signal_query(board, binding, "rate", board.span, step, binding.signal.replace("_", " "))
        if query is not None:
            return (query,), "Messages a second at the end of the range; no objective asks for their sum."
    return (), ""


def _by_spans(board: Board) -> tuple[Query, ...]:
    """How the store is asked for everybody whom spans show."""
    if not board.has_spans:
        return ()
    return (statement_query("messages by spans", sql.destinations(board.span), board.span),)
