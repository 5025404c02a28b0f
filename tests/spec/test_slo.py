"""`x-slo`: what is taken, what is refused and how."""

from __future__ import annotations

from textwrap import indent

import jsonschema
import pytest
import yaml

from observatory.reading import read_text
from observatory.spec.catalog import SloDeclaration, Threshold
from observatory.spec.files import Library, Source
from observatory.spec.references import References
from observatory.spec.schema_files import load_schema
from observatory.spec.slo import SloReader
from observatory.spec.slo_defaults import SloDefaults


def read_slo(text: str, defaults: SloDefaults | None = None) -> tuple[tuple[SloDeclaration, ...], list[str]]:
    reading = read_text("x-slo:\n" + indent(text, "  "), "slo.yaml")
    cursor = References(Library(roots=())).root(Source("slo", reading)).get("x-slo")
    assert cursor is not None
    reader = SloReader(defaults or SloDefaults())
    return reader.read(cursor), [problem.render() for problem in reader.problems]


def target_of(written: str) -> float:
    (declaration,), problems = read_slo(f"- {{sli: availability, target: {written}}}")
    assert problems == []
    return declaration.target


@pytest.mark.parametrize(
    ("written", "ratio"),
    [("99.9%", 0.999), ("0.999", 0.999), ("'0.999'", 0.999), ("99.95 %", 0.9995), ("50%", 0.5), ("99.9999%", 0.999999)],
)
def test_a_target_is_a_percentage_or_a_ratio(written: str, ratio: float) -> None:
    assert target_of(written) == ratio


def test_a_target_of_99_9_is_refused_and_the_message_says_what_to_write() -> None:
    declarations, (problem,) = read_slo("- {sli: availability, target: 99.9}")
    assert declarations == ()
    assert problem.startswith("slo.yaml:2:33: error[slo-target]: the target 99.9 is neither a percentage nor a ratio")
    assert problem.endswith("hint: write 99.9% or 0.999")


@pytest.mark.parametrize(
    "written", ["100%", "1", "1.0", "0", "0%", "-5%", "101%", "true", "high", "[1]", "'99,9%'", "''"]
)
def test_other_targets_are_refused(written: str) -> None:
    declarations, problems = read_slo(f"- {{sli: availability, target: {written}}}")
    assert declarations == ()
    assert [problem.split("[")[1].split("]")[0] for problem in problems] == ["slo-target"]


@pytest.mark.parametrize(
    ("sli", "written", "threshold"),
    [
        ("latency", "500ms", Threshold(value=0.5, unit="second")),
        ("latency", "1m30s", Threshold(value=90.0, unit="second")),
        ("lag", "60s", Threshold(value=60.0, unit="second")),
        ("lag", "10000 messages", Threshold(value=10000.0, unit="message")),
        ("saturation", "70%", Threshold(value=0.7, unit="ratio")),
        ("freshness", "10m", Threshold(value=600.0, unit="second")),
    ],
)
def test_thresholds_come_with_their_unit(sli: str, written: str, threshold: Threshold) -> None:
    (declaration,), problems = read_slo(f"- {{sli: {sli}, threshold: {written}, target: 99%}}")
    assert (declaration.threshold, problems) == (threshold, [])


@pytest.mark.parametrize(
    ("sli", "written", "says"),
    [
        ("latency", "500", "the threshold 500 has no unit"),
        ("latency", "10 messages", "'10 messages' is no threshold for latency"),
        ("latency", "0ms", "the threshold 0ms can never be met"),
        ("latency", "70%", "'70%' is no threshold for latency"),
        ("lag", "70%", "'70%' is no threshold for lag"),
        ("saturation", "500ms", "'500ms' is no threshold for saturation"),
        ("freshness", "10 messages", "'10 messages' is no threshold for freshness"),
        ("saturation", "170%", "170% is above 100 %"),
        ("availability", "1s", "availability takes no threshold"),
    ],
)
def test_thresholds_of_another_kind_are_refused(sli: str, written: str, says: str) -> None:
    declarations, (problem,) = read_slo(f"- {{sli: {sli}, threshold: {written}, target: 99%}}")
    assert declarations == ()
    assert f"error[slo-threshold]: {says}" in problem


@pytest.mark.parametrize("sli", ["latency", "lag", "saturation", "freshness"])
def test_a_missing_threshold_is_an_error(sli: str) -> None:
    for text in (f"- {{sli: {sli}, target: 99%}}", f"{sli}: 99%"):
        declarations, (problem,) = read_slo(text)
        assert declarations == ()
        assert f"error[slo-incomplete]: {sli} needs a threshold" in problem


def test_the_short_form_is_the_long_form() -> None:
    short, problems = read_slo("availability: 99.9%\nlatency: {threshold: 500ms, target: 99%}")
    long, _ = read_slo("- {sli: availability, target: 99.9%}\n- {sli: latency, threshold: 500ms, target: 99%}")
    assert problems == []
    assert short == long


