"""Which channels of which documents are one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
from document_estates import everything, one_channel
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from observatory.spec.catalog import Catalog
from observatory.spec.load import load_catalog

Load = Callable[..., Catalog]


def ids(catalog: Catalog) -> list[str]:
    return [channel.id for channel in catalog.channels]


def test_spellings_of_one_protocol_are_one(load: Load) -> None:
    catalog = load(
        {
            "a.yaml": one_channel("A", "send", "orders", protocol="kafka"),
            "b.yaml": one_channel("B", "receive", "orders", protocol="kafka-secure"),
        }
    )
    assert ids(catalog) == ["kafka:orders"]


def test_a_document_without_a_protocol_joins_where_only_one_has_the_address(load: Load) -> None:
    catalog = load(
        {
            "a.yaml": one_channel("A", "receive", "orders", protocol=None),
            "b.yaml": one_channel("B", "send", "orders"),
        }
    )
    (channel,) = catalog.channels
    assert (channel.id, channel.documents, channel.protocol) == ("kafka:orders", ("a", "b"), "kafka")
    assert [(name.kind, name.value) for name in channel.names] == [("topic", "orders")]


def test_a_document_without_a_protocol_stays_alone_where_two_have_the_address(load: Load) -> None:
    catalog = load(
        {
            "a.yaml": one_channel("A", "receive", "orders", protocol=None),
            "b.yaml": one_channel("B", "send", "orders"),
            "c.yaml": one_channel("C", "send", "orders", protocol="mqtt"),
        }
    )
    assert ids(catalog) == ["kafka:orders", "mqtt:orders", "unknown:orders"]


def test_the_machine_that_runs_it_says_nothing_about_the_broker(load: Load) -> None:
    catalog = load(
        {
            "a.yaml": one_channel("A", "send", "orders", host="one:9092,localhost:9092"),
            "b.yaml": one_channel("B", "send", "orders", host="two:9092,localhost:9092"),
        }
    )
    assert ids(catalog) == ["kafka:orders@one:9092", "kafka:orders@two:9092"]


def test_a_local_document_joins_the_only_broker(load: Load) -> None:
    catalog = load(
        {
            "a.yaml": one_channel("A", "send", "orders", host="one:9092"),
            "b.yaml": one_channel("B", "receive", "orders", host="127.0.0.1"),
        }
    )
    assert ids(catalog) == ["kafka:orders"]


def test_two_local_ports_are_two_brokers(load: Load) -> None:
    catalog = load(
        {
            "a.yaml": one_channel("A", "send", "orders", host="localhost:9092"),
            "b.yaml": one_channel("B", "receive", "orders", host="localhost:9093"),
        }
    )
    assert ids(catalog) == ["kafka:orders@localhost:9092", "kafka:orders@localhost:9093"]


def test_a_host_with_an_open_variable_joins_the_only_broker(load: Load) -> None:
    catalog = load(
        {
            "a.yaml": one_channel("A", "send", "orders", host="eu.example.com"),
            "b.yaml": one_channel("B", "receive", "orders", host="{tenant}.example.com"),
        }
    )
    assert ids(catalog) == ["kafka:orders"]


def test_environments_that_one_document_lists_together_are_one_channel(load: Load) -> None:
    both = one_channel("A", "send", "orders").replace(
        "servers: {main: {host: 'kafka:9092', protocol: kafka}}",
        "servers: {production: {host: prod, protocol: kafka}, staging: {host: stage, protocol: kafka}}",
    )
    catalog = load(
        {
            "a.yaml": both,
            "b.yaml": one_channel("B", "receive", "orders", host="prod"),
            "c.yaml": one_channel("C", "receive", "orders", host="stage"),
        }
    )
    (channel,) = catalog.channels
    assert (channel.id, channel.documents) == ("kafka:orders", ("a", "b", "c"))
    assert [server.host for server in channel.servers] == ["prod", "stage"]


def test_the_listed_values_of_a_host_are_brokers_each(load: Load) -> None:
    every = one_channel("A", "send", "orders").replace(
        "host: 'kafka:9092', protocol: kafka",
        "host: 'u:p@{env}.example.com', protocol: kafka, variables: {env: {enum: [prod, stage], default: prod}}",
    )
    catalog = load(
        {
            "a.yaml": every,
            "b.yaml": one_channel("B", "receive", "orders", host="stage.example.com:9092"),
            "c.yaml": one_channel("C", "receive", "orders", host="test.example.com"),
        }
    )
    assert [(channel.id, channel.documents) for channel in catalog.channels] == [
        ("kafka:orders@prod.example.com:9092", ("a", "b")),
        ("kafka:orders@test.example.com:9092", ("c",)),
    ]
    assert [server.host for server in catalog.channels[0].servers] == ["prod.example.com", "stage.example.com:9092"]


def test_parameters_of_other_names_are_the_same_address(load: Load) -> None:
    catalog = load(
        {
            "a.yaml": one_channel("A", "send", "orders.{region}", channel=", parameters: {region: {}}"),
            "b.yaml": one_channel("B", "receive", "orders.{area}", channel=", parameters: {area: {}}"),
        }
    )
    (channel,) = catalog.channels
    assert (channel.id, channel.documents) == ("kafka:orders.{area}", ("a", "b"))
    assert [name.value for name in channel.names] == ["orders.{region}"]


def test_the_order_of_listed_values_does_not_matter(load: Load) -> None:
    catalog = load(
        {
            "a.yaml": one_channel("A", "send", "o.{r}", channel=", parameters: {r: {enum: [eu, us]}}"),
            "b.yaml": one_channel("B", "receive", "o.{r}", channel=", parameters: {r: {enum: [us, eu]}}"),
            "c.yaml": one_channel("C", "receive", "o.{r}", channel=", parameters: {r: {enum: [us, asia]}}"),
        }
    )
    assert ids(catalog) == ["kafka:o.{r}", "kafka:o.{r}~2"]
    assert [channel.documents for channel in catalog.channels] == [("a", "b"), ("c",)]


def test_a_wildcard_and_a_parameter_of_one_segment_are_one(load: Load) -> None:
    catalog = load(
        {
            "a.yaml": one_channel("A", "send", "s/{site}/t", protocol="mqtt", channel=", parameters: {site: {}}"),
            "b.yaml": one_channel("B", "receive", "s/+/t", protocol="mqtt"),
        }
    )
    assert ids(catalog) == ["mqtt:s/{site}/t"]


def test_channels_with_open_addresses_never_share_an_id(load: Load) -> None:
    main = """
