"""Kind `skew`: how evenly messages fall on the partitions of each channel."""

from __future__ import annotations

import re

import numpy as np

from observatory.dashboards import PanelDeclaration
from observatory.figures.heat import shares_of_even, skew_figure
from observatory.web.board import Board
from observatory.web.kind import Drawn, Field, Kind
from observatory.web.panels.graph import graph
from observatory.web.panels.subjects import LIMIT, SCOPE, channel_ids, label, short_names
from observatory.web.states import not_measured, state_notice


def draw(board: Board, panel: PanelDeclaration) -> Drawn:
    """Share of messages of each partition over the even share, per channel."""
    ids = channel_ids(board, panel)
    written: dict[str, dict[str, float]] = {}
    for one in board.series("produced_offset", ids, "rate", by_part=True):
        if one.part and np.isfinite(one.value).any():
            written.setdefault(one.subject, {})[one.part] = float(np.nansum(one.value))
    written = {key: parts for key, parts in written.items() if sum(parts.values()) > 0}
    several = {key: parts for key, parts in written.items() if len(parts) > 1}
    if not several:
        missing = board.missing("produced_offset", ids) if ids else None
        if missing:
            return Drawn(body=[not_measured("partitions", missing, "no series tells partitions apart")])
        if ids and not written:
            words = f"Series of partitions exist, and no message came in this range ({board.view.words})."
            return Drawn(body=[state_notice("no_traffic", "No traffic", words)])
        words = "Only channels with several partitions that received messages appear here."
        return Drawn(body=[state_notice("nothing", "Nothing to compare", words)])
    limit = panel.number("limit", 10)
    rows = sorted(
        several, key=lambda key: -max(several[key].values()) * len(several[key]) / sum(several[key].values())
    )[:limit]
    columns = sorted({part for key in rows for part in several[key]}, key=natural)
    counted = np.array([[several[key].get(part, np.nan) for part in columns] for key in rows])
    names = short_names([label(board, key) for key in rows])
    figure = skew_figure(
        [names[label(board, key)] for key in rows],
        [f"p{part}" if part.isdigit() else part for part in columns],
        shares_of_even(counted),
        theme=board.view.colours,
    )
    hidden = len(several) - len(rows)
    silent = len(ids) - len(written)
    warnings = [f"{silent} of {len(ids)} channels tell no partitions in this range"] if silent else []
    note = f"share of messages ÷ even share · {board.view.words}{f' · {hidden} more' if hidden else ''}"
    return Drawn(body=[graph(figure, board, panel)], note=note, warnings=warnings)


def natural(text: str) -> tuple[tuple[int, int | str], ...]:
    """Sort key by which partition 10 follows partition 9."""
    return tuple((0, int(part)) if part.isdigit() else (1, part) for part in re.split(r"(\d+)", text) if part)


SKEW = Kind(
    name="skew",
    meaning="partition skew",
    draw=draw,
    fields={"scope": SCOPE, "limit": Field(LIMIT.meaning, "count")},
)
