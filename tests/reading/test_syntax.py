"""What is said about texts that are no YAML or no JSON: the place to look at, and what is wrong there."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from observatory.errors import InputInvalid, Problem
from observatory.reading import read_text

UNCLOSED = "opens here is not closed"
INDENTED = "as no line above it is"
TAB = "a tab stands in the indentation, and YAML is indented with spaces"
YAML = [
    # text, place and length, what is said, the hint (or its beginning)
    ("a: 'x\nb: 1\n", "1:4+1", "the quote that opens here is not closed", "write ' where the text ends"),
    ('a: "x\nb: 1\n', "1:4+1", "the quote that opens here is not closed", 'write " where the text ends'),
    ("a: [1, 2\nb: 1\n", "1:4+1", f"the list that {UNCLOSED}", "write ] where it ends"),
    ("a: {b: 1\nc: 2\n", "1:4+1", f"the mapping that {UNCLOSED}", "write } where it ends"),
    ("[a, b\n", "1:1+1", f"the list that {UNCLOSED}", "write ] where it ends"),
    ("{\n", "2:1+1", "the file ends inside a bracket that is not closed", "is it cut off?"),
    (
        "b: {x: 1\n  y: 2}\n",
        "2:4+1",
        "the mapping that opens in line 1, column 4 goes on, so a comma or } is missing here",
        "",
    ),
    ("a: [1,,2]\n", "1:7+1", "a value is missing between two commas", ""),
    ("a: ]\n", "1:4+1", "this ] closes nothing", "take it out, or quote the text it is part of"),
    ("a:\n  b: 1\n c: 2\n", "3:1+1", f"this line is indented by 1 blank, {INDENTED}", "indent it by 0 or 2"),
    ("a:\n    b:\n      c: 1\n     d: 2\n", "4:1+5", "this line is indented by 5 blanks, as", "indent it by 4 or 6"),
    ("a:\n  - x: 1\n   y: 2\n", "3:1+3", f"this line is indented by 3 blanks, {INDENTED}", "indent it by 2 or 4"),
    ("  a: 1\nb: 2\n", "2:1+4", "this line is indented less than the first one, so", "begin the keys"),
    ("a: 1\n  b: 2\n", "2:3+1", "this line is indented below a line that has its value already", "indent it as far as"),
    ("- a\nb: 1\n", "2:1+1", "this is no entry of the list that begins in line 1", ""),
    ("a: 1\n- b\n", "2:1+1", "this begins a list, among the keys of the mapping that begins in line 1", "indent"),
    ("a: 1\n}\n", "2:1+1", "a key is expected here, in the mapping that begins in line 1", "check the lines above it"),
    ("a:\n\tb: 1\n", "2:1+1", TAB, "replace each tab by two spaces"),
    ("a:\n\t\tb: 1\n", "2:1+2", TAB, "replace each tab by two spaces"),
    ("a:\n  b: 1\n\tc: 2\n", "3:1+1", TAB, "replace each tab by two spaces"),
    ("a: @x\n", "1:4+1", "a value that starts with @ is nothing that YAML knows", "put it in quotes: '@x'"),
    ("a: `x`\n", "1:4+1", "a value that starts with ` is nothing that YAML knows", "put it in quotes: '`x`'"),
    ("a: %x\n", "1:4+1", "a value that starts with % is a directive", "put it in quotes: '%x'"),
    ("a: *.orders\n", "1:5+1", "a value that starts with * is an alias", "put it in quotes: '*.orders'"),
    ("a: b: c\n", "1:5+1", "a value that holds a colon and a blank looks like", "put the value in quotes: a: 'b: c'"),
    ("- it's: here: x\n", "1:13+1", "a value that holds a colon", "put the value in quotes: it's: 'here: x'"),
    ("a: 'x' y\n", "1:8+1", "the value has ended before this", "put the whole value in one pair of quotes"),
    ("a: *b\n", "1:4+2", "the alias *b has no anchor before it", "write &b at a value above this line; quote it if"),
    ("base: &base 1\na: *bsae\n", "2:4+5", "the alias *bsae has no anchor before it", "did you mean *base?; quote it"),
    ("a: &b c\nd: &b e\n", "2:4+2", "the anchor &b is written twice; the first one is in line 1", "give one of them"),
    ('a: "\\q"\n', "1:5+2", "\\q is no escape, and in double quotes a backslash begins one", "write \\\\q, or put"),
    ('a: "\\u12"\n', "1:7+1", "an escape lacks hexadecimal digits", "\\x takes two of them, \\u four, \\U eight"),
    ("a: |x\n b\n", "1:5+1", "behind | or > stands nothing but +, - or a digit", "begin the text in the next line"),
    ("a\nb: 1\n", "1:1+1", "this line is no key and no value", "a colon behind it is missing?"),
    ("a:b\nc: 1\n", "1:2+1", "a colon behind a key is followed by a blank, and here it is not", ""),
    ("a: 1\nb:2\nc: 3\n", "2:1+3", "this is no key, because no colon and blank follow", "is a colon missing?"),
    ("a: - b\n", "1:4+1", "a list cannot begin behind its key", "write each - on a line of its own"),
    ("a: 1\n<<<<<<< HEAD\nb: 2\n", "2:1+7", "<<<<<<< is left over from a merge", "choose what is right"),
    ("a: 1\n=======\nb: 2\n", "2:1+7", "======= is left over from a merge", "choose what is right"),
    ("a:\n\u00a0 b: 1\n  c: 2\n", "2:1+1", "U+00A0 stands in the indentation: it looks like a space", "replace it"),
    ("a: - ? b\n", "1:4+1", "a list cannot begin behind its key", "write each -"),
    ("a: ? b\n", "1:4+1", "a question mark and a blank begin a key here", "put text that begins with ? in quotes"),
    ("a: x:\n  b: 1\n", "1:5+1", "a colon stands behind a value, which makes a key of it", "take the colon out"),
    ("a: {$ref: #/x}\n", "1:11+4", "this is a comment, because of the blank before #", "put it in quotes"),
    ("a: {{ x }}\n", "1:5+0", "a key is a list or a mapping", "write keys as plain text; braces"),
]  # fmt: skip
MERGE = "choose what is right between the marks, and take them out"
JSON = [
    ('{"a": 1,}', "a comma stands before a closing bracket", "JSON allows no comma before a closing bracket"),
    ("[1,\n2,]", "a comma stands before a closing bracket", "JSON allows no comma before a closing bracket"),
    ("{'a': 1}", "JSON has no single quotes", 'write "text" in double quotes'),
    ('{"a": 1 // x\n}', "JSON has no comments", "take it out, or name the file .yaml, where # begins one"),
    ("# x\n{}", "JSON has no comments", "take it out, or name the file .yaml, where # begins one"),
    ("{a: 1}", "a key stands in double quotes", None),
    ('{"a" 1}', "a colon is missing behind the key", None),
    ('{"a": 1 "b": 2}', "a comma is missing before this", None),
    ('{"a": }', "a key has no value", "write null where there is none"),
    ('{"a": True}', "True is no value in JSON", "JSON writes true, false and null"),
    ('{"a": NaN}', "NaN is no number in JSON", "write null where there is no value"),
    ('{"a": 01}', "a number begins with a zero that is too many", None),
    ('{"a": .5}', "a number begins with .", "write 0.5 for .5, and no plus sign"),
    ('{"a": "x\ny"}', "a line break or a tab stands inside quotes", "write \\n or \\t, or close the quotes"),
    ('{"a": "\\q"}', "this is no escape, and in quotes a backslash begins one", "write \\\\ for a backslash"),
    ('{"a": "x}', "the quote that opens here is not closed", 'write " where the text ends'),
    ('{"a": 1}}', "something stands behind the end of the document", "is one closing bracket too many above?"),
    ('{"a": 1', "the file ends before its last bracket or quote is closed", "is it cut off?"),
    ('{"a": “x”}', "this is a typographic quote", 'write text in "straight" quotes'),
    ('{\n<<<<<<< HEAD\n"a": 1}', "<<<<<<< is left over from a merge", MERGE),
    ('{"a": [1,,2]}', "a value or a key is missing before this comma", None),
]


def refused(text: str, path: str) -> Problem:
    with pytest.raises(InputInvalid) as caught:
        read_text(text, path)
    (problem,) = caught.value.problems
    return problem


@pytest.mark.parametrize(("text", "place", "message", "hint"), YAML, ids=[repr(case[0]) for case in YAML])
def test_what_is_no_yaml_is_said_in_words(text: str, place: str, message: str, hint: str) -> None:
    problem = refused(text, "a.yaml")
    at = problem.location
    assert at is not None
    assert f"{at.line}:{at.column}+{at.length}" == place
    assert problem.message.startswith(message)
    assert (problem.hint or "").startswith(hint)
    assert bool(problem.hint) == bool(hint)


@pytest.mark.parametrize(("text", "message", "hint"), JSON, ids=[repr(case[0]) for case in JSON])
def test_what_is_no_json_is_said_in_words(text: str, message: str, hint: str | None) -> None:
    problem = refused(text, "a.json")
    assert (problem.code, problem.message, problem.hint) == ("json-syntax", message, hint)


@pytest.mark.parametrize("path", ["a.yaml", "a.json"])
def test_a_repeated_key_names_the_line_of_the_first(path: str) -> None:
    problem = refused('{"a": 1,\n "b": 2,\n "a": 3}', path)
    assert problem.message == "the key 'a' is written twice; the first one is in line 1"
    assert str(problem.location) == f"{path}:3:2"
    assert (problem.label, problem.hint) == ("this one is used", "take one of them out, or rename it")


@given(
    st.lists(
        st.sampled_from(
            [
                *"ab:-#&*!|>'\"%@`{}[],? \n\t",
                ": ",
                "- ",
                "  ",
                "\n  ",
                "a: ",
                "<<: ",
                "---\n",
                "\\",
                "é",
                "字",
                "\u2028",
            ]
        ),
        max_size=14,
    ).map("".join)
)
def test_every_text_is_read_or_refused_at_a_place_inside_it(text: str) -> None:
    try:
        read_text(text, "a.yaml", lenient=True)
    except InputInvalid as error:
        lines = text.split("\n")
        for problem in error.problems:
            at = problem.location
            assert at is not None
            assert 1 <= at.line <= len(lines)
            assert 1 <= at.column <= len(lines[at.line - 1]) + 1
            assert at.column - 1 + at.length <= len(lines[at.line - 1]) + 1
