"""Many documents, one estate."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from observatory.spec.catalog import Catalog
from observatory.spec.load import load_catalog
from observatory.spec.topology import catalog_json, find_channels, search

Load = Callable[..., Catalog]


def document(
    title: str, action: str, address: str, host: str = "kafka:9092", extra: str = "", channel: str = ""
) -> str:
    return f"""
asyncapi: 3.0.0
info: {{title: {title}, version: '1'{extra}}}
servers: {{main: {{host: '{host}', protocol: kafka}}}}
channels: {{c: {{address: '{address}'{channel}}}}}
operations: {{o: {{action: {action}, channel: {{$ref: '#/channels/c'}}}}}}
"""


def test_two_documents_about_one_address_are_one_channel(load: Load) -> None:
    catalog = load(
        {
            "a.yaml": document("Shop", "send", "orders", extra=", x-owner: shop-team, x-domain: shop"),
            "b.yaml": document("Billing", "receive", "orders", host="KAFKA", extra=", x-owner: pay"),
        }
    )
    (channel,) = catalog.channels
    assert channel.id == "kafka:orders"
    assert channel.operations == ("billing/o", "shop/o")
    assert channel.documents == ("billing", "shop")
    assert channel.owner is not None
    assert (channel.owner.team, channel.domain) == ("shop-team", "shop")
    assert catalog.problems == ()


def test_the_same_address_on_two_brokers_is_two_channels(load: Load) -> None:
    catalog = load(
        {
            "a.yaml": document("A", "send", "orders", host="one:9092"),
            "b.yaml": document("B", "receive", "orders", host="two:9092"),
        }
    )
    assert [channel.id for channel in catalog.channels] == ["kafka:orders@one:9092", "kafka:orders@two:9092"]
    assert [operation.channel_id for operation in catalog.operations] == [channel.id for channel in catalog.channels]


def test_a_shared_server_joins_documents_that_have_others_besides(load: Load) -> None:
    catalog = load(
        {
            "a.yaml": document("A", "send", "orders", host="one,two"),
            "b.yaml": document("B", "receive", "orders", host="two,three"),
            "c.yaml": document("C", "receive", "orders", host="three"),
        }
    )
    assert [channel.id for channel in catalog.channels] == ["kafka:orders"]


def test_the_same_routing_key_on_two_exchanges_is_two_channels(load: Load) -> None:
    def text(title: str, exchange: str) -> str:
        return f"""
asyncapi: 3.0.0
info: {{title: {title}, version: '1'}}
servers: {{main: {{host: rabbit, protocol: amqp}}}}
channels: {{c: {{address: key, bindings: {{amqp: {{is: routingKey, exchange: {{name: {exchange}}}}}}}}}}}
"""

    catalog = load({"a.yaml": text("A", "red"), "b.yaml": text("B", "blue")})
    assert [channel.id for channel in catalog.channels] == ["amqp:key@blue", "amqp:key@red"]


def test_documents_of_one_service_are_told_apart_by_their_file(load: Load) -> None:
    catalog = load({"one.yaml": document("Shop", "send", "a"), "two.yaml": document("Shop", "send", "b")})
    assert [(one.name, one.service) for one in catalog.documents] == [("shop-one", "shop"), ("shop-two", "shop")]
    assert [operation.key for operation in catalog.operations] == ["shop-one/o", "shop-two/o"]


@pytest.mark.parametrize(
    ("head", "service"),
    [
        ("info: {title: Order Service!, version: '1'}", "order-service"),
        ("id: 'urn:com:example:payments'\ninfo: {title: T, version: '1'}", "payments"),
        ("id: 'https://example.com/x/Pay'\ninfo: {title: T, version: '1'}", "pay"),
        ("id: 'urn:a:b'\ninfo: {title: T, version: '1', x-service-name: Exact.Name}", "Exact.Name"),
        ("x-service-name: root\ninfo: {title: T, version: '1'}", "root"),
        ("info: {title: Ärger, version: '1'}", "ärger"),
    ],
)
def test_the_service_comes_from_the_extension_the_id_or_the_title(one: Load, head: str, service: str) -> None:
    assert [document.service for document in one(f"asyncapi: 3.0.0\n{head}\n").documents] == [service]


def test_conflicts_are_warnings_about_the_channel(load: Load) -> None:
    def text(title: str, owner: str, partitions: int, kind: str) -> str:
        return f"""
asyncapi: 3.0.0
info: {{title: {title}, version: '1'}}
servers: {{main: {{host: k, protocol: kafka}}}}
channels:
  c:
    address: orders
    x-owner: {owner}
    bindings: {{kafka: {{partitions: {partitions}}}}}
    messages: {{placed: {{payload: {{type: {kind}}}}}}}
