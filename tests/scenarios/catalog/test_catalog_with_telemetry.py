"""`observatory catalog` with a real store, and with sources that do not answer, as a person runs it."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from observatory_process import observatory

from observatory.sources.base import SampleSet, Span
from observatory.sources.store import Store

AT = 1_790_000_000
CLOSED = "http://127.0.0.1:9"
DOCUMENT = """\
asyncapi: 3.0.0
info: {title: Orders, version: 1.0.0, x-service-name: shop, x-owner: {team: order-core}}
servers:
  kafka: {host: 'kafka.example:9092', protocol: kafka}
channels:
  placed:
    address: orders.placed
    messages: {order: {payload: {type: object}}}
  paid:
    address: orders.paid
    messages: {order: {payload: {type: object}}}
operations:
  place: {action: send, channel: {$ref: '#/channels/placed'}}
  pay: {action: send, channel: {$ref: '#/channels/paid'}}
  onPaid:
    action: receive
    channel: {$ref: '#/channels/paid'}
    bindings: {kafka: {groupId: {type: string, const: shop-v1}}}
"""
SILENT_TREE = """\
kafka:orders.paid  [order-core]
├── <- shop (shop/pay), owner order-core
└── -> shop (shop/onPaid), group shop-v1, owner order-core
kafka:orders.placed  [order-core]
└── <- shop (shop/place), owner order-core

2 of 2 channels; <- produces, -> consumes
"""
SEEN_TREE = """\
kafka:orders.paid  [order-core]
├── <- shop (shop/pay), owner order-core: not seen
├── -> shop (shop/onPaid), group shop-v1, owner order-core: seen in series
└── -> group mail-v1, undeclared: seen in series
kafka:orders.placed  [order-core]
├── <- shop (shop/place), owner order-core: 3 messages, last seen 2026-09-21T14:13:00Z
└── -> spy, group spy-v1, undeclared: 1 message, last seen 2026-09-21T14:13:20Z