def test_unknown_keys_are_errors_with_a_suggestion() -> None:
    declarations, (problem,) = read_slo("- {sli: availability, target: 99%, windw: 7d}")
    assert declarations == ()
    assert "slo.yaml:2:38: error[slo-key]: x-slo has no key 'windw'" in problem
    assert "did you mean 'window'?" in problem


def test_a_percentile_key_is_answered_with_what_to_write() -> None:
    _, problems = read_slo("latency: {p999: 500ms}")
    assert "hint: write threshold: 500ms, target: 99.9%" in problems[0]


def test_an_unknown_indicator_is_an_error_with_a_suggestion() -> None:
    _, (problem,) = read_slo("- {sli: latancy, target: 99%}")
    assert "error[slo-sli]: 'latancy' is no indicator" in problem
    assert "did you mean 'latency'?" in problem


def test_two_objectives_of_one_name_are_an_error() -> None:
    declarations, (problem,) = read_slo(
        "- {sli: availability, target: 99%, name: a}\n- {sli: lag, threshold: 1s, target: 99%, name: a}"
    )
    assert [one.sli for one in declarations] == ["availability"]
    assert "slo.yaml:3:5: error[slo-duplicate]: two objectives are called 'a'" in problem


def test_the_same_indicator_over_two_windows_gets_two_names() -> None:
    declarations, problems = read_slo(
        "- {sli: availability, target: 99.9%}\n"
        "- {sli: availability, target: 99.5%, window: month, timezone: Europe/London}\n"
        "- {sli: latency, threshold: 1s, target: 99%}\n"
        "- {sli: latency, threshold: 250ms, target: 90%}"
    )
    assert problems == []
    assert [one.name for one in declarations] == ["availability", "availability-month", "latency", "latency-250ms"]
    assert (declarations[1].window, declarations[1].timezone) == ("month", "Europe/London")


@pytest.mark.parametrize(
    ("entry", "code"),
    [
        ("window: fortnight", "slo-window"),
        ("window: 10s", "slo-window"),
        ("window: 5000d", "slo-window"),
        ("window: month, timezone: Mars/Olympus", "slo-timezone"),
        ("window: 30d, timezone: Europe/London", "slo-timezone"),
        ("measure: end-end", "slo-measure"),
        ("name: 'a/b'", "slo-name"),
        ("policy: 'a b'", "slo-policy"),
        ("exclusions: all", "slo-exclusions"),
        ("exclusions: true", "slo-exclusions"),
        ("min_events: many", "slo-min-events"),
        ("min_events: -1", "slo-min-events"),
        ("min_events: 0.5", "slo-min-events"),
    ],
)
def test_wrong_values_have_their_own_codes(entry: str, code: str) -> None:
    declarations, (problem,) = read_slo(f"- {{sli: availability, target: 99%, {entry}}}")
    assert declarations == ()
    assert f"error[{code}]" in problem


def test_defaults_fill_what_an_entry_leaves_open() -> None:
    defaults = SloDefaults(window="7d", policy="tight", measure="end-end")
    (first, second), problems = read_slo(
        "- {sli: latency, threshold: 1s, target: 99%}\n- {sli: availability, target: 99%, window: 1d, policy: mine}",
        defaults,
    )
    assert problems == []
    assert (first.window, first.policy, first.measure) == ("7d", "tight", "end-end")
    assert (second.window, second.policy, second.measure) == ("1d", "mine", None)


def test_an_entry_says_what_planned_work_does_and_how_many_events_it_is_judged_from() -> None:
    (plain, own), problems = read_slo(
        "- {sli: availability, target: 99%}\n- {sli: validation, target: 99%, exclusions: none, min_events: 0}",
        SloDefaults(exclusions="budget", min_events=50),
    )
    assert problems == []
    assert (plain.exclusions, plain.min_events) == ("budget", 50)
    assert (own.exclusions, own.min_events) == ("none", 0)
    (short,), _ = read_slo("availability: 99%")
    assert (short.exclusions, short.min_events) == ("alerts", 0)


