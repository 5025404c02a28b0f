"""Labels of series as protobuf messages, in the usual form and in every other."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from observatory.sources.prometheus import wire


def field(number: int, payload: bytes) -> bytes:
    return wire.varint(number << 3 | 2) + wire.varint(len(payload)) + payload


def message(name: str, value: str, form: str) -> bytes:
    parts = [field(1, name.encode()), field(2, value.encode())]
    match form:
        case "value first":
            parts.reverse()
        case "told twice":
            parts = [field(1, b"before"), *parts]
        case "with more":
            parts.append(wire.varint(3 << 3) + wire.varint(300))
    return field(1, b"".join(parts))


FORMS = st.sampled_from(["usual", "value first", "told twice", "with more"])
TEXTS = st.text(max_size=60) | st.text("ü", min_size=60, max_size=300)


@given(st.lists(st.tuples(TEXTS, TEXTS, FORMS), unique_by=lambda one: one[0], max_size=8))
def test_labels_are_read_however_they_are_written(told: list[tuple[str, str, str]]) -> None:
    data = b"".join(message(*one) for one in told)

    assert wire.labels(data) == {name: value for name, value, _ in told}


@pytest.mark.parametrize(
    ("data", "what"),
    [
        (message("a", "b", "usual")[:-1], "a field reaches beyond its message"),
        (field(1, field(1, b"\xff") + field(2, b"x")), "a label is no UTF-8"),
        (field(1, field(1, b"a") + b"\x12\x05x"), "a field reaches beyond its message"),
        (b"\x0a", "a number does not end"),
        (b"\x0f\x00", "a field of an unknown kind"),
    ],
)
def test_damaged_labels_are_refused(data: bytes, what: str) -> None:
    with pytest.raises(wire.WireInvalid, match=what):
        wire.labels(data)
