"""Kinds `lines` and `stacked`: a signal over time, one line per channel or group."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from observatory.dashboards import PanelDeclaration
from observatory.evaluate.snapshot import SignalSeries, Statistic
from observatory.figures.curve import Curve
from observatory.figures.layout import Guide
from observatory.figures.lines import line_figure
from observatory.figures.scale import UNIT_WORDS, units_of
from observatory.telemetry.signals import SIGNALS
from observatory.units import format_duration
from observatory.web.board import Board
from observatory.web.kind import Drawn, Field, Kind
from observatory.web.panels.graph import graph
from observatory.web.panels.subjects import (
    LIMIT,
    SCOPE,
    SIGNALS_FIELD,
    STATISTIC_WORDS,
    Subject,
    by_channel,
    channel_ids,
    measured,
    short_names,
    step_of,
    why_nothing,
)
from observatory.web.panels.what_changed import markers

GUIDE = Field("draw the bound of this SLI's objectives: latency or lag", words=("latency", "lag"))
FIELDS = {
    "signals": SIGNALS_FIELD,
    "statistic": Field("how values are shown", words=STATISTIC_WORDS, required=True),
    "also": Field("a second statistic of the same signal", words=STATISTIC_WORDS),
    "scope": SCOPE,
    "limit": LIMIT,
    "guide": GUIDE,
    "unit": Field("unit of the axis in place of the one it chooses", words=UNIT_WORDS),
    "by_part": Field("one line for each partition or instance, the largest first", "flag"),
}


def unit_that_fits(panel: PanelDeclaration) -> tuple[str, str] | None:
    """A unit is refused that one of the panel's signals cannot be written in under one of its statistics."""
    wanted = panel.text("unit")
    for signal in panel.words("signals") if wanted else ():
        for statistic in (panel.text("statistic"), panel.text("also")):
            known = units_of(SIGNALS[signal].unit, statistic) if statistic else (wanted,)
            if wanted not in known:
                instead = f"; it takes {', '.join(known)}" if known else ", which is a bare number"
                return "unit", f"is {wanted!r}, and that is no unit of {signal} as {statistic}{instead}"
    return None


def draw_lines(board: Board, panel: PanelDeclaration) -> Drawn:
    """One line per subject; with `also` two lines each."""
    return _draw(board, panel, stacked=False)


def draw_stacked(board: Board, panel: PanelDeclaration) -> Drawn:
    """Areas that add up to the whole."""
    return _draw(board, panel, stacked=True)


def _draw(board: Board, panel: PanelDeclaration, *, stacked: bool) -> Drawn:
    statistic = _statistic(panel.text("statistic"))
    by_part = panel.flag("by_part")
    limit = panel.number("limit", 6)
    # Which are largest only all of them can tell; which are most urgent is known before anybody is asked.
    most = None if stacked or by_part else limit
    signal, found, series = measured(board, panel, statistic, by_part=by_part, most=most)
    if not series:
        return Drawn(body=[why_nothing(board, panel, found)], note=board.view.words)
    bounds = guides(board, panel, found)
    asked = [one.key for one in found]
    if not by_part:
        found, series = by_channel(board, found, series)
    chosen = strongest(series, limit, found, by_size=stacked or by_part)
    shorter = short_names([one.label for one in found])
    alone_in_parts = by_part and len({one.subject for one in series}) == 1
    names = {one.key: "" if alone_in_parts else shorter[one.label] for one in found}
    curves = [Curve(name=_name(names, one), t_ms=one.t_ms, value=one.value) for one in chosen]
    if also := panel.text("also"):
        _, second = by_channel(
            board, found, board.series(signal, asked, _statistic(also), step_ms=step_of(board, _statistic(also)))
        )
        second = tuple(one for one in second if one.subject in {first.subject for first in chosen})
        alone = len({one.subject for one in chosen}) == 1
        curves = [
            Curve(name=statistic if alone else f"{one.name} {statistic}", t_ms=one.t_ms, value=one.value)
            for one in curves
        ]
        curves += [
            Curve(name=also if alone else f"{_name(names, one)} {also}", t_ms=one.t_ms, value=one.value)
            for one in second
        ]
    if stacked:
        curves = [Curve(name=one.name, t_ms=one.t_ms, value=np.nan_to_num(one.value)) for one in curves]
    figure = line_figure(
        curves,
        theme=board.view.colours,
        span=board.span,
        unit=SIGNALS[signal].unit,
        statistic=statistic,
        guides=bounds,
        markers=[] if stacked else markers(board, {one.channel_id for one in found}),
        stacked=stacked,
        written=panel.text("unit"),
    )
    unasked = 0 if board.argument else len(set(channel_ids(board, panel)) - {one.channel_id for one in found})
    hidden = len(series) - len(chosen) + unasked
    silent = len({one.key for one in found}) - len({one.subject for one in series})
    note = f"{board.view.words}{f' · {hidden} more not drawn' if hidden > 0 else ''}"
    warnings = [f"{silent} of {len(found)} have no data in this range"] if 0 < silent < len(found) else []
    return Drawn(body=[graph(figure, board, panel)], note=note, warnings=warnings)


def strongest(
    series: Sequence[SignalSeries], limit: int, found: Sequence[Subject], *, by_size: bool
) -> list[SignalSeries]:
    """At most `limit` series: the largest when they are stacked, else those of the most urgent subjects."""
    if by_size:
        return sorted(series, key=lambda one: -float(np.nansum(one.value)))[:limit]
    order = {one.key: index for index, one in enumerate(found)}
    return sorted(series, key=lambda one: order.get(one.subject, len(order)))[:limit]


def guides(board: Board, panel: PanelDeclaration, found: Sequence[Subject]) -> list[Guide]:
    """The bound of the objectives on what is drawn, when all have the same one."""
    sli = panel.text("guide")
    if not sli:
        return []
    keys = {one.key for one in found}
    bounds = {
        one.objective.threshold.value
        for one in board.snapshot.status.objectives
        if one.objective.sli == sli
        and one.objective.operation_key in keys
        and one.objective.threshold
        and one.objective.threshold.unit == "second"
    }
    return [Guide(bound, f"objective {format_duration(bound)}") for bound in bounds] if len(bounds) == 1 else []


def _name(names: dict[str, str], one: SignalSeries) -> str:
    part = f"p{one.part}" if one.part.isdigit() else one.part
    return f"{names.get(one.subject, one.subject)} {part}".strip()


def _statistic(word: str) -> Statistic:
    return next((one for one in STATISTIC_WORDS if one == word), "level")


LINES = Kind(
    name="lines", meaning="a signal over time, one line each", draw=draw_lines, fields=FIELDS, check=unit_that_fits
)
STACKED = Kind(
    name="stacked",
    meaning="a signal over time as areas that add up",
    draw=draw_stacked,
    fields=FIELDS,
    check=unit_that_fits,
)
