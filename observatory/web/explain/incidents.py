"""Incidents as numbers that open: which there were, how long each lasted, how fast it burned."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from observatory.evaluate.snapshot import Incident
from observatory.evaluate.status import ObjectiveStatus
from observatory.units import format_count
from observatory.web.board import Board
from observatory.web.explain.explanation import Table
from observatory.web.explain.reference import Reference, number
from observatory.web.parts import short_duration, times

MOST_ROWS = 60
ONE_MS = 1_800_000
"""Objectives of one channel that fire within half an hour of each other are one incident."""
Found = tuple[ObjectiveStatus, Incident]


def in_range(board: Board, members: Sequence[ObjectiveStatus]) -> list[Found]:
    """Pages that began in the view's range, one per channel and half hour, as the tile counts them; newest first."""
    span = board.span
    found: dict[tuple[str, int], Found] = {}
    for one in members:
        for incident in board.incidents(one):
            if incident.severity == "page" and span.start_ms < incident.start_ms <= span.end_ms:
                found.setdefault((one.objective.channel_id, incident.start_ms // ONE_MS), (one, incident))
    return newest_first(found.values())


def pages(board: Board, members: Sequence[ObjectiveStatus]) -> list[Found]:
    """Every page on the ledger's whole span, by objective, as the table of domains counts them."""
    found = [(one, incident) for one in members for incident in board.incidents(one) if incident.severity == "page"]
    return newest_first(found)


def of_channel(board: Board, members: Sequence[ObjectiveStatus]) -> list[Found]:
    """Pages and tickets of one channel on the ledger's whole span; those that began together are one."""
    every = [(one, incident) for one in members for incident in board.incidents(one)]
    kept: list[Found] = []
    for pair in sorted(every, key=lambda pair: (pair[1].start_ms, pair[0].objective.id)):
        if not kept or pair[1].start_ms - kept[-1][1].start_ms > ONE_MS:
            kept.append(pair)
    return newest_first(kept)


def newest_first(found: Iterable[Found]) -> list[Found]:
    """By start, the newest first."""
    return sorted(found, key=lambda pair: (-pair[1].start_ms, pair[0].objective.id))


def incident_table(board: Board, found: Sequence[Found]) -> Table:
    """One row per incident."""
    rows = [
        [
            board.clock(incident.start_ms),
            short_duration(((incident.end_ms or board.snapshot.at_ms) - incident.start_ms) / 1000)
            + ("" if incident.end_ms else ", lasts"),
            incident.severity,
            number(one.objective.id, Reference("objective", one.objective.id, "burn-1h"), name="mono"),
            times(incident.peak_burn_rate),
            format_count(incident.bad),
        ]
        for one, incident in found[:MOST_ROWS]
    ]
    more = f"the newest {MOST_ROWS} of {len(found)}" if len(found) > MOST_ROWS else "newest first"
    head = ["Began", "Length", "Severity", "Objective", "Peak burn", "Bad"]
    return Table(title=f"Incidents, {more}" if found else "None", head=head, rows=rows, numeric=(4, 5))
