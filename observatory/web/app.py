"""The Dash application: pages from declarations, one pattern-matched callback that draws every panel.

address bar -> view -> panel callbacks -> board -> rooms below
timer -> version of the snapshot -> panel callbacks, only when it changed
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any
from urllib.parse import unquote, urlencode

import dash
from dash import MATCH, ClientsideFunction, Dash, Input, Output, State, html, no_update

from observatory import __version__
from observatory.dashboards import PageDeclaration
from observatory.objectives.policy import Policy
from observatory.web import frame, shell
from observatory.web.answers import Answers, looking_at
from observatory.web.board import Board
from observatory.web.explain.drawer import draw_explanation
from observatory.web.first_load import ASSETS, FIGURES, INDEX, Pages
from observatory.web.kind import Kind
from observatory.web.panels import KINDS
from observatory.web.service import Service, Standing
from observatory.web.static_files import StaticFiles
from observatory.web.view import View

ADDRESSED = ("range", "from", "to", "q", "domain", "owner", "broker", "ch")
"""Keys of the address that decide what the first rows are."""
HOME = "on-call"
"""Id of the page that `/` opens; the first page where there is none of that id."""


def create_app(
    service: Service, pages: Sequence[PageDeclaration], *, policies: Mapping[str, Policy] | None = None
) -> Dash:
    """The application on the Flask backend; `app.server` is the WSGI callable.

    Args:
        service: Refreshed by its own thread or by hand; the app only reads its standing.
        pages: From `load_pages`.
        policies: Burn-rate policies by name, for the thresholds that panels name.
    """
    dash.page_registry.clear()
    app = Pages(
        "observatory",
        assets_folder=str(ASSETS),
        assets_ignore=rf"(^theme\.js$|^{re.escape(FIGURES)}$|.*\.txt$)",
        use_pages=True,
        pages_folder="",
        suppress_callback_exceptions=True,
        compress=True,
        title="Observatory",
        update_title="",
        index_string=INDEX,
        add_log_handler=False,
        meta_tags=[{"name": "viewport", "content": "width=device-width, initial-scale=1"}],
        include_pages_meta=False,
    )
    # Standing data of 1,000 channels compresses tenfold; level 4 costs a third of level 6 and loses little.
    app.server.config.update(COMPRESS_ALGORITHM=["br", "gzip"], COMPRESS_BR_LEVEL=4, COMPRESS_LEVEL=4)
    home = next((page for page in pages if page.id == HOME), pages[0])
    chosen = dict(policies or {})

    def layout_of(page: PageDeclaration, argument: str, query: Mapping[str, str]) -> html.Main:
        return page_layout(page, argument, first_look(service, chosen, page, argument, query))

    for page in pages:
        _register(page, page.path, layout_of)
    if all(page.path != "/" for page in pages):
        _register(home, "/", layout_of)
    app.layout = shell.layout(pages, interval_seconds=service.interval_seconds, version=__version__)
    _callbacks(app, service, {page.id: page for page in pages}, chosen)
    Answers(app.server, service)
    StaticFiles(app.server)
    return app


def _register(
    page: PageDeclaration, path: str, layout_of: Callable[[PageDeclaration, str, Mapping[str, str]], html.Main]
) -> None:
    def layout(id: str = "", **query: str) -> html.Main:  # noqa: A002 - Dash passes the path's variable by its name
        return layout_of(page, unquote(id), query)

    place: dict[str, Any] = {"path_template": path} if path.endswith("/<id>") else {"path": path}
    dash.register_page(
        f"observatory.{page.id}{'' if path != '/' else '.home'}",
        name=page.title,
        title=f"{page.title} · Observatory",
        layout=layout,
        order=page.order,
        **place,
    )


def first_look(
    service: Service, policies: Mapping[str, Policy], page: PageDeclaration, argument: str, query: Mapping[str, str]
) -> Board | None:
    """What a page may show before its panels are asked for; None where the browser would put it in another order.

    Args:
        query: What the address says; the theme and the zone that a browser keeps are not known yet.
    """
    if query.get("sort"):
        return None
    known = {key: query[key] for key in ADDRESSED if key in query}
    view = View.parse(urlencode({"range": page.range, **known}))
    return Board.of(
        service.standing, service.estate, view, policies=policies, argument=argument, now_ms=service.clock()
    )


def page_layout(page: PageDeclaration, argument: str = "", board: Board | None = None) -> html.Main:
    """A page's frames; their content comes by callback, but for what a board has at hand."""
    name = f"page-{page.id}"
    heading = html.H1(f"{page.title} {argument}".strip(), className="quiet" if page.subject == "estate" else "heading")
    frames = [frame.empty_frame(page, panel, KINDS[panel.kind], argument, board) for panel in page.panels]
    return html.Main(
        [heading, *frames], className=f"grid {name}", id="main", tabIndex=-1, **{"data-range-default": page.range}
    )


