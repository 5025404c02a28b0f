"""The figure of every panel kind that draws one, as JSON: what reaches the browser, reviewed line by line."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import plotly.graph_objects as go
import pytest
from dash import dcc
from dash.development.base_component import Component
from figure_text import figure_text
from web.factories import AT_MS, CARD, HandMadeEstate

from observatory.dashboards import PageDeclaration, PanelDeclaration
from observatory.objectives.policy import load_policies
from observatory.web.app import draw_panel
from observatory.web.load import load_pages, shipped_folder
from observatory.web.panels import KINDS
from observatory.web.service import Service

POLICIES = load_policies()
FIVE_MINUTES = "?from=2026-11-20T11:55:00Z&to=2026-11-20T12:00:00Z"
FIGURES: dict[str, tuple[dict[str, object], str]] = {
    "lines": (
        {"signals": ["process_duration"], "statistic": "p99", "also": "p50", "guide": "latency", "limit": 2},
        FIVE_MINUTES,
    ),
    "stacked": ({"signals": ["published_messages"], "statistic": "rate", "limit": 3}, FIVE_MINUTES),
    "bars": ({"signals": ["processed_messages"], "events": "failed", "limit": 2}, FIVE_MINUTES),
    "errors": ({}, FIVE_MINUTES),
    "burndown": ({"limit": 2}, "?range=30d"),
    "skew": ({}, FIVE_MINUTES),
    "indicator": (
        {"indicator": "availability", "show": "burn_rate", "window": "5m", "limit": 2},
        "?from=2026-11-20T11:00:00Z&to=2026-11-20T12:00:00Z",
    ),
}
"""By kind the options and the view of its golden."""


@pytest.fixture(scope="module")
def service() -> Service:
    made = Service(HandMadeEstate(), clock=lambda: AT_MS + 12_000)  # type: ignore[arg-type]
    made.refresh()
    return made


def graphs(content: Any) -> Iterator[dcc.Graph]:
    """All graphs of drawn content."""
    if isinstance(content, dcc.Graph):
        yield content
    elif isinstance(content, Component):
        yield from graphs(getattr(content, "children", None))
    elif isinstance(content, (list, tuple)):
        for one in content:
            yield from graphs(one)


@pytest.mark.parametrize("kind", FIGURES)
def test_the_figure_of_a_panel_kind_is_its_golden(
    kind: str, service: Service, golden: Callable[[str, str], None]
) -> None:
    options, search = FIGURES[kind]
    panel = PanelDeclaration(id=kind, kind=kind, title=kind, options=options)
    page = PageDeclaration(id="golden", title="Golden", path="/golden", panels=(panel,))
    target = {"type": "panel", "page": "golden", "panel": kind, "argument": ""}
    (found,) = graphs(draw_panel(service, {"golden": page}, POLICIES, search, target))
    golden(figure_text(go.Figure(found.figure)), f"panels/{kind}.json")


def test_every_kind_that_draws_a_figure_has_a_golden(service: Service) -> None:
    pages = {page.id: page for page in load_pages([shipped_folder()], KINDS)}
    shown: set[str] = set()
    drawing: set[str] = set()
    for page in pages.values():
        argument = {"channel": CARD.id, "group": "billing-v1"}.get(page.subject, "")
        for panel in page.panels:
            target = {"type": "panel", "page": page.id, "panel": panel.id, "argument": argument}
            shown.add(panel.kind)
            if list(graphs(draw_panel(service, pages, POLICIES, "?range=24h", target))):
                drawing.add(panel.kind)
    assert shown == set(KINDS), "a kind that no shipped page shows: show it, or draw it here"
    assert drawing <= set(FIGURES)
