"""Redis streams, NATS JetStream and Mosquitto, living, with documents that are wrong on purpose: drift finds exactly
these faults, and says what of them no telemetry shows."""

from __future__ import annotations

import time
from collections.abc import Iterator

import prometheus_server
import pytest
from integration import mosquitto_server, nats_server, redis_server, small_servers
from integration.wrong_documents import Answer, drift, faults, job, only, scraping, unowned

LACKING = small_servers.missing("redis-server", "prometheus-redis-exporter", "nats-server", "mosquitto")
pytestmark = [
    pytest.mark.integration,
    pytest.mark.timeout(900),
    pytest.mark.skipif(LACKING is not None, reason=LACKING or ""),
]
REDIS = """\
asyncapi: 3.0.0
info: {title: Shop, version: 1.0.0, x-service-name: shop, x-owner: {team: shop}}
servers:
  redis: {host: 'redis.example:6379', protocol: redis}
channels:
  orders: {address: orders, messages: {one: {payload: {type: object}}}}         # right
  invoices: {address: invoices.created, messages: {one: {payload: {type: object}}}}  # wrong: invoices_created runs
  returns: {address: returns, messages: {one: {payload: {type: object}}}}       # wrong: there is no such stream
  audit: {address: audit, messages: {one: {payload: {type: object}}}}           # wrong: nothing is ever added to it
operations:
  onOrder:      # wrong: the group that reads is called somebody-else
    action: receive
    channel: {$ref: '#/channels/orders'}
    x-consumer-group: billing
  sendInvoice: {action: send, channel: {$ref: '#/channels/invoices'}}
  sendReturn: {action: send, channel: {$ref: '#/channels/returns'}}
  sendAudit: {action: send, channel: {$ref: '#/channels/audit'}}
"""
NATS = """\
asyncapi: 3.0.0
info: {title: Depot, version: 1.0.0, x-service-name: depot, x-owner: {team: depot}}
servers:
  nats: {host: 'nats.example:4222', protocol: nats}
channels:
  parcels:    # right, but for the retention, which no telemetry shows
    address: parcels.sent
    x-telemetry: {labels: {stream_name: PARCELS}}
    messages: {one: {payload: {type: object}}}
    bindings: {nats: {stream: {max_msgs: 5000, max_bytes: -1, retention: workqueue}}}
  pallets:    # wrong: nothing is ever sent to its stream, and it holds 100 messages
    address: pallets.sent
    x-telemetry: {labels: {stream_name: PALLETS}}
    messages: {one: {payload: {type: object}}}
    bindings: {nats: {stream: {max_msgs: 1000, max_bytes: 65536}}}
  crates:     # wrong: there is no such stream
    address: crates.sent
    x-telemetry: {labels: {stream_name: CRATES}}
    messages: {one: {payload: {type: object}}}
operations:
  onParcel:   # wrong: the durable consumer is called sorter
    action: receive
    channel: {$ref: '#/channels/parcels'}
    x-consumer-group: packer
  sendCrate: {action: send, channel: {$ref: '#/channels/crates'}}
  sendPallet: {action: send, channel: {$ref: '#/channels/pallets'}}
"""
MQTT = """\
asyncapi: 3.0.0
info: {title: Gateway, version: 1.0.0, x-service-name: gateway, x-owner: {team: gateway}}
servers:
  mqtt: {host: 'mqtt.example:1883', protocol: mqtt}
channels:
  doors: {address: fleet/doors, messages: {one: {payload: {type: object}}}}
operations:
  onDoor:
    action: receive
    channel: {$ref: '#/channels/doors'}
    bindings: {mqtt: {qos: 2}}   # wrong: they are sent with 0, which no telemetry of Mosquitto shows
"""
LIMITS = {"PARCELS": {"max_msgs": 5000}, "PALLETS": {"max_msgs": 100, "max_bytes": 65536}, "TRIALS": {}}
STREAMS = ("orders", "invoices_created", "experiments", "loose.ends")
PART = 10


