"""What the review's tables say, cell by cell: shared by HTML and Markdown, so that both name the same numbers."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from functools import lru_cache
from zoneinfo import ZoneInfo

from msgspec import Struct
from msgspec.structs import replace

from observatory.evaluate.snapshot import Incident
from observatory.indicators.counts import Counts
from observatory.objectives.budget import Budget, remaining_ratio
from observatory.review.account import ObjectiveAccount, Total, Verdict
from observatory.review.journeys import JourneyAccount
from observatory.review.report import Review
from observatory.units import format_count, format_duration, format_percentage, number_of
from observatory.windows import TimeRange

UNKNOWN = "–"
RESULTS: dict[Verdict, tuple[str, str]] = {
    "kept": ("●", "kept"),
    "missed": ("■", "missed"),
    "no_traffic": ("○", "no traffic"),
    "no_data": ("○", "no data"),
    "unmapped": ("○", "not measured"),
}
GLYPHS = {"bad": "■", "watch": "▲", "good": "●", "gap": "○"}


class Tile(Struct, frozen=True, kw_only=True):
    """One of the numbers at the top."""

    name: str
    value: str
    of: str = ""
    than: str = ""
    tone: str = ""


class ObjectiveCells(Struct, frozen=True, kw_only=True):
    """A row of the table of objectives."""

    channel: str
    what: str
    verdict: Verdict
    glyph: str
    result: str
    target: str
    achieved: str
    achieved_before: str
    good: str
    total: str
    coverage: str
    spent: str
    spent_before: str
    left: str
    left_before: str
    incidents: str
    incidents_before: str


class JourneyCells(Struct, frozen=True, kw_only=True):
    """A row of the table of journeys."""

    name: str
    hops: str
    verdict: Verdict
    glyph: str
    result: str
    target: str
    good: str
    bounds: str
    counted: str
    spent: str
    left: str
    incidents: str


class DomainCells(Struct, frozen=True, kw_only=True):
    """A row of the table of domains."""

    name: str
    kept: str
    availability: str
    before: str
    left: str
    tone: str
    incidents: str


class IncidentCells(Struct, frozen=True, kw_only=True):
    """A row of the table of incidents."""

    began: str
    lasted: str
    severity: str
    tone: str
    channel: str
    what: str
    peak: str
    bad: str
    owner: str


class PlannedCells(Struct, frozen=True):
    """A row of the table of planned work: one piece of work, one objective that it concerns."""

    reason: str
    approver: str
    when: str
    channel: str
    what: str
    counted: str
    left_with: str
    left_without: str


def planned_rows(review: Review) -> tuple[PlannedCells, ...]:
    """Planned work of the month by what was done, then by objective; those that it changes nothing for in one row."""
    found: list[PlannedCells] = []
    unchanged: dict[tuple[str, str, str], int] = {}
    for one in review.objectives:
        out, o = one.left_out, one.objective
        for work in out.work if out else ():
            assert out is not None
            head = (work.exclusion.reason, work.exclusion.approver, _spans_words(work.spans, zone_words(review)))
            left = [percent(remaining_ratio(numbers.counts, o.target)) for numbers in (out.applied, out.all)]
            if left[0] == left[1]:
                unchanged[head] = unchanged.get(head, 0) + 1
                continue
            counted = "not in the budget" if out.use == "budget" else "in the budget, alerts silent"
            found.append(PlannedCells(*head, o.address or o.channel_key, what(one), counted, *left))
    for head, number in unchanged.items():
        about = f"{number} objective{'' if number == 1 else 's'} that it changes nothing for"
        found.append(PlannedCells(*head, "", about, "", "", ""))
    return tuple(sorted(found, key=lambda cells: (cells.reason, cells.approver, not cells.channel, cells.channel)))


def _spans_words(spans: Sequence[TimeRange], timezone: str) -> str:
    """`05 Oct 22:00, 4 h`; of many the first, and how many more."""
    first = spans[0]
    words = f"{_clock(first.start_ms, timezone)}, {format_duration(first.seconds)}"
    return f"{words} (and {len(spans) - 1} more)" if len(spans) > 1 else words


def tiles(review: Review) -> tuple[Tile, ...]:
    """The month in four numbers, each beside the month before."""
    total, before = review.estate, review.month.before.title
    judged = total.kept + total.missed
    spent, spent_before = total.spent_ratio, total.spent_ratio_before
    return (
        Tile(
            name="Objectives kept",
            value=str(total.kept),
            of=f"of {judged}",
            than=f"{total.missed} missed · {total.unknown} not known",
            tone="bad" if total.missed else "",
        ),
        Tile(
            name="Availability, all events",
            value=ratio(total.availability),
            than=f"{ratio(total.availability_before)} in {before}",
        ),
        Tile(
            name="Error budget spent",
            value=percent(spent),
            than=f"{percent(spent_before)} in {before}",
            tone="bad" if spent is not None and spent > 1 else "",
        ),
        Tile(
            name="Incidents",
            value=str(total.incidents),
            than=f"{UNKNOWN if total.incidents_before is None else total.incidents_before} in {before}",
        ),
    )


def objective_cells(one: ObjectiveAccount) -> ObjectiveCells:
    """An objective's numbers as text; what is not known is a dash."""
    o = one.objective
    glyph, result = RESULTS[one.verdict]
    if one.verdict == "no_traffic" and one.counts and one.counts.total > 0:
        result = "too few events"
    seen = one.counts if one.verdict != "no_data" else None
    return ObjectiveCells(
        channel=o.address or o.channel_key,
        what=what(one),
        verdict=one.verdict,
        glyph=glyph,
        result=result,
        target=f"{o.target * 100:.8g} %",
        achieved=ratio(one.counts, o.target),
        achieved_before=f"{ratio(one.counts_before, o.target)} before",
        good=count(seen.good) if seen else UNKNOWN,
        total=f"of {count(seen.total)}" if seen else "",
        coverage=percent(one.counts.coverage if one.counts else None),
        spent=_spent(one.budget if seen else None),
        spent_before=_spent(one.budget_before),
        left=percent(one.budget.remaining_ratio if one.budget else None),
        left_before=f"{percent(one.budget_before.remaining_ratio if one.budget_before else None)} before",
        incidents=str(len(one.incidents)) if seen else UNKNOWN,
        incidents_before=f"{UNKNOWN if one.incidents_before is None else one.incidents_before} before",
    )


