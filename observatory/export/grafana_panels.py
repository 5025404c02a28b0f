"""Grafana panels for the panel kinds of `dashboards/*.yaml`.

What needs more than series (causes, sample messages, what documents say) is a short text with a link to the same panel
in Observatory: a panel is never left out. The SDK leaves ids and places open; `grafana` gives them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from grafana_foundation_sdk.builders import dashboard as building
from grafana_foundation_sdk.builders import prometheus, stat, table, text, timeseries
from grafana_foundation_sdk.builders.common import ReduceDataOptions, StackingConfig
from grafana_foundation_sdk.models.common import DataSourceRef, StackingMode
from grafana_foundation_sdk.models.dashboard import (
    DashboardLinkType,
    DataTransformerConfig,
    DynamicConfigValue,
    Panel,
    Threshold,
    ThresholdsMode,
)
from grafana_foundation_sdk.models.prometheus import PromQueryFormat
from grafana_foundation_sdk.models.text import TextMode
from msgspec import Struct

from observatory.dashboards import PageDeclaration, PanelDeclaration
from observatory.export.grafana_queries import CRITICAL, Filters
from observatory.export.grafana_signals import QUANTILES, SUMMED, Asked, SignalQuery, by_signal, signal_query
from observatory.objectives.objective import Objective
from observatory.telemetry.binding import MappingResult
from observatory.telemetry.signals import SIGNALS

DATA_SOURCE = DataSourceRef(type_val="prometheus", uid="${datasource}")
MEETING, AT_RISK, BREACHED = "#3aa7c4", "#f5d04c", "#ef5b6c"
BUDGET_COLOURS = ((None, BREACHED), (0.0, AT_RISK), (0.25, MEETING))
"""Under no budget, under a quarter of it, and above."""
BURN_COLOURS = ((None, MEETING), (1.0, AT_RISK), (6.0, BREACHED))
COLUMNS = ("slo", "channel", "consumer_group", "domain", "owner", "criticality")
LIMIT = 10
SHARE, DURATION, SINCE = "percentunit", "s", "dateTimeFromNow"

Colours = Sequence[tuple[float | None, str]]
Builder = timeseries.Panel | table.Panel | stat.Panel | text.Panel


class Placed(Struct, frozen=True, kw_only=True):
    """A panel and the room that it takes: columns of 24, and rows of 38 pixels."""

    panel: Panel
    width: int
    height: int


class Column(Struct, frozen=True, kw_only=True):
    """A column of numbers: name, the query behind it, and how its values are written."""

    name: str
    expr: str
    unit: str
    colours: Colours = ()
    decimals: int | None = None


class PagePanels(Struct):
    """Panels of one page.

    Attributes:
        left_out: By panel id how many channels had no room in it.
    """

    page: PageDeclaration
    objectives: Sequence[Objective]
    mapping: MappingResult
    left_out: dict[str, int]

    def placed(self, declared: PanelDeclaration) -> list[Placed]:
        """The panels of a declaration: one, or the four numbers of the estate."""
        if declared.kind == "kpis":
            return self._kpis()
        make = _TABLES.get(f"{declared.kind} {by}" if (by := declared.text("by")) else declared.kind)
        if make:
            columns, labels = make(self._filters(declared), declared.number("limit", LIMIT))
            return [self._placed(declared, self._table(columns, labels), 8)]
        if declared.kind == "burndown":
            return [self._placed(declared, self._burndown(declared), 8)]
        if declared.kind == "indicator":
            return [self._placed(declared, self._indicator(declared), 8)]
        if declared.kind in ("lines", "stacked", "bars", "lag", "errors", "skew"):
            return [self._placed(declared, self._lines(declared), 8)]
        said = "This panel needs more than series."
        return [self._placed(declared, self._text(said, declared), 4)]

    def link(self, anchor: str = "") -> str:
        """Address of the page, in Observatory, with Grafana's range; of a channel the on-call page that names it."""
        path, query = self.page.path, "from=${__from:date:iso}&to=${__to:date:iso}"
        if self.page.subject == "group":
            path = path.replace("<id>", "${consumer_group:percentencode}")
        elif self.page.subject == "channel":
            path, query, anchor = "/on-call", "q=${channel:percentencode}&" + query, ""
        return "${observatory}" + path + "?" + query + (f"#panel-{anchor}" if anchor else "")

    def _filters(self, declared: PanelDeclaration) -> Filters:
        return Filters(self.page.subject, self._is_critical(declared))

    def _is_critical(self, declared: PanelDeclaration) -> bool:
        # An estate that says nothing about criticality still has channels worth watching.
        return declared.text("scope") == "critical" and any(one.criticality in CRITICAL for one in self.objectives)

    def _chosen(self, declared: PanelDeclaration) -> Sequence[Objective]:
        if self._is_critical(declared):
            return [one for one in self.objectives if one.criticality in CRITICAL]
        return self.objectives

    def _placed(self, declared: PanelDeclaration, builder: Builder, rows: int) -> Placed:
        panel = builder.title(declared.title).build()
        if declared.question:
            panel.description = declared.question
        link = building.DashboardLink("Open in Observatory").type(DashboardLinkType.LINK).url(self.link(declared.id))
        panel.links = [link.target_blank(True).build()]
        # A panel's title takes as much room as two rows of text.
        height = max(4, -(-(declared.height + 48) // 38)) if declared.height else rows
        return Placed(panel=panel, width=2 * declared.width, height=height)

    def _kpis(self) -> list[Placed]:
        filters = Filters(self.page.subject)
        tiles = (
            ("Availability in the range", filters.availability, SHARE, 3),
            ("Objectives", f"count({filters.objective})", "none", 0),
            ("Budget spent", filters.spent, "none", 0),
            ("Burning faster than the budget lasts", filters.burning, "none", 0),
        )
        found: list[Placed] = []
        for title, expr, unit, decimals in tiles:
            builder = stat.Panel().title(title).datasource(DATA_SOURCE).unit(unit).decimals(decimals)
            builder = builder.reduce_options(ReduceDataOptions().calcs(["lastNotNull"])).no_value("no data")
            found.append(Placed(panel=builder.with_target(_instant("A", expr)).build(), width=6, height=4))
        return found

    def _table(self, columns: Sequence[Column], by: Sequence[str]) -> table.Panel:
        """One row per combination of labels, one column per query."""
        builder = table.Panel().datasource(DATA_SOURCE).no_value("no data")
        values: dict[str, str] = {}
        for ref, column in zip("ABCDEFGH", columns, strict=False):
            builder = builder.with_target(_instant(ref, column.expr))
            values[f"Value #{ref}" if len(columns) > 1 else "Value"] = column.name
            properties = [DynamicConfigValue(id_val="unit", value=column.unit)]
            if column.decimals is not None:
                properties.append(DynamicConfigValue(id_val="decimals", value=column.decimals))
            if column.colours:
                properties += _coloured(column.colours)
            builder = builder.override_by_name(column.name, properties)
        if "channel" in by:
            url = "${observatory}/on-call?q=${__data.fields.channel:percentencode}"
            links = [{"title": "Open in Observatory", "url": url, "targetBlank": True}]
            builder = builder.override_by_name("channel", [DynamicConfigValue(id_val="links", value=links)])
        if len(columns) > 1:
            builder = builder.with_transformation(DataTransformerConfig(id_val="merge", options={}))
        order = {name: place for place, name in enumerate([*by, *values])}
        options = {"excludeByName": {"Time": True}, "indexByName": order, "renameByName": values}
        return builder.with_transformation(DataTransformerConfig(id_val="organize", options=options))

    def _burndown(self, declared: PanelDeclaration) -> timeseries.Panel:
        worst = self._filters(declared).worst_budget_by_domain(declared.number("limit", LIMIT))
        query = prometheus.Dataquery().expr(worst).legend_format("{{domain}}").ref_id("A").datasource(DATA_SOURCE)
        return timeseries.Panel().datasource(DATA_SOURCE).no_value("no data").unit(SHARE).with_target(query)

    def _indicator(self, declared: PanelDeclaration) -> timeseries.Panel:
        show = declared.text("show", "burn_rate")
        expr = self._filters(declared).indicator(declared.text("indicator"), show, declared.number("limit", LIMIT))
        legend = "{{channel}} {{consumer_group}}"
        query = prometheus.Dataquery().expr(expr).legend_format(legend).ref_id("A").datasource(DATA_SOURCE)
        unit = "none" if show == "burn_rate" else SHARE
        return timeseries.Panel().datasource(DATA_SOURCE).no_value("no data").unit(unit).with_target(query)

    def _lines(self, declared: PanelDeclaration) -> timeseries.Panel | text.Panel:
        wanted = _curves(declared)
        builder = timeseries.Panel().datasource(DATA_SOURCE).no_value("no data")
        chosen, filters = self._chosen(declared), self._filters(declared)
        limit = declared.number("limit", LIMIT)
        made: list[tuple[Asked, SignalQuery]] = []
        for signals, statistic, by_part in wanted:
            found = by_signal(signals, statistic, chosen, self.mapping, self.page.subject)
            for signal, members in found:
                asked = Asked(signal, statistic, by_part)
                query = signal_query(asked, members, self.mapping, filters, limit, alone=len(found) == 1)
                if query and (not made or _unit(asked) == _unit(made[0][0])):
                    made.append((asked, query))
        if not made:
            names = " or ".join(signal for signals, _, _ in wanted for signal in signals)
            return self._text(f"No series measure {names}; `observatory map` tells what to switch on.", declared)
        if left_out := sum(query.left_out for _, query in made):
            self.left_out[declared.id] = left_out
        for ref, (asked, query) in zip("ABCDEFGH", made, strict=False):
            legend = query.legend if len(wanted) == 1 else f"{query.legend} {_words(asked)}"
            builder = builder.with_target(
                prometheus.Dataquery().expr(query.expr).legend_format(legend).ref_id(ref).datasource(DATA_SOURCE)
            )
        if declared.kind == "stacked":
            builder = builder.stacking(StackingConfig().mode(StackingMode.NORMAL)).fill_opacity(30)
        return builder.unit(_unit(made[0][0]))

    def _text(self, said: str, declared: PanelDeclaration) -> text.Panel:
        content = f"{said}\n\n[Open it in Observatory]({self.link(declared.id)})"
        return text.Panel().mode(TextMode.MARKDOWN).content(content)


def _curves(declared: PanelDeclaration) -> list[tuple[tuple[str, ...], str, bool]]:
    """What a panel of lines shows: signals of which the first that is measured counts, statistic, by partition."""
    match declared.kind:
        case "lag":
            return [(("consumer_lag",), "level", False)]
        case "errors":
            return [(("dead_lettered_messages",), "rate", False), (("validated_messages",), "error_rate", False)]
        case "skew":
            return [(("produced_offset",), "rate", True)]
        case "bars":
            statistic = "error_rate" if declared.text("events") == "failed" else "rate"
            return [(declared.words("signals"), statistic, False)]
        case _:
            statistics = [declared.text("statistic"), *([also] if (also := declared.text("also")) else [])]
            return [(declared.words("signals"), statistic, declared.flag("by_part")) for statistic in statistics]


def _words(asked: Asked) -> str:
    if asked.statistic in QUANTILES:
        return asked.statistic
    words = asked.signal.replace("_", " ")
    return f"{words} failed" if asked.statistic == "error_rate" else words


def _unit(asked: Asked) -> str:
    unit = SIGNALS[asked.signal].unit
    if asked.statistic in SUMMED:
        return {"request": "reqps", "message": "mps", "offset": "mps"}.get(unit, "cps")
    return {"second": DURATION, "ratio": SHARE, "byte": "bytes"}.get(unit, "short")


def _instant(ref: str, expr: str) -> prometheus.Dataquery:
    query = prometheus.Dataquery().expr(expr).ref_id(ref).instant().datasource(DATA_SOURCE)
    return query.format(PromQueryFormat.TABLE)


def _coloured(colours: Colours) -> list[DynamicConfigValue]:
    steps = [Threshold(value=value, color=colour) for value, colour in colours]
    limits = building.ThresholdsConfig().mode(ThresholdsMode.ABSOLUTE).steps(steps).build()
    return [
        DynamicConfigValue(id_val="thresholds", value=limits),
        DynamicConfigValue(id_val="color", value={"mode": "thresholds"}),
        DynamicConfigValue(id_val="custom.cellOptions", value={"type": "color-text"}),
    ]


def _by(expr: str, how: str, labels: Sequence[str]) -> str:
    """The same values without their metric's name, which would keep rows of different queries apart."""
    return f"{how} by ({', '.join(labels)}) ({expr})"


Table = tuple[Sequence[Column], Sequence[str]]


def _objectives(filters: Filters, _limit: int) -> Table:
    budget, burn = _by(filters.budget, "min", COLUMNS), _by(filters.burn, "max", COLUMNS)
    columns = (
        Column(name="budget left", expr=budget, unit=SHARE, colours=BUDGET_COLOURS, decimals=1),
        Column(name="burn rate 1h", expr=burn, unit="none", colours=BURN_COLOURS, decimals=1),
        Column(name="objective", expr=_by(filters.objective, "max", COLUMNS), unit=SHARE),
    )
    return columns, COLUMNS


def _firing(filters: Filters, _limit: int) -> Table:
    labels = ("severity", "alertname", *COLUMNS)
    return (Column(name="since", expr=_by(filters.burning_since, "min", labels), unit=SINCE),), labels


def _domains(filters: Filters, _limit: int) -> Table:
    worst = filters.worst_budget_by_domain()
    columns = (
        Column(name="availability", expr=filters.availability_by_domain, unit=SHARE, decimals=3),
        Column(name="budget left, worst", expr=worst, unit=SHARE, colours=BUDGET_COLOURS, decimals=1),
        Column(name="objectives", expr=f"count by (domain) ({filters.objective})", unit="none"),
    )
    return columns, ("domain",)


def _trend_by_domain(filters: Filters, _limit: int) -> Table:
    then = filters.budget_then()
    before = f"min by (domain) ({then})"
    columns = (
        Column(name="budget left, worst", expr=filters.worst_budget_by_domain(), unit=SHARE, colours=BUDGET_COLOURS),
        Column(name="30 days ago", expr=before, unit=SHARE, colours=BUDGET_COLOURS),
        Column(name="missed", expr=filters.missed_by_domain(filters.budget), unit="none"),
        Column(name="missed, 30 days ago", expr=filters.missed_by_domain(then), unit="none"),
    )
    return columns, ("domain",)


def _trend_by_objective(filters: Filters, limit: int) -> Table:
    now, then = _by(filters.budget, "min", COLUMNS), _by(filters.budget_then(), "min", COLUMNS)
    moved = f"bottomk({limit}, {now} - {then})"
    columns = (
        Column(name="gained", expr=moved, unit=SHARE, decimals=1),
        Column(name="budget left", expr=f"{now} and {moved}", unit=SHARE, colours=BUDGET_COLOURS, decimals=1),
        Column(name="30 days ago", expr=f"{then} and {moved}", unit=SHARE, colours=BUDGET_COLOURS, decimals=1),
    )
    return columns, COLUMNS


def _riskiest(filters: Filters, limit: int) -> Table:
    expr = filters.paging_seconds(limit)
    return (Column(name="time paging", expr=expr, unit=DURATION),), ("channel", "document")


def _decisions(filters: Filters, _limit: int) -> Table:
    left = _by(filters.decisions, "min", COLUMNS)
    return (Column(name="budget left", expr=left, unit=SHARE, colours=BUDGET_COLOURS, decimals=1),), COLUMNS


_TABLES: Mapping[str, Callable[[Filters, int], Table]] = {
    "firing": _firing,
    "channels": _objectives,
    "objectives": _objectives,
    "domains": _domains,
    "trend": _trend_by_domain,
    "trend domains": _trend_by_domain,
    "trend objectives": _trend_by_objective,
    "riskiest": _riskiest,
    "decisions": _decisions,
}
