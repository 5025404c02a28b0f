"""Wildcards of brokers as expressions: what they take and what they do not."""

from __future__ import annotations

import re

import duckdb
import pytest

from observatory.spec.templates import pattern_of

CASES: list[tuple[str, str, list[str], list[str]]] = [
    ("mqtt", "a/#", ["a", "a/b", "a/b/c", "a/"], ["ab", "b/a", "A/b"]),
    ("mqtt", "#", ["a", "a/b", "/a"], ["$SYS/broker/uptime", ""]),
    ("mqtt", "+", ["a"], ["a/b", "$SYS"]),
    ("mqtt", "+/+", ["a/b", "/finance", "a/"], ["a", "a/b/c", "$SYS/b"]),
    ("mqtt", "a/+/c", ["a/b/c", "a//c"], ["a/b/b/c", "a/c"]),
    ("mqtt", "a/{x}/#", ["a/b", "a/b/c/d"], ["a", "a/"]),
    ("mqtt", "+/{x}", ["a/b"], ["a/", "a/b/c"]),
    ("nats", "a.>", ["a.b", "a.b.c"], ["a", "ab", "b.a"]),
    ("nats", ">", ["a", "a.b"], [""]),
    ("nats", "a.*", ["a.b"], ["a.b.c", "a."]),
    ("nats", "*.b", ["a.b"], ["b", "a.a.b"]),
    ("amqp", "a.*", ["a.b"], ["a", "a.b.c"]),
    ("amqp", "a.#", ["a", "a.b", "a.b.c"], ["ab", "b.a"]),
    ("amqp", "#.z", ["z", "a.z", "a.b.z"], ["az", "z.a"]),
    ("amqp", "a.#.z", ["a.z", "a.b.z", "a.b.c.z"], ["a", "az", "z"]),
    ("amqp", "#", ["a", "a.b", ""], []),
    ("amqp", "#.#", ["a", "a.b"], []),
    ("amqp", "#.a.#", ["a", "x.a", "a.y", "x.a.y.z"], ["b", "xa"]),
    ("amqp", "*.#", ["a", "a.b"], [""]),
    ("solace", "a/*/c", ["a/b/c"], ["a/c", "a/b/b/c"]),
    ("solace", "a/b*", ["a/b", "a/bc"], ["a/c", "a/bc/d"]),
    ("solace", "a/{x}z*", ["a/1z", "a/1z2"], ["a/1", "a/z/z"]),
    ("solace", "a/>", ["a/b", "a/b/c"], ["a", "ab"]),
]


@pytest.mark.parametrize(("protocol", "address", "taken", "refused"), CASES)
def test_a_wildcard_takes_what_the_broker_lets_it(
    protocol: str, address: str, taken: list[str], refused: list[str]
) -> None:
    pattern = pattern_of(address, protocol, {})
    assert pattern is not None
    assert [name for name in taken if not re.fullmatch(pattern, name)] == []
    assert [name for name in refused if re.fullmatch(pattern, name)] == []


def test_the_engine_of_queries_reads_the_expressions_alike() -> None:
    with duckdb.connect() as connection:  # matches with RE2, whose syntax PromQL has
        for protocol, address, taken, refused in CASES:
            pattern = pattern_of(address, protocol, {})
            for name in (*taken, *refused):
                row = connection.execute("select regexp_full_match(?, ?)", [name, pattern]).fetchone()
                assert row == (name in taken,), (protocol, address, name)


@pytest.mark.parametrize(
    ("protocol", "address"),
    [
        ("mqtt", "a+b"),
        ("mqtt", "a/b#"),
        ("mqtt", "a/#/b"),
        ("nats", "a*.b"),
        ("nats", "a.>.b"),
        ("amqp", "a*.b#"),
        ("solace", "a/*b"),
        ("solace", "a/>/b"),
        ("kafka", "a.*"),
        ("redis", "a.#"),
    ],
)
def test_a_sign_in_another_place_is_itself(protocol: str, address: str) -> None:
    assert pattern_of(address, protocol, {}) is None


def test_a_queue_has_no_wildcards() -> None:
    assert pattern_of("a.#", "amqp", {}, wildcards=False) is None
