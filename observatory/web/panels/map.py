"""Kind `map`: services and channels as a layered graph, or whole domains where they are many; also as a table."""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Sequence
from typing import Any

from dash import html

from observatory.dashboards import PanelDeclaration
from observatory.evaluate.status import State
from observatory.figures.layered import Layout, Point, Size, layered
from observatory.web.board import Board
from observatory.web.explain.reference import Reference, number
from observatory.web.kind import Drawn, Field, Kind
from observatory.web.panels.map_graph import GROUPINGS, Arrow, Line, MapGraph, Node, map_graph, rate_text
from observatory.web.panels.subjects import SCOPE, channel_ids
from observatory.web.parts import GLYPHS, inward, notice, status, table
from observatory.web.tree import Shape

MOST_BOXES = 60
LETTER, LETTER_MONO, LETTER_SMALL = 7.0, 6.95, 6.0
"""Width of a letter of names in pixels: of services, of channels, and of the marks below a name."""
MOST_LETTERS = 30
LINE, MARK_LINE, PADDING, SIGN = 26.0, 14.0, 10.0, 17.0
MARGIN = 6.0
GAP = 38.0
SHRINK = 0.76
"""At this share of its size the names in a drawing still have nine pixels; then its frame scrolls."""
WIDEST, THINNEST = 6.0, 1.2
NO_STATE = "unpromised"
LOUD: tuple[State, ...] = ("breached", "at_risk", "no_data")
"""States that an arrow also says by its glyph."""


def draw(board: Board, panel: PanelDeclaration) -> Drawn:
    """The drawing with its filters above it and its table below."""
    ids = channel_ids(board, panel)
    filters = [] if board.argument else [_filters(board)]
    if not ids:
        return Drawn(body=[*filters, notice("Nothing to show", "No channel passes the filter.")])
    by = next((one for one in GROUPINGS if one == panel.text("group")), GROUPINGS[0])
    graph = map_graph(board, ids, panel.number("limit", MOST_BOXES), by)
    sizes = {key: _size(node) for key, node in graph.nodes.items()}
    layout = layered(sizes, [(one.tail, one.head) for one in graph.arrows], gap_x=GAP)
    warnings = list(graph.warnings)
    if graph.hidden:
        warnings.append(
            f"{graph.hidden} less urgent of {len(ids)} channels are not drawn: filter by domain, owner, broker or name"
        )
    return Drawn(
        body=[*filters, _drawing(graph, layout, sizes), _table(graph)],
        note=_note(graph, len(ids)),
        aside=[] if board.argument else _legend(),
        warnings=warnings,
    )


def _note(graph: MapGraph, channels: int) -> str:
    if graph.grouped:
        return f"{channels} channels by {graph.grouped} · open one to see its channels"
    services = sum(1 for one in graph.nodes.values() if one.kind == "service")
    drawn = channels - graph.hidden
    counted = f"{drawn} channel{'s' * (drawn != 1)} · {services} service{'s' * (services != 1)}"
    return f"{counted} · arrows show where messages go"


def _legend() -> list[Any]:
    entries = (("meeting", "meeting"), ("at_risk", "▲ at risk"), ("breached", "■ breached"), (NO_STATE, "no objective"))
    lines = [html.Span([html.I(className=f"key-line {css}"), words]) for css, words in entries]
    lines.append(html.Span([html.I(className="key-line undeclared"), "not declared"]))
    lines.append(html.Span([html.I(className="key-line thick"), "more messages"]))
    return [html.Div(lines, className="legend map-legend")]


def _filters(board: Board) -> html.Div:
    """Three choices of what the page is about, from what the catalogue holds."""
    channels = board.snapshot.catalog.channels
    chosen = {"domain": board.view.domain, "owner": board.view.owner, "broker": board.view.broker}
    values = {
        "domain": {one.domain for one in channels if one.domain},
        "owner": {owner for one in channels for owner in board.owners(one)},
        "broker": {one.broker for one in channels if one.broker},
    }
    every = {"domain": "all domains", "owner": "all owners", "broker": "all brokers"}
    return html.Div(
        [
            html.Label(
                [
                    html.Span(key.capitalize(), className="muted"),
                    html.Select(
                        [
                            html.Option(every[key], value="", selected=not chosen[key]),
                            *(
                                html.Option(one, value=one, selected=one == chosen[key])
                                for one in sorted({*values[key], *filter(None, [chosen[key]])})
                            ),
                        ],
                        **{"data-set": key, "data-key": f"filter {key}"},
                    ),
                ]
            )
            for key in chosen
        ],
        className="map-filters",
        role="group",
        **{"aria-label": "Show only"},
    )


