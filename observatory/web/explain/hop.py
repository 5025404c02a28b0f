"""Explanations of the numbers of one hop of a journey: the hop's own counts, and what the journey loses there."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec.structs import replace

from observatory.compile.plan import Measurement
from observatory.evaluate.journey_losses import HopLoss, hop_losses
from observatory.evaluate.journey_status import HopStatus, JourneyStatus
from observatory.units import format_count
from observatory.web.board import Board
from observatory.web.explain.explanation import Content, Explanation, Table
from observatory.web.explain.objective import explain_status
from observatory.web.explain.reference import Reference, hop_reference, number
from observatory.web.parts import channel_path, inward, mono, percent, status, value_text, whole_percent


def explain_hop(board: Board, reference: Reference) -> Explanation | None:
    """A number of one hop; None where there is no such journey or no such hop of it."""
    place, _, journey_id = reference.key.partition(" ")
    one = next((one for one in board.snapshot.status.journeys if one.journey.id == journey_id), None)
    if one is None or not place.isdecimal() or not 1 <= int(place) <= len(one.hops):
        return None
    index = int(place) - 1
    hop, loss = one.hops[index], hop_losses(one)[index]
    measured = board.snapshot.hops.get(journey_id, ())[index : index + 1]
    measurement = next((each for each in measured if isinstance(each, Measurement)), None)
    made = explain_status(board, hop.status, reference, measurement)
    if board.snapshot.planned.get(journey_id):
        # Planned work is taken out of the numbers of the journey; what the ledger holds of the hop still has it.
        made = replace(made, formula=[])
    what, figure, formula = _number(one, hop, loss, reference.aspect) or (made.what, made.figure, made.formula)
    return replace(
        made,
        title=f"Hop {place} of {one.journey.objective.name} · {hop.status.objective.operation_key}",
        what=what,
        figure=figure,
        formula=formula,
        facts=[*made.facts, *_own_facts(one, hop, loss)],
        caveats=[*([one.assumption] if one.assumption else []), *made.caveats],
    )


def _number(
    one: JourneyStatus, hop: HopStatus, loss: HopLoss | None, aspect: str
) -> tuple[str, str, Sequence[str]] | None:
    """A number that hops alone have: its name, its text, its arithmetic; None for those that objectives have too."""
    counts, window = hop.status.counts, hop.status.objective.window
    bad = value_text(counts.bad, "event") if counts else "–"
    per_journey = f"{hop.events_per_journey or 1.0:.3g}"
    match aspect:
        case "total":
            return f"events at this hop over {window}", format_count(round(counts.total)) if counts else "–", []
        case "failed":
            text = value_text(loss.failed, "event") if loss else "–"
            line = f"failed = bad ÷ events per journey = {bad} ÷ {per_journey} = {text}"
            return f"journeys that failed here over {window}", text, [line] if loss else []
        case "missing":
            text = value_text(loss.missing, "event") if loss and not hop.optional else "–"
            before = "those that failed or went missing before are counted where they did"
            said = "an optional hop misses nobody: what did not come went elsewhere" if hop.optional else before
            return f"journeys that came to the hop before, and never here, over {window}", text, [said]
        case "share":
            text = whole_percent(loss.share) if loss else "–"
            if loss is None:
                return "share of all that the hops lose", text, []
            lost = sum(each.lost for each in hop_losses(one) if each)
            own = f"({value_text(loss.failed, 'event')} + {value_text(loss.missing, 'event')})"
            line = f"(failed + never came) ÷ lost at all hops = {own} ÷ {value_text(lost, 'event')} = {text}"
            return f"share of all that the hops lose over {window}", text, [line]
    return None


def _own_facts(one: JourneyStatus, hop: HopStatus, loss: HopLoss | None) -> list[tuple[str, Content]]:
    found: list[tuple[str, Content]] = [("Journey", one.journey.id)]
    if hop.events_per_journey is not None:
        found.append(("Events per journey", mono(f"{hop.events_per_journey:.3g}")))
    if hop.unarrived is not None:
        found.append(("Journeys not arrived", mono(value_text(hop.unarrived, "event"))))
    if loss is not None:
        found.append(("Journeys lost here", mono(value_text(loss.lost, "event"))))
    how = "each journey by itself, by spans" if one.joined else "from the counters of the hops"
    return [*found, ("Joined", how)]


def hop_table(board: Board, one: JourneyStatus) -> Table:
    """The hops of a journey as rows; each number opens to its own explanation."""
    rows: list[Sequence[Content]] = []
    for place, hop in enumerate(one.hops, 1):
        counts, objective = hop.status.counts, hop.status.objective
        channel = board.channel(objective.channel_id)
        label = channel.label if channel else objective.channel_key
        ratio = counts.ratio if counts else None
        rows.append(
            [
                inward(label, channel_path(objective.channel_id), "mono"),
                f"{objective.role} {objective.consumer_group or objective.service}",
                number(
                    format_count(counts.good) if counts else "–",
                    hop_reference(place, one.journey.id, "ratio"),
                    value=counts.good if counts else None,
                ),
                number(
                    format_count(counts.total) if counts else "–",
                    hop_reference(place, one.journey.id, "total"),
                    value=counts.total if counts else None,
                ),
                percent(ratio, objective.target),
                status(hop.status.state),
            ]
        )
    return Table(title="Hops", head=["Channel", "Who", "Good", "Total", "Share", "State"], rows=rows, numeric=(2, 3, 4))