operations: {{o: {{action: send, channel: {{$ref: '#/channels/c'}}}}}}
"""

    catalog = load({"a.yaml": text("A", "red", 6, "object"), "b.yaml": text("B", "blue", 12, "string")})
    assert [(problem.code, problem.severity, problem.subject) for problem in catalog.problems] == [
        ("conflict-owner", "warning", "kafka:orders"),
        ("conflict-binding", "warning", "kafka:orders"),
        ("conflict-schema", "warning", "kafka:orders"),
    ]
    assert {str(problem.location) for problem in catalog.problems} == {"b.yaml:8:14", "b.yaml:9:36", "b.yaml:10:24"}


def test_the_same_documents_in_another_order_give_the_same_catalogue(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path_factory.mktemp("estate")
    monkeypatch.chdir(folder)
    hosts = ["one", "two", "one,two", "three", "one"]
    for index, host in enumerate(hosts):
        text = document("Shop", "send" if index % 2 else "receive", "orders", host=host, extra=f", x-owner: t{index}")
        Path(f"d{index}.yaml").write_text(text, encoding="utf-8")
    names = [Path(f"d{index}.yaml") for index in range(len(hosts))]
    expected = load_catalog(names)

    @given(st.permutations(names))
    @settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    def in_any_order(order: list[Path]) -> None:
        assert load_catalog(order) == expected

    in_any_order()
    assert [channel.id for channel in expected.channels] == ["kafka:orders@one:9092", "kafka:orders@three:9092"]


def test_a_folder_is_searched_and_what_is_no_document_is_passed_over(load: Load) -> None:
    catalog = load(
        {
            "estate/a/doc.yaml": document("A", "send", "a"),
            "estate/b/doc.json": '{"asyncapi": "3.0.0", "info": {"title": "B", "version": "1"}}',
            "estate/compose.yaml": "services: {a: {}}\n",
            "estate/nested.yaml": "spec:\n  asyncapi: 3.0.0\n",
            "estate/nested.json": '{"spec": {"asyncapi": "3.0.0"}}',
            "estate/broken.yaml": "a: [\n",
            "estate/node_modules/x.yaml": document("N", "send", "n"),
        },
        paths=[Path("estate")],
    )
    assert [one.name for one in catalog.documents] == ["a", "b"]
    assert catalog.problems == ()


def test_a_named_file_that_is_no_document_is_an_error(one: Load) -> None:
    (problem,) = one("services: {}\nasynapi: 3.0.0\n").problems
    assert (problem.code, str(problem.location)) == ("not-asyncapi", "doc.yaml:2:1")
    assert problem.hint == "did you mean 'asyncapi' instead of 'asynapi'?"


def test_an_empty_folder_and_a_missing_file_are_reported(load: Load) -> None:
    Path("empty").mkdir()
    catalog = load({}, paths=[Path("empty"), Path("none.yaml")])
    assert [(problem.code, problem.severity) for problem in catalog.problems] == [
        ("no-documents", "error"),
        ("file-missing", "error"),
    ]
    assert catalog.problems[0].message == "no AsyncAPI document in empty: no YAML or JSON file in it or below"


def test_a_folder_without_documents_beside_one_with_some_is_a_warning_that_says_what_was_looked_at(load: Load) -> None:
    Path("values").mkdir()
    Path("values/a.yaml").write_text("replicas: 1\n")
    Path("values/b.json").write_text("{}")
    catalog = load({"a.yaml": document("A", "send", "out")}, paths=[Path("values"), Path("a.yaml")])
    (problem,) = (one for one in catalog.problems if one.code == "no-documents")
    assert problem.severity == "warning"
    assert problem.message == (
        "no AsyncAPI document in values: 2 YAML or JSON files, all without the key asyncapi at the top"
    )


def test_orphans_are_listed(load: Load) -> None:
    catalog = load({"a.yaml": document("A", "send", "out"), "b.yaml": document("B", "receive", "in")})
    answer = catalog_json(catalog)
    assert (answer["never_received"], answer["never_sent"]) == (["kafka:out"], ["kafka:in"])


def test_channels_are_found_by_any_of_their_names(load: Load) -> None:
    catalog = load(
        {"a.yaml": document("A", "send", "orders.{env}", channel=", parameters: {env: {}}, title: Placed orders")}
    )
    for word in ("orders.{env}", "kafka:orders.{env}", "c", "orders.eu", "ord*", "RDERS.{"):
        assert [channel.id for channel in find_channels(catalog, word)] == ["kafka:orders.{env}"]
    assert find_channels(catalog, "parcels") == []
    assert [channel.id for channel in search(catalog, "PLACED")] == ["kafka:orders.{env}"]
    assert search(catalog, "nothing") == []