def journey_cells(one: JourneyAccount) -> JourneyCells:
    """A journey's numbers as text; what is not known is a dash."""
    cells, counts, bounds = objective_cells(one.account), one.account.counts, one.bounds
    between = UNKNOWN
    if counts is not None and bounds is not None and counts.total > 0:
        low, high = (
            ratio(replace(counts, good=good), one.account.objective.target) for good in (bounds.least, bounds.most)
        )
        between = low if low == high else f"{low} – {high}"
    return JourneyCells(
        name=one.account.objective.id,
        hops=" → ".join(hop.hop.objective.operation_key for hop in one.hops),
        verdict=cells.verdict,
        glyph=cells.glyph,
        result=cells.result,
        target=cells.target,
        good=cells.achieved if bounds else UNKNOWN,
        bounds=between,
        counted=one.account.counting if bounds and one.account.counting else UNKNOWN,
        spent=cells.spent,
        left=cells.left,
        incidents=cells.incidents,
    )


def what(one: ObjectiveAccount) -> str:
    """`latency ≤ 500 ms for payments-v1 · payments/onOrder`."""
    o = one.objective
    words = o.sli if o.name == o.sli else f"{o.sli} “{o.name}”"
    if o.threshold is not None:
        value, unit = o.threshold.value, o.threshold.unit
        shown = {"second": format_duration(value), "ratio": percent(value)}.get(unit, f"{format_count(value)} messages")
        words += f" ≤ {shown}"
    if o.consumer_group:
        words += f" for {o.consumer_group}"
    return f"{words} · {o.operation_key}" + (" · stand-in" if one.proxy else "")