AGREEMENT = [
    "- {sli: availability, target: 99.9%, exclusions: budget, min_events: 100}",
    "availability: {target: 99.9%, exclusions: never}",
    "availability: {target: 99.9%, min_events: -1}",
    "- {sli: availability, target: 99.9%}",
    "{sli: availability, target: 0.99}",
    "availability: 99.9%",
    "latency: {threshold: 500ms, target: 99%}",
    "- {sli: lag, threshold: 10000 messages, target: 99%, name: backlog, window: month}",
    "- {sli: saturation, threshold: 70%, target: 99%}",
    "- {sli: freshness, threshold: 10m, target: 99%}",
    "- {sli: latency, threshold: 1m30s, target: '.99', measure: end-end}",
    "- {sli: availability, target: 99.9}",
    "- {sli: availability}",
    "- {sli: availability, target: 0%}",
    "- {sli: availability, target: 100%}",
    "- {sli: availability, target: 1}",
    "- {sli: availability, target: '0.0'}",
    "- {sli: latency, threshold: 0ms, target: 99%}",
    "- {sli: lag, threshold: 0 messages, target: 99%}",
    "- {sli: saturation, threshold: 100%, target: 99%}",
    "- {sli: saturation, threshold: 101%, target: 99%}",
    "- {sli: latancy, target: 99%}",
    "- {sli: availability, target: 99%, threshold: 1s}",
    "- {sli: latency, target: 99%}",
    "- {sli: latency, threshold: 500, target: 99%}",
    "- {sli: lag, threshold: 70%, target: 99%}",
    "- {sli: availability, target: 99%, measure: end-end}",
    "- {sli: availability, target: 99%, windw: 7d}",
    "- {sli: availability, target: 99%, window: fortnight}",
    "availability: {threshold: 1s, target: 99%}",
    "lag: 99%",
    "- availability",
    "99.9%",
    "- {sli: availability, target: 99%, name: 'a/b'}",
]


@pytest.mark.parametrize("text", AGREEMENT)
def test_the_published_schema_agrees_with_the_reader(text: str) -> None:
    _, problems = read_slo(text)
    validator = jsonschema.Draft7Validator(load_schema("extensions"))
    assert validator.is_valid({"x-slo": yaml.safe_load(text)}) == (problems == [])


def test_a_misspelt_indicator_of_the_short_form_is_shown_at_its_word() -> None:
    _, problems = read_slo("availabilty: 99%\nlatncy: {threshold: 500ms, target: 99%}")

    assert [problem.splitlines()[0] for problem in problems] == [
        "slo.yaml:2:3: error[slo-sli]: 'availabilty' is no indicator",
        "slo.yaml:3:3: error[slo-sli]: 'latncy' is no indicator",
    ]


def test_a_slip_is_said_once_and_not_as_what_is_missing_as_well() -> None:
    for written, hint in (
        ("latency: {p99: 500ms}", " hint: write threshold: 500ms, target: 99%"),
        ("latency: {treshold: 500ms, target: 99%}", " hint: did you mean 'threshold'?"),
        ("- {sli: availability, targt: 99.9%}", " hint: did you mean 'target'?"),
    ):
        _, problems = read_slo(written)
        (problem,) = problems
        assert "error[slo-key]" in problem
        assert problem.splitlines()[-1] == hint


@pytest.mark.parametrize(
    ("written", "code", "hint"),
    [
        ("availability:", "slo-incomplete", "write availability: 99.9%"),
        ("{availability: 99%, latency: }", "slo-incomplete", "write latency: 99.9%"),
        ("{availability: 99%, 9%: }", "slo-sli", "write a point: 99.9%"),
    ],
)
def test_an_indicator_with_nothing_behind_it_is_an_error(written: str, code: str, hint: str) -> None:
    _, problems = read_slo(written)
    (problem,) = problems
    assert f"error[{code}]" in problem
    assert problem.splitlines()[-1] == f" hint: {hint}"


@pytest.mark.parametrize(
    ("written", "hint"),
    [
        ("lag: 60", "write lag: {threshold: 60s, target: 99%}"),
        ("lag: 30s", "write lag: {threshold: 30s, target: 99%}"),
        ("lag: 500 messages", "write lag: {threshold: 500 messages, target: 99%}"),
        ("latency: 99.9%", "write latency: {threshold: 500ms, target: 99.9%}"),
        ("latency: 0.99", "write latency: {threshold: 500ms, target: 0.99}"),
        ("saturation: 80%", "write saturation: {threshold: 80%, target: 99%}"),
        ("freshness: soon", "write freshness: {threshold: 10m, target: 99%}"),
    ],
)
def test_one_value_for_an_indicator_that_needs_two_is_one_finding(written: str, hint: str) -> None:
    found, problems = read_slo(written)
    assert found == ()
    (problem,) = problems
    assert "needs a threshold and a target" in problem
    assert problem.endswith(f"hint: {hint}")


def test_entries_that_are_written_alike_keep_their_own_places() -> None:
    found, problems = read_slo(
        "- {sli: availability, target: 99%, name: a}\n- {sli: availability, target: 99%, window: 7d}\n"
        "- {sli: availability, target: 99%}\n"
    )
    assert problems == []
    assert [(one.name, one.location.line if one.location else 0) for one in found] == [
        ("a", 2),
        ("availability", 3),
        ("availability-30d", 4),
    ]


def test_an_entry_that_is_nearly_like_a_right_one_is_still_refused() -> None:
    """True equals 1 in Python, and is no number of events."""
    text = "- {sli: availability, target: 99%, min_events: 1}\n- {sli: availability, target: 99%, min_events: true}\n"
    _, problems = read_slo(text)
    assert ["slo-min-events" in problem for problem in problems] == [True]
