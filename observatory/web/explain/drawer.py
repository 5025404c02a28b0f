"""The drawer: an explanation as components. Everything is text; links lead only where a browser should follow."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dash import html

from observatory.dashboards import PageDeclaration
from observatory.errors import ProblemsError
from observatory.web.board import Board
from observatory.web.explain.explainers import explain
from observatory.web.explain.explanation import Explanation, Query, Table
from observatory.web.explain.queries import run_links
from observatory.web.parts import inward, outward, status
from observatory.web.states import state_notice
from observatory.web.tree import frozen


def frame() -> html.Aside:
    """The empty drawer; the browser fills in and shows what is asked for."""
    return html.Aside(
        [
            html.Div(
                [
                    html.Span("How this number came about", id="drawer-name", className="muted"),
                    html.Button("Copy link", type="button", className="button", **{"data-copy-link": "1"}),
                    html.Button(
                        "×", type="button", className="button round", **{"data-close": "drawer", "aria-label": "Close"}
                    ),
                ],
                className="drawer-bar",
            ),
            html.Div(id="explanation", **{"aria-live": "polite"}),
        ],
        id="drawer",
        role="dialog",
        hidden=True,
        tabIndex=-1,
        **{"aria-labelledby": "drawer-name"},
    )


def draw_explanation(board: Board | None, text: str, pages: Mapping[str, PageDeclaration]) -> list[Any]:
    """The drawer's content for a reference. Whatever goes wrong is said inside it."""
    if board is None:
        return frozen([state_notice("loading", "Reading telemetry", "The first snapshot is being made.")])
    try:
        found = explain(board, text, pages)
    except ProblemsError as error:
        first = error.problems[0]
        words = f"{first.place() or 'the source'}: {first.message}"
        return frozen([state_notice("source_down", "Source down", words, hint=first.hint or "", code=first.code)])
    if found is None:
        words = "There is no such number any more, or the filter hides it."
        return frozen([state_notice("nothing", "Nothing to explain", words)])
    return frozen([html.Div(content(board, found), className="explanation")])


def content(board: Board, one: Explanation) -> list[Any]:
    """From what the reader pressed on to what is behind it."""
    subject = inward(one.subject[0], one.subject[1], "mono") if one.subject else None
    parts: list[Any] = [
        html.H2(one.title),
        html.P(one.what, className="muted"),
        *([html.P(["on ", subject], className="on muted")] if subject else []),
    ]
    if one.figure or one.state:
        shown = [html.Span(one.figure, className="figure")] if one.figure else []
        parts.append(html.Div([*shown, *([status(one.state)] if one.state else [])], className="head-figure"))
    parts += [html.P(words, className="why") for words in one.why]
    if one.formula:
        parts.append(html.Pre("\n".join(one.formula), className="query formula"))
    if one.facts:
        rows = [html.Div([html.Dt(name), html.Dd(value)]) for name, value in one.facts]
        parts.append(html.Dl(rows, className="drawer-facts"))
    for problem in one.problems:
        place = f"{problem.place()}: " if problem.place() else ""
        parts.append(
            html.P(
                [f"{place}{problem.message}. ", problem.hint or "", " ", html.Code(problem.code)], className="partial"
            )
        )
    parts += [html.P(words, className="partial") for words in one.caveats]
    for table in one.tables:
        parts += _table(table)
    parts += _queries(board, one)
    parts += _evidence(one)
    return parts


def _queries(board: Board, one: Explanation) -> list[Any]:
    if not one.queries:
        return []
    parts: list[Any] = [html.H3("Query", className="sub")]
    parts += [html.P(one.query_note, className="fine")] if one.query_note else []
    for query in one.queries:
        parts.append(
            html.Div([html.Span(query.name, className="name"), *_actions(board, query)], className="query-head")
        )
        text = html.Pre(query.text, className="query", tabIndex=0)
        # SQL over spans is long: it is there, and folded.
        long = query.language == "SQL"
        parts.append(html.Details([html.Summary("show the statement"), text], className="fold") if long else text)
    return parts


def _actions(board: Board, query: Query) -> list[Any]:
    copy = html.Button(f"Copy as {query.language}", type="button", className="pick", **{"data-copy": query.text})
    links = [outward(link.words, link.href) for link in run_links(board, query)]
    for link in links:
        if isinstance(link, html.A):
            link.className = "pick"
    return [copy, *links]


def _table(table: Table) -> list[Any]:
    def cell(kind: Any, index: int, value: Any) -> Any:
        extra = {"scope": "col"} if kind is html.Th else {}
        return kind(value, className="number" if index in table.numeric else None, **extra)

    head = html.Tr([cell(html.Th, index, words) for index, words in enumerate(table.head)])
    rows = [
        html.Tr(
            [cell(html.Td, index, value) for index, value in enumerate(row)],
            className="chosen-cell" if number == table.chosen else None,
        )
        for number, row in enumerate(table.rows)
    ]
    title = html.H3(table.title, className="sub")
    if not table.rows:
        return [title]
    grid = html.Table([html.Thead(head), html.Tbody(rows)], className="plain")
    return [title, html.Div(grid, className="scroll", tabIndex=0)]


def _evidence(one: Explanation) -> list[Any]:
    if not one.evidence:
        return []
    parts: list[Any] = [html.H3("Series behind it", className="sub")]
    for words, lines in one.evidence:
        parts.append(html.P(words, className="fine"))
        parts.append(html.Pre("\n".join(lines), className="query", tabIndex=0))
    return parts
