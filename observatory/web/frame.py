"""The frame around every panel: title, loading skeleton, and the states that look the same everywhere."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from contextvars import ContextVar
from typing import Any
from uuid import uuid4

from dash import html
from msgspec.structs import replace

from observatory.dashboards import PageDeclaration, PanelDeclaration
from observatory.errors import ProblemsError
from observatory.evaluate.status import ObjectiveStatus
from observatory.web.board import Board
from observatory.web.explain.reference import panel_reference
from observatory.web.kind import Drawn, Kind
from observatory.web.panels.subjects import promised
from observatory.web.parts import short_duration
from observatory.web.service import Standing
from observatory.web.states import age_chip, blind_notice, evidence_line, state_line, state_notice
from observatory.web.tree import frozen

log = logging.getLogger("observatory.web")
only_now: ContextVar[list[bool] | None] = ContextVar("only_now", default=None)
"""Where it is noted that a panel could not be drawn: that holds for this moment, and is not to be kept."""


def panel_id(page: str, panel: str, argument: str) -> dict[str, str]:
    """The pattern-matched id of a panel's content."""
    return {"type": "panel", "page": page, "panel": panel, "argument": argument}


def empty_frame(
    page: PageDeclaration, panel: PanelDeclaration, kind: Kind, argument: str, board: Board | None = None
) -> html.Section:
    """A panel before its first content: the title is there at once, the body is a skeleton of its later shape.

    Args:
        board: What the skeleton may show already, of a kind that has something at hand.
    """
    shapes = skeleton(kind, _early(panel, kind, board) if board else None)
    content = shapes if kind.bare else [_head(panel, "", ()), html.Div(shapes, className="body")]
    looks = ["bare"] if kind.bare else []
    # A table of fixed height scrolls inside its panel; the channel grid does so by itself.
    looks += ["tall"] if panel.height and kind.skeleton == "table" and kind.name != "channels" else []
    return html.Section(
        [
            html.Div(content, id=panel_id(page.id, panel.id, argument), className="content"),
            _menu(page, panel, kind, argument),
        ],
        className=" ".join(["panel", f"kind-{kind.name}", f"wide-{panel.width}", *looks]),
        id=f"panel-{panel.id}",
        style={"--body": f"{panel.height}px"} if panel.height else {},
        **{"aria-label": panel.title},
    )


def _early(panel: PanelDeclaration, kind: Kind, board: Board) -> Any | None:
    try:
        return kind.early(board, panel) if kind.early else None
    except Exception:
        # The panel itself will say what is wrong; the page stands.
        log.exception("panel %s of kind %s had nothing to begin with", panel.id, kind.name)
        return None


def _menu(page: PageDeclaration, panel: PanelDeclaration, kind: Kind, argument: str) -> html.Button | None:
    """What can be done with the panel: explain it, save it. A line of words has nothing to save."""
    if kind.bare and kind.skeleton == "line":
        return None
    return html.Button(
        "⋯",
        type="button",
        className="panel-menu",
        **{
            "aria-label": f"Menu of {panel.title}",
            "aria-haspopup": "menu",
            "data-panel": str(panel_reference(page.id, panel.id, argument)),
        },
    )


def skeleton(kind: Kind, early: Any = None) -> list[Any]:
    """Grey shapes where content will be, or what is at hand of it."""
    shapes = {"table": 6, "figure": 1, "tiles": 4, "line": 1}[kind.skeleton]
    waiting = html.Span("Loading", className="unseen")
    return [
        html.Div(
            [waiting, *([early] if early is not None else (html.I() for _ in range(shapes)))],
            className=f"skeleton {kind.skeleton}",
            role="status",
            **{"data-state": "loading"},
        )
    ]


def draw(
    panel: PanelDeclaration,
    kind: Kind,
    board: Board | None,
    standing: Standing,
    above: Sequence[tuple[PanelDeclaration, Kind]] = (),
) -> list[Any]:
    """A panel's content. Whatever goes wrong in one panel stays in that panel.

    Args:
        above: What stands before it on its page. What one of these says of the evidence is not said again.
    """
    if board is None:
        _not_to_be_kept()
        return _framed(panel, kind, Drawn(body=[_before_first(standing)]), ())
    try:
        drawn = kind.draw(board, panel)
        if kind.evidence in ("objectives", "journeys"):
            drawn = _with_evidence(board, panel, kind, drawn, above)
    except ProblemsError as error:
        _not_to_be_kept()
        first = error.problems[0]
        place = first.place() or "the source"
        body = state_notice(
            "source_down", "Source down", f"{place}: {first.message}", hint=first.hint or "", code=first.code
        )
        drawn = Drawn(body=[body])
    except Exception:
        _not_to_be_kept()
        reference = uuid4().hex[:8]
        log.exception("panel %s of kind %s failed (%s)", panel.id, kind.name, reference)
        words = f"The server's log tells why, under {reference}."
        drawn = Drawn(body=[state_notice("error", "This panel failed", words)])
    return _framed(panel, kind, drawn, _age(board, standing))


def _with_evidence(
    board: Board, panel: PanelDeclaration, kind: Kind, drawn: Drawn, above: Sequence[tuple[PanelDeclaration, Kind]]
) -> Drawn:
    """What the objectives behind a panel lack; in place of words that all is well, where nobody can know."""
    statuses = _judged(board, panel, kind)
    blind = blind_notice(statuses) if drawn.calm else None
    if blind:
        return replace(drawn, body=[blind, *drawn.body[1:]], bare=False)
    line = evidence_line(statuses)
    if line is None or any(one[1].evidence == kind.evidence and _judged(board, *one) == statuses for one in above):
        return drawn
    return replace(drawn, body=[*drawn.body, line])


def _judged(board: Board, panel: PanelDeclaration, kind: Kind) -> tuple[ObjectiveStatus, ...]:
    """What a panel's numbers rest on."""
    return tuple(one.status for one in board.journeys()) if kind.evidence == "journeys" else promised(board, panel)


def _age(board: Board, standing: Standing) -> tuple[Any, ...]:
    """How old the numbers are, where the last refresh failed; nothing where they are new."""
    age = standing.age_seconds(board.now_ms)
    if not standing.problems or age is None:
        return ()
    first = standing.problems[0]
    return (age_chip(short_duration(age), f"{first.place()}: {first.message}" if first.place() else first.message),)


def _not_to_be_kept() -> None:
    noted = only_now.get()
    if noted is not None:
        noted.append(True)


def _before_first(standing: Standing) -> html.Div:
    if standing.problems:
        first = standing.problems[0]
        place = f"{first.place()}: " if first.place() else ""
        words = f"{place}{first.message}"
        return state_notice("source_down", "No numbers yet", words, hint=first.hint or "", code=first.code)
    return state_notice("loading", "Reading telemetry", "The first snapshot is being made.")


def _framed(panel: PanelDeclaration, kind: Kind, drawn: Drawn, age: tuple[Any, ...]) -> list[Any]:
    if kind.bare or drawn.bare:
        return frozen([*drawn.body, *age])
    lines = [state_line("partial", words) for words in drawn.warnings]
    head = _head(panel, drawn.note, [*drawn.aside, *age])
    return [*frozen([head]), html.Div(frozen([*drawn.body, *lines]), className="body")]


def _head(panel: PanelDeclaration, note: str, aside: Any) -> html.Header:
    return html.Header(
        [
            html.H2(panel.title, title=panel.question or panel.title),
            html.Span(note, className="note"),
            html.Div(list(aside), className="aside"),
        ]
    )