asyncapi: 3.0.0
info: {title: A, version: '1'}
channels:
  c: {address: null}
operations:
  o: {action: send, channel: {$ref: '#/channels/c'}}
  p: {action: send, channel: {$ref: 'other.yaml#/channels/c'}}
"""
    catalog = load({"a.yaml": main, "other.yaml": "channels: {c: {address: null}}\n"}, paths=[Path("a.yaml")])
    assert [(one.name, one.channel_id) for one in catalog.operations] == [("o", "a#c"), ("p", "a#c~2")]


ADDRESSES = ["orders", "orders.eu", "orders.{region}", "orders.{area}", "a/{b}/c", "a/+/c", "a/#"]
HOSTS = ["one", "two", "one,two", "localhost:9092", "{t}.example.com"]
DRAWN = st.tuples(
    st.sampled_from(ADDRESSES),
    st.sampled_from(HOSTS),
    st.sampled_from(["kafka", "mqtt", "mqtts", None]),
    st.sampled_from(["send", "receive"]),
)


def test_any_order_of_any_documents_gives_the_same_catalogue_with_each_operation_in_one_channel(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path_factory.mktemp("estate"))

    @given(st.lists(DRAWN, min_size=1, max_size=7), st.randoms(use_true_random=False))
    @settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    def holds(drawn: list[tuple[str, str, str | None, str]], chance: object) -> None:
        names: list[Path] = []
        for number, (address, host, protocol, action) in enumerate(drawn):
            names.append(Path(f"d{number}.yaml"))
            title = f"S{number % 3}"
            text = one_channel(title, action, address, host=host, protocol=protocol)
            names[-1].write_text(text, encoding="utf-8")
        catalog = load_catalog(names)
        chance.shuffle(names)  # type: ignore[attr-defined]
        assert everything(load_catalog(names)) == everything(catalog)

        assert len(catalog.operations) == len(drawn)
        assert Counter(key for channel in catalog.channels for key in channel.operations) == Counter(
            operation.key for operation in catalog.operations
        )
        assert len({channel.id for channel in catalog.channels}) == len(catalog.channels)
        for channel in catalog.channels:
            assert all(channel.id in catalog.channel(other).overlaps for other in channel.overlaps)

    holds()