def draw_panel(
    service: Service,
    pages: Mapping[str, PageDeclaration],
    policies: Mapping[str, Policy],
    search: str,
    target: Mapping[str, str],
    standing: Standing | None = None,
) -> list[Any]:
    """The callback behind every panel, as a plain function.

    Args:
        search: The view as a query string, theme included.
        standing: In place of the service's present one.
        target: The panel's id: page, panel and argument.
    """
    page = pages.get(target.get("page", ""))
    panel = next((one for one in page.panels if one.id == target.get("panel")), None) if page else None
    kind: Kind | None = KINDS.get(panel.kind) if panel else None
    if panel is None or kind is None:
        return []
    standing = standing or service.standing
    board = Board.of(
        standing,
        service.estate,
        View.parse(search),
        policies=policies,
        argument=str(target.get("argument", "")),
        now_ms=service.clock(),
    )
    above = [(one, KINDS[one.kind]) for one in page.panels[: page.panels.index(panel)]] if page else []
    return frame.draw(panel, kind, board, standing, above)


def draw_drawer(
    service: Service, pages: Mapping[str, PageDeclaration], policies: Mapping[str, Policy], asked: Mapping[str, str]
) -> list[Any]:
    """The callback behind the drawer, as a plain function.

    Args:
        asked: `explain`, a reference; and `search`, the view as a query string.
    """
    board = Board.of(
        service.standing,
        service.estate,
        View.parse(asked.get("search", "")),
        policies=policies,
        now_ms=service.clock(),
    )
    return draw_explanation(board, str(asked.get("explain", "")), pages)


def poll(service: Service, known: float | None) -> tuple[Any, dict[str, Any]]:
    """What the timer asks: the edition, unless it is known already, and how the data is doing."""
    standing = service.standing
    age = standing.age_seconds(service.clock())
    problems = standing.problems or (standing.snapshot.status.problems if standing.snapshot else ())
    health = {
        "age": age,
        "at": standing.snapshot.at_ms if standing.snapshot else None,
        "failing": bool(standing.problems),
        "problems": [
            {"code": one.code, "message": one.message, "place": one.place() or ""}
            for one in problems
            if standing.problems or one.severity == "error"
        ][:5],
        "sources": [source.to_json() for source in standing.snapshot.status.sources] if standing.snapshot else [],
    }
    return (no_update if known == standing.edition else standing.edition), health


def _callbacks(
    app: Dash, service: Service, pages: Mapping[str, PageDeclaration], policies: Mapping[str, Policy]
) -> None:
    pattern = {"type": "panel", "page": MATCH, "panel": MATCH, "argument": MATCH}

    @app.callback(  # type: ignore[untyped-decorator]
        Output(pattern, "children"), Input("view", "data"), Input("version", "data"), State(pattern, "id")
    )
    def _panel(search: str | None, _version: float | None, target: dict[str, str]) -> list[Any]:
        return draw_panel(service, pages, policies, search or "", target, looking_at.get())

    @app.callback(  # type: ignore[untyped-decorator]
        Output("version", "data"), Output("health", "data"), Input("tick", "n_intervals"), State("version", "data")
    )
    def _poll(_intervals: int | None, known: float | None) -> tuple[Any, dict[str, Any]]:
        return poll(service, known)

    @app.callback(Output("explanation", "children"), Input("asked", "data"), prevent_initial_call=True)  # type: ignore[untyped-decorator]
    def _explained(asked: dict[str, str] | None) -> list[Any]:
        return draw_drawer(service, pages, policies, asked or {})

    # A closed drawer asks for nothing: the browser decides.
    app.clientside_callback(
        ClientsideFunction("observatory", "asked"),
        Output("asked", "data"),
        Input("explained", "data"),
        Input("view", "data"),
        Input("version", "data"),
    )
    app.clientside_callback(
        ClientsideFunction("observatory", "arrived"),
        Output("explained", "modified_timestamp"),
        Input("explanation", "children"),
        State("asked", "data"),
    )
    app.clientside_callback(
        ClientsideFunction("observatory", "view"), Output("view", "data"), Input("_pages_location", "href")
    )
    app.clientside_callback(
        ClientsideFunction("observatory", "health"), Output("health", "modified_timestamp"), Input("health", "data")
    )
    app.clientside_callback(
        ClientsideFunction("observatory", "zoom"),
        Output("zoomed", "data"),
        Input({"type": "graph", "index": dash.ALL}, "relayoutData"),
        prevent_initial_call=True,
    )


__all__ = ["create_app", "draw_panel", "first_look", "page_layout", "poll"]
