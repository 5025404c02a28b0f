"""Kind `bars`: events per step, told apart by colour and pattern."""

from __future__ import annotations

import numpy as np

from observatory.dashboards import PanelDeclaration
from observatory.evaluate.snapshot import Statistic
from observatory.figures.curve import Curve
from observatory.figures.lines import bar_figure
from observatory.telemetry.signals import SIGNALS
from observatory.web.board import Board
from observatory.web.kind import Drawn, Field, Kind
from observatory.web.panels.graph import graph
from observatory.web.panels.subjects import LIMIT, SCOPE, SIGNALS_FIELD, subjects, why_nothing
from observatory.web.parts import notice, short_duration

BARS = 30


def draw(board: Board, panel: PanelDeclaration) -> Drawn:
    """Events in each bar, one colour per subject; all events, or the failed ones."""
    span = board.span
    failed = panel.text("events", "all") == "failed"
    statistic: Statistic = "error_rate" if failed else "rate"
    grid_ms = board.snapshot.ledger.grid.step_ms
    step = max(grid_ms, -(-(span.end_ms - span.start_ms) // BARS // grid_ms) * grid_ms)
    for signal in panel.words("signals"):
        found = subjects(board, panel, signal)
        asked = board.series(signal, [one.key for one in found], statistic, step_ms=step)
        series = [one for one in asked if np.isfinite(one.value).any()]
        if not series:
            continue
        silent = len({one.key for one in found}) - len({one.subject for one in series})
        warnings = [f"{silent} of {len(found)} have no data in this range"] if silent > 0 else []
        if not any(np.nansum(one.value) for one in series):
            what = "failures" if failed else "events"
            none = notice("None", f"No {what} in this range ({board.view.words}).", tone="good")
            return Drawn(body=[none], warnings=warnings)
        names = {one.key: one.label for one in found}
        curves = [
            Curve(
                name=names.get(one.subject, one.subject),
                t_ms=one.t_ms,
                value=np.nan_to_num(one.value) * step / 1000,
                meaning="breached" if failed and len(series) == 1 else "",
            )
            for one in sorted(series, key=lambda one: -float(np.nansum(one.value)))[: panel.number("limit", 6)]
            if np.nansum(one.value)
        ]
        figure = bar_figure(curves, theme=board.view.colours, span=span, unit=SIGNALS[signal].unit)
        note = f"per {short_duration(step / 1000)}"
        return Drawn(body=[graph(figure, board, panel)], note=note, warnings=warnings)
    return Drawn(body=[why_nothing(board, panel, subjects(board, panel, panel.words("signals")[0]))])


BARS_KIND = Kind(
    name="bars",
    meaning="events per step",
    draw=draw,
    fields={
        "signals": SIGNALS_FIELD,
        "scope": SCOPE,
        "limit": Field(LIMIT.meaning, "count"),
        "events": Field("which events to count", words=("all", "failed")),
    },
)
