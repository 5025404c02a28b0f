"""Explanation of how many messages come to a channel: whose series count them, and what these came to in an hour."""

from __future__ import annotations

from collections.abc import Sequence

from observatory.evaluate.status import ObjectiveStatus
from observatory.indicators.counts import Counts
from observatory.spec.catalog import Channel
from observatory.telemetry.binding import Binding, MetricBinding
from observatory.units import format_count
from observatory.web.board import Board
from observatory.web.explain.explanation import Content, Explanation, Query, Table
from observatory.web.explain.facts import COUNTING, coverage_words
from observatory.web.explain.queries import binding_evidence, signal_query
from observatory.web.explain.reference import Reference, number
from observatory.web.panels.map_graph import RATE_MS, SENT, WRITTEN, rate_span, rate_text, rates_of
from observatory.web.parts import channel_path, mono


def explain_rate(board: Board, reference: Reference) -> Explanation | None:
    """Messages a second of a channel; None where there is no such channel."""
    channel = board.channel(reference.key)
    if channel is None:
        return None
    rates, problems = rates_of(board, [channel.id])
    senders = [one.key for one in board.operations((channel.id,), "send")]
    # What the broker counts of a channel is all of it; else its senders are added up.
    subjects = [channel.id] if rates.get(channel.id) else [key for key in senders if key in rates]
    added = sum(rates[key] for key in subjects) if subjects else None
    bindings = {key: found for key in subjects if (found := _binding(board, key, channel))}
    judged = _judged(board, senders)
    counts = {one.objective.id: board.counts(one, rate_span(board)) for one in judged}
    rows: list[Sequence[Content]] = [
        [mono(key), f"{rates[key]:.4g}", bindings[key].profile if key in bindings else "–"] for key in subjects
    ]
    tables = [Table(title="What was added", head=["Whose", "Per second", "Profile"], rows=rows, numeric=(1,))]
    tables += [_table(judged, counts)] if judged else []
    return Explanation(
        reference=reference,
        title=channel.label,
        what="messages that come to the channel, mean of the last hour of the range",
        figure=rate_text(added),
        why=list(problems) or ([] if subjects else ["No series counts what is sent to it."]),
        facts=_facts(board, judged, counts, bindings),
        tables=tables,
        queries=_queries(board, bindings),
        query_note="The mean of the hour; the figure is counted from the same series, in steps of five minutes.",
        evidence=tuple(binding_evidence(one) for one in bindings.values()),
        caveats=tuple(dict.fromkeys(text for one in bindings.values() for text in one.caveats)),
        subject=(channel.label, channel_path(channel.id)),
    )


def _binding(board: Board, key: str, channel: Channel) -> Binding | None:
    signals = WRITTEN if key == channel.id else SENT
    found = (board.snapshot.mapping.chosen(key, signal) for signal in signals)
    return next((one for one in found if one), None)


def _judged(board: Board, senders: Sequence[str]) -> list[ObjectiveStatus]:
    every = board.snapshot.status.objectives
    return [one for one in every if one.objective.operation_key in senders and one.objective.sli == "availability"]


def _facts(
    board: Board,
    judged: Sequence[ObjectiveStatus],
    counts: dict[str, Counts | None],
    bindings: dict[str, Binding],
) -> list[tuple[str, Content]]:
    known: list[tuple[str, Content]] = []
    if judged and (first := counts[judged[0].objective.id]):
        known += [
            ("Good", mono(format_count(first.good))),
            ("Total", mono(format_count(first.total))),
            ("Coverage", coverage_words(first)),
        ]
    known.append(("Window", f"1h: {board.between(rate_span(board))} {board.zone_words}"))
    if judged and judged[0].counting:
        known.append(("Counted", COUNTING[judged[0].counting]))
    profiles = dict.fromkeys(one.profile for one in bindings.values())
    return [*known, ("Profile", ", ".join(profiles) or "none")]


def _table(judged: Sequence[ObjectiveStatus], counts: dict[str, Counts | None]) -> Table:
    rows: list[Sequence[Content]] = []
    for one in judged:
        found = counts[one.objective.id]
        name = number(one.objective.id, Reference("objective", one.objective.id, "ratio"), name="mono")
        rows.append([name, *(format_count(value) if found else "–" for value in _pair(found))])
    return Table(title="Sent in that hour", head=["Objective", "Good", "Total"], rows=rows, numeric=(1, 2))


def _pair(found: Counts | None) -> tuple[float, float]:
    return (found.good, found.total) if found else (0.0, 0.0)


def _queries(board: Board, bindings: dict[str, Binding]) -> tuple[Query, ...]:
    asked = (
        signal_query(board, one, "rate", rate_span(board), RATE_MS, key)
        for key, one in bindings.items()
        if isinstance(one, MetricBinding)
    )
    return tuple(one for one in asked if one)
