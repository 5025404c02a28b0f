"""Values of options that need no reading."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path

import pytest
from observatory_process import observatory

from observatory.cli.plain_values import UNREAD, plain


class Colour(StrEnum):
    RED = "red"


@pytest.mark.parametrize(
    ("value", "kind", "expected"),
    [
        ("a", str, "a"),
        (("a", "b"), list[str], ["a", "b"]),
        ("no-such-file", Path, Path("no-such-file")),
        (("no-such-file",), list[Path], [Path("no-such-file")]),
        (Colour.RED, Colour, Colour.RED),
        ("red", Colour, UNREAD),
        ("7", int, UNREAD),
        (("7",), list[int], UNREAD),
    ],
)
def test_plain_values_are_taken_and_others_left_to_typer(value: object, kind: object, expected: object) -> None:
    assert plain(value, kind) == expected


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["status", ".", "--fail-on", "sometimes"], "'sometimes' is not one of 'breached', 'at-risk', 'never'"),
        (["serve", ".", "--port", "many"], "Invalid value for '--port'"),
        (["users", "token"], "Missing argument"),
        (["stauts"], "No such command 'stauts'. Did you mean 'status'?"),
    ],
)
def test_what_is_not_plain_is_refused_as_typer_does(arguments: list[str], said: str) -> None:
    ended = observatory(*arguments)

    assert ended.returncode == 2, ended.stderr
    assert said in ended.stderr
