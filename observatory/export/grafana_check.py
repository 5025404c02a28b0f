"""What a dashboard must keep to before it is handed out. Grafana itself takes almost anything and shows less."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from itertools import combinations
from typing import Any

from jsonschema import Draft202012Validator

from observatory.errors import InputInvalid
from observatory.export.grafana_queries import metric_names

UNITS = frozenset(
    {"s", "mps", "reqps", "cps", "percentunit", "bytes", "short", "none", "dateTimeFromNow"},
)
BUILT_IN = frozenset({"__from", "__to", "__range", "__rate_interval", "__data", "__all"})
_VARIABLE = re.compile(r"\$(?:\{([A-Za-z_]\w*)|([A-Za-z_]\w*))|\[\[(\w+)")
_TEXT = {"type": "string", "minLength": 1}
_WHOLE = {"type": "integer", "minimum": 0}
_SOURCE = {
    "type": "object",
    "properties": {"type": {"const": "prometheus"}, "uid": {"const": "${datasource}"}},
    "required": ["type", "uid"],
}
_TARGET = {
    "type": "object",
    "properties": {
        "expr": _TEXT,
        "refId": {"type": "string", "pattern": "^[A-Z]$"},
        "datasource": _SOURCE,
        "format": {"enum": ["table", "time_series"]},
        "instant": {"type": "boolean"},
        "legendFormat": {"type": "string"},
    },
    "required": ["expr", "refId", "datasource"],
}
_PANEL = {
    "type": "object",
    "properties": {
        "id": {"type": "integer", "minimum": 1},
        "type": {"enum": ["timeseries", "table", "stat", "text"]},
        "title": _TEXT,
        "description": {"type": "string"},
        "gridPos": {
            "type": "object",
            "properties": {
                "x": {"type": "integer", "minimum": 0, "maximum": 23},
                "y": _WHOLE,
                "w": {"type": "integer", "minimum": 1, "maximum": 24},
                "h": {"type": "integer", "minimum": 1},
            },
            "required": ["w", "h", "x", "y"],
        },
        "datasource": _SOURCE,
        "targets": {"type": "array", "items": _TARGET, "minItems": 1},
    },
    "required": ["id", "type", "title", "gridPos"],
    "if": {"properties": {"type": {"not": {"const": "text"}}}},
    "then": {"required": ["targets", "datasource"]},
}
SCHEMA: Mapping[str, Any] = {
    "type": "object",
    "properties": {
        "uid": {"type": "string", "pattern": "^[A-Za-z0-9_-]{1,40}$"},
        "title": _TEXT,
        "schemaVersion": {"type": "integer", "minimum": 36},
        "tags": {"type": "array", "items": _TEXT},
        "panels": {"type": "array", "items": _PANEL, "minItems": 1},
        "templating": {
            "type": "object",
            "properties": {
                "list": {
                    "type": "array",
                    "items": {
                        "type": "object",
                        "properties": {"name": _TEXT, "type": {"enum": ["datasource", "query", "constant"]}},
                        "required": ["name", "type"],
                    },
                }
            },
            "required": ["list"],
        },
    },
    "required": ["uid", "title", "schemaVersion", "panels", "templating"],
}
"""The part of Grafana's classic dashboard that is emitted, with the types that Grafana expects."""


def faults(dashboard: Mapping[str, Any], known: Collection[str]) -> tuple[str, ...]:
    """What is wrong with a dashboard, one sentence each; nothing when it may be handed out.

    Args:
        known: Names of the series that it may ask for.
    """
    wrong = [f"{error.json_path}: {error.message}" for error in Draft202012Validator(SCHEMA).iter_errors(dashboard)]
    if wrong:
        return tuple(wrong)
    panels: list[dict[str, Any]] = dashboard["panels"]
    ids = [panel["id"] for panel in panels]
    wrong += [f"two panels have the id {one}" for one in sorted(set(ids)) if ids.count(one) > 1]
    wrong += [
        f"panels {first['id']} and {second['id']} overlap"
        for first, second in combinations(panels, 2)
        if _overlap(first["gridPos"], second["gridPos"])
    ]
    for panel in panels:
        wrong += [f"panel {panel['id']}: {one}" for one in _panel_faults(panel, known)]
    declared = {one["name"] for one in dashboard["templating"]["list"]} | BUILT_IN
    used = {next(filter(None, found)) for text in _texts(dashboard) for found in _VARIABLE.findall(text)}
    return (*wrong, *(f"no variable is called {name!r}" for name in sorted(used - declared)))


def _panel_faults(panel: Mapping[str, Any], known: Collection[str]) -> Iterable[str]:
    place = panel["gridPos"]
    if place["x"] + place["w"] > 24:
        yield "it reaches beyond the 24 columns"
    targets = panel.get("targets", [])
    names = [one["refId"] for one in targets]
    if len(set(names)) < len(names):
        yield "two queries have the same refId"
    for unit in units_in(panel.get("fieldConfig", {})):
        if not isinstance(unit, str) or unit not in UNITS:
            yield f"{unit!r} is no known unit"
    for one in targets:
        try:
            strange = metric_names(one["expr"]) - set(known)
        except InputInvalid as error:
            yield error.problems[0].message
        else:
            yield from (f"nothing records {name!r}" for name in sorted(strange))


def _overlap(first: Mapping[str, int], second: Mapping[str, int]) -> bool:
    return all(
        first[start] < second[start] + second[size] and second[start] < first[start] + first[size]
        for start, size in (("x", "w"), ("y", "h"))
    )


def units_in(config: Mapping[str, Any]) -> Iterable[object]:
    """Units that a panel's field configuration names, its own and those of single fields."""
    if "unit" in config.get("defaults", {}):
        yield config["defaults"]["unit"]
    for override in config.get("overrides", []):
        yield from (one.get("value") for one in override.get("properties", []) if one.get("id") == "unit")


def _texts(node: object) -> Iterable[str]:
    if isinstance(node, str):
        yield node
    elif isinstance(node, dict):
        for one in node.values():
            yield from _texts(one)
    elif isinstance(node, list):
        for one in node:
            yield from _texts(one)