# the table


def _table(graph: MapGraph) -> html.Details:
    if graph.grouped:
        head: list[Any] = ["From", "To", "Channels", "Messages"]
        rows = [
            [_named(one.place), ", ".join(one.receivers), one.marks[0], rate_text(one.per_second)]
            for one in graph.lines
        ]
        numeric: tuple[int, ...] = (2, 3)
    else:
        head = ["Channel", "Status", "From", "To", "Messages", "Missing"]
        rows = [_line(one) for one in graph.lines]
        numeric = (4,)
    return html.Details(
        [
            html.Summary(f"The same as a table, {len(rows)} rows"),
            html.Div(table(head, rows, numeric=numeric, name="rows"), className="scroll"),
        ],
        className="as-table",
        id="map-table",
    )


def _line(one: Line) -> list[Any]:
    state: Any = status(one.place.state) if one.place.state else html.Span("no objective", className="muted")
    nobody = html.Span("nobody", className="muted")
    return [
        _named(one.place),
        state,
        ", ".join(one.senders) or nobody,
        ", ".join(one.receivers) or nobody,
        number(rate_text(one.per_second), Reference("rate", one.place.channel_id), value=one.per_second),
        ", ".join(one.marks),
    ]


def _named(node: Node) -> Any:
    return inward(node.label, node.href) if node.href else node.label


# the drawing


def _size(node: Node) -> Size:
    letter = LETTER_MONO if node.kind == "channel" else LETTER
    name = letter * _cells(_short(node.label)) + (SIGN if node.state else 0)
    marks = LETTER_SMALL * max((_cells(one) for one in _mark_lines(node)), default=0) + (SIGN if node.state else 0)
    return Size(2 * PADDING + max(name, marks), LINE + MARK_LINE * len(_mark_lines(node)))


def _mark_lines(node: Node) -> tuple[str, ...]:
    """Marks as lines below the name: of a group two to a line, of a channel one."""
    if node.kind != "group":
        return node.marks
    return tuple(" · ".join(node.marks[index : index + 2]) for index in range(0, len(node.marks), 2))


def _short(text: str) -> str:
    """A name that fits into a box: its end says more than its middle."""
    if len(text) <= MOST_LETTERS:
        return text
    return f"{text[: MOST_LETTERS // 2 - 1]}…{text[-(MOST_LETTERS - MOST_LETTERS // 2) :]}"


def _cells(text: str) -> int:
    """Widths of letters that a text takes; those of East Asia and emoji take two, marks on letters none."""
    wide = sum(unicodedata.east_asian_width(letter) in "WF" for letter in text)
    return len(text) + wide - sum(unicodedata.combining(letter) > 0 for letter in text)


def _drawing(graph: MapGraph, layout: Layout, sizes: dict[str, Size]) -> html.Div:
    """The drawing is never larger than it was laid out for, and shrinks no further than it stays readable."""
    width = layout.width + 2 * MARGIN
    limits = {"--full": f"{width:.0f}px", "--least": f"{SHRINK * width:.0f}px"}
    return html.Div([_svg(graph, layout, sizes)], className="map-scroll", style=limits)


def _svg(graph: MapGraph, layout: Layout, sizes: dict[str, Size]) -> Shape:
    width, height = layout.width + 2 * MARGIN, layout.height + 2 * MARGIN
    words = f"Service map: {len(graph.nodes)} boxes, {len(graph.arrows)} arrows. The same as a table below."
    return Shape(
        "svg",
        {
            "viewBox": f"{-MARGIN:g} {-MARGIN:g} {width:g} {height:g}",
            "width": width,
            "height": height,
            "class": "map",
            "role": "group",
            "aria-label": words,
        },
        [
            *(_arrow(one, layout.ways[one.tail, one.head]) for one in graph.arrows if one.tail != one.head),
            *(_box(one, layout.boxes[key], sizes[key]) for key, one in graph.nodes.items()),
        ],
    )


