"""Hostile documents: each ends in its own coded finding with a place, and in no exception."""

from __future__ import annotations

from pathlib import Path

import pytest

from observatory.spec.load import load_catalog

HEAD = b"asyncapi: 3.0.0\ninfo: {title: T, version: '1'}\n"
BOMB = (
    HEAD
    + b"x-a: &a0 [x, x, x, x, x, x, x, x, x, x]\n"
    + b"".join(b"x-b%d: &a%d [%s]\n" % (n, n, b", ".join([b"*a%d" % (n - 1)] * 10)) for n in range(1, 10))
)
HOSTILE = {
    "bomb.yaml": (BOMB, "alias-expansion"),
    "itself.yaml": (HEAD + b"x-a: &a [*a]\n", "alias-cycle"),
    "circle.yaml": (HEAD + b"channels: {a: {$ref: '#/channels/a'}}\n", "reference-cycle"),
    "deep.yaml": (HEAD + b"x-a: " + b"[" * 5000 + b"]" * 5000 + b"\n", "nesting-too-deep"),
    "deep.json": (b'{"asyncapi": ' + b"[" * 5000 + b"]" * 5000 + b"}", "nesting-too-deep"),
    "huge.yaml": (HEAD + b"x-a: " + b"y" * 2_000_000 + b"\n", "scalar-too-long"),
    "escape.yaml": (HEAD + b"channels: {a: {$ref: '../../../etc/passwd'}}\n", "reference-outside-roots"),
    "control.yaml": (HEAD + b"x-a: \x1b[2J\n", "control-character"),
    "latin.yaml": (HEAD + b"x-a: caf\xe9\n", "not-utf8"),
    "empty.yaml": (b"", "document-empty"),
    "comma.json": (b'{"asyncapi": "3.0.0",}', "json-syntax"),
    "tag.yaml": (HEAD + b"x-a: !!python/object/apply:os.system [x]\n", "yaml-tag"),
    "list.yaml": (b"- asyncapi: 3.0.0\n", "not-asyncapi"),
    "text.yaml": (b"asyncapi\n", "not-asyncapi"),
    "binary.yaml": (bytes(range(256)) * 8, "not-utf8"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_document_is_one_finding_with_a_place(tmp_path: Path, name: str) -> None:
    content, code = HOSTILE[name]
    path = tmp_path / name
    path.write_bytes(content)
    catalog = load_catalog([path])
    assert [problem.code for problem in catalog.problems] == [code]
    assert all(problem.location and problem.location.line >= 1 for problem in catalog.problems)


def test_one_hostile_document_does_not_take_others_with_it(tmp_path: Path) -> None:
    for name, (content, _) in HOSTILE.items():
        (tmp_path / name).write_bytes(content)
    good = tmp_path / "good.yaml"
    good.write_bytes(HEAD + b"channels: {a: {address: good}}\n")
    catalog = load_catalog([good, *(tmp_path / name for name in HOSTILE)])
    assert "good" in [channel.address for channel in catalog.channels]
    assert {problem.code for problem in catalog.problems} == {code for _, code in HOSTILE.values()}


def test_references_into_a_bomb_do_not_unfold_it(tmp_path: Path) -> None:
    levels = "".join(
        f"    S{n}: {{properties: {{a: {{$ref: '#/components/schemas/S{n + 1}'}}, "
        f"b: {{$ref: '#/components/schemas/S{n + 1}'}}}}}}\n"
        for n in range(45)
    )
    path = tmp_path / "doc.yaml"
    path.write_text(
        HEAD.decode()
        + "channels: {c: {address: a, messages: {m: {payload: {$ref: '#/components/schemas/S0'}}}}}\n"
        + "operations: {o: {action: send, channel: {$ref: '#/channels/c'}}}\n"
        + "components:\n  schemas:\n"
        + levels
        + "    S45: {type: string}\n",
        encoding="utf-8",
    )
    other = tmp_path / "other.yaml"
    other.write_text(path.read_text(encoding="utf-8").replace("title: T", "title: U"), encoding="utf-8")
    catalog = load_catalog([path, other])
    assert catalog.problems == ()
    assert [channel.documents for channel in catalog.channels] == [("t", "u")]


def test_fifty_levels_of_references_and_nesting_are_read(tmp_path: Path) -> None:
    nested = "{type: string}"
    for _ in range(24):
        nested = f"{{properties: {{inner: {nested}}}}}"
    path = tmp_path / "doc.yaml"
    path.write_text(HEAD.decode() + f"components: {{schemas: {{S: {nested}}}}}\n", encoding="utf-8")
    assert load_catalog([path]).problems == ()
