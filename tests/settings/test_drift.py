"""`drift` in observatory.yaml: names that need no document; every fault has its place."""

from __future__ import annotations

from pathlib import Path

import pytest

from observatory.errors import InputInvalid
from observatory.settings import load_settings
from observatory.settings.drift import DriftSettings, IgnoredNames


def read(folder: Path, text: str) -> DriftSettings:
    path = folder / "observatory.yaml"
    path.write_text(text, encoding="utf-8")
    return load_settings(path, {}).drift


def test_names_are_ignored_one_by_one_or_for_a_reason(tmp_path: Path) -> None:
    text = "drift: {ignore: ['debezium-*', {names: ['scratch.?', tmp], reason: of the data team}]}\n"

    first, second = read(tmp_path, text).ignore

    assert (first.names, first.reason) == (("debezium-*",), "ignored by the settings")
    assert (second.names, second.reason) == (("scratch.?", "tmp"), "of the data team")


@pytest.mark.parametrize(
    ("pattern", "name", "held"),
    [
        ("scratch.*", "scratch.a.b", True),
        ("scratch.?", "scratch.ab", False),
        ("a[b]", "a[b]", True),
        ("a[b]", "ab", False),
        ("Orders", "orders", False),
    ],
)
def test_a_pattern_holds_what_it_says_and_no_more(pattern: str, name: str, held: bool) -> None:
    assert IgnoredNames((pattern,)).holds(name) is held


def test_all_faults_are_told_at_their_places(tmp_path: Path) -> None:
    text = (
        "drift:\n  ignored: [a]\n  ignore:\n    - 7\n    - {name: a}\n"
        "    - {names: [], reason: x}\n    - {names: a, reason: 1}\n"
    )

    with pytest.raises(InputInvalid) as caught:
        read(tmp_path, text)

    assert [
        (one.location.line, one.location.column, one.code) for one in caught.value.problems if one.location is not None
    ] == [
        (2, 3, "settings-key"),
        (4, 7, "settings-value"),
        (5, 8, "settings-key"),
        (5, 7, "settings-value"),
        (6, 15, "settings-value"),
        (7, 26, "settings-value"),
    ]


@pytest.mark.parametrize("text", ["drift: []\n", "drift: {ignore: scratch}\n"])
def test_another_form_is_a_fault(tmp_path: Path, text: str) -> None:
    with pytest.raises(InputInvalid) as caught:
        read(tmp_path, text)

    assert [one.code for one in caught.value.problems] == ["settings-value"]