2 of 2 channels; <- produces, -> consumes
"""
SEEN_TABLE = """\
channel              produced by      consumed by                                    owner       domain  criticality
-------------------  ---------------  ---------------------------------------------  ----------  ------  -----------
kafka:orders.paid    shop (not seen)  shop (seen), group mail-v1 (undeclared, seen)  order-core  -       normal
kafka:orders.placed  shop (3)         spy (undeclared, 1)                            order-core  -       normal
"""


def message(number: int, kind: str, service: str, before: int, group: str = "") -> Span:
    start = (AT - before) * 1_000_000_000
    return Span(
        trace_id=f"{number:032x}", span_id=f"{number:016x}", parent_span_id="", name="message", kind=kind,
        service=service, start_ns=start, end_ns=start + 1_000_000, system="kafka", destination="orders.placed",
        consumer_group=group,
    )  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("catalog")
    (path / "orders.yaml").write_text(DOCUMENT)
    lag = [
        ({"__name__": "kafka_consumergroup_lag", "consumergroup": group, "topic": "orders.paid", "partition": "0"},
         [(AT - 60) * 1000], [4.0])
        for group in ("shop-v1", "mail-v1")
    ]  # fmt: skip
    with Store.open(path / "store.duckdb") as store:
        store.append_spans(
            [
                message(1, "producer", "shop", 100_000),
                *(message(number, "producer", "shop", 60 - 10 * number) for number in (2, 3, 4)),
                message(5, "consumer", "spy", 0, "spy-v1"),
            ]
        )
        store.append_samples(SampleSet.of(lag))
    return path


def asked(folder: Path, *more: object) -> subprocess.CompletedProcess[str]:
    return observatory("catalog", folder / "orders.yaml", "--store", folder / "store.duckdb", "--at", AT, *more)


def entries(ended: subprocess.CompletedProcess[str], side: str, address: str) -> list[dict[str, Any]]:
    (found,) = [one for one in json.loads(ended.stdout)["channels"] if one["address"] == address]
    return found[side]  # type: ignore[no-any-return]


def test_documents_alone_ask_nobody(folder: Path) -> None:
    drawn = observatory("catalog", folder / "orders.yaml")
    answer = observatory("catalog", folder / "orders.yaml", "--json")

    assert (drawn.stdout, drawn.stderr, drawn.returncode) == (SILENT_TREE, "", 0)
    assert {
        entry["observed"] and entry["service"]
        for channel in json.loads(answer.stdout)["channels"]
        for side in ("producers", "consumers")
        for entry in channel[side]
    } == {None}
    assert "sources" not in json.loads(answer.stdout)


def test_the_tree_shows_counts_the_silent_and_the_undeclared(folder: Path) -> None:
    ended = asked(folder)

    assert (ended.stdout, ended.stderr, ended.returncode) == (SEEN_TREE, "", 0)


def test_the_table_shows_counts_the_silent_and_the_undeclared(folder: Path) -> None:
    assert asked(folder, "--format", "table").stdout == SEEN_TABLE


def test_the_answer_for_programs_keeps_declared_and_observed_apart(folder: Path) -> None:
    ended = asked(folder, "--json")

    assert entries(ended, "producers", "orders.placed") == [
        {
            "service": "shop",
            "document": "shop",
            "operation": "place",
            "declared": True,
            "observed": {
                "messages": 3.0,
                "first_seen": "2026-09-21T14:12:40Z",
                "last_seen": "2026-09-21T14:13:00Z",
            },
        }
    ]
    assert entries(ended, "consumers", "orders.paid")[1] == {
        "service": None,
        "document": None,
        "operation": None,
        "declared": False,
        "observed": {"messages": None, "first_seen": None, "last_seen": None},
        "consumer_group": "mail-v1",
    }
    assert [source["state"] for source in json.loads(ended.stdout)["sources"]] == ["ok"]


def test_a_longer_look_back_finds_older_messages(folder: Path) -> None:
    (shop,) = entries(asked(folder, "--since", "2d", "--json"), "producers", "orders.placed")

    assert shop["observed"]["messages"] == 4.0
    assert shop["observed"]["first_seen"] == "2026-09-20T10:26:40Z"


def test_who_consumes_names_the_undeclared_in_words(folder: Path) -> None:
    assert asked(folder, "--consumers-of", "orders.placed").stdout == (
        "kafka:orders.placed: consumed by spy, group spy-v1, undeclared: 1 message, last seen 2026-09-21T14:13:20Z\n"
    )
    assert asked(folder, "--since", "1ms", "--consumers-of", "orders.placed").stdout.startswith(
        "kafka:orders.placed: consumed by spy"
    )


def test_the_flowchart_dots_what_nobody_declared(folder: Path) -> None:
    assert "-. undeclared .->" in asked(folder, "--format", "mermaid").stdout


def test_a_source_that_does_not_answer_leaves_the_documents_and_ends_with_four(folder: Path) -> None:
    ended = observatory("catalog", folder / "orders.yaml", "--prometheus", CLOSED, "--at", AT)

    assert (ended.stdout, ended.returncode) == (SILENT_TREE, 4)
    assert "source-refused" in ended.stderr


def test_one_source_of_two_that_does_not_answer_ends_with_five(folder: Path) -> None:
    ended = asked(folder, "--prometheus", CLOSED, "--json")

    assert ended.returncode == 5
    assert entries(ended, "producers", "orders.placed")[0]["observed"]["messages"] == 3.0
    assert [problem["code"] for problem in json.loads(ended.stdout)["problems"]] == ["source-refused"]


@pytest.mark.parametrize("since", ["1", "soon", "0s", "1e400d"])
def test_a_look_back_that_is_no_duration_is_refused(folder: Path, since: str) -> None:
    ended = asked(folder, "--since", since)

    assert (ended.stdout, ended.returncode) == ("", 2)
    assert "--since" in ended.stderr
