"""From a catalogue and what a server has to bindings: which series, by which profile, and why."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from shipped_profiles import PROFILES
from telemetry.documents import catalog, channel, names, override, pattern
from telemetry.exposition import inventory_of

from observatory.location import Location
from observatory.settings import TelemetrySettings
from observatory.spec.catalog import Catalog, TelemetryOverride
from observatory.spec.load import with_telemetry
from observatory.telemetry.binding import (
    MappingResult,
    Matcher,
    MetricBinding,
    Resolution,
    SpanBinding,
    Term,
)
from observatory.telemetry.inventory import Inventory, MetricMetadata, SpanDestination
from observatory.telemetry.mapping import map_catalog
from observatory.telemetry.signals import SIGNALS

Series = Sequence[tuple[str, Mapping[str, str]]]


def mapped(documents: Catalog, series: Series, labels: Sequence[str] = ()) -> MappingResult:
    return map_catalog(documents, PROFILES, [inventory_of(series, PROFILES, labels=labels)])


def resolution(result: MappingResult, subject: str, signal: str) -> Resolution:
    return result.resolutions[subject, signal]


def live(result: MappingResult, subject: str, signal: str) -> MetricBinding:
    """The binding in use, which must be live series."""
    chosen = result.chosen(subject, signal)
    assert isinstance(chosen, MetricBinding), resolution(result, subject, signal).reason
    assert chosen.liveness == "live", chosen.reason
    return chosen


def matchers(term: Term) -> dict[str, Matcher]:
    return {matcher.label: matcher for matcher in term.selector.matchers}


ORDERS = channel("kafka", names(topic="orders.v1"))
BILLING_QUEUE = channel("amqp", names(queue="billing.orders"), dead_letter="billing.orders.dlq")
KAFKA = [
    ("kafka_topic_partition_current_offset", {"topic": "orders.v1", "partition": partition}) for partition in "01"
] + [
    (name, {"topic": "orders.v1", "partition": partition, "consumergroup": group})
    for name in ("kafka_consumergroup_current_offset", "kafka_consumergroup_lag")
    for partition in "01"
    for group in ("billing", "mail")
]


def sent(destination: str, job: str = "shop", **more: str) -> tuple[str, dict[str, str]]:
    return "messaging_client_sent_messages_total", {"messaging_destination_name": destination, "job": job, **more}


def handled(
    destination: str, job: str, group: str = "", le: str | None = None, **more: str
) -> tuple[str, dict[str, str]]:
    labels = {"messaging_destination_name": destination, "job": job, **more}
    if group:
        labels["messaging_consumer_group_name"] = group
    if le:
        return "messaging_process_duration_seconds_bucket", {**labels, "le": le}
    return "messaging_process_duration_seconds_count", labels


# everything is resolved


def test_every_operation_and_channel_gets_every_signal_of_its_scope() -> None:
    documents = catalog([ORDERS], sends={"shop": ORDERS.id}, receives={"billing": (ORDERS.id, "billing")})

    result = mapped(documents, [])

    scopes = {"shop/send": {"producer"}, "billing/receive": {"consumer"}, ORDERS.id: {"channel", "broker", "registry"}}
    assert set(result.resolutions) == {
        (subject, name)
        for subject, scope in scopes.items()
        for name, signal in SIGNALS.items()
        if signal.scope in scope
    }


def test_without_a_source_it_says_what_would_be_looked_for() -> None:
    documents = catalog([ORDERS], receives={"billing": (ORDERS.id, "billing")})

    found = resolution(map_catalog(documents, PROFILES, []), "billing/receive", "consumer_lag")

    assert found.code == "no-source"
    assert isinstance(found.chosen, MetricBinding)
    assert found.chosen.liveness == "unknown"
    assert found.chosen.all[0].selector.metric == "kafka_consumergroup_lag"


def test_a_server_without_any_exporter_leads_to_what_to_switch_on() -> None:
    documents = catalog([ORDERS], receives={"billing": (ORDERS.id, "billing")})

    found = resolution(mapped(documents, [("up", {"job": "x"})]), "billing/receive", "consumer_lag")

    assert (found.chosen, found.code) == (None, "not-provided")
    assert "kafka_exporter" in found.reason


def test_what_an_exporter_in_use_does_not_provide_is_said_with_the_switch() -> None:
    documents = catalog([ORDERS], receives={"billing": (ORDERS.id, "billing")})

    found = resolution(mapped(documents, KAFKA), "billing/receive", "processed_messages")

    assert found.code == "not-provided"
    assert "emit messaging.process.duration from the consumer" in found.reason


def test_a_channel_without_a_name_is_unknown() -> None:
    nameless = channel("kafka", (), channel_id="billing#orders")

    found = resolution(mapped(catalog([nameless]), KAFKA), "billing#orders", "produced_offset")

    assert (found.chosen, found.code) == (None, "name-unknown")


# Kafka


def test_a_group_restricts_the_series_of_its_consumer() -> None:
    documents = catalog([ORDERS], receives={"billing": (ORDERS.id, "billing")})

    binding = live(mapped(documents, KAFKA), "billing/receive", "consumer_lag")

    assert binding.profile == "kafka_exporter"
    assert binding.partition_label == "partition"
    assert binding.invalid_below == 0
    assert binding.series == 2
    assert binding.all[0].selector.matchers == (
        Matcher("topic", ("orders.v1",)),
        Matcher("consumergroup", ("billing",)),
    )


def test_an_undeclared_group_is_taken_when_it_is_the_only_one_seen() -> None:
    documents = catalog([ORDERS], receives={"billing": (ORDERS.id, None)})
    one_group = [(name, labels) for name, labels in KAFKA if labels.get("consumergroup") != "mail"]

    binding = live(mapped(documents, one_group), "billing/receive", "consumer_lag")

    assert matchers(binding.all[0])["consumergroup"].values == ("billing",)
    assert "consumer group billing discovered: the only one in consumergroup" in binding.reason
    assert binding.discovered_group == "billing"


def test_an_undeclared_group_is_never_chosen_among_several() -> None:
    documents = catalog([ORDERS], receives={"billing": (ORDERS.id, None)})

    found = resolution(mapped(documents, KAFKA), "billing/receive", "consumer_lag")

    assert (found.chosen, found.code) == (None, "consumer-group-unknown")
    assert "seen: billing, mail" in found.reason


def test_a_group_that_is_not_there_is_missing_and_not_replaced() -> None:
    documents = catalog([ORDERS], receives={"billing": (ORDERS.id, "payments")})

    found = resolution(mapped(documents, KAFKA), "billing/receive", "consumer_lag")

    assert found.code == "series-missing"
    assert isinstance(found.chosen, MetricBinding)
    assert matchers(found.chosen.all[0])["consumergroup"].values == ("payments",)
    assert "groups seen: billing, mail" in found.reason


def test_produced_offsets_count_as_a_position() -> None:
    binding = live(mapped(catalog([ORDERS]), KAFKA), ORDERS.id, "enqueued_messages")

    assert (binding.kind, binding.series) == ("position", 2)


def test_labels_of_an_operation_narrow_what_is_counted_of_its_channel() -> None:
    documents = catalog([ORDERS], receives={"billing": (ORDERS.id, "billing"), "mail": (ORDERS.id, "mail")})
    first, second = documents.operations
    narrowed = replace(documents, operations=(replace(first, telemetry=override(cluster="eu-1")), second))
    series = [(name, {**labels, "cluster": cluster}) for cluster in ("eu-1", "us-1") for name, labels in KAFKA]

    result = mapped(narrowed, series, labels=["cluster"])

    own = live(result, first.key, "produced_offset")
    assert (own.series, matchers(own.all[0])["cluster"]) == (2, Matcher("cluster", ("eu-1",)))
    assert live(result, ORDERS.id, "produced_offset").series == 4
    assert (second.key, "produced_offset") not in result.resolutions


def test_labels_that_the_broker_does_not_carry_leave_the_channel_as_it_is() -> None:
    documents = catalog([ORDERS], receives={"billing": (ORDERS.id, "billing")})
    (only,) = documents.operations
    narrowed = replace(documents, operations=(replace(only, telemetry=override(pod="billing-0")),))

    result = mapped(narrowed, KAFKA, labels=["pod"])

    assert (only.key, "produced_offset") not in result.resolutions
    assert live(result, ORDERS.id, "produced_offset").series == 2


# OpenTelemetry metrics


def test_a_service_is_found_by_the_job_of_its_series() -> None:
    documents = catalog([ORDERS], sends={"shop": ORDERS.id})
    series = [sent("orders.v1"), sent("orders.v1", error_type="timeout"), sent("orders.v1", job="eu/importer")]

    binding = live(mapped(documents, series), "shop/send", "published_messages")

    assert matchers(binding.all[0]) == {
        "messaging_destination_name": Matcher("messaging_destination_name", ("orders.v1",)),
        "job": Matcher("job", ("shop",)),
    }
    assert matchers(binding.success[0])["error_type"] == Matcher("error_type", ("",))
    assert matchers(binding.error[0])["error_type"] == Matcher("error_type", ("",), negated=True)


def test_the_job_of_otlp_metrics_holds_the_namespace_too() -> None:
    documents = catalog([ORDERS], sends={"shop": ORDERS.id})

    binding = live(mapped(documents, [sent("orders.v1", job="retail/shop")]), "shop/send", "published_messages")

    assert matchers(binding.all[0])["job"].values == ("retail/shop",)


def test_without_a_label_of_the_service_the_destination_alone_counts_and_says_so() -> None:
    documents = catalog([ORDERS], sends={"shop": ORDERS.id})

    binding = live(mapped(documents, [sent("orders.v1", job="pods")]), "shop/send", "published_messages")

    assert "job" not in matchers(binding.all[0])
    assert "no label names shop, so everyone on this destination is counted" in binding.caveats


def test_series_that_name_another_service_of_the_catalogue_are_left_out() -> None:
    documents = catalog([ORDERS], sends={"shop": ORDERS.id, "audit": ORDERS.id, "eu/depot": ORDERS.id})
    jobs = ("pods", "retail/audit", "north/eu/depot", "audit-2", "/")

    binding = live(mapped(documents, [sent("orders.v1", job=job) for job in jobs]), "shop/send", "published_messages")

    assert matchers(binding.all[0])["job"] == Matcher("job", ("north/eu/depot", "retail/audit"), negated=True)
    assert binding.series == 3
    assert "north/eu/depot, retail/audit left out" in binding.reason


TWO_CLUSTERS = [
    ("kafka_topic_partition_current_offset", {"topic": "orders.v1", "partition": "0", "cluster": cluster})
    for cluster in ("eu", "us")
]
TOGETHER = "cluster eu, us are counted together; x-telemetry: {labels: {cluster: ...}} says which"


def test_a_topic_of_two_clusters_is_counted_together_and_that_is_said() -> None:
    binding = live(mapped(catalog([ORDERS]), TWO_CLUSTERS), ORDERS.id, "produced_offset")

    assert binding.series == 2
    assert TOGETHER in binding.caveats


@pytest.mark.parametrize("label", ["env", "environment", "deployment_environment_name", "region", "account_id"])
def test_two_environments_of_one_server_are_told(label: str) -> None:
    series = [(TWO_CLUSTERS[0][0], {"topic": "orders.v1", "partition": "0", label: one}) for one in ("prod", "test")]

    binding = live(mapped(catalog([ORDERS]), series), ORDERS.id, "produced_offset")

    assert f"{label} prod, test are counted together; x-telemetry: {{labels: {{{label}: ...}}}} says which" in (
        binding.caveats
    )


def test_a_cluster_that_the_document_names_is_counted_alone() -> None:
    there = channel("kafka", names(topic="orders.v1"), telemetry=override(cluster="us"))

    binding = live(mapped(catalog([there]), TWO_CLUSTERS, ["cluster"]), there.id, "produced_offset")

    assert (binding.series, matchers(binding.all[0])["cluster"].values) == (1, ("us",))
    assert TOGETHER not in binding.caveats


def test_another_topic_of_another_cluster_takes_no_part() -> None:
    alone = [TWO_CLUSTERS[0], (TWO_CLUSTERS[1][0], {**TWO_CLUSTERS[1][1], "topic": "refunds.v1"})]

    binding = live(mapped(catalog([ORDERS]), alone), ORDERS.id, "produced_offset")

    assert not [caveat for caveat in binding.caveats if "together" in caveat]


def test_what_is_the_same_for_many_subjects_is_one_object() -> None:
    topics = [channel("kafka", names(topic=f"topic.{number}")) for number in range(3)]
    result = mapped(catalog(topics), [("kafka_topic_partition_current_offset", {"topic": "topic.1", "partition": "0"})])

    told = [resolution(result, one.id, "queue_depth") for one in topics]

    assert told[0].code == "not-provided"
    assert told[0] is told[1] is told[2]


def test_another_service_of_the_catalogue_is_not_taken_for_the_own_one() -> None:
    documents = catalog([ORDERS], sends={"shop": ORDERS.id, "importer": ORDERS.id})

    result = mapped(documents, [sent("orders.v1", job="importer")])

    assert live(result, "importer/send", "published_messages").series == 1
    assert resolution(result, "shop/send", "published_messages").code == "series-missing"


@pytest.mark.parametrize(
    ("metric", "label", "variant"),
    [
        ("messaging_client_sent_messages_total", "messaging_destination_name", "with-suffixes"),
        ("messaging_client_sent_messages", "messaging_destination_name", "without-suffixes"),
        ("messaging.client.sent.messages_total", "messaging.destination.name", "utf8-with-suffixes"),
        ("messaging.client.sent.messages", "messaging.destination.name", "utf8"),
    ],
)
def test_every_translation_of_opentelemetry_names_is_known(metric: str, label: str, variant: str) -> None:
    documents = catalog([ORDERS], sends={"shop": ORDERS.id})

    binding = live(
        mapped(documents, [(metric, {label: "orders.v1", "job": "shop"})]), "shop/send", "published_messages"
    )

    assert (binding.variant, binding.all[0].selector.metric) == (variant, metric)


def test_names_with_and_without_suffixes_side_by_side_are_counted_once() -> None:
    documents = catalog([ORDERS], sends={"shop": ORDERS.id})
    series = [sent("orders.v1"), ("messaging_client_sent_messages", sent("orders.v1")[1])]

    binding = live(mapped(documents, series), "shop/send", "published_messages")

    assert len(binding.all) == 1
    assert binding.variant == "with-suffixes"
    assert "also there as without-suffixes, counted once" in binding.reason


def test_old_names_of_the_conventions_are_known() -> None:
    documents = catalog([ORDERS], sends={"shop": ORDERS.id})
    old = ("messaging_publish_messages_total", {"messaging_destination_name": "orders.v1", "job": "shop"})

    assert live(mapped(documents, [old]), "shop/send", "published_messages").all[0].selector.metric == old[0]


def test_processed_messages_are_the_count_of_the_process_duration() -> None:
    documents = catalog([ORDERS], receives={"billing": (ORDERS.id, "billing")})
    series = [handled("orders.v1", "billing", "billing"), handled("orders.v1", "billing", "billing", error_type="E")]

    binding = live(mapped(documents, series), "billing/receive", "processed_messages")

    assert (binding.kind, binding.all[0].selector.metric) == (
        "cumulative",
        "messaging_process_duration_seconds_count",
    )
    assert matchers(binding.all[0])["messaging_consumer_group_name"].values == ("billing",)


def test_series_without_a_group_are_found_by_their_service() -> None:
    documents = catalog([ORDERS], receives={"billing": (ORDERS.id, "billing"), "mail": (ORDERS.id, "mail")})
    series = [handled("orders.v1", "billing"), handled("orders.v1", "mail")]

    binding = live(mapped(documents, series), "billing/receive", "processed_messages")

    assert matchers(binding.all[0])["job"].values == ("billing",)


def test_boundaries_are_those_that_every_instance_has() -> None:
    documents = catalog([ORDERS], receives={"billing": (ORDERS.id, "billing")})
    series = [handled("orders.v1", "billing", "billing", le) for le in ("0.5", "1.0", "2.5", "+Inf")] + [
        handled("orders.v1", "billing", "billing", le, error_type="E") for le in ("0.5", "1", "+Inf")
    ]

    binding = live(mapped(documents, series), "billing/receive", "process_duration")

    assert [bound for bound, _ in binding.boundaries] == [0.5, 1.0, 2.5]
    assert binding.series == 2


def test_a_parameterised_address_is_matched_by_its_pattern() -> None:
    fleet = channel("kafka", pattern("topic", "fleet.{id}.position", r"fleet\.[^.]+\.position"))
    documents = catalog([fleet], sends={"gateway": fleet.id})
    series = [
        sent("fleet.7.position", "gateway"),
        sent("fleet.8.position", "gateway"),
        sent("fleet.8.speed", "gateway"),
    ]

    binding = live(mapped(documents, series), "gateway/send", "published_messages")

    assert matchers(binding.all[0])["messaging_destination_name"].pattern == r"fleet\.[^.]+\.position"
    assert binding.series == 2


def test_a_destination_template_means_the_parameterised_address() -> None:
    fleet = channel("mqtt", pattern("topic", "fleet/{vehicleId}/position", r"fleet/[^/]+/position"))
    documents = catalog([fleet], sends={"gateway": fleet.id})
    series = [
        (
            "messaging_client_sent_messages_total",
            {"messaging_destination_template": "fleet/{id}/position", "job": "gateway"},
        )
    ]

    binding = live(mapped(documents, series), "gateway/send", "published_messages")

    assert matchers(binding.all[0])["messaging_destination_template"].values == ("fleet/{id}/position",)


# RabbitMQ


@pytest.mark.parametrize(
    "destination", ["shop", "orders.placed", "shop:orders.placed"], ids=["exchange", "routing key", "exchange and key"]
)
def test_a_producer_on_rabbitmq_is_found_in_every_spelling(destination: str) -> None:
    placed = channel("amqp", names(routing_key="orders.placed", exchange="shop"))
    documents = catalog([placed], sends={"shop-web": placed.id})

    binding = live(mapped(documents, [sent(destination, "shop-web")]), "shop-web/send", "published_messages")

    assert matchers(binding.all[0])["messaging_destination_name"].values == (destination,)


def test_an_exchange_without_its_key_is_used_last_and_says_so() -> None:
    placed = channel("amqp", names(routing_key="orders.placed", exchange="shop"))
    documents = catalog([placed], sends={"shop-web": placed.id})
    exact, loose = sent("shop:orders.placed", "shop-web"), sent("shop", "shop-web")

    both = live(mapped(documents, [exact, loose]), "shop-web/send", "published_messages")
    only_loose = live(mapped(documents, [loose]), "shop-web/send", "published_messages")

    assert matchers(both.all[0])["messaging_destination_name"].values == ("shop:orders.placed",)
    assert any("other channels may be counted" in caveat for caveat in only_loose.caveats)


@pytest.mark.parametrize("destination", ["billing.orders", "shop:orders.placed:billing.orders", "shop:billing.orders"])
def test_a_consumer_is_found_by_the_queue_at_the_end_of_its_destination(destination: str) -> None:
    documents = catalog([BILLING_QUEUE], receives={"billing": (BILLING_QUEUE.id, None)})

    binding = live(mapped(documents, [handled(destination, "billing")]), "billing/receive", "processed_messages")

    assert matchers(binding.all[0])["messaging_destination_name"].values == (destination,)


def test_the_queue_is_the_consumer() -> None:
    documents = catalog([BILLING_QUEUE], receives={"billing": (BILLING_QUEUE.id, None)})
    series = [
        ("rabbitmq_queue_messages", {"queue": "billing.orders", "vhost": "/"}),
        ("rabbitmq_channel_messages_acked_total", {"queue": "billing.orders", "vhost": "/", "channel": "<0.1.0>"}),
    ]

    result = mapped(documents, series)

    assert live(result, "billing/receive", "consumer_lag").all[0].selector.matchers == (
        Matcher("queue", ("billing.orders",)),
    )
    assert live(result, "billing/receive", "acknowledged_messages").variant == "per-object"


def test_what_rabbitmq_delivers_with_automatic_acknowledgement_counts_as_acknowledged() -> None:
    documents = catalog([BILLING_QUEUE], receives={"billing": (BILLING_QUEUE.id, None)})
    labels = {"queue": "billing.orders", "vhost": "/", "channel": "<0.1.0>"}

    result = mapped(documents, [("rabbitmq_channel_messages_delivered_total", labels)])

    acknowledged = live(result, "billing/receive", "acknowledged_messages")
    assert "rabbitmq_channel_messages_delivered_total" in {term.selector.metric for term in acknowledged.all}


def test_per_object_and_detailed_side_by_side_are_counted_once() -> None:
    series = [
        ("rabbitmq_queue_messages", {"queue": "billing.orders", "vhost": "/"}),
        ("rabbitmq_detailed_queue_messages", {"queue": "billing.orders", "vhost": "/"}),
    ]

    binding = live(mapped(catalog([BILLING_QUEUE]), series), BILLING_QUEUE.id, "queue_depth")

    assert [term.selector.metric for term in binding.all] == ["rabbitmq_queue_messages"]
    assert "also there as detailed, counted once" in binding.reason


def test_the_aggregated_broker_metrics_are_no_queue() -> None:
    found = resolution(
        mapped(
            catalog([BILLING_QUEUE]), [("rabbitmq_queue_messages", {}), ("rabbitmq_process_resident_memory_bytes", {})]
        ),
        BILLING_QUEUE.id,
        "queue_depth",
    )

    assert found.code == "series-missing"


def test_the_newer_generation_is_preferred_and_the_older_one_found() -> None:
    labels = {"queue": "billing.orders", "vhost": "/"}
    older = ("rabbitmq_channel_messages_redelivered_total", {**labels, "channel": "<0.1.0>"})
    newer = ("rabbitmq_queue_messages_redelivered_total", labels)
    documents = catalog([BILLING_QUEUE], receives={"billing": (BILLING_QUEUE.id, None)})

    metric = [
        live(mapped(documents, series), "billing/receive", "redelivered_messages").all[0].selector.metric
        for series in ([older], [older, newer])
    ]

    assert metric == [older[0], newer[0]]


def test_publishes_to_an_exchange_are_counted_less_what_found_no_queue() -> None:
    placed = channel("amqp", names(exchange="shop"))
    labels = {"exchange": "shop", "vhost": "/"}
    series = [
        (f"rabbitmq_exchange_messages_{what}_total", labels)
        for what in ("published", "unroutable_returned", "unroutable_dropped")
    ]
    documents = catalog([placed], sends={"shop-web": placed.id})

    binding = live(mapped(documents, series), "shop-web/send", "published_messages")

    assert [
        (term.sign, term.selector.metric.removeprefix("rabbitmq_exchange_messages_")) for term in binding.success
    ] == [
        (1, "published_total"),
        (-1, "unroutable_returned_total"),
        (-1, "unroutable_dropped_total"),
    ]


def test_what_is_measured_directly_wins_over_what_stands_in() -> None:
    placed = channel("amqp", names(exchange="shop", routing_key="orders.placed"))
    series = [
        sent("shop:orders.placed", "shop-web"),
        ("rabbitmq_exchange_messages_published_total", {"exchange": "shop", "vhost": "/"}),
    ]
    documents = catalog([placed], sends={"shop-web": placed.id})

    found = resolution(mapped(documents, series), "shop-web/send", "published_messages")

    assert found.chosen is not None
    assert (found.chosen.profile, [other.profile for other in found.alternatives]) == (
        "otel_semconv_messaging",
        ["rabbitmq"],
    )


def test_a_queue_in_one_virtual_host_is_not_that_of_another() -> None:
    named = channel("amqp", names(queue="orders", vhost="shop"))
    series = [("rabbitmq_queue_messages", {"queue": "orders", "vhost": vhost}) for vhost in ("/", "shop")]

    binding = live(mapped(catalog([named]), series), named.id, "queue_depth")

    assert binding.series == 1
    assert binding.all[0].selector.matchers == (Matcher("queue", ("orders",)), Matcher("vhost", ("shop",)))


def test_a_queue_name_in_several_virtual_hosts_is_counted_over_all_and_says_so() -> None:
    series = [("rabbitmq_queue_messages", {"queue": "billing.orders", "vhost": vhost}) for vhost in ("/", "shop")]

    binding = live(mapped(catalog([BILLING_QUEUE]), series), BILLING_QUEUE.id, "queue_depth")

    assert binding.series == 2
    assert "counted over every vhost: /, shop" in binding.caveats


# dead letters


def test_dead_letters_of_rabbitmq_are_rises_of_the_declared_queue() -> None:
    documents = catalog([BILLING_QUEUE], receives={"billing": (BILLING_QUEUE.id, None)})
    series = [
        ("rabbitmq_queue_messages", {"queue": queue, "vhost": "/"})
        for queue in ("billing.orders", "billing.orders.dlq")
    ]

    binding = live(mapped(documents, series), "billing/receive", "dead_lettered_messages")

    assert binding.kind == "rising_level"
    assert matchers(binding.all[0])["queue"].values == ("billing.orders.dlq",)
    assert "dead letters go to billing.orders.dlq, declared by the documents" in binding.reason


@pytest.mark.parametrize(
    "name", ["orders.v1.dlq", "orders.v1-dlq", "orders.v1.DLT", "orders.v1-dlt", "dlq.orders.v1", "error.orders.v1"]
)
def test_a_dead_letter_topic_with_a_usual_name_is_found(name: str) -> None:
    documents = catalog([ORDERS], receives={"billing": (ORDERS.id, "billing")})
    series = [*KAFKA, ("kafka_topic_partition_current_offset", {"topic": name, "partition": "0"})]

    binding = live(mapped(documents, series), "billing/receive", "dead_lettered_messages")

    assert (binding.kind, matchers(binding.all[0])["topic"].values) == ("position", (name,))


@pytest.mark.parametrize(
    "name",
    [
        "orders.v1.billing.dlq", "error.orders.v1.billing", "orders.v1-billing-DLQ", "orders.v1_error",
        "DLQ.orders.v1", "dead-letter-topic-orders.v1", "orders.v1-dead-letter-queue",
    ],
)  # fmt: skip
def test_names_that_frameworks_give_dead_letters_are_found_and_said(name: str) -> None:
    documents = catalog([ORDERS], receives={"billing": (ORDERS.id, "billing")})
    series = [*KAFKA, ("kafka_topic_partition_current_offset", {"topic": name, "partition": "0"})]

    binding = live(mapped(documents, series), "billing/receive", "dead_lettered_messages")

    assert matchers(binding.all[0])["topic"].values == (name,)
    assert f"dead letters go to {name}, by the convention " in binding.reason


def test_the_dead_letters_of_one_group_are_not_those_of_another() -> None:
    documents = catalog([ORDERS], receives={"billing": (ORDERS.id, "billing")})
    series = [*KAFKA, ("kafka_topic_partition_current_offset", {"topic": "orders.v1-audit-DLQ", "partition": "0"})]

    found = resolution(mapped(documents, series), "billing/receive", "dead_lettered_messages")

    assert (found.chosen, found.code) == (None, "dead-letter-unknown")


def test_a_channel_of_its_own_is_not_taken_for_dead_letters() -> None:
    errors = channel("kafka", names(topic="orders.v1.error"))
    series = [*KAFKA, ("kafka_topic_partition_current_offset", {"topic": "orders.v1.error", "partition": "0"})]
    receives = {"billing": (ORDERS.id, "billing")}

    theirs = mapped(catalog([ORDERS, errors], sends={"monitoring": errors.id}, receives=receives), series)
    ours = mapped(catalog([ORDERS, errors], receives=receives), series)

    assert resolution(theirs, "billing/receive", "dead_lettered_messages").code == "dead-letter-unknown"
    assert live(ours, "billing/receive", "dead_lettered_messages").all


def test_the_dead_letter_queue_of_a_fifo_queue_is_one_too() -> None:
    orders = channel("sqs", names(queue="orders.fifo"))
    documents = catalog([orders], receives={"billing": (orders.id, None)})
    visible = "aws_sqs_approximate_number_of_messages_visible_maximum"
    series = [(visible, {"dimension_QueueName": queue}) for queue in ("orders.fifo", "orders-dlq.fifo")]

    binding = live(mapped(documents, series), "billing/receive", "dead_lettered_messages")

    assert (binding.kind, matchers(binding.all[0])["dimension_QueueName"].values) == (
        "rising_level",
        ("orders-dlq.fifo",),
    )


@pytest.mark.parametrize("declared", ["orders.dlq", None], ids=["declared", "by convention"])
def test_the_dead_letter_queue_of_another_virtual_host_is_another_queue(declared: str | None) -> None:
    orders = channel("amqp", names(queue="orders", vhost="/prod"), dead_letter=declared)
    series = [
        ("rabbitmq_detailed_queue_messages", {"queue": queue, "vhost": vhost})
        for queue in ("orders", "orders.dlq")
        for vhost in ("/prod", "/test")
    ]

    documents = catalog([orders], receives={"billing": (orders.id, None)})

    binding = live(mapped(documents, series), "billing/receive", "dead_lettered_messages")

    assert binding.all[0].selector.matchers == (Matcher("queue", ("orders.dlq",)), Matcher("vhost", ("/prod",)))


def test_no_dead_letter_topic_is_invented() -> None:
    documents = catalog([ORDERS], receives={"billing": (ORDERS.id, "billing")})

    found = resolution(mapped(documents, KAFKA), "billing/receive", "dead_lettered_messages")

    assert (found.chosen, found.code) == (None, "dead-letter-unknown")


def test_a_declared_dead_letter_topic_that_is_not_there_is_missing() -> None:
    declared = channel("kafka", names(topic="orders.v1"), dead_letter="orders.rejected")
    documents = catalog([declared], receives={"billing": (declared.id, "billing")})

    found = resolution(mapped(documents, KAFKA), "billing/receive", "dead_lettered_messages")

    assert found.code == "series-missing"
    assert isinstance(found.chosen, MetricBinding)
    assert matchers(found.chosen.all[0])["topic"].values == ("orders.rejected",)


def test_a_counter_of_the_application_wins_over_the_dead_letter_queue() -> None:
    documents = catalog([BILLING_QUEUE], receives={"billing": (BILLING_QUEUE.id, None)})
    series = [
        ("rabbitmq_queue_messages", {"queue": "billing.orders.dlq", "vhost": "/"}),
        ("messaging_dead_lettered_messages_total", {"channel": "billing.orders", "job": "billing"}),
    ]

    binding = live(mapped(documents, series), "billing/receive", "dead_lettered_messages")

    assert binding.profile == "application_counters"


# overrides


def test_an_override_wins_even_when_its_series_are_missing() -> None:
    wished = channel("kafka", names(topic="orders.v1"), telemetry=override("kafka_jmx_strimzi"))

    found = resolution(mapped(catalog([wished]), KAFKA), wished.id, "enqueued_messages")

    assert found.chosen is not None
    assert (found.chosen.profile, found.code) == ("kafka_jmx_strimzi", "series-missing")


def test_labels_of_an_override_narrow_every_series() -> None:
    narrowed = channel("kafka", names(topic="orders.v1"), telemetry=override(cluster="eu-1"))
    series = [("kafka_topic_partitions", {"topic": "orders.v1", "cluster": cluster}) for cluster in ("eu-1", "us-1")]

    binding = live(mapped(catalog([narrowed]), series, ["cluster"]), narrowed.id, "partitions")

    assert binding.series == 1
    assert matchers(binding.all[0])["cluster"].values == ("eu-1",)


def test_a_label_that_identifies_replaces_the_name_only_where_the_exporter_has_it() -> None:
    quotes = channel("nats", names(subject="pricing.quote"), telemetry=override(stream_name="QUOTES"))
    documents = catalog([quotes], receives={"cache": (quotes.id, "quote-cache")})
    stream = {
        "stream_name": "QUOTES",
        "is_stream_leader": "true",
        "consumer_name": "quote-cache",
        "is_consumer_leader": "true",
    }
    series = [
        ("jetstream_consumer_num_pending", stream),
        ("jetstream_consumer_num_pending", {**stream, "is_consumer_leader": "false"}),
        handled("pricing.quote", "cache", "quote-cache"),
    ]

    result = mapped(documents, series, ["stream_name"])

    assert live(result, "cache/receive", "consumer_lag").series == 1
    assert "stream_name" not in matchers(live(result, "cache/receive", "processed_messages").all[0])


def test_an_override_by_an_unknown_profile_is_a_problem() -> None:
    wished = channel("kafka", names(topic="orders.v1"), telemetry=override("kminon"))

    (problem,) = mapped(catalog([wished]), KAFKA).problems

    assert (problem.code, problem.subject) == ("profile-unknown", wished.id)


# sources


def test_the_source_that_has_the_series_wins() -> None:
    documents = catalog([ORDERS])
    empty = Inventory(source="metrics")
    store = inventory_of(KAFKA, PROFILES, source="store")

    result = map_catalog(documents, PROFILES, [empty, store])

    assert live(result, ORDERS.id, "produced_offset").source == "store"


def test_of_two_sources_with_the_same_series_the_first_is_read() -> None:
    inventories = [inventory_of(KAFKA, PROFILES, source=source) for source in ("metrics", "store")]

    result = map_catalog(catalog([ORDERS]), PROFILES, inventories)

    assert live(result, ORDERS.id, "produced_offset").source == "metrics"


# span metrics


@pytest.mark.parametrize(
    ("metric", "namespace"),
    [
        ("traces_span_metrics_calls_total", "traces_span_metrics"),
        ("traces_spanmetrics_calls_total", "traces_spanmetrics"),
        ("span_metrics_calls_total", "span_metrics"),
        ("calls_total", "no-namespace"),
    ],
)
@pytest.mark.parametrize("span_name", ["process orders.v1", "orders.v1 process"])
def test_a_destination_is_found_inside_the_name_of_a_span(metric: str, namespace: str, span_name: str) -> None:
    documents = catalog([ORDERS], receives={"billing": (ORDERS.id, "billing")})
    labels = {"service_name": "billing", "span_name": span_name, "span_kind": "SPAN_KIND_CONSUMER"}

    binding = live(mapped(documents, [(metric, labels)]), "billing/receive", "processed_messages")

    assert binding.variant == f"{namespace}/with-suffixes"
    assert matchers(binding.all[0])["span_name"].values == (span_name,)
    assert matchers(binding.error[0])["status_code"].values[0] == "STATUS_CODE_ERROR"


def test_producer_spans_are_no_consumer() -> None:
    documents = catalog([ORDERS], receives={"billing": (ORDERS.id, "billing")})
    labels = {"service_name": "billing", "span_name": "process orders.v1", "span_kind": "SPAN_KIND_PRODUCER"}

    found = resolution(mapped(documents, [("calls_total", labels)]), "billing/receive", "processed_messages")

    assert found.code in ("series-missing", "not-provided")


def test_durations_in_milliseconds_are_scaled() -> None:
    documents = catalog([ORDERS], receives={"billing": (ORDERS.id, "billing")})
    labels = {"service_name": "billing", "span_name": "process orders.v1", "span_kind": "SPAN_KIND_CONSUMER"}
    series = [("traces_span_metrics_duration_milliseconds_bucket", {**labels, "le": le}) for le in ("250", "+Inf")]

    binding = live(mapped(documents, series), "billing/receive", "process_duration")

    assert (binding.scale, binding.boundaries) == (0.001, ((250.0, "250"),))


# what is not there is explained


def test_a_broker_without_numbers_per_channel_says_so() -> None:
    doors = channel("mqtt", names(topic="fleet/doors"))
    documents = catalog([doors], receives={"gateway": (doors.id, None)})

    found = resolution(mapped(documents, [("broker_heap_current", {})]), "gateway/receive", "consumer_lag")

    assert (found.chosen, found.code) == (None, "not-provided")
    assert found.reason == "mosquitto: the broker has no backlog per subscriber; watch the subscriber with traces"


def test_an_exporter_that_is_there_and_shows_no_channel_says_how_it_would() -> None:
    parcels = channel("nats", names(subject="parcels.sent"))
    documents = catalog([parcels], receives={"depot": (parcels.id, "sorter")})

    found = resolution(mapped(documents, [("gnatsd_varz_in_msgs", {})]), "depot/receive", "consumer_lag")

    naming = "name the stream: x-telemetry {labels: {stream_name: ...}}, and run the exporter with -jsz=all"
    assert (found.chosen, found.switches) == (None, (naming,))
    assert found.reason.endswith(naming)


def test_the_memory_of_one_broker_is_not_that_of_another_protocol() -> None:
    doors = channel("mqtt", names(topic="fleet/doors"))
    documents = catalog([doors, BILLING_QUEUE])

    result = mapped(documents, [("rabbitmq_process_resident_memory_bytes", {})])

    assert live(result, BILLING_QUEUE.id, "broker_memory_used").profile == "rabbitmq"
    assert result.chosen(doors.id, "broker_memory_used") is None


# spans


def span(role: str, destination: str, service: str, group: str = "", system: str = "rabbitmq") -> SpanDestination:
    return SpanDestination(
        role=role,
        system=system,
        destination=destination,
        service=service,
        consumer_group=group,
        messages=5.0,
        first_ms=1,
        last_ms=2,
    )


def spans(documents: Catalog, *rows: SpanDestination) -> MappingResult:
    return map_catalog(documents, PROFILES, [Inventory(source="store", destinations=rows)])


def test_a_hop_names_what_both_ends_say() -> None:
    documents = catalog([BILLING_QUEUE], receives={"billing": (BILLING_QUEUE.id, None)})
    rows = (
        span("producer", "shop:orders.placed", "web"),
        span("consumer", "shop:orders.placed:billing.orders", "billing"),
    )

    binding = spans(documents, *rows).chosen("billing/receive", "end_to_end_latency")

    assert isinstance(binding, SpanBinding)
    assert binding.liveness == "live"
    assert binding.selector.destinations == ("shop:orders.placed", "shop:orders.placed:billing.orders")
    assert (binding.selector.service, binding.selector.system, binding.messages) == ("billing", "rabbitmq", 5.0)


def test_a_consumer_whose_spans_name_only_the_exchange_is_found_by_elimination() -> None:
    documents = catalog([BILLING_QUEUE], receives={"billing": (BILLING_QUEUE.id, None)})

    binding = spans(documents, span("consumer", "shop", "billing")).chosen("billing/receive", "processed_messages")

    assert isinstance(binding, SpanBinding)
    assert "shop is the only destination that billing consumes from" in binding.reason


def test_elimination_needs_one_destination() -> None:
    documents = catalog([BILLING_QUEUE], receives={"billing": (BILLING_QUEUE.id, None)})
    rows = (span("consumer", "shop", "billing"), span("consumer", "other", "billing"))

    found = resolution(spans(documents, *rows), "billing/receive", "processed_messages")

    assert found.code == "series-missing"


def test_another_topic_is_another_channel_however_alone_it_is() -> None:
    documents = catalog([ORDERS], receives={"billing": (ORDERS.id, "billing")})

    found = resolution(
        spans(documents, span("consumer", "orders-v1", "billing", "billing", system="kafka")),
        "billing/receive",
        "processed_messages",
    )

    assert found.code == "series-missing"


def test_spans_of_another_system_are_another_channel() -> None:
    documents = catalog([ORDERS], receives={"billing": (ORDERS.id, "billing")})

    found = resolution(
        spans(documents, span("consumer", "orders.v1", "billing", "billing", system="rabbitmq")),
        "billing/receive",
        "processed_messages",
    )

    assert found.code == "series-missing"


def test_metrics_win_over_spans_because_spans_may_be_sampled() -> None:
    documents = catalog([ORDERS], receives={"billing": (ORDERS.id, "billing")})
    metrics = inventory_of([handled("orders.v1", "billing", "billing")], PROFILES)
    store = Inventory(source="store", destinations=(span("consumer", "orders.v1", "billing", "billing", "kafka"),))

    result = map_catalog(documents, PROFILES, [metrics, store])

    assert live(result, "billing/receive", "processed_messages").profile == "otel_semconv_messaging"
    assert result.chosen("billing/receive", "end_to_end_latency") is not None


# any text at all


@settings(deadline=None)
@given(st.text(min_size=1).filter(lambda text: not text.isspace()))
def test_any_topic_is_found_by_exactly_its_name(topic: str) -> None:
    odd = channel("kafka", names(topic=topic), channel_id="kafka:odd")
    series = [
        ("kafka_topic_partitions", {"topic": value}) for value in dict.fromkeys((topic, topic + "x", "x" + topic))
    ]

    binding = live(mapped(catalog([odd]), series), "kafka:odd", "partitions")

    assert (binding.series, matchers(binding.all[0])["topic"].values) == (1, (topic,))


def test_reasons_never_hold_a_placeholder() -> None:
    documents = catalog(
        [ORDERS, BILLING_QUEUE], sends={"shop": ORDERS.id}, receives={"billing": (BILLING_QUEUE.id, None)}
    )

    result = mapped(documents, KAFKA)

    assert not [one.reason for one in result.resolutions.values() if re.search(r"\{\w*\}|None", one.reason)]
    assert all(one.reason for one in result.resolutions.values())


def test_a_missing_signal_is_looked_for_under_the_naming_that_the_exporter_uses() -> None:
    seen = [("messaging.client.sent.messages", {"messaging.destination.name": "orders.v1", "job": "shop"})]
    documents = catalog([ORDERS], sends={"shop": ORDERS.id}, receives={"billing": (ORDERS.id, "billing")})

    found = mapped(documents, seen).resolutions["billing/receive", "processed_messages"]

    assert found.code == "series-missing"
    assert isinstance(found.chosen, MetricBinding)
    assert (found.chosen.profile, found.chosen.variant) == ("otel_semconv_messaging", "utf8")


def test_every_alternative_says_why_it_came_later() -> None:
    labels = {"topic": "orders.v1", "partition": "0"}
    seen = [
        ("kafka_topic_partition_current_offset", labels),
        ("messaging_client_sent_messages_total", {"messaging_destination_name": "orders.v1", "job": "shop"}),
        ("messaging_client_sent_messages", {"messaging_destination_name": "orders.v1", "job": "shop"}),
    ]

    found = mapped(catalog([ORDERS], sends={"shop": ORDERS.id}), seen)

    resolution = found.resolutions["shop/send", "published_messages"]
    assert len(resolution.later) == len(resolution.alternatives) >= 1
    assert resolution.later[0] == "a later recipe or naming variant of its profile"


def test_what_nothing_measures_names_the_switch() -> None:
    seen = [("kafka_topic_partition_current_offset", {"topic": "orders.v1", "partition": "0"})]
    documents = catalog([ORDERS], receives={"billing": (ORDERS.id, "billing")})

    found = mapped(documents, seen).resolutions["billing/receive", "processed_messages"]

    assert found.code == "not-provided"
    assert "emit messaging.process.duration from the consumer" in found.switches


def test_settings_say_what_documents_leave_open_and_documents_win() -> None:
    other = channel("kafka", names(topic="mails"))
    own = replace(ORDERS, telemetry=override(profile="otel_spanmetrics"))
    rules = (TelemetrySettings(channels="kafka:m*", profile="kafka_exporter"), TelemetrySettings(labels={"env": "x"}))

    found = with_telemetry(catalog([own, other]), rules)

    by_id = {one.id: one.telemetry for one in found.channels}
    assert by_id == {own.id: own.telemetry, other.id: TelemetryOverride(profile="kafka_exporter")}


# exporters of cloud services and brokers


def test_a_rule_of_the_settings_that_fits_no_channel_or_no_profile_is_told_with_its_place() -> None:
    first, second = Location("observatory.yaml", 2, 5), Location("observatory.yaml", 3, 5)
    rules = [
        TelemetrySettings(channels="kafka:*", profile="kminionn", location=first),
        TelemetrySettings(channels="kafka.orders.v1", profile="kminion", location=second),
    ]

    documents = with_telemetry(catalog([ORDERS]), rules)

    assert [(one.code, one.location) for one in documents.problems] == [("telemetry-unmatched", second)]
    (problem,) = mapped(documents, KAFKA).problems
    assert (problem.code, problem.location, problem.hint) == ("profile-unknown", first, "did you mean kminion?")


def test_a_total_of_a_finished_period_says_how_long_the_period_is() -> None:
    orders = channel("sqs", names(queue="orders"))
    documents = catalog([orders], receives={"billing": (orders.id, None)})
    series = [
        ("aws_sqs_number_of_messages_received_sum", {"dimension_QueueName": "orders", "region": "eu-west-1"}),
        ("aws_sqs_number_of_messages_deleted_sum", {"dimension_QueueName": "orders", "region": "eu-west-1"}),
    ]

    binding = live(mapped(documents, series), "billing/receive", "delivered_messages")

    assert (binding.profile, binding.kind) == ("aws_sqs_yace", "period_total")
    assert binding.all[0].selector.period_ms == 300_000


def test_the_same_names_by_another_exporter_of_cloudwatch_have_its_period() -> None:
    orders = channel("sqs", names(queue="orders"))
    series = [("aws_sqs_number_of_messages_sent_sum", {"queue_name": "orders"})]

    binding = live(mapped(catalog([orders]), series), orders.id, "enqueued_messages")

    assert (binding.profile, binding.all[0].selector.period_ms) == ("aws_cloudwatch_exporter", 60_000)


def test_all_partitions_of_a_pulsar_topic_are_counted_and_no_other_topic() -> None:
    topic = "persistent://shop/orders/placed"
    placed = channel("pulsar", names(topic=topic))
    shown = [topic, f"{topic}-partition-0", f"{topic}-partition-11", f"{topic}-partition-x", f"{topic}2-partition-0"]
    series = [("pulsar_in_messages_total", {"topic": one, "namespace": "shop/orders"}) for one in shown]

    binding = live(mapped(catalog([placed]), series), placed.id, "enqueued_messages")

    assert matchers(binding.all[0])["topic"].values == tuple(sorted(shown[:3]))


def test_partitions_of_a_pulsar_topic_that_is_not_there_yet_are_looked_for() -> None:
    placed = channel("pulsar", names(topic="persistent://shop/orders/placed"))
    other = [("pulsar_in_messages_total", {"topic": "persistent://shop/orders/other", "namespace": "shop/orders"})]

    found = resolution(mapped(catalog([placed]), other), placed.id, "enqueued_messages")

    assert isinstance(found.chosen, MetricBinding)
    expression = matchers(found.chosen.all[0])["topic"].pattern or ""
    assert re.fullmatch(expression, "persistent://shop/orders/placed-partition-3")
    assert re.fullmatch(expression, "persistent://shop/orders/placed")
    assert not re.fullmatch(expression, "persistent://shop/orders/placed-partition-")


def test_a_subscription_of_pulsar_is_the_consumer_group() -> None:
    topic = "persistent://shop/orders/placed"
    placed = channel("pulsar", names(topic=topic))
    documents = catalog([placed], receives={"billing": (placed.id, "billing")})
    series = [
        ("pulsar_subscription_back_log", {"topic": topic, "subscription": group}) for group in ("billing", "audit")
    ]

    binding = live(mapped(documents, series), "billing/receive", "consumer_lag")

    assert matchers(binding.all[0])["subscription"].values == ("billing",)


def test_a_subscription_without_a_topic_is_never_guessed() -> None:
    orders = channel("googlepubsub", names(topic="orders"))
    lag = "stackdriver_pubsub_subscription_pubsub_googleapis_com_subscription_num_undelivered_messages"
    series = [(lag, {"subscription_id": "somebody-elses"})]

    unknown = catalog([orders], receives={"billing": (orders.id, None)})
    named = catalog([orders], receives={"billing": (orders.id, "somebody-elses")})

    refused = resolution(mapped(unknown, series), "billing/receive", "consumer_lag")
    assert (refused.chosen, refused.code) == (None, "consumer-group-unknown")
    assert live(mapped(named, series), "billing/receive", "consumer_lag").profile == "gcp_pubsub_stackdriver"


@pytest.mark.parametrize(("told", "kind"), [("gauge", "period_total"), ("counter", "cumulative"), ("", "period_total")])
def test_an_option_that_turns_minutes_into_counters_shows_in_the_type(told: str, kind: str) -> None:
    orders = channel("googlepubsub", names(topic="orders"))
    metric = "stackdriver_pubsub_topic_pubsub_googleapis_com_topic_send_message_operation_count"
    inventory = inventory_of([(metric, {"topic_id": "orders"})], PROFILES)
    inventory = replace(inventory, metadata={metric: MetricMetadata(told)} if told else {})

    binding = live(map_catalog(catalog([orders]), PROFILES, [inventory]), orders.id, "enqueued_messages")

    assert (binding.kind, binding.all[0].selector.period_ms) == (kind, 60_000 if kind == "period_total" else 0)


def test_a_function_stands_for_the_service_of_its_name_only() -> None:
    orders = channel("sqs", names(queue="orders"))
    documents = catalog([orders], receives={"billing": (orders.id, None), "audit": (orders.id, None)})
    series = [
        ("aws_lambda_invocations_sum", {"dimension_FunctionName": function}) for function in ("billing", "thumbnails")
    ]

    found = mapped(documents, series)

    binding = live(found, "billing/receive", "processed_messages")
    assert matchers(binding.all[0])["dimension_FunctionName"].values == ("billing",)
    assert resolution(found, "audit/receive", "processed_messages").chosen is None


def test_series_of_the_management_api_beside_those_of_the_plugin_are_not_counted_twice() -> None:
    queue = {"queue": "billing.orders", "vhost": "/"}
    plugin = [("rabbitmq_queue_messages", queue), ("rabbitmq_process_resident_memory_bytes", {})]
    api = [
        ("rabbitmq_queue_messages", {**queue, "durable": "true", "cluster": "a", "self": "1"}),
        ("rabbitmq_queue_messages_ack_total", {**queue, "durable": "true", "cluster": "a", "self": "1"}),
    ]

    both = live(mapped(catalog([BILLING_QUEUE]), [*plugin, *api]), BILLING_QUEUE.id, "queue_depth")
    alone = live(mapped(catalog([BILLING_QUEUE]), api), BILLING_QUEUE.id, "queue_depth")

    assert (both.profile, both.series, matchers(both.all[0])["durable"].values) == ("rabbitmq", 1, ("",))
    assert (alone.profile, alone.series) == ("rabbitmq_exporter_kbudde", 1)


def test_the_switch_is_said_where_nothing_can_measure() -> None:
    doors = channel("mqtt", names(topic="fleet/doors"))
    documents = catalog([doors], receives={"gateway": (doors.id, None)})

    found = resolution(
        mapped(documents, [("vm_memory_total", {"node": "VerneMQ@a"})]), "gateway/receive", "consumer_lag"
    )

    assert found.reason == "vernemq: the broker has no backlog per subscriber; watch the subscriber with traces"


@pytest.mark.parametrize(
    ("protocol", "series", "reason"),
    [
        (
            "amqp",
            ("rabbitmq_global_messages_received_total", {"protocol": "amqp091"}),
            "rabbitmq (per-object) has no such series; set prometheus.return_per_object_metrics = true",
        ),
        ("mqtt", ("broker_publish_messages_received", {}), "mosquitto: the broker has no numbers per topic"),
        ("redis", ("redis_exporter_build_info", {"version": "1.45.0"}), "name the stream in --check-streams"),
        ("pulsar", ("pulsar_active_connections", {"broker": "b1"}), "exposeTopicLevelMetricsInPrometheus=true"),
    ],
)
def test_an_exporter_that_shows_no_channel_yet_is_recognised_and_says_what_to_switch_on(
    protocol: str, series: tuple[str, Mapping[str, str]], reason: str
) -> None:
    kind = {"amqp": "queue", "redis": "destination"}.get(protocol, "topic")
    orders = channel(protocol, names(**{kind: "orders"}))

    found = resolution(mapped(catalog([orders]), [series]), orders.id, "enqueued_messages")

    assert reason in found.reason


def test_a_profile_goes_by_the_names_of_what_it_covers() -> None:
    queue = channel("amqp", names(queue="billing.orders"), telemetry=override("rabbitmq_detailed"))
    series = [("rabbitmq_detailed_queue_messages", {"queue": "billing.orders", "vhost": "/"})]

    result = mapped(catalog([queue]), series)

    assert result.problems == ()
    assert live(result, queue.id, "queue_depth").profile == "rabbitmq"


CLOUDWATCH = [
    ("aws_sns_number_of_messages_published_sum", {"topic_name": "orders"}),
    ("aws_kinesis_incoming_records_sum", {"stream_name": "orders"}),
    ("aws_kinesis_get_records_iterator_age_milliseconds_maximum", {"stream_name": "orders"}),
    ("aws_sqs_number_of_messages_deleted_sum", {"queue_name": "orders"}),
]


def test_a_stream_is_no_topic_of_its_name_where_one_exporter_shows_both() -> None:
    topic, stream = channel("sns", names(topic="orders")), channel("kinesis", names(destination="orders"))
    documents = catalog([topic, stream], receives={"mail": (topic.id, None), "billing": (stream.id, None)})

    result = mapped(documents, CLOUDWATCH)

    assert live(result, topic.id, "enqueued_messages").all[0].selector.metric == CLOUDWATCH[0][0]
    assert live(result, stream.id, "enqueued_messages").all[0].selector.metric == CLOUDWATCH[1][0]
    assert result.chosen("mail/receive", "consumer_lag_time") is None
    assert result.chosen("billing/receive", "acknowledged_messages") is None
    assert live(result, "billing/receive", "consumer_lag_time").all[0].selector.metric == CLOUDWATCH[2][0]


def test_series_without_a_group_are_nobodys_where_only_the_group_tells() -> None:
    queue = channel("sqs", names(queue="orders"))
    documents = catalog([queue], receives={"billing": (queue.id, "billing")})
    # Both exporters use the name, each with a label of its own.
    series = [
        ("aws_lambda_invocations_sum", {"function_name": "mail"}),
        ("aws_lambda_invocations_sum", {"dimension_FunctionName": "stock"}),
    ]

    found = resolution(mapped(documents, series), "billing/receive", "processed_messages")

    assert found.chosen is None or found.chosen.liveness == "missing"
    assert "groups seen: mail" in found.reason or "groups seen: stock" in found.reason


def test_an_exporter_that_names_something_else_says_which_label_to_write() -> None:
    subject = channel("nats", names(subject="quotes.eur"))
    documents = catalog([subject], receives={"cache": (subject.id, "quote-cache")})
    series = [
        ("jetstream_stream_last_seq", {"stream_name": "QUOTES"}),
        ("jetstream_consumer_num_pending", {"stream_name": "QUOTES", "consumer_name": "quote-cache"}),
    ]

    found = resolution(mapped(documents, series), subject.id, "enqueued_messages")

    assert (found.chosen, found.code) == (None, "name-unknown")
    assert found.reason.startswith(
        "nats names channels by stream_name, and the documents have no such name for this one; name the stream: "
    )
    assert resolution(mapped(documents, series), "cache/receive", "consumer_lag").code == "name-unknown"
    key = channel("amqp", names(exchange="shop", routing_key="orders.placed"))
    queues = mapped(catalog([key]), [("rabbitmq_queue_messages", {"queue": "billing", "vhost": "/"})])
    assert resolution(queues, key.id, "queue_depth").switches == (
        "say which it is: x-telemetry {labels: {queue: ...}}",
    )
    told = replace(documents, channels=(replace(subject, telemetry=override(stream_name="QUOTES")),))
    assert live(mapped(told, series), subject.id, "enqueued_messages").profile == "nats"


def test_a_label_that_no_series_carries_is_said_with_those_that_are_there() -> None:
    series = [
        (name, {"topic": "orders.v1", "partition": "0", "cluster": cluster})
        for name in ("kafka_topic_partition_current_offset",)
        for cluster in ("eu-1", "us-1")
    ]

    def reason(**labels: str) -> str:
        wished = channel("kafka", names(topic="orders.v1"), telemetry=override(**labels))
        return resolution(mapped(catalog([wished]), series, list(labels)), wished.id, "produced_offset").reason

    assert reason(cluster="eu-9").endswith("; x-telemetry asks for cluster eu-9, and its series say eu-1, us-1")
    assert reason(zone="a").endswith("; x-telemetry asks for zone a, and no series here has that label")


def test_a_profile_of_another_protocol_is_a_problem_and_each_place_is_told_once() -> None:
    wished = channel("kafka", names(topic="orders.v1"), telemetry=override("rabbitmq"))
    documents = catalog([wished], receives={"billing": (wished.id, "billing")})
    inherited = replace(
        documents, operations=tuple(replace(one, telemetry=wished.telemetry) for one in documents.operations)
    )

    (problem,) = mapped(inherited, KAFKA).problems

    assert problem.code == "profile-of-other-protocol"
    assert problem.message == (
        "the telemetry profile rabbitmq speaks of amqp, amqp1, and the channel's protocol is kafka"
    )


def test_requests_of_a_topics_subjects_are_told_apart_where_a_registry_shows_them() -> None:
    other = channel("kafka", names(topic="refunds.v1"))
    series = [
        ("karapace_http_requests_total", {"method": method, "path": path, "status": status})
        for method, path, status in (
            ("GET", "/schemas/ids/7", "200"),
            ("POST", "/subjects/orders.v1-value/versions", "200"),
            ("POST", "/subjects/orders.v1-value/versions", "409"),
            ("GET", "/subjects/orders.v1-key/versions/12", "200"),
            ("POST", "/subjects/orders.v10-value/versions", "200"),
        )
    ]

    result = mapped(catalog([ORDERS, other]), series)

    assert matchers(live(result, ORDERS.id, "registry_requests").all[0])["path"].values == (
        "/subjects/orders.v1-key/versions/12",
        "/subjects/orders.v1-value/versions",
    )
    assert live(result, ORDERS.id, "registry_checks").series == 2
    # A topic without a schema of its own, or one that is asked by id alone, has what the whole registry has.
    assert live(result, other.id, "registry_requests").series == len(series)
