"""What bindings declare beside names: values with their unit, level and place."""

from __future__ import annotations

from collections.abc import Callable

from observatory.spec.bound_values import BindingFact
from observatory.spec.catalog import Catalog
from observatory.spec.topology import catalog_json

Load = Callable[..., Catalog]


def short(facts: tuple[BindingFact, ...]) -> list[tuple[str, object, str | None, str, str]]:
    return [(fact.key, fact.value, fact.unit, fact.level, str(fact.location)) for fact in facts]


def test_a_topic_s_settings_are_facts_with_unit_and_place(one: Load) -> None:
    catalog = one(
        """
asyncapi: 3.0.0
info: {title: Shop, version: '1'}
servers: {k: {host: k, protocol: kafka, bindings: {kafka: {schemaRegistryUrl: 'https://u:p@r/x'}}}}
channels:
  c:
    address: orders
    bindings:
      kafka:
        partitions: 12
        replicas: 3
        topicConfiguration: {cleanup.policy: [delete, compact], retention.ms: 604800000, segment.bytes: 5}
        bindingVersion: 0.5.0
        x-note: none
operations:
  in:
    action: receive
    channel: {$ref: '#/channels/c'}
    bindings: {kafka: {groupId: {const: g}, clientId: {type: string, enum: [c1]}}}
"""
    )
    (channel,), (operation,) = catalog.channels, catalog.operations
    assert short(channel.facts) == [
        ("kafka.partitions", 12, None, "channel", "doc.yaml:10:21"),
        ("kafka.replicas", 3, None, "channel", "doc.yaml:11:19"),
        ("kafka.topicConfiguration.cleanup.policy", ("delete", "compact"), None, "channel", "doc.yaml:12:46"),
        ("kafka.topicConfiguration.retention.ms", 604800000, "ms", "channel", "doc.yaml:12:79"),
        ("kafka.topicConfiguration.segment.bytes", 5, None, "channel", "doc.yaml:12:105"),
        ("kafka.schemaRegistryUrl", "https://r/x", None, "server", "doc.yaml:4:79"),
    ]
    assert [(fact.key, fact.value, fact.operation) for fact in operation.facts] == [("kafka.clientId", "c1", "shop/in")]
    declared = catalog_json(catalog)["channels"][0]["declared"]
    assert declared[0] == {
        "key": "kafka.partitions",
        "value": 12,
        "unit": None,
        "level": "channel",
        "document": "shop",
        "operation": None,
        "location": "doc.yaml:10:21",
    }
    assert (declared[2]["value"], declared[-1]["operation"]) == (["delete", "compact"], "shop/in")


def test_quality_of_service_and_intervals_of_mqtt_are_facts_of_the_operation(one: Load) -> None:
    catalog = one(
        """
asyncapi: 2.6.0
info: {title: Shop, version: '1'}
servers: {m: {url: m, protocol: mqtt, bindings: {mqtt: {keepAlive: 60, lastWill: {topic: gone, qos: 1}}}}}
channels:
  a/b:
    publish:
      operationId: in
      bindings: {mqtt: {qos: 2, messageExpiryInterval: {type: integer, minimum: 1}, retain: true}}
"""
    )
    assert [(fact.key, fact.value, fact.unit) for fact in catalog.operations[0].facts] == [
        ("mqtt.qos", 2, None),
        ("mqtt.retain", True, None),
    ]
    assert [(fact.key, fact.value, fact.unit) for fact in catalog.channels[0].facts] == [
        ("mqtt.keepAlive", 60, "s"),
        ("mqtt.lastWill.topic", "gone", None),
        ("mqtt.lastWill.qos", 1, None),
    ]


def test_members_of_lists_are_numbered_and_rights_are_no_facts(one: Load) -> None:
    catalog = one(
        """
asyncapi: 3.0.0
info: {title: Shop, version: '1'}
servers: {main: {host: h, protocol: sqs}}
channels: {c: {address: c}}
operations:
  in:
    action: receive
    channel: {$ref: '#/channels/c'}
    bindings:
      sqs:
        queues: [{name: q, fifoQueue: false, visibilityTimeout: 30, policy: {statements: [{effect: Allow}]}}]
"""
    )
    assert [(fact.key, fact.value, fact.unit) for fact in catalog.operations[0].facts] == [
        ("sqs.queues[0].name", "q", None),
        ("sqs.queues[0].fifoQueue", False, None),
        ("sqs.queues[0].visibilityTimeout", 30, "s"),
    ]


def test_every_document_of_a_channel_keeps_its_facts(load: Load) -> None:
    def document(title: str, partitions: int) -> str:
        return f"""
asyncapi: 3.0.0
info: {{title: {title}, version: '1'}}
servers: {{k: {{host: k, protocol: kafka}}}}
channels: {{c: {{address: orders, bindings: {{kafka: {{partitions: {partitions}}}}}}}}}
"""

    catalog = load({"a.yaml": document("A", 6), "b.yaml": document("B", 12)})
    assert [(fact.document, fact.value) for fact in catalog.channels[0].facts] == [("a", 6), ("b", 12)]
    assert [problem.code for problem in catalog.problems] == ["conflict-binding"]


def test_a_binding_without_end_gives_a_bounded_number_of_facts(one: Load) -> None:
    wide = ", ".join(f"k{number}: {number}" for number in range(500))
    catalog = one(
        f"""
asyncapi: 3.0.0
info: {{title: Shop, version: '1'}}
servers: {{k: {{host: k, protocol: kafka}}}}
channels: {{c: {{address: orders, bindings: {{kafka: {{topicConfiguration: {{{wide}}}}}}}}}}}
"""
    )
    assert len(catalog.channels[0].facts) == 200
