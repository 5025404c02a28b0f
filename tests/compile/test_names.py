"""Recorded names are a contract with dashboards that other people keep."""

from __future__ import annotations

from observatory.compile import names


def test_recorded_names_say_what_they_hold_and_over_how_long() -> None:
    assert (names.SLI_GOOD, names.SLI_TOTAL) == ("slo:sli_good:increase5m", "slo:sli_total:increase5m")
    assert names.ENOUGH_EVENTS == "slo:enough_events:active"
    assert (names.SLI_GOOD_UNPLANNED, names.SLI_TOTAL_UNPLANNED, names.PLANNED_WORK) == (
        "slo:sli_good_unplanned:increase5m",
        "slo:sli_total_unplanned:increase5m",
        "slo:planned_work:active",
    )
    assert names.error_ratio("1h") == "slo:sli_error:ratio_increase1h"
    assert (names.ERROR_BUDGET_REMAINING, names.OBJECTIVE) == (
        "slo:error_budget_remaining:ratio",
        "slo:objective:ratio",
    )


def test_labels_of_recorded_series_are_the_eight_of_the_contract() -> None:
    assert names.LABELS == (
        "slo", "sli", "channel", "consumer_group", "document", "domain", "owner", "criticality",
    )  # fmt: skip
