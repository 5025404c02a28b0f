"""The Dash application: pages from declarations, one pattern-matched callback that draws every panel.

address bar -> view -> panel callbacks -> board -> rooms below
timer -> version of the snapshot -> panel callbacks, only when it changed
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import dash
from dash import MATCH, ClientsideFunction, Dash, Input, Output, State, html, no_update

from observatory import __version__
from observatory.dashboards import PageDeclaration
from observatory.objectives.policy import Policy
from observatory.web import frame, shell
from observatory.web.answers import Answers, looking_at
from observatory.web.board import Board
from observatory.web.explain.drawer import draw_explanation
from observatory.web.kind import Kind
from observatory.web.panels import KINDS
from observatory.web.service import Service, Standing
from observatory.web.static_files import StaticFiles
from observatory.web.view import View

ASSETS = Path(__file__).resolve().parent / "assets"
HOME = "on-call"
"""Id of the page that `/` opens; the first page where there is none of that id."""
INDEX = """<!DOCTYPE html>
<html lang="en">
<head>
{%metas%}
<title>{%title%}</title>
<link rel="icon" type="image/svg+xml" href="/assets/icon.svg">
<link rel="preload" as="font" type="font/woff2" href="/assets/fonts/inter-regular.woff2" crossorigin>
<script src="/assets/theme.js"></script>
{%css%}
</head>
<body>
{%app_entry%}
<footer hidden>
{%config%}
{%scripts%}
{%renderer%}
</footer>
</body>
</html>"""


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
    app = Dash(
        "observatory",
        assets_folder=str(ASSETS),
        assets_ignore=r"(^theme\.js$|.*\.txt$)",
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
    for page in pages:
        _register(page, page.path)
    if all(page.path != "/" for page in pages):
        _register(home, "/")
    app.layout = shell.layout(pages, interval_seconds=service.interval_seconds, version=__version__)
    _callbacks(app, service, {page.id: page for page in pages}, dict(policies or {}))
    Answers(app.server, service)
    StaticFiles(app.server)
    return app


def _register(page: PageDeclaration, path: str) -> None:
    def layout(id: str = "", **_query: str) -> html.Main:  # noqa: A002 - Dash passes the path's variable by its name
        return page_layout(page, unquote(id))

    place: dict[str, Any] = {"path_template": path} if path.endswith("/<id>") else {"path": path}
    dash.register_page(
        f"observatory.{page.id}{'' if path != '/' else '.home'}",
        name=page.title,
        title=f"{page.title} · Observatory",
        layout=layout,
        order=page.order,
        **place,
    )


def page_layout(page: PageDeclaration, argument: str = "") -> html.Main:
    """A page's frames; their content comes by callback."""
    name = f"page-{page.id}"
    heading = html.H1(f"{page.title} {argument}".strip(), className="quiet" if page.subject == "estate" else "heading")
    frames = [frame.empty_frame(page, panel, KINDS[panel.kind], argument) for panel in page.panels]
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
    return frame.draw(panel, kind, board, standing)


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


__all__ = ["create_app", "draw_panel", "page_layout", "poll"]
