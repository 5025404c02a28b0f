"""The simulated estate against its documents: what differs on purpose is found, and nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING

from observatory.diagnose.drift.compare import drift
from observatory.diagnose.drift.finding import DriftReport
from observatory.telemetry.profile import load_profiles
from observatory.telemetry.survey import survey
from observatory.windows import TimeRange

if TYPE_CHECKING:
    from .conftest import Demo

HOUR_MS = 3_600_000
MISSPELT = "orders.order-cancelled.v1"
MEANT = "kafka:orders.order.cancelled.v1"


def compared(demo: Demo, at_ms: int, length_ms: int) -> DriftReport:
    sources, catalog = demo.estate.sources, demo.estate.catalog
    profiles, span = load_profiles(), TimeRange(at_ms - length_ms, at_ms)
    found = survey(catalog, profiles, sources.metrics, sources.spans, span)
    return drift(catalog, profiles, found, sources, span)


def test_a_day_of_the_estate_differs_where_it_was_made_to(demo: Demo) -> None:
    report = compared(demo, demo.truth.end_ms, 24 * HOUR_MS)

    assert {(one.kind, one.subject) for one in report.findings} == {
        ("undeclared-channel", MISSPELT),
        ("undeclared-channel", "notify.labels"),  # its document knows exchange and key, and not the queue
        ("silent-channel", "kafka:identity.account.updated.v1"),
        ("silent-channel", "kafka:payments.chargeback.raised.v1"),
    }
    (misspelt,) = [one for one in report.findings if one.subject == MISSPELT]
    assert "nearly the name of kafka:orders.order.cancelled.v1" in misspelt.words
    assert list(report.unseen) == ["mqtt:fleet/{vehicleId}/doors"]


def test_while_messages_go_to_the_misspelt_topic_it_is_a_suspect_of_f2(demo: Demo) -> None:
    incident = next(one for one in demo.truth.incidents if one.mode == "F2" and one.start_ms < demo.truth.end_ms)
    at_ms = min(incident.end_ms, demo.truth.end_ms) - 120_000

    report = compared(demo, at_ms - at_ms % 60_000, (at_ms - incident.start_ms) // 2)

    (found,) = [one for one in report.findings if one.kind == "misnamed"]
    assert (found.subject, found.observed) == (MEANT, MISSPELT)
    assert found.seen is not None
    assert found.seen.messages
