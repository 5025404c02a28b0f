"""The frame around every panel: title, loading skeleton, and the states that look the same everywhere."""

from __future__ import annotations

import logging
from contextvars import ContextVar
from typing import Any
from uuid import uuid4

from dash import html

from observatory.dashboards import PageDeclaration, PanelDeclaration
from observatory.errors import ProblemsError
from observatory.web.board import Board
from observatory.web.explain.reference import panel_reference
from observatory.web.kind import Drawn, Kind
from observatory.web.parts import notice
from observatory.web.service import Standing
from observatory.web.tree import frozen

log = logging.getLogger("observatory.web")
only_now: ContextVar[list[bool] | None] = ContextVar("only_now", default=None)
"""Where it is noted that a panel could not be drawn: that holds for this moment, and is not to be kept."""


def panel_id(page: str, panel: str, argument: str) -> dict[str, str]:
    """The pattern-matched id of a panel's content."""
    return {"type": "panel", "page": page, "panel": panel, "argument": argument}


def empty_frame(page: PageDeclaration, panel: PanelDeclaration, kind: Kind, argument: str) -> html.Section:
    """A panel before its first content: the title is there at once, the body is a skeleton of its later shape."""
    content = skeleton(kind) if kind.bare else [_head(panel, "", ()), html.Div(skeleton(kind), className="body")]
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


def skeleton(kind: Kind) -> list[Any]:
    """Grey shapes where content will be."""
    shapes = {"table": 6, "figure": 1, "tiles": 4, "line": 1}[kind.skeleton]
    if kind.bare and kind.skeleton == "line":
        return []
    return [
        html.Div([html.I() for _ in range(shapes)], className=f"skeleton {kind.skeleton}", **{"aria-label": "loading"})
    ]


def draw(panel: PanelDeclaration, kind: Kind, board: Board | None, standing: Standing) -> list[Any]:
    """A panel's content. Whatever goes wrong in one panel stays in that panel."""
    if board is None:
        _not_to_be_kept()
        return (
            [] if kind.bare and kind.skeleton == "line" else _framed(panel, kind, Drawn(body=[_before_first(standing)]))
        )
    try:
        drawn = kind.draw(board, panel)
    except ProblemsError as error:
        _not_to_be_kept()
        first = error.problems[0]
        drawn = Drawn(
            body=[
                notice(
                    "Source down",
                    f"{first.place() or 'the source'}: {first.message}",
                    hint=first.hint or "",
                    tone="bad",
                    code=first.code,
                )
            ]
        )
    except Exception:
        _not_to_be_kept()
        reference = uuid4().hex[:8]
        log.exception("panel %s of kind %s failed (%s)", panel.id, kind.name, reference)
        drawn = Drawn(body=[notice("This panel failed", f"The server's log tells why, under {reference}.", tone="bad")])
    return _framed(panel, kind, drawn)


def _not_to_be_kept() -> None:
    noted = only_now.get()
    if noted is not None:
        noted.append(True)


def _before_first(standing: Standing) -> html.Div:
    if standing.problems:
        first = standing.problems[0]
        place = f"{first.place()}: " if first.place() else ""
        return notice("No numbers yet", f"{place}{first.message}", hint=first.hint or "", tone="bad", code=first.code)
    return notice("Reading telemetry", "The first snapshot is being made.")


def _framed(panel: PanelDeclaration, kind: Kind, drawn: Drawn) -> list[Any]:
    if kind.bare or drawn.bare:
        return frozen(drawn.body)
    warnings = [html.P(words, className="partial") for words in drawn.warnings]
    head = _head(panel, drawn.note, drawn.aside)
    return [*frozen([head]), html.Div(frozen([*drawn.body, *warnings]), className="body")]


def _head(panel: PanelDeclaration, note: str, aside: Any) -> html.Header:
    return html.Header(
        [
            html.H2(panel.title, title=panel.question or panel.title),
            html.Span(note, className="note"),
            html.Div(list(aside), className="aside"),
        ]
    )
