"""A figure as a Dash graph whose zoom becomes part of the address."""

from __future__ import annotations

from typing import Any

from dash import dcc

from observatory.dashboards import PanelDeclaration
from observatory.figures.clock import set_clock
from observatory.web.board import Board


def graph(figure: Any, board: Board, panel: PanelDeclaration) -> dcc.Graph:
    """The graph; it fills the panel's body."""
    set_clock(figure, board.view.zone)
    figure.update_layout(
        uirevision=f"{board.view.words}{board.view.theme}{board.view.zone}", height=panel.height or 220
    )
    return dcc.Graph(
        id={"type": "graph", "index": panel.id},
        figure=figure,
        config={"displayModeBar": False, "responsive": True, "showTips": False, "doubleClick": "autosize"},
        style={"height": f"{panel.height or 220}px"},
        responsive=True,
    )
