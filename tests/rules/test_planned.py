"""Planned work in rules: exact in time, silent while it lasts and after it, and said where it cannot be."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Sequence
from datetime import date, datetime
from pathlib import Path
from typing import Any

import prometheus_server
import pytest
import requests
import yaml
from hypothesis import given
from hypothesis import strategies as st
from measured_cases import measurement, objective
from msgspec.structs import replace

from observatory.compile.promql import checked
from observatory.objectives.objective import Objective
from observatory.objectives.policy import load_policies
from observatory.recurrence import Recurrence
from observatory.rules.generate import RuleFiles, rule_files
from observatory.rules.planned import MOST_RUNS, Run, calendar_of, runs_of
from observatory.settings.exclusions import Exclusion, Scope
from observatory.spec.catalog import ExclusionUse, Threshold
from observatory.windows import TimeRange, Window, parse_instant

AT_MS = parse_instant("2026-11-20T12:00:00Z")
MINUTE, HOUR, DAY, WEEK = 60, 3600, 86_400, 604_800
POLICIES = load_policies()


def once(start: str, end: str) -> TimeRange:
    return TimeRange(parse_instant(start), parse_instant(end))


def again(rule: str, start: str = "2026-01-04T02:00:00", hours: float = 1.5, zone: str = "UTC") -> Recurrence:
    return Recurrence(rule=rule, start=datetime.fromisoformat(start), duration_seconds=hours * 3600, timezone=zone)


def work(when: TimeRange | Recurrence, *, scope: Scope | None = None, reason: str = "Migration, CHG-1") -> Exclusion:
    return Exclusion(reason=reason, approver="ana", scope=scope or Scope(), when=when)


def made(objectives: Sequence[Objective], *exclusions: Exclusion, at_ms: int = AT_MS) -> RuleFiles:
    measured = {one.id: measurement(one) for one in objectives}
    return rule_files(objectives, measured, POLICIES, exclusions=exclusions, at_ms=at_ms)


def rules_of(files: RuleFiles) -> list[dict[str, Any]]:
    text = files.files["payments.rules.yaml"]
    return [rule for group in yaml.safe_load(text)["groups"] for rule in group["rules"]]


def test_a_weekly_window_in_a_zone_without_clock_changes_is_one_run() -> None:
    sundays = again("FREQ=WEEKLY;BYDAY=SU", zone="Asia/Tokyo").spans(
        once("2026-01-01T00:00:00Z", "2028-01-01T00:00:00Z")
    )
    (run,) = runs_of(sundays)
    assert (run.every_s, run.length_s, run.count) == (WEEK, 5400, 104)


def test_a_weekly_window_in_london_is_a_run_from_clock_change_to_clock_change() -> None:
    sundays = again("FREQ=WEEKLY;BYDAY=SU", zone="Europe/London").spans(
        once("2026-01-01T00:00:00Z", "2028-01-01T00:00:00Z")
    )
    found = runs_of(sundays)
    assert [(run.every_s, run.start_s % DAY // HOUR) for run in found] == [
        (WEEK, 2),
        (WEEK, 1),
        (WEEK, 2),
        (WEEK, 1),
        (WEEK, 2),
    ]
    assert sum(run.count for run in found) == len(sundays)


RULES = st.one_of(
    st.builds(
        "FREQ=WEEKLY;INTERVAL={};BYDAY={}".format,
        st.integers(1, 3),
        st.sets(st.sampled_from(("MO", "TU", "WE", "TH", "FR", "SA", "SU")), min_size=1).map(",".join),
    ),
    st.builds("FREQ=DAILY;INTERVAL={}".format, st.integers(1, 9)),
    st.sampled_from(("FREQ=MONTHLY;BYDAY=1SU", "FREQ=DAILY;COUNT=12", "FREQ=WEEKLY;BYDAY=MO;UNTIL=20260601")),
)


@given(
    rule=RULES,
    zone=st.sampled_from(("UTC", "Europe/London", "America/New_York", "Australia/Lord_Howe")),
    hours=st.sampled_from((0.5, 1.5, 26.0)),
    start=st.sampled_from(("2026-01-04T02:00:00", "2025-03-30T01:30:00", "2026-06-01T23:45:00")),
)
def test_runs_cover_exactly_what_the_rule_says(rule: str, zone: str, hours: float, start: str) -> None:
    year = once("2026-01-01T00:00:00Z", "2027-01-01T00:00:00Z")
    spans = again(rule, start, hours, zone).spans(year)
    told = {(run.start_s + number * run.every_s, run.length_s) for run in runs_of(spans) for number in range(run.count)}
    assert told == {(span.start_ms // 1000, round(hours * 3600)) for span in spans}


def test_a_run_covers_its_spans_with_their_ends_and_nothing_between() -> None:
    run = Run(start_s=1000, length_s=60, every_s=600, count=3)
    assert [run.covers(at) for at in (999, 1000, 1060, 1061, 1599, 1600, 2260, 2261, 2800)] == [
        False, True, True, False, False, True, True, False, False,
    ]  # fmt: skip


@pytest.fixture(scope="module")
def prometheus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with prometheus_server.start(tmp_path_factory.mktemp("server")) as server:
        yield server.url


@pytest.mark.integration
@pytest.mark.parametrize(
    "when",
    [
        once("2026-11-20T22:00:00Z", "2026-11-21T02:00:00Z"),
        again("FREQ=DAILY", zone="Europe/London"),
        again("FREQ=WEEKLY;INTERVAL=2;BYDAY=MO,FR", zone="America/New_York"),
        again("FREQ=MONTHLY;BYDAY=-1SU", hours=4, zone="Europe/London"),
    ],
    ids=["once", "daily", "every-other-week", "monthly"],
)
def test_prometheus_finds_the_guard_active_when_the_work_is_and_at_no_other_time(
    when: TimeRange | Recurrence, prometheus: str
) -> None:
    guard = calendar_of([work(when)], AT_MS).guard(objective())
    assert guard
    year = once("2026-01-01T00:00:00Z", "2028-01-01T00:00:00Z")
    spans = work(when).spans(year)
    # A minute early, for the guard may be a minute old, and five minutes longer, for a record looks back over them.
    edges = [(span.start_ms // 1000 - MINUTE, span.end_ms // 1000 + 5 * MINUTE) for span in spans]
    for first, last in [*edges[:2], *edges[len(edges) // 2 :][:3], edges[-1]]:
        for at, active in (
            (first - 1, False),
            (first, True),
            ((first + last) // 2, True),
            (last, True),
            (last + 1, False),
        ):
            answer = requests.get(
                f"{prometheus}/api/v1/query", params={"query": guard.promql(), "time": str(at)}, timeout=30
            ).json()
            found = [one["value"][1] for one in answer["data"]["result"]]
            assert found == (["1"] if active else []), (at, guard.promql())


def payments(use: ExclusionUse = "alerts", **more: Any) -> list[Objective]:
    minute = Threshold(value=60.0, unit="second")
    return [
        replace(one, exclusions=use, **more)
        for one in (
            objective("availability"),
            objective("availability", name="strict", target=0.9999),
            objective("latency", target=0.99, threshold=Threshold(value=0.5, unit="second")),
            objective("lag", name="fresh", target=0.995, threshold=minute),
        )
    ]


PLANNED = (
    work(once("2026-11-20T22:00:00Z", "2026-11-21T02:00:00Z")),
    work(again("FREQ=WEEKLY;BYDAY=SU", zone="Europe/London"), reason="Weekly rebalancing", scope=Scope(slis=("lag",))),
)


def test_rules_with_planned_work_and_their_tests_are_as_reviewed(golden: Callable[[str, str], None]) -> None:
    objectives = [*payments("budget", min_events=20_000)[:1], *payments()[3:]]
    for name, text in made(objectives, *PLANNED).files.items():
        golden(text, f"rules/planned-{name}")


@pytest.mark.parametrize(
    ("use", "least", "which"),
    [("alerts", 0, slice(2, 4)), ("budget", 20_000, slice(0, 2)), ("none", 20_000, slice(0, 1))],
)
def test_promtool_accepts_them_and_their_tests_pass(
    use: ExclusionUse, least: int, which: slice, promtool: Callable[..., str]
) -> None:
    files = made(payments(use, min_events=least)[which], *PLANNED).files
    assert "SUCCESS" in promtool(files, "check", "rules", "payments.rules.yaml")
    assert "SUCCESS" in promtool(files, "test", "rules", "payments.tests.yaml")
    names = {test["name"] for test in yaml.safe_load(files["payments.tests.yaml"])["tests"]}
    assert ("everything fails in planned work" in names) == (use != "none")
    assert ("too few events to judge" in names) == (least > 0)


def test_without_the_guard_the_story_of_planned_work_would_page(promtool: Callable[..., str]) -> None:
    files = made(payments()[:1], *PLANNED).files
    told = yaml.safe_load(files["payments.tests.yaml"])
    story = copy.deepcopy(next(test for test in told["tests"] if test["name"] == "everything fails in planned work"))
    story["input_series"] = [one for one in story["input_series"] if "planned_work" not in one["series"]]
    told["tests"] = [story]
    with pytest.raises(AssertionError, match=r"got: \{\} "):
        promtool(files | {"payments.tests.yaml": yaml.safe_dump(told)}, "test", "rules", "payments.tests.yaml")


def test_what_burned_before_planned_work_is_silent_in_it(promtool: Callable[..., str]) -> None:
    """Fifteen minutes of failures page; then work begins, and what is known from before pages no more."""
    files = dict(made(payments()[:1], *PLANNED).files)
    guard = yaml.safe_load(files["payments.rules.yaml"])["groups"][0]["rules"][0]["labels"]["planned"]
    base = 'topic="orders",consumergroup="billing"'
    page = 'count(ALERTS{alertname="SLOBurnRate",severity="page",alertstate="firing"})'
    story = {
        "interval": "1m",
        "input_series": [
            {"series": f"processed_total{{{base}}}", "values": "0+600x70 42000+0x14 42600+600x40"},
            {"series": f'processed_total{{{base},error_type="x"}}', "values": "0+0x70 600+600x14 9000+0x40"},
            {"series": f'slo:planned_work:active{{planned="{guard}"}}', "values": "_x85 1+0x25"},
        ],
        "promql_expr_test": [
            {"expr": page, "eval_time": f"{minute}m", "exp_samples": [{"labels": "{}", "value": 1}] if fires else []}
            for minute, fires in ((80, True), (84, True), (86, False), (90, False), (100, False), (109, False))
        ],
    }
    groups = [group["name"] for group in yaml.safe_load(files["payments.rules.yaml"])["groups"]]
    told = {"rule_files": ["payments.rules.yaml"], "evaluation_interval": "1m", "group_eval_order": groups}
    files["t.yaml"] = yaml.safe_dump(told | {"tests": [story]})

    assert "SUCCESS" in promtool(files, "test", "rules", "t.yaml")


def test_without_its_least_number_of_events_the_story_of_too_few_would_page(promtool: Callable[..., str]) -> None:
    told = yaml.safe_load(made(payments(min_events=20_000)[:1]).files["payments.tests.yaml"])
    told["tests"] = [test for test in told["tests"] if test["name"] == "too few events to judge"]
    rules = made(payments()[:1]).files["payments.rules.yaml"]
    with pytest.raises(AssertionError, match=r"got: \{\} "):
        promtool(
            {"payments.rules.yaml": rules, "payments.tests.yaml": yaml.safe_dump(told)},
            "test",
            "rules",
            "payments.tests.yaml",
        )


def test_who_refuses_planned_work_or_is_out_of_its_scope_has_the_rules_of_before() -> None:
    plain = made(payments()).files["payments.rules.yaml"]
    assert made(payments("none"), *PLANNED).files["payments.rules.yaml"] == plain
    elsewhere = work(PLANNED[0].when, scope=Scope(domains=("shipping",)))
    assert made(payments(), elsewhere).files["payments.rules.yaml"] == plain
    over = work(once("2025-11-20T22:00:00Z", "2025-11-21T02:00:00Z"))
    assert made(payments(), over).files["payments.rules.yaml"] == plain


def test_alerts_look_at_counts_without_the_work_and_the_budget_does_where_it_is_said() -> None:
    def budget_of(use: ExclusionUse) -> str:
        rules = rules_of(made(payments(use)[:1], PLANNED[0]))
        assert all("unplanned" in rule["expr"] for rule in rules if rule.get("alert") == "SLOBurnRate")
        return str(next(rule["expr"] for rule in rules if rule.get("record") == "slo:error_budget_remaining:ratio"))

    assert "unplanned" not in budget_of("alerts")
    assert "unplanned" in budget_of("budget")


def test_every_expression_parses_and_what_is_recorded_once_is_recorded_once() -> None:
    rules = rules_of(made(payments("budget", min_events=5), *PLANNED))
    assert all(checked(rule["expr"]) for rule in rules)
    recorded = [(rule["record"], str(rule["labels"])) for rule in rules if "record" in rule]
    assert len(set(recorded)) == len(recorded)
    # Two availability objectives share their counts, planned work left out or not.
    assert sum(name == "slo:sli_good_unplanned:increase5m" for name, _ in recorded) == 3


def test_files_change_with_the_year_and_not_with_the_day() -> None:
    early, late = (
        made(payments(), *PLANNED, at_ms=parse_instant(f"2026-{day}T00:00:00Z")) for day in ("01-01", "12-31")
    )
    assert early == late
    assert made(payments(), *PLANNED[1:], at_ms=parse_instant("2027-01-01T00:00:00Z")) != made(payments(), *PLANNED[1:])


def test_what_recurs_is_known_until_a_day_that_is_said() -> None:
    files = made(payments(), *PLANNED)
    assert [(one.code, one.severity, one.message) for one in files.problems] == [
        ("rules-planned-until", "info", "the rules know the planned work 'Weekly rebalancing' until 2028-01-01")
    ]
    assert "# Planned work, silent until 2028-01-01: Migration, CHG-1 (ana)\n" in files.files["payments.rules.yaml"]


def test_work_that_comes_to_too_many_runs_is_left_out_and_said_in_the_file_and_by_a_code() -> None:
    days = sorted({(number**3 + 7 * number) % 365 + 1 for number in range(1, 120)})
    odd = work(again(f"FREQ=YEARLY;BYYEARDAY={','.join(map(str, days))}"), reason="Odd days")
    files = made(payments(), odd)
    assert [(one.code, one.severity) for one in files.problems] == [("rules-planned-unsaid", "warning")]
    assert f"and {MOST_RUNS} of one and 600 of all fit; alerts will fire in it" in files.problems[0].message
    text = files.files["payments.rules.yaml"]
    assert "# Planned work that these rules do not know: Odd days (ana)\n" in text
    assert "unplanned" not in text


def test_all_planned_work_together_is_bounded_and_what_has_no_room_is_said() -> None:
    daily = (
        again("FREQ=DAILY", f"2026-01-01T{hour:02}:{minute:02}:00", 0.1) for hour in range(24) for minute in (0, 30)
    )
    many = [work(when, reason=f"Job {number:03}") for number, when in enumerate(daily)]
    spread = [work(again("FREQ=MONTHLY;BYMONTHDAY=1,9", hours=1), reason=f"Spread {number:02}") for number in range(30)]
    calendar = calendar_of([*many, *spread], AT_MS)
    assert sum(len(runs) for runs in calendar.runs.values()) <= 600
    assert calendar.unsaid
    assert {one.code for one in calendar.problems} == {"rules-planned-unsaid", "rules-planned-until"}


def test_work_beyond_the_horizon_is_said() -> None:
    files = made(payments(), work(once("2028-02-01T00:00:00Z", "2028-02-01T04:00:00Z")))
    assert [one.code for one in files.problems] == ["rules-planned-until"]
    assert "unplanned" not in files.files["payments.rules.yaml"]


def test_a_reason_cannot_leave_its_comment() -> None:
    sly = work(PLANNED[0].when, reason="x\x85- alert: Injected")
    text = made(payments(), sly).files["payments.rules.yaml"]
    assert "alert: Injected" in text
    assert all(line.startswith("#") for line in text.splitlines() if "Injected" in line)


def test_a_calendar_window_cannot_ask_for_events_and_says_so() -> None:
    monthly = replace(objective(), window=Window.parse("month"), min_events=100)
    files = made([monthly])
    assert ("rules-min-events", "info") in [(one.code, one.severity) for one in files.problems]
    assert "slo:enough_events:active" not in files.files["payments.rules.yaml"]
    rolling = rules_of(made([replace(objective(), min_events=100)]))
    asked = [rule["expr"] for rule in rolling if rule.get("record") == "slo:enough_events:active"]
    assert [expr.endswith("> 99.85)") for expr in asked] == [True]
    assert all(
        "slo:enough_events:active" in rule["expr"] for rule in rolling if rule.get("alert", "").startswith("SLO")
    )


def test_a_folder_of_rules_knows_the_exclusions_of_the_settings(tmp_path: Path) -> None:
    from simulated_store import AT, filled, invoked

    from observatory.cli.generate import register
    from observatory.sources.simulated import documents_folder

    (tmp_path / "observatory.yaml").write_text(
        "exclusions:\n  - {reason: Moving, approver: ana, scope: all, start: 2026-12-01T22:00:00Z, duration: 4h}\n"
    )
    store = filled(tmp_path, 0.25)
    words = [
        "generate",
        "rules",
        str(documents_folder() / "order-service.yaml"),
        "--config",
        f"{tmp_path}/observatory.yaml",
    ]
    done = invoked(register, [*words, "--store", str(store), "--at", AT, "-o", str(tmp_path / "rules")])
    assert done.exit_code == 0, done.output
    (rules,) = (tmp_path / "rules").glob("*.rules.yaml")
    assert "slo:planned_work:active" in rules.read_text(encoding="utf-8")


def test_a_day_that_is_left_out_is_in_no_run_and_makes_another_guard() -> None:
    weekly = again("FREQ=WEEKLY;BYDAY=SU")
    fewer = replace(weekly, without=(date(2026, 12, 27),))
    whole, part = (calendar_of([work(one)], AT_MS).guard(objective()) for one in (weekly, fewer))
    assert whole is not None
    assert part is not None
    assert whole.key != part.key
    there = parse_instant("2026-12-27T02:30:00Z") / 1000
    assert [any(run.covers(there + far) for run in part.runs) for far in (-WEEK, 0, WEEK)] == [True, False, True]
    assert any(run.covers(there) for run in whole.runs)
