"""Inline SVG, the smallest alphabet: escaped text, short numbers, elements, lines with holes, hatching.

Pure functions from values to text, used by the review (which has no script) and by grid cells. Nothing here refers
to an id, a script or another file, so any number of drawings may stand in one page. Colours are CSS custom
properties with a fallback, so that the page's theme decides: `var(--meeting,#006f8f)`.
"""

from __future__ import annotations

import html
import math
from collections.abc import Mapping, Sequence

COLOURS: Mapping[str, str] = {
    "text": "#141b26",
    "muted": "#4c5a6d",
    "faint": "#5d6b7f",
    "line": "#dbe1e9",
    "panel": "#ffffff",
    "track": "#e6eaf0",
    "accent": "#3a4fc9",
    "meeting": "#006f8f",
    "at-risk": "#806200",
    "breached": "#8f1230",
    "no-data": "#6c6c6c",
    "heat-0": "#e6eaf0",
    "heat-1": "#c6cfda",
    "heat-2": "#edd37c",
    "heat-3": "#c39a1c",
    "heat-4": "#8f1230",
}
"""Fallbacks of the custom properties, those of the light theme. Values are fixed text, never user input."""

Point = tuple[float, float]


def colour(name: str) -> str:
    """The custom property of that name with its fallback, as a CSS value.

    Raises:
        KeyError: No such colour.
    """
    return f"var(--{name},{COLOURS[name]})"


def escaped(text: str) -> str:
    """Text that is safe between tags and inside a quoted attribute; characters that XML forbids are dropped."""
    kept = "".join(
        char
        for char in text
        if char in "\t\n" or (char >= " " and not "\x7f" <= char <= "\x9f" and not _forbidden(char))
    )
    return html.escape(kept, quote=True)


def _forbidden(char: str) -> bool:
    return "\ud800" <= char <= "\udfff" or char in "\ufffe\uffff"


def number(value: float) -> str:
    """A coordinate with at most two decimals and no trailing zeros, so that equal drawings are equal bytes.

    Raises:
        ValueError: Not finite; a hole in the data must be left out before it is drawn.
    """
    if not math.isfinite(value):
        raise ValueError(f"{value} is no coordinate")
    text = f"{value:.2f}".rstrip("0").rstrip(".")
    return "0" if text == "-0" else text


def element(name: str, attributes: Mapping[str, str | float], *children: str) -> str:
    """One element. Attribute values are escaped, numbers shortened; children are markup that is already safe."""
    written = "".join(
        f' {key}="{escaped(value) if isinstance(value, str) else number(value)}"' for key, value in attributes.items()
    )
    return f"<{name}{written}>{''.join(children)}</{name}>" if children else f"<{name}{written}/>"


def drawing(width: float, height: float, label: str, *children: str, css_class: str = "") -> str:
    """An `<svg>` of that many CSS pixels with a text alternative; an empty label marks decoration."""
    attributes: dict[str, str | float] = {
        "xmlns": "http://www.w3.org/2000/svg",
        "viewBox": f"0 0 {number(width)} {number(height)}",
        "width": width,
        "height": height,
    }
    if css_class:
        attributes["class"] = css_class
    if label:
        return element("svg", attributes | {"role": "img", "aria-label": label}, *children)
    return element("svg", attributes | {"aria-hidden": "true"}, *children)


def words(x: float, y: float, text: str, *, fill: str = "faint", anchor: str = "start", size: float = 10) -> str:
    """A line of text whose baseline is at y; `anchor` is start, middle or end."""
    attributes: dict[str, str | float] = {"x": x, "y": y, "font-size": size, "fill": colour(fill)}
    if anchor != "start":
        attributes["text-anchor"] = anchor
    return element("text", attributes, escaped(text))


def box(x: float, y: float, width: float, height: float, fill: str, *, radius: float = 0, title: str = "") -> str:
    """A filled rectangle; `title` is what a pointer that rests on it is told."""
    attributes: dict[str, str | float] = {"x": x, "y": y, "width": width, "height": height, "fill": colour(fill)}
    if radius:
        attributes["rx"] = radius
    return element("rect", attributes, element("title", {}, escaped(title))) if title else element("rect", attributes)


def segments(values: Sequence[float]) -> list[tuple[int, int]]:
    """Runs of finite values as (first, last + 1), so that a line breaks where nothing was observed."""
    runs: list[tuple[int, int]] = []
    start: int | None = None
    for index, value in enumerate(values):
        if math.isfinite(value):
            start = index if start is None else start
        elif start is not None:
            runs.append((start, index))
            start = None
    if start is not None:
        runs.append((start, len(values)))
    return runs


def path_of(points: Sequence[Point]) -> str:
    """The `d` of a line through the points; a single point becomes a dot-sized dash so that it can be seen."""
    if not points:
        return ""
    if len(points) == 1:
        x, y = points[0]
        return f"M{number(x - 0.75)} {number(y)}H{number(x + 0.75)}"
    first, *rest = points
    return f"M{number(first[0])} {number(first[1])}" + "".join(f"L{number(x)} {number(y)}" for x, y in rest)


def hatching(x: float, y: float, width: float, height: float, stroke: str, *, gap: float = 4) -> str:
    """Diagonal strokes that fill a rectangle exactly: the sign of overspending and of missing data."""
    parts: list[str] = []
    offset = -height + gap / 2
    while offset < width:
        begin, end = max(0.0, offset), min(width, offset + height)
        if end > begin:
            top, bottom = height - (begin - offset), height - (end - offset)
            parts.append(f"M{number(x + begin)} {number(y + top)}L{number(x + end)} {number(y + bottom)}")
        offset += gap
    return element("path", {"d": "".join(parts), "stroke": colour(stroke), "stroke-width": 1.2, "fill": "none"})
