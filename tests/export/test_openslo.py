"""OpenSLO files: two counts per objective, names that the format allows, and a word for what it cannot hold."""

from __future__ import annotations

import re
from typing import Any

import promql_parser
import pytest
import yaml
from measured_cases import measurement, objective
from msgspec.structs import replace

from observatory.compile.plan import Measurement
from observatory.errors import Problem
from observatory.export.openslo import OpenSloFiles, name_of, openslo_files, time_window
from observatory.objectives.objective import Objective
from observatory.spec.catalog import Document, Owner, Threshold
from observatory.telemetry.binding import SpanBinding, SpanSelector
from observatory.windows import Window

PAYMENTS = Document(
    name="payments",
    path="p.yaml",
    version="3.0.0",
    title="Payments",
    service="payments",
    description="Moves the money.",
)


def exported(*objectives: Objective, **measurements: Measurement) -> OpenSloFiles:
    found = {one.id: measurements.get(one.sli) or measurement(one) for one in objectives}
    return openslo_files(objectives, found, [PAYMENTS])


def objects(files: OpenSloFiles) -> list[dict[str, Any]]:
    return list(yaml.safe_load_all(files.files["payments.openslo.yaml"]))


def test_a_document_becomes_a_service_and_an_slo_for_each_objective() -> None:
    service, slo = objects(exported(objective()))
    assert service == {
        "apiVersion": "openslo/v1",
        "kind": "Service",
        "metadata": {"name": "payments", "displayName": "payments"},
        "spec": {"description": "Moves the money."},
    }
    ratio = slo["spec"].pop("indicator")["spec"]["ratioMetric"]
    assert slo == {
        "apiVersion": "openslo/v1",
        "kind": "SLO",
        "metadata": {
            "name": name_of("payments/onOrder/availability"),
            "displayName": "payments/onOrder/availability",
            "labels": {
                "channel": "orders",
                "consumer_group": "billing",
                "criticality": "critical",
                "document": "payments",
                "domain": "payments",
                "owner": "pay-core",
                "sli": "availability",
            },
            "annotations": {"runbook": "https://runbooks.example/payments", "policy": "google-30d"},
        },
        "spec": {
            "description": "availability of orders for billing. Both queries count messages of the last 5m; "
            "add them over time.",
            "service": "payments",
            "timeWindow": [{"duration": "30d", "isRolling": True}],
            "budgetingMethod": "Occurrences",
            "objectives": [{"displayName": "availability", "target": 0.999}],
        },
    }
    assert ratio["counter"] is False
    for part in ("good", "total"):
        query = ratio[part]["metricSource"]["spec"]["query"]
        promql_parser.parse(query)
        assert 'topic="orders"' in query
        assert ratio[part]["metricSource"]["type"] == "Prometheus"


def test_an_indicator_of_time_says_that_it_counts_steps() -> None:
    _, slo = objects(exported(objective("lag", threshold=Threshold(value=60.0, unit="second"))))
    assert "count steps of time of the last 5m" in slo["spec"]["description"]


@pytest.mark.parametrize(
    ("window", "duration"), [("30d", "30d"), ("28d", "28d"), ("6h", "6h"), ("36h", "36h"), ("90m", "90m")]
)
def test_a_rolling_window_is_one_number_with_one_unit(window: str, duration: str) -> None:
    assert time_window(Window.parse(window)) == {"duration": duration, "isRolling": True}


@pytest.mark.parametrize(
    ("unit", "duration"), [("day", "1d"), ("week", "1w"), ("month", "1M"), ("quarter", "1Q"), ("year", "1Y")]
)
def test_a_calendar_window_names_its_unit_and_time_zone(unit: str, duration: str) -> None:
    assert time_window(Window.parse(unit, "Europe/London")) == {
        "duration": duration,
        "isRolling": False,
        "calendar": {"startTime": "2024-01-01 00:00:00", "timeZone": "Europe/London"},
    }


def test_a_window_that_openslo_cannot_say_leaves_the_objective_out() -> None:
    made = exported(objective(window="90s"))
    assert made.files == {}
    assert [(one.code, one.message) for one in made.problems] == [
        (
            "openslo-left-out",
            "payments/onOrder/availability is not exported: a window of 1m30s is no whole number of minutes",
        )
    ]


def test_what_nothing_measures_is_left_out_with_the_reason_of_the_mapping() -> None:
    one = objective()
    reason = Problem(code="series-missing", message="no series has the topic orders")
    made = openslo_files([one], {}, [PAYMENTS], reasons={one.id: reason})
    assert [problem.message for problem in made.problems] == [
        "payments/onOrder/availability is not exported: no series has the topic orders"
    ]


def test_what_spans_measure_is_left_out() -> None:
    one = objective("latency", threshold=Threshold(value=0.5, unit="second"))
    bound = measurement(one)
    hop = SpanBinding(
        signal="end_to_end_latency", source="spans", profile="otel_spans", selector=SpanSelector(("orders",))
    )
    spans = replace(bound, bindings=(hop,))
    made = openslo_files([one], {one.id: spans}, [PAYMENTS])
    assert "is measured by spans" in made.problems[0].message


@pytest.mark.parametrize(
    "text", ["payments", "Payments API", "a/b/c", "-", "ünïcode", "x" * 80, "x" * 63, "a--", "9lives"]
)
def test_a_name_is_one_of_rfc_1123(text: str) -> None:
    assert re.fullmatch(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?", name_of(text))


def test_names_that_look_alike_stay_apart() -> None:
    assert len({name_of(text) for text in ("a b", "a-b", "A-b", "a/b")}) == 4


def test_hostile_text_stays_text() -> None:
    hostile = 'team: {a: 1}\n- "x" # {{ $labels }} \u202e'
    _, slo = objects(exported(objective(owner=Owner(team=hostile))))
    assert slo["metadata"]["labels"]["owner"] == hostile


def test_the_order_of_objectives_does_not_change_a_byte() -> None:
    two = [objective(), objective(role="producer")]
    assert exported(*two).files == exported(*reversed(two)).files
