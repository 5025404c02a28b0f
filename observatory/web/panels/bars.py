"""Kind `bars`: events per step by outcome, told apart by colour and pattern."""

from __future__ import annotations

import numpy as np

from observatory.figures.curve import Curve
from observatory.figures.lines import bar_figure
from observatory.telemetry.signals import SIGNALS
from observatory.web.board import Board
from observatory.web.declaration import PanelDeclaration
from observatory.web.kind import Drawn, Field, Kind
from observatory.web.panels.graph import graph
from observatory.web.panels.subjects import LIMIT, SCOPE, SIGNALS_FIELD, subjects, why_nothing
from observatory.web.parts import notice, short_duration

BARS = 30


def draw(board: Board, panel: PanelDeclaration) -> Drawn:
    """Counts per bar, made of the rate over the bar; the parts that `only` names, or all."""
    span = board.span
    step = -(-(span.end_ms - span.start_ms) // BARS)
    only = panel.words("only")
    for signal in panel.words("signals"):
        found = subjects(board, panel, signal)
        series = board.series(signal, [one.key for one in found], "rate", by_part=True, step_ms=step)
        sums: dict[str, np.ndarray[tuple[int], np.dtype[np.float64]]] = {}
        seen_at = None
        for one in series:
            if only and one.part not in only:
                continue
            counted = np.nan_to_num(one.value) * step / 1000
            if one.part in sums and len(sums[one.part]) == len(counted):
                counted = sums[one.part] + counted
            sums[one.part], seen_at = counted, one.t_ms
        if seen_at is not None:
            if not any(values.any() for values in sums.values()):
                what = " ".join(only) or SIGNALS[signal].meaning
                return Drawn(body=[notice("None", f"No {what} in this range ({board.view.words}).", tone="good")])
            curves = [
                Curve(
                    name=part or signal.replace("_", " "),
                    t_ms=seen_at,
                    value=values,
                    meaning="breached" if part == "error" else "",
                )
                for part, values in sorted(sums.items())
                if values.any()
            ]
            figure = bar_figure(curves, theme=board.view.colours, span=span, unit=SIGNALS[signal].unit)
            return Drawn(body=[graph(figure, board, panel)], note=f"per {short_duration(step / 1000)}")
    title, words = why_nothing(board, panel, subjects(board, panel, panel.words("signals")[0]))
    return Drawn(body=[notice(title, words)])


BARS_KIND = Kind(
    name="bars",
    meaning="events per step by outcome",
    draw=draw,
    fields={
        "signals": SIGNALS_FIELD,
        "scope": SCOPE,
        "limit": Field(LIMIT.meaning, "count"),
        "only": Field("outcomes to show", "texts", ("success", "error")),
    },
)
