"""What surrounds every page: the top bar, the line that says how fresh the data is, the help, the stores."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import dash
from dash import dcc, html

from observatory.dashboards import PageDeclaration
from observatory.web.explain import drawer
from observatory.web.view import RANGES

KEYS: tuple[tuple[str, str], ...] = (
    ("/", "filter channels, groups, topics, owners"),
    ("j  k", "next and previous row, also ↓ ↑"),
    ("← →", "numbers of the row; Enter explains one"),
    ("Enter", "open the row"),
    ("e", "explain the row's first number"),
    ("0", "leave a zoomed range"),
    ("t", "theme: system, dark, light"),
    ("z", "times in UTC, or as the browser's clock"),
    ("r", "pause and resume refreshing"),
    ("c", "copy a link that freezes the time"),
    ("Esc", "leave the filter, close what is open"),
    ("?", "this help"),
)


def layout(pages: Sequence[PageDeclaration], *, interval_seconds: float, version: str) -> html.Div:
    """The application's layout around `dash.page_container`."""
    linked = [page for page in pages if page.subject == "estate"]
    return html.Div(
        [
            html.A("Skip to content", href="#main", className="skip"),
            _top_bar(linked, interval_seconds),
            html.Div(id="alarm", className="alarm", role="status", hidden=True, **{"aria-live": "polite"}),
            dash.page_container,
            drawer.frame(),
            html.Div(id="menu", className="menu", hidden=True),
            _help(linked, version),
            html.P(id="printed", className="printed"),
            dcc.Store(id="view"),
            dcc.Store(id="version"),
            dcc.Store(id="health"),
            dcc.Store(id="zoomed"),
            dcc.Store(id="explained"),
            dcc.Store(id="asked"),
            dcc.Interval(id="tick", interval=round(interval_seconds * 1000)),
        ],
        id="observatory",
    )


def _top_bar(pages: Sequence[PageDeclaration], interval_seconds: float) -> html.Header:
    links = [
        html.A(
            [page.title, *([html.Kbd(f"g {page.key}")] if page.key else [])],
            href=page.path,
            className="inward page-link",
            **{"data-key": page.key, "data-page": page.path, "data-range-default": page.range},
        )
        for page in pages
    ]
    ranges = [html.Button(name, type="button", **{"data-range": name, "aria-pressed": "false"}) for name in RANGES]
    return html.Header(
        [
            html.A([html.Span(className="mark"), "Observatory"], href="/", className="inward brand"),
            html.Nav(links, **{"aria-label": "Pages"}),
            html.Div(className="spring"),
            html.Button(
                "", id="domain-chip", type="button", className="chip", hidden=True, title="Show everything again"
            ),
            html.Div(
                [
                    dcc.Input(
                        id="filter", type="search", placeholder="Filter channels, groups, owners…", autoComplete="off"
                    ),
                    html.Kbd("/"),
                ],
                className="filter",
            ),
            html.Div(ranges, className="ranges", role="group", **{"aria-label": "Range"}),
            html.Button(
                [html.Span(className="dot"), html.Span("reading…", id="age")],
                id="freshness",
                type="button",
                className="freshness",
                title="Age of the data. Press to pause refreshing (r).",
                **{"data-interval": str(round(interval_seconds))},
            ),
            html.Button(
                ["Display ", html.Span("UTC", id="zone", className="mono")],
                id="display",
                type="button",
                className="button",
                title="Theme, colours, time zone, print",
                **{"aria-haspopup": "dialog", "aria-expanded": "false"},
            ),
            html.Button(
                "?", id="help-button", type="button", className="button round", **{"aria-label": "Keyboard help"}
            ),
        ],
        className="top",
    )


def _help(pages: Sequence[PageDeclaration], version: str) -> html.Div:
    keys = [(f"g {page.key}", page.title) for page in pages if page.key] + list(KEYS)
    rows: list[Any] = [html.Tr([html.Td(html.Kbd(key)), html.Td(words)]) for key, words in keys]
    return html.Div(
        html.Div(
            [
                html.H2("Keyboard"),
                html.Table(html.Tbody(rows)),
                html.P(f"Observatory {version} · press any number to see how it came about"),
                html.Button("Close", type="button", className="button", **{"data-close": "help"}),
            ],
            className="card",
        ),
        id="help",
        className="overlay",
        hidden=True,
        role="dialog",
        **{"aria-modal": "true", "aria-label": "Keyboard help"},
    )