def domain_cells(one: Total) -> DomainCells:
    """A domain's numbers as text."""
    left = None if one.spent_ratio is None else 1 - one.spent_ratio
    return DomainCells(
        name=one.name or "no domain",
        kept=f"{one.kept} of {one.kept + one.missed}" + (f" (+{one.unknown})" if one.unknown else ""),
        availability=ratio(one.availability),
        before=ratio(one.availability_before),
        left=percent(left),
        tone="bad" if left is not None and left < 0 else "watch" if left is not None and left < 0.25 else "",
        incidents=f"{one.incidents}" + (f" ({one.incidents_before})" if one.incidents_before is not None else ""),
    )


def incident_rows(review: Review) -> tuple[IncidentCells, ...]:
    """All incidents of the month, oldest first."""
    found = [(incident, one) for one in review.objectives for incident in one.incidents]
    found.sort(key=lambda pair: (pair[0].start_ms, pair[1].objective.id))
    return tuple(_incident(review, incident, one) for incident, one in found)


def assumptions(review: Review) -> tuple[str, ...]:
    """What the numbers of journeys rest on, each once."""
    return tuple(dict.fromkeys(one.assumption for one in review.journeys if one.assumption))


def zone_words(review: Review) -> str:
    """Which clock the incidents' times are on."""
    return review.timezone or "UTC"


def counted(review: Review) -> str:
    """The line under the title."""
    channels = len({one.objective.channel_id for one in review.objectives})
    documents = len({one.objective.document for one in review.objectives})
    until = "" if review.complete else f" The month still runs: numbers reach to {_clock(review.at_ms, 'UTC')} UTC."
    zone = f"in {review.timezone}" if review.timezone else "in each objective’s own time zone"
    return (
        f"{number_of(len(review.objectives), 'objective')} on {number_of(channels, 'channel')} "
        f"from {number_of(documents, 'document')}, "
        f"the calendar month {zone}, beside {review.month.before.title}.{until}"
    )


def percent(share: float | None) -> str:
    """A share in whole and tenths of a percent; unknown is a dash, and only all is 100 %."""
    if share is None:
        return UNKNOWN
    if share == 1:
        return "100 %"
    text = format_percentage(share, target=0.9)
    whole = text.removesuffix(" %")
    return f"{float(whole):,.1f} %" if abs(float(whole)) < 99.95 or share > 1 else text


def ratio(counts: Counts | None, target: float = 0.999) -> str:
    """The share of good events with as many digits as the target needs."""
    if counts is None or counts.ratio is None:
        return UNKNOWN
    return "100 %" if counts.ratio == 1 else format_percentage(counts.ratio, target=target)


def count(value: float) -> str:
    """Whole events; a fraction comes from increments that were spread over a gap and is not shown."""
    return format_count(round(value))


def _spent(budget: Budget | None) -> str:
    return UNKNOWN if budget is None else f"{count(budget.spent)} of {_allowed(budget.allowed)}"


def _allowed(value: float) -> str:
    return count(value) if value >= 10 else f"{value:.2g}"


def _incident(review: Review, incident: Incident, one: ObjectiveAccount) -> IncidentCells:
    lasted = "goes on" if incident.end_ms is None else format_duration((incident.end_ms - incident.start_ms) / 1000)
    o = one.objective
    return IncidentCells(
        began=_clock(incident.start_ms, zone_words(review)),
        lasted=lasted,
        severity=incident.severity,
        tone="bad" if incident.severity == "page" else "watch",
        channel=o.address or o.channel_key,
        what=what(one),
        peak=f"{incident.peak_burn_rate:,.1f}×",
        bad=count(incident.bad),
        owner=o.owner.team if o.owner else UNKNOWN,
    )


@lru_cache(maxsize=4096)
def _clock(at_ms: int, timezone: str) -> str:
    return f"{datetime.fromtimestamp(at_ms / 1000, UTC).astimezone(ZoneInfo(timezone)):%d %b %H:%M}"
