"""What changed between two catalogues, and whom it breaks."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from spec.changes.estates import ID, Compare, doc

from observatory.spec.catalog import Catalog
from observatory.spec.changes import Changes
from observatory.spec.changes.payloads import family_of_format

Load = Callable[..., Catalog]

ID_REQUIRED = "{type: object, required: [id], properties: {id: {type: string}}}"
ID_NUMBER = "{type: object, properties: {id: {type: number}}}"


def found(changes: Changes) -> list[tuple[str, str, str, tuple[str, ...]]]:
    """Name, aspect, verdict and whom it endangers, of each change."""
    return [(one.name, one.aspect or one.kind, one.verdict, one.affected) for one in changes]


SHOP, BILLING = doc("Shop", "send"), doc("Billing", "receive")


def test_nothing_changed_is_no_change(compare: Compare) -> None:
    changes = compare({"a.yaml": SHOP, "b.yaml": BILLING}, {"x.yaml": SHOP, "y.yaml": BILLING})
    assert changes == Changes()
    assert (changes.verdict, changes.mode("FULL")) == ("compatible", "compatible")


def test_what_is_only_said_to_people_is_no_change(compare: Compare) -> None:
    described = doc("Shop", "send", "{title: T, type: object, properties: {id: {type: string, description: the id}}}")
    assert compare({"a.yaml": SHOP}, {"a.yaml": described}) == Changes()


def test_a_producer_that_changes_its_payload_needs_forward_and_endangers_its_consumers(compare: Compare) -> None:
    changes = compare(
        {"a.yaml": SHOP, "b.yaml": BILLING}, {"a.yaml": doc("Shop", "send", ID_NUMBER), "b.yaml": BILLING}
    )
    (change,) = changes
    assert found(changes) == [("Placed", "payload", "breaking", ("billing/o",))]
    assert (change.operation, change.needs) == ("shop/o", "FORWARD")
    assert change.message == "payload of Placed changed: billing/o cannot read all of it"
    assert change.compatibility is not None
    (reason,) = change.compatibility.forward.reasons
    assert (reason.path, reason.message) == ("$.id", "may be a number; the reader takes a string")
    assert str(change.new) == "new0/a.yaml:6:43"


def test_a_consumer_that_changes_what_it_expects_needs_backward_and_endangers_itself(compare: Compare) -> None:
    changes = compare(
        {"a.yaml": SHOP, "b.yaml": BILLING}, {"a.yaml": SHOP, "b.yaml": doc("Billing", "receive", ID_REQUIRED)}
    )
    (change,) = changes
    assert found(changes) == [("Placed", "payload", "breaking", ("billing/o",))]
    assert (change.operation, change.needs) == ("billing/o", "BACKWARD")
    assert change.message == "payload of Placed changed: billing/o cannot read all of what shop/o writes"
    assert [party.operation for party in change.parties] == ["shop/o"]
    assert (changes.mode("BACKWARD"), changes.mode("FORWARD"), changes.mode("FULL")) == (
        "breaking",
        "compatible",
        "breaking",
    )


def test_the_other_direction_does_not_break(compare: Compare) -> None:
    stricter = doc("Shop", "send", ID_REQUIRED)
    changes = compare({"a.yaml": SHOP, "b.yaml": BILLING}, {"a.yaml": stricter, "b.yaml": BILLING})
    assert found(changes) == [("Placed", "payload", "compatible", ())]
    assert changes.mode("BACKWARD") == "breaking"


def test_a_consumer_is_judged_by_the_schema_that_its_own_document_declares(compare: Compare) -> None:
    tolerant = doc("Billing", "receive", "{type: object}")
    changes = compare(
        {"a.yaml": SHOP, "b.yaml": tolerant}, {"a.yaml": doc("Shop", "send", ID_NUMBER), "b.yaml": tolerant}
    )
    assert found(changes) == [("Placed", "payload", "breaking", ())]
    assert [one.message for one in changes] == [
        "payload of Placed changed: billing/o can read it; others by the old schema cannot read all of it"
    ]


def test_a_change_that_only_the_schema_of_a_consumer_refuses_is_found(compare: Compare) -> None:
    billing = doc("Billing", "receive", "{type: object, properties: {total: {type: number}}}")
    wider = doc("Shop", "send", "{type: object, properties: {id: {type: string}, total: {type: string}}}")
    changes = compare({"a.yaml": SHOP, "b.yaml": billing}, {"a.yaml": wider, "b.yaml": billing})
    assert found(changes) == [("Placed", "payload", "breaking", ("billing/o",))]
    (party,) = next(iter(changes)).parties
    assert [(one.path, str(one.witness)) for one in party.reading.reasons] == [("$.total", '{"total": ""}')]


def test_what_a_consumer_could_not_read_before_is_no_change(compare: Compare) -> None:
    billing = doc("Billing", "receive", ID_NUMBER)
    stricter = doc("Shop", "send", "{type: object, properties: {id: {type: string, minLength: 1}}}")
    changes = compare({"a.yaml": SHOP, "b.yaml": billing}, {"a.yaml": stricter, "b.yaml": billing})
    assert found(changes) == [("Placed", "payload", "compatible", ())]


def test_without_known_consumers_a_breaking_change_breaks_nobody_in_particular(compare: Compare) -> None:
    changes = compare({"a.yaml": SHOP}, {"a.yaml": doc("Shop", "send", ID_NUMBER)})
    assert found(changes) == [("Placed", "payload", "breaking", ())]
    assert [one.message for one in changes] == [
        "payload of Placed changed: readers by the old schema cannot read all of it"
    ]


def test_a_channel_with_another_key_and_the_same_address_is_the_same(compare: Compare) -> None:
    assert compare({"a.yaml": SHOP}, {"a.yaml": doc("Shop", "send", key="orderEvents")}) == Changes()


def test_another_address_is_a_change_of_the_channel(compare: Compare) -> None:
    changes = compare({"a.yaml": SHOP}, {"a.yaml": doc("Shop", "send", address="orders.v2")})
    (channel,) = changes.channels
    assert (channel.id, channel.old_id) == ("kafka:orders.v2", "kafka:orders")
    assert [(one.aspect, one.message, one.verdict) for one in channel.changes if one.subject == "channel"] == [
        ("address", "address orders became orders.v2", "breaking")
    ]
    assert [one for one in channel.changes if one.subject == "operation"] == []


def test_a_producer_that_moves_away_leaves_its_consumers(compare: Compare) -> None:
    moved = doc("Shop", "send", address="orders.v2")
    changes = compare({"a.yaml": SHOP, "b.yaml": BILLING}, {"a.yaml": moved, "b.yaml": BILLING})
    left, came = changes.of("kafka:orders"), changes.of("kafka:orders.v2")
    assert left is not None
    assert came is not None
    assert [(one.name, one.verdict, one.affected, one.message) for one in left.changes] == [
        (
            "shop/o",
            "breaking",
            ("billing/o",),
            "shop/o moved to kafka:orders.v2; nobody sends now, billing/o still consumes",
        )
    ]
    assert [one.message for one in came.changes] == [
        "channel kafka:orders.v2 added: produced by shop/o",
        "shop/o moved here from kafka:orders",
    ]


def test_one_of_several_producers_that_leaves_is_unknown(compare: Compare) -> None:
    old = {"a.yaml": SHOP, "b.yaml": BILLING, "c.yaml": doc("Till", "send")}
    changes = compare(old, {"a.yaml": SHOP, "b.yaml": BILLING})
    assert found(changes) == [("till/o", "removed", "unknown", ("billing/o",))]
    assert changes.documents_removed == ("till",)


def test_a_consumer_that_leaves_breaks_nobody(compare: Compare) -> None:
    changes = compare({"a.yaml": SHOP, "b.yaml": BILLING}, {"a.yaml": SHOP})
    assert found(changes) == [("billing/o", "removed", "compatible", ())]


def test_operations_and_channels_that_come_and_go(compare: Compare) -> None:
    other = doc("Till", "send", address="receipts")
    added = compare({"a.yaml": SHOP}, {"a.yaml": SHOP, "b.yaml": BILLING, "c.yaml": other})
    assert [(one.name, one.kind, one.verdict) for one in added] == [
        ("billing/o", "added", "compatible"),
        ("kafka:receipts", "added", "compatible"),
    ]
    assert added.documents_added == ("billing", "till")
    removed = compare({"d.yaml": SHOP, "e.yaml": other}, {"d.yaml": SHOP})
    assert found(removed)[0] == ("kafka:receipts", "removed", "breaking", ())


def test_a_flipped_direction_breaks(compare: Compare) -> None:
    changes = compare({"a.yaml": SHOP, "b.yaml": BILLING}, {"a.yaml": doc("Shop", "receive"), "b.yaml": BILLING})
    assert found(changes) == [("shop/o", "direction", "breaking", ("shop/o", "billing/o"))]
    assert [one.message for one in changes] == ["shop/o receives now, and sent before"]


def test_a_renamed_operation_is_the_same(compare: Compare) -> None:
    changes = compare({"a.yaml": SHOP}, {"a.yaml": doc("Shop", "send", name="place")})
    assert found(changes) == [("shop/place", "name", "compatible", ())]


def two_messages(title: str, action: str, *names: str) -> str:
    listed = ", ".join(f"{name}: {{payload: {{type: object, title: {name}}}}}" for name in names)
    return doc(title, action).replace("Placed: {payload: " + ID + "}", listed)


def test_messages_that_come_and_go(compare: Compare) -> None:
    both = {"a.yaml": two_messages("Shop", "send", "A", "B"), "b.yaml": two_messages("Billing", "receive", "A", "B")}
    fewer = compare(both, {**both, "b.yaml": two_messages("Billing", "receive", "A")})
    assert found(fewer) == [("B", "removed", "breaking", ("billing/o",))]
    assert found(compare(both, {**both, "a.yaml": two_messages("Shop", "send", "A")})) == [
        ("B", "removed", "compatible", ())
    ]
    more = compare(both, {**both, "a.yaml": two_messages("Shop", "send", "A", "B", "C")})
    assert found(more) == [("C", "added", "unknown", ("billing/o",))]
    assert [one.message for one in more] == ["shop/o sends C as well, which billing/o does not declare"]


def test_a_renamed_message_is_the_same(compare: Compare) -> None:
    changes = compare({"a.yaml": SHOP}, {"a.yaml": doc("Shop", "send", message="OrderPlaced")})
    assert found(changes) == [("OrderPlaced", "name", "compatible", ())]


def test_messages_of_a_channel_without_operations_count_in_both_directions(compare: Compare) -> None:
    def text(payload: str) -> str:
        return doc("Shop", "send", payload).partition("operations:")[0]

    changes = compare({"a.yaml": text(ID)}, {"a.yaml": text(ID_REQUIRED)})
    (change,) = changes
    assert (change.name, change.operation, change.needs, change.verdict) == ("Placed", None, "FULL", "breaking")


@pytest.mark.parametrize(
    ("old", "new", "aspect", "verdict"),
    [
        ("", ", contentType: application/json", "content type", "unknown"),
        (", contentType: application/json", ", contentType: application/xml", "content type", "breaking"),
        (", contentType: application/json", ", contentType: application/x+json", "content type", "unknown"),
        (
            ", headers: {type: object, properties: {id: {type: string}}}",
            ", headers: {type: object, properties: {id: {type: integer}}}",
            "headers",
            "breaking",
        ),
        ("", ", headers: {type: object}", "headers", "compatible"),
    ],
)
def test_what_else_a_message_says(compare: Compare, old: str, new: str, aspect: str, verdict: str) -> None:
    changes = compare({"a.yaml": doc("Shop", "send", more=old)}, {"a.yaml": doc("Shop", "send", more=new)})
    assert [(one.aspect, one.verdict) for one in changes] == [(aspect, verdict)]


def test_another_consumer_group_starts_from_its_own_position(compare: Compare) -> None:
    def text(group: str) -> str:
        bindings = f", bindings: {{kafka: {{groupId: {{type: string, enum: [{group}]}}}}}}"
        return doc("Billing", "receive", operation=bindings)

    changes = compare({"a.yaml": text("g1")}, {"a.yaml": text("g2")})
    assert [(one.aspect, one.message, one.verdict) for one in changes] == [
        ("consumer group", "consumer group g1 became g2: another group starts from its own position", "unknown")
    ]


def test_servers_and_protocols(compare: Compare) -> None:
    changes = compare({"a.yaml": SHOP}, {"a.yaml": doc("Shop", "send", host="other:9092")})
    assert [(one.message, one.verdict) for one in changes] == [
        ("servers: kafka://kafka:9092 removed, kafka://other:9092 added", "breaking")
    ]
    changes = compare({"a.yaml": SHOP}, {"a.yaml": SHOP.replace("protocol: kafka", "protocol: mqtt")})
    assert ("protocol", "protocol kafka became mqtt", "breaking") in [
        (one.aspect, one.message, one.verdict) for one in changes
    ]


def test_owners_are_told_once(compare: Compare) -> None:
    changes = compare(
        {"a.yaml": doc("Shop", "send", info=", x-owner: {team: red, runbook: 'https://r/1'}")},
        {"a.yaml": doc("Shop", "send", info=", x-owner: {team: blue, runbook: 'https://r/2'}")},
    )
    assert [(one.subject, one.message, one.verdict) for one in changes] == [
        ("channel", "owner red became blue", "compatible"),
        ("channel", "runbook https://r/1 became https://r/2", "compatible"),
    ]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("", "{availability: 99.9%}", "objective availability added: availability 99.9% over 30d"),
        ("{availability: 99.9%}", "", "objective availability removed: availability 99.9% over 30d"),
        ("{availability: 99.9%}", "{availability: 99.95%}",
         "objective availability tightened: availability 99.9% over 30d became availability 99.95% over 30d"),
        ("{lag: {threshold: 60s, target: 99%}}", "{lag: {threshold: 2m, target: 99%}}",
         "objective lag loosened: lag within 1 min 99% over 30d became lag within 2 min 99% over 30d"),
        ("{lag: {threshold: 60s, target: 99%}}", "{lag: {threshold: 2m, target: 99.9%}}",
         "objective lag changed: lag within 1 min 99% over 30d became lag within 2 min 99.9% over 30d"),
        ("{availability: {target: 99.9%, window: 30d}}", "{availability: {target: 99.9%, window: 7d}}",
         "objective availability changed: availability 99.9% over 30d became availability 99.9% over 7d"),
    ],
)  # fmt: skip
def test_objectives_that_were_loosened_tightened_added_and_removed(
    compare: Compare, old: str, new: str, message: str
) -> None:
    def text(slo: str) -> str:
        return doc("Billing", "receive", operation=f", x-slo: {slo}" if slo else "")

    changes = compare({"a.yaml": text(old)}, {"a.yaml": text(new)})
    assert [(one.message, one.verdict) for one in changes] == [(message, "compatible")]


AVRO = "{schemaFormat: 'application/vnd.apache.avro;version=1.9.0', schema: %s}"


def test_avro_payloads_as_objects_and_as_json_text(compare: Compare) -> None:
    old = AVRO % "{type: record, name: Placed, fields: [{name: id, type: int}]}"
    new = AVRO % '\'{"type": "record", "name": "Placed", "fields": [{"name": "id", "type": "long"}]}\''
    changes = compare({"a.yaml": doc("Shop", "send", old)}, {"a.yaml": doc("Shop", "send", new)})
    (change,) = changes
    assert change.compatibility is not None
    assert (change.compatibility.backward.verdict, change.verdict) == ("compatible", "breaking")
    assert [(one.path, one.keyword) for one in change.compatibility.forward.reasons] == [("$.id", "type")]


@pytest.mark.parametrize(
    ("schema_format", "family"),
    [
        (None, "json-schema"),
        ("application/vnd.aai.asyncapi;version=3.0.0", "json-schema"),
        ("application/vnd.aai.asyncapi+yaml;version=2.6.0", "json-schema"),
        ("application/schema+json;version=draft-07", "json-schema"),
        ("application/schema+yaml; version=draft-07", "json-schema"),
        ("application/schema+json;version=2020-12", "application/schema+json"),
        ("application/vnd.oai.openapi+json;version=3.0.3", "openapi-3.0"),
        ("application/vnd.oai.openapi;version=3.1.0", "application/vnd.oai.openapi"),
        ("application/vnd.apache.avro;version=1.9.0", "avro"),
        ("Application/vnd.apache.avro+json", "avro"),
        ("application/raml+yaml;version=1.0", "application/raml+yaml"),
    ],
)
def test_schema_formats_by_their_family(schema_format: str | None, family: str) -> None:
    assert family_of_format(schema_format) == family


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("{schemaFormat: application/vnd.google.protobuf, schema: 'message A {}'}",
         "{schemaFormat: application/vnd.google.protobuf, schema: 'message B {}'}"),
        (ID, AVRO % "{type: record, name: A, fields: []}"),
    ],
)  # fmt: skip
def test_other_formats_are_equal_or_unknown(compare: Compare, old: str, new: str) -> None:
    changes = compare({"a.yaml": doc("Shop", "send", old)}, {"a.yaml": doc("Shop", "send", new)})
    (change,) = changes
    assert change.compatibility is not None
    assert (change.verdict, change.compatibility.forward.reasons[0].keyword) == ("unknown", "schemaFormat")
    assert compare({"b.yaml": doc("Till", "send", old)}, {"b.yaml": doc("Till", "send", old)}) == Changes()


def test_payloads_that_contain_themselves_are_compared_below_their_references(compare: Compare) -> None:
    def text(kind: str) -> str:
        node = f"{{type: object, properties: {{v: {{type: {kind}}}, next: {{$ref: '#/components/schemas/Node'}}}}}}"
        return (
            doc("Shop", "send", "{$ref: '#/components/schemas/Node'}") + f"components: {{schemas: {{Node: {node}}}}}\n"
        )

    wider = compare({"a.yaml": text("integer")}, {"a.yaml": text("number")})
    (change,) = wider
    assert change.compatibility is not None
    assert change.compatibility.backward.verdict == "compatible"
    assert [one.path for one in change.compatibility.forward.reasons] == ["$.v"]
    assert compare({"b.yaml": text("integer")}, {"b.yaml": text("integer")}) == Changes()


def test_two_catalogues_give_the_same_answer_in_the_same_order(compare: Compare) -> None:
    old = {f"{name}.yaml": doc(name, "send", address=name) for name in ("c", "a", "b")}
    new = {f"{name}.yaml": doc(name, "send", ID_NUMBER if name != "b" else ID_REQUIRED, address=name) for name in "abc"}
    changes = compare(old, new)
    assert [(one.id, one.verdict) for one in changes.channels] == [
        ("kafka:a", "breaking"),
        ("kafka:c", "breaking"),
        ("kafka:b", "compatible"),
    ]
    assert compare(dict(reversed(old.items())), dict(reversed(new.items()))) == changes


def test_a_document_with_another_title_is_known_by_its_file(compare: Compare) -> None:
    changes = compare({"a.yaml": SHOP}, {"a.yaml": doc("Store", "send")})
    assert [(one.aspect, one.message, one.verdict) for one in changes] == [
        ("name", "shop/o is now called store/o", "compatible"),
        ("service", "service shop became store", "compatible"),
    ]
    assert (changes.documents_added, changes.documents_removed) == ((), ())


def test_a_document_that_moves_from_2_to_3_stays_the_same_contract(compare: Compare) -> None:
    old = f"""
asyncapi: 2.6.0
info: {{title: Shop, version: '1'}}
servers: {{main: {{url: 'kafka:9092', protocol: kafka}}}}
channels:
  orders: {{subscribe: {{message: {{name: Placed, payload: {ID}}}}}}}
"""
    assert [(one.aspect, one.verdict) for one in compare({"a.yaml": old}, {"a.yaml": SHOP})] == [("name", "compatible")]
    narrower = compare({"a.yaml": old}, {"a.yaml": doc("Shop", "send", ID_NUMBER)})
    assert ("payload", "breaking") in [(one.aspect, one.verdict) for one in narrower]
