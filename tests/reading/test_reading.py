"""Reading YAML and JSON: values, places, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from observatory.errors import InputInvalid
from observatory.location import Location
from observatory.reading import pointer_of, read, read_text, segments_of
from observatory.reading.faults import MAX_BYTES, MAX_DEPTH, MAX_SCALAR


def refused(text: str, path: str = "a.yaml") -> tuple[str, int, int]:
    with pytest.raises(InputInvalid) as caught:
        read_text(text, path)
    problem = caught.value.problems[0]
    assert problem.location is not None
    return problem.code, problem.location.line, problem.location.column


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("yes", "yes"),
        ("on", "on"),
        ("2024-01-01", "2024-01-01"),
        ("12:30:00", "12:30:00"),
        ("true", True),
        ("True", True),
        ("null", None),
        ("~", None),
        ("", None),
        ("017", 17),
        ("0o17", 15),
        ("0x1F", 31),
        ("1_000", "1_000"),
        ("-3", -3),
        ("1e3", 1000.0),
        (".5", 0.5),
        ("1.10", 1.1),
        (".inf", ".inf"),
        (".nan", ".nan"),
        ("1e999", "1e999"),
        ("99.9%", "99.9%"),
        ("500ms", "500ms"),
        ("'12'", "12"),
        ("!!str 12", "12"),
        ("!!int '12'", 12),
        ("1.2.3", "1.2.3"),
    ],
)
def test_scalars_follow_the_core_schema_of_yaml_1_2(written: str, value: object) -> None:
    found = read_text(f"key: {written}\n", "a.yaml").data["key"]
    assert (found, type(found)) == (value, type(value))


def test_keys_are_text_as_written() -> None:
    assert list(read_text("200: a\ntrue: b\n1.10: c\n~: d\n", "a.yaml").data) == ["200", "true", "1.10", "~"]


def test_a_value_is_found_where_it_stands() -> None:
    reading = read_text("info:\n  title: Übung\nlist:\n  - a\n  - b: 1\n", "doc.yaml")
    assert reading.at("/info/title") == Location("doc.yaml", 2, 10, 5)
    assert reading.at("/info/title", key=True) == Location("doc.yaml", 2, 3, 5)
    assert reading.at("/list/1/b") == Location("doc.yaml", 5, 8, 1)


def test_columns_count_characters_and_not_bytes() -> None:
    assert read_text("'äöü😀': x\n", "doc.yaml").at("/äöü😀") == Location("doc.yaml", 1, 9, 1)


def test_a_path_that_does_not_exist_leads_to_the_nearest_parent() -> None:
    assert read_text("a:\n  b: 1\n", "doc.yaml").at("/a/c/d") == Location("doc.yaml", 2, 3, 0)


def test_a_merged_key_is_found_at_its_origin() -> None:
    reading = read_text("base: &b {x: 1}\nuse:\n  <<: *b\n  y: 2\n", "doc.yaml")
    assert reading.data["use"] == {"x": 1, "y": 2}
    assert reading.at("/use/x") == Location("doc.yaml", 1, 14, 1)


def test_an_own_key_wins_over_a_merged_one() -> None:
    data = read_text("a: &a {x: 1, z: 1}\nb: &b {x: 2, w: 2}\nc:\n  <<: [*a, *b]\n  z: 3\n", "doc.yaml").data
    assert data["c"] == {"x": 1, "w": 2, "z": 3}


def test_json_places_match_the_text() -> None:
    text = '{\n  "a": {"b\\"c": [1, "two", {"d": null}]}\n}\n'
    reading = read_text(text, "doc.json")
    assert reading.data == {"a": {'b"c': [1, "two", {"d": None}]}}
    assert reading.at('/a/b"c', key=True) == Location("doc.json", 2, 9, 6)
    assert reading.at('/a/b"c/1') == Location("doc.json", 2, 21, 5)
    assert reading.at('/a/b"c/2/d') == Location("doc.json", 2, 34, 4)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers(-(10**12), 10**12) | st.text("ab é😀\"\\/~:#{}[],'", max_size=8),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("ab/~é", max_size=4), inner, max_size=3),
        max_leaves=15,
    )
)
def test_json_reads_alike_as_json_and_as_yaml(value: object) -> None:
    text = json.dumps({"top": value}, ensure_ascii=False, indent=1)
    assert read_text(text, "a.json").data == read_text(text, "a.yaml").data == {"top": value}


@given(
    st.dictionaries(
        st.text("ab/~é", min_size=1, max_size=4),
        st.lists(st.integers(0, 99) | st.text("xyz", min_size=1, max_size=5), max_size=3),
        min_size=1,
        max_size=5,
    )
)
def test_every_place_in_json_points_at_its_value(value: dict[str, list[object]]) -> None:
    text = json.dumps(value, ensure_ascii=False, indent=2)
    reading = read_text(text, "a.json")
    lines = text.split("\n")
    for key, items in value.items():
        for index, item in enumerate(items):
            at = reading.at((key, str(index)))
            shown = lines[at.line - 1][at.column - 1 : at.column - 1 + at.length]
            assert json.loads(shown) == item


@given(st.lists(st.text(max_size=6), max_size=5))
def test_a_pointer_survives_writing_and_reading(parts: list[str]) -> None:
    assert segments_of(pointer_of(parts)) == tuple(parts)


def test_a_pointer_starts_with_a_slash() -> None:
    with pytest.raises(ValueError, match="starts with a slash"):
        segments_of("channels/orders")


# --- refused, each with its own code and its place


def test_an_alias_bomb_is_refused() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 9)]
    assert refused("\n".join(lines)) == ("alias-expansion", 6, 5)


def test_an_alias_inside_itself_is_refused() -> None:
    assert refused("a: &a\n  - *a\n") == ("alias-cycle", 1, 4)


def test_a_chain_of_aliases_does_not_get_round_the_depth() -> None:
    lines = ["a0: &a0 [x]", *(f"a{n}: &a{n} [*a{n - 1}]" for n in range(1, MAX_DEPTH + 20))]
    assert refused("\n".join(lines))[0] == "nesting-too-deep"


@pytest.mark.parametrize("path", ["a.yaml", "a.json"])
def test_deep_nesting_is_refused_where_it_gets_too_deep(path: str) -> None:
    code, line, column = refused("[" * 100_000 + "]" * 100_000, path)
    assert (code, line, column) == ("nesting-too-deep", 1, MAX_DEPTH + 1)


def test_nesting_in_block_style_is_bounded_as_well() -> None:
    assert refused("- " * 200_000 + "x")[0] == "nesting-too-deep"


def test_fifty_levels_are_read() -> None:
    data = read_text("[" * 50 + "]" * 50, "a.yaml").data
    for _ in range(49):
        (data,) = data
    assert data == []


@pytest.mark.parametrize("path", ["a.yaml", "a.json"])
def test_a_huge_scalar_is_refused_at_its_place(path: str) -> None:
    text = '{"a": 1,\n "b": "' + "x" * (MAX_SCALAR + 1) + '"}'
    assert refused(text, path) == ("scalar-too-long", 2, 7)


@pytest.mark.parametrize("text", ["a: \x00", "a: \x1b[31m", "a: \x9b1m", "\ufffe"])
def test_control_characters_are_refused(text: str) -> None:
    assert refused(text)[0] == "control-character"


def test_json_may_hold_the_characters_that_only_yaml_forbids() -> None:
    assert read_text('{"a": "\x7f\x9b\ufffe"}', "a.json").data == {"a": "\x7f\x9b\ufffe"}
    assert refused('{"a": "\x1b"}', "a.json") == ("control-character", 1, 8)


def test_half_a_character_in_json_is_refused() -> None:
    assert refused('{"a": "\\ud800"}', "a.json") == ("control-character", 1, 8)
    assert read_text('{"a": "\\ud83d\\ude00"}', "a.json").data == {"a": "😀"}


def test_a_file_that_is_not_utf8_is_refused_at_the_byte(tmp_path: Path) -> None:
    path = tmp_path / "latin.yaml"
    path.write_bytes(b"a: 1\nb: caf\xe9\n")
    with pytest.raises(InputInvalid) as caught:
        read(path, shown_as="latin.yaml")
    problem = caught.value.problems[0]
    assert (problem.code, str(problem.location)) == ("not-utf8", "latin.yaml:2:7")
    assert problem.message == "byte 0xe9 is not UTF-8 text"


def test_old_line_ends_do_not_move_the_place_of_a_wrong_byte(tmp_path: Path) -> None:
    path = tmp_path / "latin.yaml"
    path.write_bytes(b"a: 1\rb: 2\r\nc: caf\xe9\n")
    with pytest.raises(InputInvalid) as caught:
        read(path, shown_as="latin.yaml")
    assert str(caught.value.problems[0].location) == "latin.yaml:3:7"


def test_utf16_with_a_mark_is_read(tmp_path: Path) -> None:
    path = tmp_path / "wide.yaml"
    path.write_bytes("a: é\n".encode("utf-16"))
    assert read(path).data == {"a": "é"}


@pytest.mark.parametrize("text", ["", "  \n\n", "# only a comment\n"])
def test_an_empty_file_is_refused(text: str) -> None:
    assert refused(text)[0] == "document-empty"


@pytest.mark.parametrize(
    ("text", "line", "column"),
    [('{"a": 1,}', 1, 9), ('{"a": [1,\n 2,]}', 2, 4), ('{"a": NaN}', 1, 7), ("{'a': 1}", 1, 2), ('{"a": 1', 1, 8)],
)
def test_wrong_json_is_refused_where_it_goes_wrong(text: str, line: int, column: int) -> None:
    code, found_line, found_column = refused(text, "a.json")
    assert (code, found_line) == ("json-syntax", line)
    assert abs(found_column - column) <= 1  # Python versions point at the comma or behind it


def test_a_trailing_comma_is_called_by_its_name() -> None:
    with pytest.raises(InputInvalid) as caught:
        read_text('{"a": 1,}', "a.json")
    assert caught.value.problems[0].hint == "JSON allows no comma before a closing bracket"


@pytest.mark.parametrize(
    ("text", "code", "line", "column"),
    [
        ("a: [1\n", "yaml-syntax", 1, 4),
        ("a:\n\t- b\n", "yaml-syntax", 2, 1),
        ("a: b: c\n", "yaml-syntax", 1, 5),
        ("a: *nothing\n", "yaml-syntax", 1, 4),
        ("a: 1\n---\nb: 2\n", "yaml-many-documents", 2, 1),
        ("? [a]\n: 1\n", "key-not-text", 1, 3),
        ("a: !include x.yaml\n", "yaml-tag", 1, 4),
        ("a: !!python/object/apply:os.system ['true']\n", "yaml-tag", 1, 4),
        ("a: 1\nb: 2\na: 3\n", "key-duplicate", 3, 1),
    ],
)
def test_wrong_yaml_is_refused_at_its_place(text: str, code: str, line: int, column: int) -> None:
    assert refused(text) == (code, line, column)


def test_a_duplicate_key_in_json_is_refused_at_the_second_one() -> None:
    assert refused('{"a": 1,\n "a": 2}', "a.json") == ("key-duplicate", 2, 2)


def test_a_lenient_reading_keeps_the_second_of_two_keys() -> None:
    reading = read_text("a: 1\na: 2\n", "a.yaml", lenient=True)
    assert reading.data == {"a": 2}
    assert [problem.code for problem in reading.problems] == ["key-duplicate"]


def test_a_missing_file_and_a_folder_have_their_own_codes(tmp_path: Path) -> None:
    for path, code in ((tmp_path / "none.yaml", "file-missing"), (tmp_path, "file-unreadable")):
        with pytest.raises(InputInvalid) as caught:
            read(path)
        assert caught.value.problems[0].code == code


def test_a_file_beyond_the_bound_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "huge.yaml"
    with path.open("wb") as file:
        file.truncate(MAX_BYTES + 1)
    with pytest.raises(InputInvalid) as caught:
        read(path)
    assert caught.value.problems[0].code == "document-too-large"


@given(st.text(max_size=60), st.sampled_from(["a.yaml", "a.json"]))
def test_any_text_ends_in_an_answer_or_in_problems_with_a_place(text: str, path: str) -> None:
    problems = ()
    try:
        read_text(text, path, lenient=True)
    except InputInvalid as error:
        problems = tuple(error.problems)
    assert all(problem.location is not None for problem in problems)
