"""Markup as one value: a tree of `dash.html` components travels as JSON in one element and is built by the browser.

Every mounted Dash component listens to every change of the page's state; a waterfall or a table of some hundred cells
made of components keeps a browser busy for seconds. As data it costs one component, and nothing is lost: the browser
sets text as text and knows a closed list of elements and attributes (`assets/tree.js`).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from dash import html
from dash.development.base_component import Component
from msgspec import Struct, field

RENAMED = {"className": "class", "tabIndex": "tabindex", "htmlFor": "for"}


class Shape(Struct, frozen=True):
    """An element of a drawing, which has no component: `svg` and what stands in it. Text travels as text here too."""

    name: str
    attributes: Mapping[str, str | float] = field(default_factory=dict)
    children: Sequence[Shape | str] = ()


def frozen(content: Sequence[Any]) -> list[Any]:
    """Components in which every stretch of plain markup is one element; graphs and grids stay what they are."""
    found: list[Any] = []
    plain: list[Any] = []
    for one in content:
        if one is None:
            continue
        if is_plain(one):
            plain.append(as_data(one))
            continue
        if plain:
            found.append(_element(plain))
            plain = []
        if isinstance(one, Component) and one._namespace == "dash_html_components":
            one.children = frozen(_children(one))
        found.append(one)
    if plain:
        found.append(_element(plain))
    return found


def is_plain(one: Any) -> bool:
    """Whether a piece of content is text or markup all the way down, without an id that a callback knows."""
    if isinstance(one, (list, tuple)):
        return all(is_plain(each) for each in one)
    if not isinstance(one, Component):
        return True
    if one._namespace != "dash_html_components" or isinstance(getattr(one, "id", None), dict):
        return False
    return all(is_plain(child) for child in _children(one))


def as_data(one: Any) -> Any:
    """Text as it is; an element as [name, attributes, children...]."""
    if isinstance(one, (list, tuple)):
        return ["span", {}, *(as_data(child) for child in one)]
    if isinstance(one, Shape):
        written = {name: value if isinstance(value, str) else f"{value:.6g}" for name, value in one.attributes.items()}
        return [one.name, written, *(as_data(child) for child in one.children)]
    if not isinstance(one, Component):
        return str(one)
    attributes: dict[str, Any] = {}
    for name, value in one.to_plotly_json()["props"].items():
        if name == "children" or value is None or value is False:
            continue
        if name == "style":
            attributes["style"] = {key: str(text) for key, text in value.items()}
        else:
            attributes[RENAMED.get(name, name)] = "" if value is True else str(value)
    return [one._type.lower(), attributes, *(as_data(child) for child in _children(one) if child is not None)]


def _children(one: Component) -> list[Any]:
    children = getattr(one, "children", None)
    if children is None:
        return []
    return list(children) if isinstance(children, (list, tuple)) else [children]


def _element(plain: list[Any]) -> html.Div:
    text = json.dumps(plain, ensure_ascii=False, separators=(",", ":"))
    return html.Div(className="tree", **{"data-tree": text})
