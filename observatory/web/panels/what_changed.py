"""What changed in the range: declarations, deployments, services that were not seen before. As lines and as markers."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from dash import html

from observatory.errors import Problem
from observatory.evaluate.deploys import Deploy
from observatory.figures.layout import Marker
from observatory.telemetry.label_matchers import names_service
from observatory.web.board import Board
from observatory.web.changes import Change
from observatory.web.states import state_line

MOST_MARKERS = 3
SETTLED_MS = 600_000
"""What spans show in the first minutes of the range was there before it."""


def change_lines(board: Board, kept: Collection[str], limit: int) -> list[Any]:
    """A heading and the newest changes, one line each; or what would be known, and how to know more."""
    rows = changes_in_range(board, kept)
    head = html.H3("Changes in the range", className="sub")
    lines: list[Any] = [_line(board, one) for one in rows[:limit]]
    if len(rows) > limit:
        lines.append(html.P(f"and {len(rows) - limit} earlier", className="fine"))
    known = [word for word, there in (("documents", True), ("deployments", board.has_deploys)) if there]
    known += ["traces"] if board.has_spans else []
    if not lines:
        lines.append(html.P(f"None known from {', '.join(known)}.", className="fine"))
    if not board.has_deploys:
        words = " in observatory.yaml names the metric that tells of deployments, or the Grafana whose annotations do."
        hint = [html.Code("deploys"), words]
        lines.append(html.P(hint, className="fine"))
    lines += [_unanswered(one) for one in board.deploys()[1][:1]]
    return [head, *lines]


def changes_in_range(board: Board, kept: Collection[str]) -> list[Change]:
    """Declared changes that were noticed, deployments, services whose first span lies in the range; newest first."""
    span = board.span
    found = [
        one
        for one in board.changes
        if span.start_ms < one.at_ms <= span.end_ms and (not one.channel_id or one.channel_id in kept)
    ]
    found += _deployed(board, kept)
    if board.has_spans:
        found += _first_seen(board, kept)
    return sorted(found, key=lambda one: (-one.at_ms, one.words))


def markers(board: Board, kept: Collection[str]) -> list[Marker]:
    """The newest changes of documents and deployments, for figures over time."""
    told = [one for one in changes_in_range(board, kept) if one.origin in ("documents", "deploys")]
    return [Marker(one.at_ms, one.words.removesuffix(" deployed")) for one in told[:MOST_MARKERS]]


def _deployed(board: Board, kept: Collection[str]) -> list[Change]:
    """Deployments of services that send to or receive from the channels; on pages about everything, of others too."""
    found: list[Change] = []
    for one in board.deploys()[0]:
        channels = _channels_of(board, one)
        concerned = next((key for key in channels if key in kept), None)
        if concerned is not None or (not channels and not board.argument):
            found.append(Change(one.at_ms, one.words, "deploys", concerned or ""))
    return found


def _channels_of(board: Board, one: Deploy) -> tuple[str, ...]:
    def ask() -> tuple[str, ...]:
        return tuple(
            operation.channel_id
            for operation in board.snapshot.catalog.operations
            if names_service(one.service, operation.service)
        )

    return board.memory.get(("channels of", one.service), ask)


def _first_seen(board: Board, kept: Collection[str]) -> list[Change]:
    names = {name.value: one.id for one in board.snapshot.catalog.channels if one.id in kept for name in one.names}
    span = board.span
    found: list[Change] = []
    for seen in board.destinations():
        late = seen.first_ms > span.start_ms + max(SETTLED_MS, (span.end_ms - span.start_ms) // 24)
        if late and seen.destination in names:
            verb = "publishes to" if seen.role == "producer" else "consumes from"
            words = f"{seen.service} first {verb} {seen.destination}"
            found.append(Change(seen.first_ms, words, "traces", names[seen.destination]))
    return found


def _unanswered(one: Problem) -> html.P:
    where = f"{one.place()}: " if one.place() else ""
    return state_line("source_down", f"Deployments are not known: {where}{one.message}", tip=one.hint or one.code)


def _line(board: Board, one: Change) -> html.Div:
    return html.Div(
        [
            html.Time(board.clock(one.at_ms)),
            html.Span(one.words, className="what", title=one.words),
            html.Span(one.origin, className="origin"),
        ],
        className="log",
    )
