"""Every shipped profile is proven by its own example: names, types, labels, units; none is silent on a signal."""

from __future__ import annotations

import pytest
from prometheus_client.parser import text_string_to_metric_families
from shipped_profiles import PROFILES
from telemetry.exposition import inventory_of, series_of, types_of

from observatory.telemetry.discovery import recognise
from observatory.telemetry.proof import prove
from observatory.telemetry.recipe import Profile
from observatory.telemetry.signals import SIGNALS

IDS = {profile.id: profile for profile in PROFILES}


def test_the_promised_exporters_are_there() -> None:
    assert {
        "kafka_exporter", "rabbitmq", "otel_semconv_messaging", "otel_spanmetrics", "otel_spans", "nats", "mosquitto",
        "emqx", "application_counters", "schema_registry_apicurio", "schema_registry_confluent",
        "schema_registry_karapace", "kminion", "kafka_lag_exporter", "burrow", "burrow_exporter", "kafka_jmx_strimzi",
        "kafka_strimzi_reporter",
        "kafka_jmx_confluent", "kafka_msk_open_monitoring", "msk_cloudwatch_yace", "kafka_client_micrometer",
        "kafka_client_jmx_confluent", "kafka_streams", "librdkafka_prometheus", "redpanda_public", "confluent_cloud",
        "otel_kafkametrics_receiver", "tempo_metrics_generator", "keda", "knative_eventing",
        "rabbitmq_exporter_kbudde", "otel_rabbitmq_receiver", "nats_surveyor", "vernemq", "hivemq", "pulsar", "artemis",
        "aws_sqs_yace", "aws_sns_yace", "aws_lambda_yace", "aws_kinesis_yace", "aws_cloudwatch_exporter",
        "gcp_pubsub_stackdriver", "azure_servicebus_monitor", "azure_servicebus_exporter", "redis_exporter",
    } <= IDS.keys()  # fmt: skip


@pytest.mark.parametrize("profile", PROFILES, ids=lambda profile: profile.id)
def test_every_signal_is_provided_or_explained(profile: Profile) -> None:
    assert profile.signals | profile.not_provided.keys() == SIGNALS.keys()
    assert not profile.signals & profile.not_provided.keys()
    assert all(entry.why for entry in profile.not_provided.values())


@pytest.mark.parametrize("profile", [one for one in PROFILES if one.recipes], ids=lambda profile: profile.id)
def test_the_example_proves_every_recipe(profile: Profile) -> None:
    assert prove(profile, series_of(profile.example), types_of(profile.example)) == ()


@pytest.mark.parametrize("profile", [one for one in PROFILES if one.recipes], ids=lambda profile: profile.id)
def test_the_example_is_exposition_text_for_the_official_parser(profile: Profile) -> None:
    assert list(text_string_to_metric_families(profile.example))


@pytest.mark.parametrize("profile", [one for one in PROFILES if one.span_recipes], ids=lambda profile: profile.id)
def test_a_span_profile_shows_what_spans_it_reads(profile: Profile) -> None:
    roles = {row[0] for row in profile.example_spans}

    assert roles == {"producer", "consumer"}


@pytest.mark.parametrize("profile", [one for one in PROFILES if one.example], ids=lambda profile: profile.id)
def test_the_example_is_recognised_as_its_exporter(profile: Profile) -> None:
    found = recognise([profile], inventory_of(profile.example, [profile]))

    assert [seen.profile for seen in found] == [profile.id]
    assert set(found[0].variants) == {variant for variant in profile.variants if variant}


def test_exporters_are_told_apart() -> None:
    for profile in PROFILES:
        if profile.example:
            found = recognise(PROFILES, inventory_of(profile.example, PROFILES))
            assert profile.id in {seen.profile for seen in found}
            foreign = {seen.profile for seen in found} - {profile.id}
            assert not foreign, f"{profile.id} is also taken for {foreign}"


def test_rabbitmq_tells_its_generations_apart() -> None:
    acked = ("rabbitmq_channel_messages_acked_total", {"channel": "<0.1.0>", "vhost": "/", "queue": "q"})

    (seen,) = recognise(PROFILES, inventory_of([acked], PROFILES))

    assert (seen.variants, seen.versions, seen.series) == (("per-object",), ("3.8 - 3.13",), 1)


def test_opentelemetry_names_are_told_apart_by_their_translation() -> None:
    sent = ("messaging.client.sent.messages", {"messaging.destination.name": "orders.v1"})

    (seen,) = recognise(PROFILES, inventory_of([sent], PROFILES))

    assert (seen.profile, seen.variants) == ("otel_semconv_messaging", ("utf8",))
