"""Explanation of a whole panel: which signal it shows, how, and by line the profile, the series and the query."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from msgspec import Struct
from msgspec.structs import replace

from observatory.dashboards import PageDeclaration, PanelDeclaration
from observatory.evaluate.snapshot import SignalSeries, Statistic
from observatory.telemetry.binding import Binding, MetricBinding
from observatory.telemetry.signals import SIGNALS
from observatory.web.board import Board
from observatory.web.channel_standing import burn_of
from observatory.web.explain.explanation import Content, Explanation, Query, Table
from observatory.web.explain.hop import hop_table
from observatory.web.explain.queries import binding_evidence, signal_query
from observatory.web.explain.reference import Reference, number
from observatory.web.panels.subjects import STATISTIC_WORDS, Subject, promised, step_of, subjects
from observatory.web.parts import mono, short_duration, times, value_text, whole_percent

MOST_LINES = 12
STATISTICS: Mapping[str, str] = {
    "rate": "events per second, from increments of raw samples",
    "error_rate": "failed events per second, from increments of raw samples",
    "level": "the worst value of each step",
    "p50": "the median of each step, from the histogram's buckets or from spans",
    "p99": "the 99th percentile of each step, from the histogram's buckets or from spans",
    "age": "seconds since the newest timestamp",
    "behind": "seconds behind the newest message, from inverting the curve of produced positions",
}
SHOWN: Mapping[str, tuple[tuple[str, Statistic], ...]] = {
    "errors": (("dead_lettered_messages", "rate"), ("validated_messages", "error_rate")),
    "lag": (("consumer_lag", "level"), ("queue_ready", "level")),
    "skew": (("produced_offset", "rate"),),
}
"""Kinds that choose their signals themselves."""


class _Line(Struct, frozen=True):
    subject: Subject
    series: SignalSeries
    binding: Binding | None


def explain_panel(board: Board, reference: Reference, pages: Mapping[str, PageDeclaration]) -> Explanation | None:
    """What a panel shows; None where there is no such panel."""
    page_id, _, rest = reference.key.partition("/")
    panel_id, _, argument = rest.partition("/")
    page = pages.get(page_id)
    panel = next((one for one in page.panels if one.id == panel_id), None) if page else None
    if page is None or panel is None:
        return None
    board = replace(board, argument=argument)
    found = [(signal, statistic, _lines(board, panel, signal, statistic)) for signal, statistic in _asked(panel)]
    shown = [one for one in found if one[2]] or found[:1]
    if panel.words("signals"):
        # Of a panel's own signals the first that is measured is drawn.
        first = shown[0][0] if shown else ""
        shown = [one for one in shown if one[0] == first]
    facts: list[tuple[str, Content]] = [("Panel", f"{page.title} · {panel.title}"), ("Range", _range(board, panel))]
    tables: list[Table] = []
    queries: list[Query] = []
    bindings: dict[Binding, None] = {}
    for signal, statistic, lines in shown:
        facts += [("Shows", f"{SIGNALS[signal].meaning}: {STATISTICS[statistic]}")]
        tables.append(_table(signal, statistic, lines))
        for line in lines[:MOST_LINES]:
            if line.binding is not None:
                bindings[line.binding] = None
            if isinstance(line.binding, MetricBinding) and not any(one.name == line.subject.label for one in queries):
                step = step_of(board, statistic)
                name = f"{line.subject.label} · {signal.replace('_', ' ')}" if len(shown) > 1 else line.subject.label
                by_part = panel.kind == "skew"
                query = signal_query(board, line.binding, statistic, board.span, step, name, parts=by_part)
                queries += [query] if query else []
    if panel.kind == "indicator":
        tables.append(_objectives(board, panel))
    if panel.kind == "hop-course" and (journey := board.journey()):
        tables.append(hop_table(board, journey))
    profiles = dict.fromkeys(one.profile for one in bindings)
    facts += [("Profiles", ", ".join(profiles))] if profiles else []
    return Explanation(
        reference=reference,
        title=panel.title,
        what=panel.question or "what this panel shows",
        figure="",
        why=() if shown else ["Its numbers are those of the status. Press any of them to see how it came about."],
        facts=facts,
        tables=tables,
        queries=queries,
        query_note="The value at the end of the range; the figure is counted from the same series.",
        evidence=tuple(binding_evidence(one) for one in list(bindings)[:MOST_LINES]),
        caveats=tuple(dict.fromkeys(text for one in bindings for text in one.caveats)),
    )


def _objectives(board: Board, panel: PanelDeclaration) -> Table:
    """The objectives behind the lines of an indicator; each opens to its own explanation."""
    window = panel.text("window", "1h")
    aspect = {"ratio": "ratio", "budget": "budget"}.get(panel.text("show"), f"burn-{window}")
    rows = [
        [
            number(one.objective.id, Reference("objective", one.objective.id, aspect), name="mono"),
            times(burn_of(one, window)),
            whole_percent(one.budget.remaining_ratio if one.budget else None),
        ]
        for one in promised(board, panel, panel.text("indicator"))[:MOST_LINES]
    ]
    head = ["Objective", f"Burn, {window}", "Budget left"]
    return Table(title="Objectives, most urgent first", head=head, rows=rows, numeric=(1, 2))


def _asked(panel: PanelDeclaration) -> tuple[tuple[str, Statistic], ...]:
    if panel.kind in SHOWN:
        return SHOWN[panel.kind]
    word = panel.text("statistic", "rate")
    if panel.kind == "bars":
        word = "error_rate" if panel.text("events") == "failed" else "rate"
    statistic = next((one for one in STATISTIC_WORDS if one == word), STATISTIC_WORDS[0])
    return tuple((signal, statistic) for signal in panel.words("signals"))


def _lines(board: Board, panel: PanelDeclaration, signal: str, statistic: Statistic) -> list[_Line]:
    found = {one.key: one for one in subjects(board, panel, signal)}
    series = board.series(signal, list(found), statistic, step_ms=step_of(board, statistic))
    lines = [
        _Line(found[one.subject], one, _binding(board, found[one.subject], signal))
        for one in series
        if one.subject in found and np.isfinite(one.value).any()
    ]
    order = {key: index for index, key in enumerate(found)}
    return sorted(lines, key=lambda one: order[one.subject.key])


def _binding(board: Board, subject: Subject, signal: str) -> Binding | None:
    mapping = board.snapshot.mapping
    return mapping.chosen(subject.key, signal) or mapping.chosen(subject.channel_id, signal)


def _table(signal: str, statistic: Statistic, lines: Sequence[_Line]) -> Table:
    unit = "second" if statistic in ("p50", "p99", "age", "behind") else SIGNALS[signal].unit
    per = "/s" if statistic in ("rate", "error_rate") else ""
    rows = [
        [
            one.subject.label,
            f"{value_text(_newest(one.series), unit)}{per}",
            f"{value_text(float(np.nanmax(one.series.value)), unit)}{per}",
            mono(one.binding.profile) if one.binding else "–",
        ]
        for one in lines[:MOST_LINES]
    ]
    more = f", the first {MOST_LINES} of {len(lines)}" if len(lines) > MOST_LINES else ""
    title = f"{signal.replace('_', ' ')}{more}" if lines else f"No series for {signal.replace('_', ' ')}"
    return Table(title=title, head=["Line", "Newest", "Highest", "Profile"], rows=rows, numeric=(1, 2))


def _newest(series: SignalSeries) -> float | None:
    seen = series.value[np.isfinite(series.value)]
    return float(seen[-1]) if len(seen) else None


def _range(board: Board, panel: PanelDeclaration) -> str:
    step = step_of(board, "p99" if panel.text("statistic") in ("p50", "p99") else "rate")
    return f"{board.view.words}, a point per {short_duration(step / 1000)}"
