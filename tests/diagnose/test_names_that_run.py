"""Which values of labels are names of destinations, and which are something else that stands in the same label."""

from __future__ import annotations

from shipped_profiles import PROFILES
from telemetry.documents import catalog, channel, names, override
from telemetry.exposition import inventory_of

from observatory.diagnose.drift.runtime_names import RuntimeNames, runtime_names
from observatory.spec.catalog import TelemetryOverride
from observatory.telemetry.discovery import recognise_all
from observatory.telemetry.mapping import override_labels


def seen(*series: tuple[str, dict[str, str]], telemetry: TelemetryOverride | None = None) -> RuntimeNames:
    documents = catalog([channel("kafka", names(topic="orders.v1"), telemetry=telemetry)])
    inventories = [inventory_of(series, PROFILES, labels=override_labels(documents))]
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


def topics(*there: tuple[str, str]) -> list[tuple[str, dict[str, str]]]:
    return [("kafka_topic_partitions", {"topic": topic, "env": env}) for topic, env in there]


def test_what_runs_in_another_environment_than_the_documents_speak_of_is_none_of_theirs() -> None:
    series = topics(("orders.v1", "prod"), ("refunds", "prod"), ("orders.v1", "test"), ("scratch", "test"))

    assert sorted(seen(*series, telemetry=override(env="prod")).undeclared) == ["refunds"]
    assert sorted(seen(*series).undeclared) == ["refunds", "scratch"]


def test_a_channel_that_is_there_in_another_environment_alone_is_not_there() -> None:
    found = seen(*topics(("orders.v1", "test"), ("refunds", "prod")), telemetry=override(env="prod"))

    assert (found.declared, found.listed) == ({}, {"kafka:orders.v1"})
