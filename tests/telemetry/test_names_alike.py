"""Names that exporters write in their own way, series that name no channel, and metric names of several exporters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from shipped_profiles import PROFILES
from telemetry.documents import catalog, channel, names
from telemetry.exposition import inventory_of

from observatory.spec.catalog import Channel
from observatory.telemetry.binding import MetricBinding, Resolution
from observatory.telemetry.discovery import recognise
from observatory.telemetry.mapping import map_catalog

DOTTED, UNDERSCORED = channel("kafka", names(topic="orders.v1")), channel("kafka", names(topic="orders_v1"))
Series = tuple[str, Mapping[str, str]]


def read(topic: str, client: str = "consumer-billing-1") -> Series:
    labels = {"client_id": client, "topic": topic, "application": "billing"}
    return "kafka_consumer_fetch_manager_records_consumed_total", labels


def delivered(series: Sequence[Series], *channels: Channel, to: Channel = DOTTED) -> Resolution:
    documents = catalog(channels or (DOTTED,), receives={"billing": (to.id, "billing")})
    result = map_catalog(documents, PROFILES, [inventory_of(series, PROFILES)])
    return result.resolutions["billing/receive", "delivered_messages"]


def topics_of(found: Resolution) -> tuple[str, ...]:
    assert isinstance(found.chosen, MetricBinding), found.reason
    return next(one.values for one in found.chosen.all[0].selector.matchers if one.label == "topic")


def caveats_of(found: Resolution) -> str:
    assert isinstance(found.chosen, MetricBinding), found.reason
    return " / ".join(found.chosen.caveats)


def test_a_topic_written_with_underscores_is_found_and_what_else_is_written_so_is_told() -> None:
    found = delivered([read("orders_v1")])

    assert topics_of(found) == ("orders_v1",)
    assert "topic orders_v1 stands for orders.v1, and for any other name that is written so" in caveats_of(found)


def test_a_topic_written_both_ways_is_counted_once_by_its_own_name() -> None:
    found = delivered([read("orders.v1"), read("orders_v1")])

    assert topics_of(found) == ("orders.v1",)
    assert "topic orders_v1 is there too and left out: clients write orders.v1 both ways" in caveats_of(found)


def test_a_topic_written_in_its_own_way_needs_no_words() -> None:
    found = delivered([read("orders.v1")])

    assert (topics_of(found), caveats_of(found)) == (("orders.v1",), "")


def test_two_topics_that_are_written_alike_are_not_told_apart_by_guessing() -> None:
    series = [read("orders_v1")]

    for to, other in ((DOTTED, "orders_v1"), (UNDERSCORED, "orders.v1")):
        found = delivered(series, DOTTED, UNDERSCORED, to=to)
        assert (found.chosen, found.code) == (None, "name-ambiguous")
        assert f"writes this name like that of {other}" in found.reason


def test_a_queue_that_is_written_like_a_topic_is_no_twin_of_it() -> None:
    queue = channel("amqp", names(queue="orders_v1"))

    assert topics_of(delivered([read("orders_v1")], DOTTED, queue)) == ("orders_v1",)


def test_a_dotted_topic_that_is_there_by_its_own_name_is_sure_beside_its_twin() -> None:
    found = delivered([read("orders.v1"), read("orders_v1")], DOTTED, UNDERSCORED)

    assert topics_of(found) == ("orders.v1",)


def test_producers_keep_dots_so_that_nothing_is_rewritten_there() -> None:
    sent = ("kafka_producer_topic_record_send_total", {"client_id": "p", "topic": "orders_v1", "application": "shop"})
    documents = catalog([DOTTED], sends={"shop": DOTTED.id})

    result = map_catalog(documents, PROFILES, [inventory_of([sent], PROFILES)])

    chosen = result.chosen("shop/send", "published_messages")
    assert chosen is not None
    assert chosen.liveness == "missing"


def scaler(metric: str) -> Series:
    return "keda_scaler_metrics_value", {"metric": metric, "scaledObject": "billing", "scaler": "kafkaScaler"}


def test_an_autoscaler_writes_dots_as_dashes() -> None:
    documents = catalog([DOTTED], receives={"billing": (DOTTED.id, "billing")})

    result = map_catalog(documents, PROFILES, [inventory_of([scaler("s1-kafka-orders-v1")], PROFILES)])

    chosen = result.chosen("billing/receive", "consumer_lag")
    assert isinstance(chosen, MetricBinding)
    assert (chosen.profile, chosen.liveness, chosen.series) == ("keda", "live", 1)


# series that name no channel


def edge(server: str) -> list[Series]:
    labels = {"client": "shop", "server": server, "connection_type": "messaging_system"}
    name = "traces_service_graph_request_messaging_system_seconds"
    return [(f"{name}_bucket", {**labels, "le": bound}) for bound in ("0.8", "+Inf")] + [(f"{name}_count", labels)]


def transit(series: Sequence[Series], **receives: tuple[str, str | None]) -> Resolution:
    documents = catalog([DOTTED, UNDERSCORED], receives=receives)
    result = map_catalog(documents, PROFILES, [inventory_of(series, PROFILES)])
    return result.resolutions["billing/receive", "end_to_end_latency"]


def test_a_service_with_one_channel_is_measured_by_its_own_series() -> None:
    found = transit([*edge("billing"), *edge("mail")], billing=(DOTTED.id, None))

    assert isinstance(found.chosen, MetricBinding)
    assert (found.chosen.liveness, found.chosen.series, found.chosen.caveats) == ("live", 1, ())


def test_series_of_other_services_do_not_stand_in_for_one_that_has_none() -> None:
    found = transit(edge("mail"), billing=(DOTTED.id, None))

    assert isinstance(found.chosen, MetricBinding)
    assert (found.chosen.liveness, found.code) == ("missing", "series-missing")


# metric names of several exporters

PARTITIONS: Series = ("kafka_topic_partitions", {"topic": "orders.v1"})


def recognised(*series: Series) -> list[str]:
    return [seen.profile for seen in recognise(PROFILES, inventory_of(series, PROFILES))]


def test_a_name_of_two_exporters_shows_the_one_whose_other_names_are_there() -> None:
    lag = {"topic": "orders.v1", "partition": "0"}

    assert recognised(PARTITIONS, ("kafka_consumer_group_lag_ratio", {**lag, "group": "g"})) == [
        "otel_kafkametrics_receiver"
    ]
    assert recognised(PARTITIONS, ("kafka_consumergroup_lag", {**lag, "consumergroup": "g"})) == ["kafka_exporter"]


def test_a_name_of_two_exporters_alone_shows_the_more_usual_one() -> None:
    assert recognised(PARTITIONS) == ["kafka_exporter"]


def test_both_exporters_are_shown_where_both_are() -> None:
    lag = {"topic": "orders.v1", "partition": "0"}
    both = recognised(
        PARTITIONS,
        ("kafka_consumer_group_lag_ratio", {**lag, "group": "g"}),
        ("kafka_consumergroup_lag", {**lag, "consumergroup": "g"}),
    )
    assert both == ["kafka_exporter", "otel_kafkametrics_receiver"]
