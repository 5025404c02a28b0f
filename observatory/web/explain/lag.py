"""Explanation of a consumer group's lag: where the number comes from, and what its movement was judged by."""

from __future__ import annotations

from observatory.telemetry.binding import MetricBinding
from observatory.units import format_count
from observatory.web.board import Board
from observatory.web.explain.explanation import Content, Explanation
from observatory.web.explain.facts import COUNTING
from observatory.web.explain.queries import binding_evidence, signal_query
from observatory.web.explain.reference import Reference, number
from observatory.web.panels.lag import group_lag
from observatory.web.parts import channel_path, mono, percent, short_duration
from observatory.web.view import step_for

SIGNALS = ("consumer_lag", "queue_ready", "queue_depth")
MOVEMENTS = {
    "stalled": "The newest part of the range lies well above what is usual, and its last stretch never falls.",
    "growing": "The newest part of the range lies well above what is usual, and above where it began.",
    "draining": "The backlog is above what is usual, and falling.",
    "keeping up": "The newest value lies within what is usual in the range.",
    "unknown": "Nothing was observed in the range.",
}
USUAL = "Usual is the median of the range; well above is twice that, six times its spread, and 20 messages at least."


def explain_lag(board: Board, reference: Reference) -> Explanation | None:
    """A number of one consumer on one channel; the key is its operation's. None where there is no such operation."""
    operation = next((one for one in board.snapshot.catalog.operations if one.key == reference.key), None)
    if operation is None:
        return None
    lag = group_lag(board, operation)
    found = next(
        (
            binding
            for signal in SIGNALS
            for subject in (operation.key, operation.channel_id)
            if (binding := board.snapshot.mapping.chosen(subject, signal)) and binding.liveness != "missing"
        ),
        None,
    )
    step = step_for(board.span)
    query = (
        signal_query(board, found, "level", board.span, step, found.signal.replace("_", " "))
        if isinstance(found, MetricBinding)
        else None
    )
    messages = "–" if lag.messages is None else format_count(round(lag.messages))
    behind = "–" if lag.seconds is None else short_duration(lag.seconds)
    what, figure = {
        "behind": ("how far behind the newest message it is", behind),
        "state": ("where its backlog goes", lag.movement),
    }.get(reference.aspect, ("messages that wait for it", messages))
    channel = board.channel(operation.channel_id)
    objective = next(
        (
            one
            for one in board.statuses()
            if one.objective.operation_key == operation.key and one.objective.sli == "lag"
        ),
        None,
    )
    facts: list[tuple[str, Content]] = [
        ("Messages", mono(messages)),
        ("Time behind", behind),
        ("Range", f"{board.view.words}, one value per {short_duration(step / 1000)}: the worst of each"),
        ("Profile", found.profile if found else "none"),
        ("Source", found.source if found else "none"),
        ("Series", mono(str(found.series)) if isinstance(found, MetricBinding) else "–"),
    ]
    if objective and objective.counts:
        opens = number(objective.objective.id, Reference("objective", objective.objective.id, "ratio"), name="mono")
        share = percent(objective.counts.ratio, objective.objective.target)
        how = COUNTING[objective.counting] if objective.counting else "–"
        facts.append(("Objective", [opens, f" {share} of the minutes were good; counted {how}"]))
    return Explanation(
        reference=reference,
        title=f"Consumer lag · {operation.consumer_group or operation.service}",
        what=what,
        figure=figure,
        why=[MOVEMENTS[lag.movement], USUAL],
        facts=facts,
        queries=(query,) if query else (),
        query_note="The newest value; the figure keeps the worst of each step.",
        evidence=(binding_evidence(found),) if found else (),
        caveats=found.caveats if found else (),
        subject=(channel.label, channel_path(channel.id)) if channel else None,
    )
