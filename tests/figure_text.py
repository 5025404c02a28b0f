"""A figure as text that a person can review: its JSON, numbers to six digits, typed arrays as lists."""

from __future__ import annotations

import base64
import json
from typing import Any

import numpy as np
import plotly.graph_objects as go

STYLE = ("template",)


def figure_text(figure: go.Figure) -> str:
    """Traces one a line, then the layout; NaN, which JSON does not have, is null as the browser sees it."""
    told = figure.to_plotly_json()
    traces = ",\n".join(f"  {_line(trace)}" for trace in told["data"])
    layout = {name: value for name, value in told["layout"].items() if name not in STYLE}
    lines = ",\n".join(f"  {json.dumps(name)}: {_line(layout[name])}" for name in sorted(layout))
    return f'{{"data": [\n{traces}\n],\n"layout": {{\n{lines}\n}}}}\n'


def _line(value: Any) -> str:
    return json.dumps(_plain(value), ensure_ascii=False, sort_keys=True, allow_nan=False)


def _plain(value: Any) -> Any:
    if isinstance(value, dict) and "bdata" in value:
        numbers = np.frombuffer(base64.b64decode(value["bdata"]), np.dtype(value["dtype"]))
        return _plain(numbers.reshape([int(size) for size in str(value.get("shape", len(numbers))).split(",")]))
    if isinstance(value, dict):
        return {str(key): _plain(part) for key, part in value.items()}
    if isinstance(value, np.ndarray):
        return _plain(value.tolist())
    if isinstance(value, (list, tuple)):
        return [_plain(part) for part in value]
    if isinstance(value, (float, np.floating)):
        number = float(value)
        return float(f"{number:.6g}") if np.isfinite(number) else None
    return int(value) if isinstance(value, np.integer) else value
