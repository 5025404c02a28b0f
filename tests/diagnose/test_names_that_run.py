"""Which values of labels are names of destinations, and which are something else that stands in the same label."""

from __future__ import annotations

from telemetry.documents import catalog, channel, names
from telemetry.exposition import inventory_of

from observatory.diagnose.drift.runtime_names import RuntimeNames, runtime_names
from observatory.telemetry.discovery import recognise_all
from observatory.telemetry.profile import load_profiles

PROFILES = load_profiles()


def seen(*series: tuple[str, dict[str, str]]) -> RuntimeNames:
    inventories = [inventory_of(series, PROFILES)]
    documents = catalog([channel("kafka", names(topic="orders.v1"))])
    return runtime_names(documents, PROFILES, inventories, recognise_all(PROFILES, inventories))


def test_what_an_autoscaler_scales_by_beside_topics_is_no_topic() -> None:
    found = seen(
        ("keda_scaler_metrics_value", {"metric": "s0-kafka-refunds", "scaler": "kafkaScaler"}),
        ("keda_scaler_metrics_value", {"metric": "s0-cron-Europe-London-08xx1-5", "scaler": "cronScaler"}),
    )

    assert sorted(found.undeclared) == ["refunds"]


def test_a_subject_of_a_registry_is_no_topic_that_runs() -> None:
    path = "/subjects/refunds-value/versions"
    found = seen(("karapace_http_requests_total", {"method": "POST", "path": path, "status": "200"}))

    assert found.undeclared == {}
