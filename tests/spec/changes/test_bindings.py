"""Which bindings changed between two catalogues, and whether that breaks somebody."""

from __future__ import annotations

import pytest
from spec.changes.estates import Compare, doc


@pytest.mark.parametrize(
    ("old", "new", "message", "verdict"),
    [
        ("kafka: {partitions: 6}", "kafka: {partitions: 12}",
         "kafka.partitions 6 became 12: keys move to other partitions", "unknown"),
        ("kafka: {partitions: 6}", "kafka: {partitions: 3}", "kafka.partitions 6 became 3", "breaking"),
        ("kafka: {}", "kafka: {partitions: 3}", "kafka.partitions 3 added", "compatible"),
        ("kafka: {replicas: 2}", "kafka: {replicas: 3}", "kafka.replicas 2 became 3", "compatible"),
        ("kafka: {bindingVersion: 0.4.0}", "kafka: {bindingVersion: 0.5.0}", "", ""),
        ("kafka: {topicConfiguration: {retention.ms: 1000}}", "kafka: {topicConfiguration: {retention.ms: 2000}}",
         "kafka.topicConfiguration.retention.ms 1000 became 2000", "unknown"),
    ],
)  # fmt: skip
def test_bindings_by_their_path(compare: Compare, old: str, new: str, message: str, verdict: str) -> None:
    changes = compare(
        {"a.yaml": doc("Shop", "send", channel=f", bindings: {{{old}}}")},
        {"a.yaml": doc("Shop", "send", channel=f", bindings: {{{new}}}")},
    )
    assert [(one.message, one.verdict) for one in changes] == ([(message, verdict)] if message else [])


def test_another_queue_breaks_though_the_channel_is_the_same(compare: Compare) -> None:
    def text(queue: str) -> str:
        bindings = f", bindings: {{amqp: {{is: queue, queue: {{name: {queue}}}}}}}"
        return doc("Shop", "send", channel=bindings).replace("protocol: kafka", "protocol: amqp")

    changes = compare({"a.yaml": text("one")}, {"a.yaml": text("two")})
    assert [(one.message, one.verdict) for one in changes] == [
        ("address one became two", "breaking"),
        ("amqp.queue.name one became two", "breaking"),
    ]


def kafka(partitions: int) -> str:
    return f", bindings: {{kafka: {{partitions: {partitions}}}}}"


def test_what_the_second_document_of_a_channel_declares_is_compared_as_well(compare: Compare) -> None:
    reader = {"a.yaml": doc("Billing", "receive", channel=kafka(6))}
    changes = compare(
        reader | {"b.yaml": doc("Shop", "send", channel=kafka(6))},
        reader | {"b.yaml": doc("Shop", "send", channel=kafka(3))},
    )
    assert [(one.message, one.verdict) for one in changes] == [("kafka.partitions 6 became 3 in shop", "breaking")]


def test_what_all_documents_declare_is_said_once(compare: Compare) -> None:
    old, new = (
        {"a.yaml": doc("Billing", "receive", channel=kafka(count)), "b.yaml": doc("Shop", "send", channel=kafka(count))}
        for count in (6, 3)
    )
    assert [one.message for one in compare(old, new)] == ["kafka.partitions 6 became 3"]


def test_a_document_that_comes_first_changes_no_binding_of_another(compare: Compare) -> None:
    shop = {"b.yaml": doc("Shop", "send", channel=kafka(6))}
    changes = compare(shop, shop | {"a.yaml": doc("Billing", "receive", channel=kafka(3))})
    assert [(one.name, one.kind) for one in changes if one.aspect] == []