def live(
    redis: redis_server.Redis,
    nats: nats_server.Connection,
    doors: mosquitto_server.Client,
    server: prometheus_server.PrometheusServer,
) -> int:
    """Traffic in two parts that scrapes lie between, and groups that nobody declares; when it was scraped."""
    for part in (1, 2):
        redis.commands(*(f"XADD {stream} * n {number}" for stream in STREAMS for number in range(PART)))
        for number in range(PART):
            nats.publish("parcels.sent", str(number).encode())
            nats.publish("trials.sent", str(number).encode())
            doors.publish("fleet/doors", b"open")
        server.wait_for(f'redis_stream_length{{stream="experiments"}} == {part * PART}', seconds=60)
        server.wait_for(f'jetstream_stream_last_seq{{stream_name="TRIALS"}} == {part * PART}', seconds=60)
    redis.commands(f"XREADGROUP GROUP somebody-else one COUNT {PART} NOACK STREAMS orders >")
    for reply in nats.fetch("PARCELS", "sorter", PART):
        nats.publish(reply, b"+ACK")
    server.wait_for(f'jetstream_consumer_ack_floor_consumer_seq{{consumer_name="sorter"}} == {PART}', seconds=60)
    server.wait_for('redis_stream_group_last_delivered_id{group="somebody-else"} > 0', seconds=60)
    return time.time_ns() // 1_000_000


@pytest.fixture(scope="module", params=small_servers.both_ways(nats_server.EXPORTER, mosquitto_server.EXPORTER))
def answer(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Iterator[Answer]:
    folder = tmp_path_factory.mktemp("small-drift")
    with (
        redis_server.redis(folder / "redis") as redis,
        nats_server.nats(folder / "nats", exporter=request.param) as nats,
        nats_server.connected(nats) as client,
        mosquitto_server.mosquitto(folder / "mosquitto", exporter=request.param) as mosquitto,
    ):
        redis.commands("XGROUP CREATE orders somebody-else $ MKSTREAM", "XADD audit * n 0", "XADD orders.dlq * n 0")
        for name, limits in LIMITS.items():
            config = {"name": name, "subjects": [f"{name.lower()}.>"], "storage": "memory", **limits}
            client.api(f"STREAM.CREATE.{name}", config)
        durable = {"durable_name": "sorter", "ack_policy": "explicit"}
        client.api("CONSUMER.DURABLE.CREATE.PARCELS.sorter", {"stream_name": "PARCELS", "config": durable})
        doors = mosquitto_server.Client(mosquitto.port, "doors")
        ports = {"redis": redis.metrics_port, "nats": nats.metrics_port, "mosquitto": mosquitto.metrics_port}
        with scraping(folder / "prometheus", *(job(name, port) for name, port in ports.items())) as server:
            server.wait_for("count(sum_over_time(up[1m]) >= 2) == 3")
            at_ms = live(redis, client, doors, server)
            doors.close()
            documents = {"shop.yaml": REDIS, "depot.yaml": NATS, "gateway.yaml": MQTT, "loose.json": unowned("redis")}
            yield drift(folder / "documents", documents, server.url, at_ms)


def test_every_fault_of_the_documents_is_found_and_no_other(answer: Answer) -> None:
    assert faults(answer) == {
        ("misnamed", "redis:invoices.created"),
        ("undeclared-channel", "experiments"),
        ("undeclared-channel", "TRIALS"),
        ("undeclared-consumer", "somebody-else on redis:orders"),
        ("undeclared-consumer", "sorter on nats:parcels.sent"),
        ("silent-channel", "redis:returns"),
        ("silent-channel", "redis:audit"),
        ("silent-channel", "nats:pallets.sent"),
        ("silent-channel", "nats:crates.sent"),
        ("binding", "nats:pallets.sent"),
        ("silent-operation", "shop/onOrder"),
        ("silent-operation", "depot/onParcel"),
        ("owner-missing", "redis:loose.ends"),
    }


def test_the_misnamed_stream_comes_with_the_entries_that_went_there(answer: Answer) -> None:
    assert only(answer, "misnamed")["observed"]["messages"] >= PART


def test_a_limit_of_a_stream_is_read_from_the_server(answer: Answer) -> None:
    assert only(answer, "binding")["binding"] == {"key": "nats.stream.max_msgs", "declared": "1000", "observed": "100"}


def test_what_is_not_shown_is_said_and_is_no_fault(answer: Answer) -> None:
    (channel,) = answer["not_observable"]
    why = {(value["key"], value["places"]): value["reason"] for value in answer["not_compared"]}

    assert channel["channel_id"] == "mqtt:fleet/doors"
    assert why.keys() == {("mqtt.qos", 1), ("nats.stream.retention", 1)}
    assert why["mqtt.qos", 1].startswith("not observable: every publish and subscription has its own level")
    assert why["nats.stream.retention", 1].startswith("not observable: the server's metrics show of a stream's")


def test_the_dead_letters_of_a_stream_are_left_aside(answer: Answer) -> None:
    assert {one["name"]: one["reason"] for one in answer["set_aside"]} == {"orders.dlq": "dead letters of redis:orders"}