def _arrow(one: Arrow, way: Sequence[Point]) -> Shape:
    css = ["arrow", one.state or NO_STATE, *([] if one.declared else ["undeclared"])]
    css += ["dead"] if one.what == "dead letters" else []
    width = _thickness(one.per_second)
    backwards = way[-1][0] < way[0][0]
    back = 7 if backwards else -7
    end_x, end_y = way[-1]
    body = [*way[:-1], (end_x + back * 0.8, end_y)]
    half = 3 + width / 2
    tip = f"M{end_x:.1f} {end_y:.1f}l{back} {-half:.1f}v{2 * half:.1f}z"
    parts: list[Shape | str] = [
        Shape("title", {}, [_arrow_words(one)]),
        Shape("path", {"d": _curve(body), "class": "shaft", "stroke-width": width}),
        Shape("path", {"d": tip, "class": "tip"}),
    ]
    if one.state and one.state in LOUD:
        x, y = _halfway(body)
        parts.append(
            Shape("text", {"x": x, "y": y + 4, "text-anchor": "middle", "class": "sign"}, [GLYPHS[one.state][0]])
        )
    return Shape("g", {"class": " ".join(css), "data-tail": one.tail, "data-head": one.head}, parts)


def _arrow_words(one: Arrow) -> str:
    tail, head = (name.partition(" ")[2] or name for name in (one.tail, one.head))
    words = [f"{tail} → {head}", one.what, GLYPHS[one.state][1].lower() if one.state else "no objective"]
    words += [rate_text(one.per_second)] if one.per_second is not None else []
    words += [] if one.declared else ["not declared"]
    return " · ".join(filter(None, words))


def _box(node: Node, corner: Point, size: Size) -> Shape:
    x, y = corner
    css = ["map-node", node.kind, node.state or NO_STATE, *([] if node.declared else ["undeclared"])]
    css += ["orphan"] if node.kind == "channel" and node.marks else []
    radius = LINE / 2 if node.kind == "channel" else 5
    parts: list[Shape | str] = [
        Shape("title", {}, [node.words]),
        Shape("rect", {"x": x, "y": y, "width": size.width, "height": size.height, "rx": radius}),
    ]
    at = x + PADDING
    if node.state:
        parts.append(Shape("text", {"x": at, "y": y + 17.5, "class": "sign"}, [GLYPHS[node.state][0]]))
        at += SIGN
    parts.append(Shape("text", {"x": at, "y": y + 17.5, "class": "name"}, [_short(node.label)]))
    for row, line in enumerate(_mark_lines(node)):
        parts.append(Shape("text", {"x": at, "y": y + 31 + MARK_LINE * row, "class": "mark"}, [line]))
    shared: dict[str, str | float] = {"class": " ".join(css), "data-node": node.key, "data-key": f"node {node.key}"}
    if not node.href:
        return Shape("g", shared, parts)
    return Shape(
        "a", shared | {"href": node.href, "class": f"{shared['class']} inward", "aria-label": node.words}, parts
    )


def _thickness(per_second: float | None) -> float:
    """Grows with the logarithm: a thousand times the messages are three times as thick."""
    if not per_second or per_second <= 0:
        return THINNEST
    return round(min(WIDEST, max(THINNEST, 1.4 + 1.1 * math.log10(1 + per_second))), 2)


def _curve(points: Sequence[Point]) -> str:
    """A line through the points that leaves and enters each of them level."""
    (x, y), *rest = points
    parts = [f"M{x:.1f} {y:.1f}"]
    for to_x, to_y in rest:
        if abs(to_y - y) < 0.5:
            parts.append(f"L{to_x:.1f} {to_y:.1f}")
        else:
            bend = (to_x - x) / 2
            parts.append(f"C{x + bend:.1f} {y:.1f} {to_x - bend:.1f} {to_y:.1f} {to_x:.1f} {to_y:.1f}")
        x, y = to_x, to_y
    return "".join(parts)


def _halfway(points: Sequence[Point]) -> Point:
    """The middle of the middle piece, where a curve between two level ends passes."""
    index = (len(points) - 1) // 2
    (x, y), (to_x, to_y) = points[index], points[min(index + 1, len(points) - 1)]
    return (x + to_x) / 2, (y + to_y) / 2


MAP = Kind(
    name="map",
    meaning="services and channels, and what flows between them",
    draw=draw,
    fields={
        "scope": SCOPE,
        "limit": Field(f"channels with a box of their own at most, {MOST_BOXES} by default", "count"),
        "group": Field("what channels are put together by where they are more", words=GROUPINGS),
    },
    evidence="objectives",
)
