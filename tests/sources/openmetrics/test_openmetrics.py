"""Exposition text: both dialects, their escapes, and faults with their lines."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from observatory.errors import InputInvalid
from observatory.sources.openmetrics import parse, read


def rows(text: str) -> list[tuple[dict[str, str], list[int], list[float]]]:
    samples = parse(text)
    return [
        (dict(labels), times.tolist(), values.tolist())
        for labels, times, values in (samples.series(index) for index in range(len(samples)))
    ]


def test_openmetrics_counts_in_seconds_and_prometheus_text_in_milliseconds() -> None:
    assert rows("a 1 1700000000.5\n# EOF\n") == [({"__name__": "a"}, [1700000000500], [1.0])]
    assert rows("a 1 1700000000500\n") == [({"__name__": "a"}, [1700000000500], [1.0])]


def test_labels_come_without_their_escapes() -> None:
    text = r'a{path="C:\\x",quote="\"q\"",lines="1\n2",brace="}{",blank="a b # c"} 1 5' + "\n"
    labels = {"path": "C:\\x", "quote": '"q"', "lines": "1\n2", "brace": "}{", "blank": "a b # c"}
    assert rows(text) == [({"__name__": "a"} | labels, [5], [1.0])]


def test_quoted_names_are_names() -> None:
    assert rows('{"http.requests", "k.x"="v"} 1 5\n') == [({"__name__": "http.requests", "k.x": "v"}, [5], [1.0])]


def test_samples_are_sorted_and_of_repeats_the_first_stays() -> None:
    assert rows("a 3 30\na 1 10\na 9 30\n") == [({"__name__": "a"}, [10, 30], [1.0, 3.0])]


def test_the_same_series_written_in_two_ways_is_one_series() -> None:
    assert rows('a{x="1",y="2"} 1 10\na{y="2", x="1",} 2 20\n') == [
        ({"__name__": "a", "x": "1", "y": "2"}, [10, 20], [1.0, 2.0])
    ]


def test_exemplars_are_left_out() -> None:
    text = 'a_bucket{le="+Inf"} 3 10 # {trace_id="0 1"} 0.5 9\n# EOF'
    assert rows(text) == [({"__name__": "a_bucket", "le": "+Inf"}, [10_000], [3.0])]


def test_special_values_are_numbers_and_nan_is_no_sample() -> None:
    assert rows("a +Inf 1\na -Inf 2\na NaN 3\na 1e3 4\n") == [
        ({"__name__": "a"}, [1, 2, 4], [float("inf"), float("-inf"), 1000.0])
    ]


def test_odd_blanks_and_line_ends_are_taken_as_they_are() -> None:
    assert rows("a{}  1\t10\r\n\r\n  b 2 20 \n") == [({"__name__": "a"}, [10], [1.0]), ({"__name__": "b"}, [20], [2.0])]


def test_type_unit_and_help_are_kept() -> None:
    found = read("# TYPE a counter\n# HELP a all of it\n# UNIT a messages\na_total 1 1\n").metadata["a"]
    assert (found.type, found.unit, found.help) == ("counter", "messages", "all of it")


def test_a_sample_without_a_time_needs_one() -> None:
    with pytest.raises(InputInvalid, match="sample-without-time"):
        parse("a 1\n")
    assert parse("a 1\n", default_ms=77).t_ms.tolist() == [77]


@pytest.mark.parametrize(
    "line",
    [
        'a{x="1} 1 2',
        "a 1 2 3",
        "a one 2",
        "a 1 two",
        "a 1 -5",
        "a 1_0 2",
        "a 1 1_0",
        "a 1 1e30",
        "9a 1 2",
        "a{x=1} 1 2",
        'a{x="1" y="2"} 1 2',
        'a{x="1",x="2"} 1 2',
        "a{,} 1 2",
        "{} 1 2",
        "<html>",
        "a",
    ],
)
def test_a_faulty_line_is_told_by_its_number(line: str) -> None:
    with pytest.raises(InputInvalid) as failure:
        parse(f"# a comment\nok 1 2\n{line}\nok 1 3\n", path="m.txt")
    assert [str(problem.location) for problem in failure.value.problems] == ["m.txt:3:1"]
    assert failure.value.problems[0].code == "openmetrics-invalid"


@pytest.mark.parametrize("line", ["ok 1_0 2", "ok 1 1_0", "ok x 2", "ok 1 -7"])
def test_a_fault_is_found_in_a_known_series_too(line: str) -> None:
    with pytest.raises(InputInvalid, match="t:2:1"):
        parse(f"ok 1 2\n{line}\n", path="t")


def test_text_after_the_end_is_a_fault() -> None:
    with pytest.raises(InputInvalid, match="t:3:1"):
        parse("a 1 2\n# EOF\na 1 3\n", path="t")


def test_many_faults_are_told_in_a_few() -> None:
    with pytest.raises(InputInvalid) as failure:
        parse("not a sample line at all\n" * 1000)
    assert len(failure.value.problems) == 20


names = st.from_regex(r"[a-z_][a-z0-9_]{0,5}", fullmatch=True).filter(lambda name: name != "__name__")


def written(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


@settings(deadline=None)
@given(
    st.dictionaries(names, st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=6), max_size=4),
    st.lists(st.integers(0, 10**12), min_size=1, max_size=5, unique=True),
)
def test_whatever_is_written_is_read(labels: dict[str, str], times: list[int]) -> None:
    series = "m{" + ",".join(f'{name}="{written(value)}"' for name, value in labels.items()) + "}"
    samples = parse("".join(f"{series} {time * 0.5} {time}\n" for time in times))
    assert dict(samples.labels[0]) == {"__name__": "m"} | labels
    assert samples.t_ms.tolist() == sorted(times)
    assert (samples.values == np.array(sorted(times)) * 0.5).all()
