"""Frozen values as tables, and back."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import Struct, field

from observatory.spec.drafts import DocumentRecord, OverlaidRecords
from observatory.spec.tables import TableError, Tables


class Leaf(Struct, frozen=True):
    text: str
    number: float | None = None


class Tree(Struct, frozen=True):
    name: str
    kind: Literal["a", "b"]
    leaves: tuple[Leaf, ...]
    pair: tuple[str, int]
    tags: frozenset[str]
    best: Leaf | None
    data: object
    more: tuple[object, ...] = ()
    choices: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    either: bool | int | str | tuple[bool | int | str, ...] = ""


def tree(**changes: Any) -> Tree:
    values: dict[str, Any] = {
        "name": "n", "kind": "a", "leaves": (), "pair": ("x", 1), "tags": frozenset(), "best": None, "data": None,
    }  # fmt: skip
    return Tree(**(values | changes))


def there_and_back(value: Tree) -> Tree:
    tables = Tables(Tree)
    result: Tree = Tables(Tree).read(tables.write(value))
    return result


PLAIN = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


SCALAR = st.booleans() | st.integers(-9, 9) | st.text(max_size=3)


@given(
    PLAIN,
    st.lists(st.text(), max_size=3),
    st.sets(st.text(), max_size=3),
    st.dictionaries(st.text(), st.lists(st.text()).map(tuple), max_size=3),
    SCALAR | st.lists(SCALAR, max_size=3).map(tuple),
)
@settings(max_examples=100, deadline=None)
def test_every_value_comes_back(
    data: object, words: list[str], tags: set[str], choices: dict[str, tuple[str, ...]], either: object
) -> None:
    leaves = tuple(Leaf(word, 1.5) for word in words)
    best = leaves[0] if leaves else None
    value = tree(
        leaves=leaves, tags=frozenset(tags), best=best, data=data, more=(data, 1), choices=choices, either=either
    )
    back = there_and_back(value)
    assert back == value
    assert (repr(back.data), repr(back.either)) == (repr(data), repr(either))


def test_what_is_shared_stays_shared() -> None:
    leaf, part = Leaf("a"), {"k": [1]}
    back = there_and_back(tree(leaves=(leaf, leaf), best=leaf, data={"x": part, "y": [part]}, more=(part,)))
    assert back.leaves[0] is back.leaves[1] is back.best
    assert isinstance(back.data, dict)
    assert back.data["x"] is back.data["y"][0] is back.more[0]


def test_data_that_unfolds_without_end_is_stored_as_it_is_shared() -> None:
    part: object = {"type": "string"}
    for _ in range(60):
        part = {"a": part, "b": part}
    raw = Tables(Tree).write(tree(data=part))
    back: Any = Tables(Tree).read(raw)
    assert len(raw) < 10_000
    assert back.data["a"] is back.data["b"]
    assert back.data["a"]["b"]["a"].keys() == {"a", "b"}


@pytest.mark.parametrize("data", [10**40, "\ud800", {"a": 2**65}])
def test_what_json_has_no_form_for_is_refused(data: object) -> None:
    with pytest.raises(TableError):
        Tables(Tree).write(tree(data=data))


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"[]",
        b"null",
        b'{"a": 1}',
        b"[0, [[], []], [], []]",
        b"[5, [[[],[]],[[],[],[],[],[],[],[],[],[],[]]], [], []]",
        b"\xff",
    ],
)
def test_what_is_no_table_is_refused(raw: bytes) -> None:
    with pytest.raises(TableError):
        Tables(Tree).read(raw)


@given(st.data())
@settings(max_examples=150, deadline=None)
def test_a_table_that_somebody_changed_is_refused_or_gives_values_of_the_right_types(data: st.DataObject) -> None:
    leaf = Leaf("a", 2.0)
    raw = json.loads(Tables(Tree).write(tree(leaves=(leaf,), best=leaf, data={"x": [1]}, tags=frozenset({"t"}))))
    holder: Any = raw
    while isinstance(holder, list) and holder:
        place = data.draw(st.integers(0, len(holder) - 1))
        if not isinstance(holder[place], list) or not holder[place] or data.draw(st.booleans()):
            holder[place] = data.draw(st.sampled_from([None, -1, 99, "x", [], {}, [[1]], True]))
            break
        holder = holder[place]
    try:
        back = Tables(Tree).read(json.dumps(raw).encode())
    except TableError:
        return
    assert type(back) is Tree
    assert isinstance(back.name, str)
    assert all(type(one) is Leaf and isinstance(one.text, str) for one in back.leaves)


def test_every_class_of_a_draft_has_a_form() -> None:
    assert (Tables(DocumentRecord).root, Tables(OverlaidRecords).root) == (DocumentRecord, OverlaidRecords)


def test_a_type_without_a_form_is_a_mistake_that_shows_at_once() -> None:
    class Odd(Struct, frozen=True):
        when: complex

    with pytest.raises(TypeError, match="no form for"):
        Tables(Odd)
