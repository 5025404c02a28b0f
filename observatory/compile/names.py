"""Names and labels of what generated rules record, agreed between rules, dashboards and exports."""

from __future__ import annotations

SLI_GOOD = "slo:sli_good:increase5m"
SLI_TOTAL = "slo:sli_total:increase5m"
"""Two counts of the last five minutes, recorded once per measured thing and shared by its objectives."""
SLI_GOOD_UNPLANNED = "slo:sli_good_unplanned:increase5m"
SLI_TOTAL_UNPLANNED = "slo:sli_total_unplanned:increase5m"
"""The same without records that planned work touches, where objectives have any: what their alerts count."""
PLANNED_WORK = "slo:planned_work:active"
"""1 while planned work is under way or in the newest record; nothing at other times."""
ENOUGH_EVENTS = "slo:enough_events:active"
"""1 while an objective's window holds the events that it is judged from, where it asks for any; else nothing."""
ERROR_BUDGET_REMAINING = "slo:error_budget_remaining:ratio"
OBJECTIVE = "slo:objective:ratio"

LABELS = ("slo", "sli", "channel", "consumer_group", "document", "domain", "owner", "criticality")
"""Labels of recorded series, in their order; one without a value is left out."""

ALERT_BURN_RATE = "SLOBurnRate"
ALERT_BUDGET_SPENT = "SLOBudgetSpent"
ALERT_TELEMETRY_ABSENT = "SLITelemetryAbsent"


def error_ratio(window: str) -> str:
    """The name under which the share of bad events of a window is recorded, `slo:sli_error:ratio_increase1h`."""
    return f"slo:sli_error:ratio_increase{window}"
