"""What the tables of the status say of one objective, a cell each."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from rich.text import Text

from observatory.units import format_count, format_duration, format_percentage, format_whole_percentage

if TYPE_CHECKING:
    from rich.console import Console

    from observatory.evaluate.status import ObjectiveStatus
    from observatory.indicators.counts import Counts

STATE_STYLE = {
    "breached": "bold red",
    "at_risk": "yellow",
    "no_data": "magenta",
    "unmapped": "magenta",
    "no_traffic": "dim",
    "meeting": "green",
}
BAR_CELLS = 10


def state(one: ObjectiveStatus, style: str | None = None) -> Text:
    """The state in words, in its own style unless another is given."""
    return Text(one.state.replace("_", " "), style or STATE_STYLE[one.state])


def folded(name: str, room: int) -> str:
    """An objective's id on as many lines as it needs, broken after slashes, so that its words stay whole."""
    lines = [""]
    for part in re.findall(r"[^/]+/?|/", name):
        if lines[-1] and len(lines[-1]) + len(part) > room:
            lines.append("")
        lines[-1] += part
    return "\n".join(lines)


def ratio(one: ObjectiveStatus) -> str:
    """The SLI, with as many digits as the target needs."""
    return share(one.counts.ratio if one.counts else None, one.objective.target)


def share(ratio: float | None, target: float) -> str:
    """A share of good events as a percentage; `-` where there is none."""
    return "-" if ratio is None else format_percentage(ratio, target=target)


def target(one: ObjectiveStatus) -> str:
    """The target as it was written."""
    return f"{one.objective.target * 100:g} %"


def budget_bar(one: ObjectiveStatus, out: Console) -> Text:
    """The error budget that is left, drawn and in percent."""
    left = one.budget.remaining_ratio if one.budget else None
    if left is None:
        return Text("-")
    cells = max(0, min(BAR_CELLS, round(left * BAR_CELLS)))
    full, empty = ("█", "░") if (out.encoding or "").lower().startswith("utf") else ("#", ".")
    style = "red" if left < 0 else "yellow" if left < 0.25 else "green"
    return Text.assemble(
        (full * cells, style), (empty * (BAR_CELLS - cells), "dim"), f" {format_whole_percentage(left):>7}"
    )


def percent_left(counts: Counts, target: float) -> str:
    """The same of any counts, in percent alone."""
    from observatory.objectives.budget import remaining_ratio

    left = remaining_ratio(counts, target)
    return "-" if left is None else format_whole_percentage(left)


def burn(one: ObjectiveStatus) -> str:
    """The burn rate of the last hour."""
    rate = one.burn_rates.get("1h")
    return "-" if rate is None else f"{rate:.3g}x"


def ends(one: ObjectiveStatus, at_ms: int) -> str:
    """When the budget ends, as the interval that holds it in 80 of 100 cases: `2 h to 3 d`, `4 d or later`, `no`."""
    left = one.budget.remaining_ratio if one.budget else None
    if left is not None and left < 0:
        return "spent"
    if one.outlook is None:
        return "-"
    if one.outlook.earliest_ms is None:
        return "no"
    earliest = _ahead(one.outlook.earliest_ms - at_ms)
    if one.outlook.latest_ms is None:
        return f"{earliest} or later"
    latest = _ahead(one.outlook.latest_ms - at_ms)
    return f"in {earliest}" if earliest == latest else f"{earliest} to {latest}"


def level(one: ObjectiveStatus) -> str:
    """The newest value of a lag or a saturation, in its unit."""
    if one.level is None or one.level.last is None:
        return "-"
    match one.level.unit:
        case "second":
            return format_duration(one.level.last) if one.level.last else "0 s"
        case "ratio":
            return f"{one.level.last * 100:.3g} %"
        case _:
            return format_count(round(one.level.last))


def events(one: ObjectiveStatus) -> str:
    """How many events were counted."""
    return format_count(round(one.counts.total)) if one.counts else "-"


def owner(one: ObjectiveStatus) -> str:
    """The team that owns it."""
    return one.objective.owner.team if one.objective.owner else "-"


def _ahead(after_ms: int) -> str:
    """A time ahead in one unit, `6 h`."""
    seconds = after_ms / 1000
    for unit, size, most in (("min", 60, 5400), ("h", 3600, 172_800)):
        if seconds < most:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds / 86_400:.0f} d"
