"""Generated rule files are valid, proven by their own tests, few, stable, and honest about what they cannot say."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest
import yaml
from msgspec.structs import replace

from observatory.compile.plan import Measurement
from observatory.indicators.expression import Behind, Slices, SlicesAtMost
from observatory.indicators.indicator import Indicator
from observatory.objectives.objective import Objective
from observatory.objectives.policy import Pair, Policy, load_policies
from observatory.rules.generate import RuleFiles, file_name, rule_files
from observatory.spec.catalog import Owner, Threshold
from observatory.telemetry.binding import MetricBinding, SemanticKind, SeriesSelector, SpanBinding, SpanSelector, Term

HALF_SECOND = Threshold(value=0.5, unit="second")
MINUTE = Threshold(value=60.0, unit="second")
THOUSAND = Threshold(value=1000.0, unit="message")
HOSTILE = 'or"ders {{ $labels.x }} \\ `}}`\n- alert: Injected'
Make = Callable[..., Objective]
Measure = Callable[[Objective], Measurement]


def generated(
    objectives: Sequence[Objective], measured_by: Measure, policies: dict[str, Policy] | None = None
) -> RuleFiles:
    return rule_files(objectives, {one.id: measured_by(one) for one in objectives}, policies or load_policies())


def rules_of(text: str) -> list[dict[str, Any]]:
    return [rule for group in yaml.safe_load(text)["groups"] for rule in group["rules"]]


@pytest.fixture
def payments(make_objective: Make) -> list[Objective]:
    return [
        make_objective("availability"),
        make_objective("availability", name="strict", target=0.9999),
        make_objective("latency", target=0.99, threshold=HALF_SECOND),
        make_objective("lag", name="fresh", target=0.995, threshold=MINUTE),
        make_objective("availability", role="producer"),
    ]


def test_rules_and_tests_are_as_reviewed(
    payments: list[Objective], measured_by: Measure, golden: Callable[[str, str], None]
) -> None:
    files = generated(payments, measured_by).files

    assert list(files) == ["payments.rules.yaml", "payments.tests.yaml"]
    for name, text in files.items():
        golden(text, f"rules/{name}")


def test_promtool_accepts_the_rules_and_their_tests_pass(
    payments: list[Objective], measured_by: Measure, promtool: Callable[..., str]
) -> None:
    files = generated(payments, measured_by).files

    assert "SUCCESS" in promtool(files, "check", "rules", "payments.rules.yaml")
    assert "SUCCESS" in promtool(files, "test", "rules", "payments.tests.yaml")


@pytest.mark.parametrize(
    ("sli", "options"),
    [
        ("validation", {}),
        ("dead_letters", {}),
        ("lag", {"threshold": THOUSAND, "target": 0.995}),
        ("lag", {"threshold": MINUTE, "target": 0.9}),
        ("lag", {"threshold": Threshold(value=900.0, unit="second"), "target": 0.99}),
        ("saturation", {"threshold": Threshold(value=0.7, unit="ratio"), "target": 0.99}),
        ("latency", {"threshold": HALF_SECOND, "target": 0.95}),
        ("availability", {"target": 0.9, "policy": "low-traffic"}),
        ("availability", {"target": 0.99999}),
        ("availability", {"policy": "google-28d", "window": "28d"}),
        ("availability", {"window": "7d"}),
    ],
)
def test_every_kind_of_objective_comes_with_tests_that_pass(
    sli: str, options: dict[str, Any], make_objective: Make, measured_by: Measure, promtool: Callable[..., str]
) -> None:
    files = generated([make_objective(sli, **options)], measured_by).files

    promtool(files, "check", "rules", "payments.rules.yaml")
    assert "SUCCESS" in promtool(files, "test", "rules", "payments.tests.yaml")
    assert len(yaml.safe_load(files["payments.tests.yaml"])["tests"]) >= 2


def test_freshness_has_rules_that_promtool_accepts(
    make_objective: Make, measured_by: Measure, promtool: Callable[..., str]
) -> None:
    fresh = make_objective("freshness", threshold=Threshold(value=900.0, unit="second"), target=0.99)
    files = generated([fresh], measured_by).files
    assert "SUCCESS" in promtool(files, "check", "rules", "payments.rules.yaml")
    assert "[15m]" in files["payments.rules.yaml"]


def test_an_objective_alone_needs_ten_rules_at_most(make_objective: Make, measured_by: Measure) -> None:
    rules = rules_of(generated([make_objective()], measured_by).files["payments.rules.yaml"])

    assert len(rules) == 10
    assert [rule.get("record") or rule["alert"] for rule in rules] == [
        "slo:sli_good:increase5m",
        "slo:sli_total:increase5m",
        "SLITelemetryAbsent",
        "slo:sli_error:ratio_increase1h",
        "SLOBurnRate",
        "SLOBurnRate",
        "slo:objective:ratio",
        "slo:error_budget_remaining:ratio",
        "SLOBudgetSpent",
        "SLOBudgetSpent",
    ]


def test_a_record_is_renewed_before_a_server_forgets_it(payments: list[Objective], measured_by: Measure) -> None:
    """Five minutes after its last sample a series is gone, and evaluating a month takes its seconds."""
    groups = yaml.safe_load(generated(payments, measured_by).files["payments.rules.yaml"])["groups"]
    assert {group["interval"] for group in groups} == {"1m", "4m"}


def test_objectives_on_the_same_events_share_their_counts(make_objective: Make, measured_by: Measure) -> None:
    both = [make_objective(), make_objective(name="strict", target=0.9999)]
    rules = rules_of(generated(both, measured_by).files["payments.rules.yaml"])

    recorded = [rule["record"] for rule in rules if "record" in rule]
    assert recorded.count("slo:sli_good:increase5m") == 1
    assert len(rules) == 17


def test_labels_are_those_that_dashboards_and_routes_rely_on(make_objective: Make, measured_by: Measure) -> None:
    rules = rules_of(generated([make_objective()], measured_by).files["payments.rules.yaml"])
    page = next(rule for rule in rules if rule.get("alert") == "SLOBurnRate" and rule["labels"]["severity"] == "page")

    assert page["labels"] == {
        "severity": "page",
        "slo": "payments/onOrder/availability",
        "sli": "availability",
        "channel": "orders",
        "consumer_group": "billing",
        "document": "payments",
        "domain": "payments",
        "owner": "pay-core",
        "criticality": "critical",
    }
    assert page["annotations"]["runbook_url"] == "https://runbooks.example/payments"
    assert page["annotations"]["dashboard"] == "/channel/kafka%3Aorders"


def test_no_ratio_is_averaged(payments: list[Objective], measured_by: Measure) -> None:
    text = generated(payments, measured_by).files["payments.rules.yaml"]

    assert "avg_over_time" not in text
    assert "avg(" not in text


def remeasured(one: Measurement, **changed: dict[str, Any]) -> Measurement:
    """The measurement with fields of some bindings changed, by signal."""
    bindings = tuple(replace(binding, **changed.get(binding.signal, {})) for binding in one.bindings)
    return replace(one, bindings=bindings)


@pytest.mark.parametrize(
    ("sli", "threshold", "changed"),
    [
        # A broker without counts of dead letters: the rises of the queue's depth, or the offsets of its topic.
        ("dead_letters", None, {"dead_lettered_messages": {"kind": "rising_level"}}),
        ("dead_letters", None, {"dead_lettered_messages": {"kind": "position"}}),
        # No series has been seen yet, so nobody knows its buckets.
        ("latency", HALF_SECOND, {"end_to_end_latency": {"boundaries": ()}}),
    ],
)
def test_tests_of_unusual_evidence_pass(
    sli: str,
    threshold: Threshold | None,
    changed: dict[str, dict[str, Any]],
    make_objective: Make,
    measured_by: Measure,
    promtool: Callable[..., str],
) -> None:
    files = generated(
        [make_objective(sli, threshold=threshold)], lambda one: remeasured(measured_by(one), **changed)
    ).files

    assert "SUCCESS" in promtool(files, "test", "rules", "payments.tests.yaml")


@pytest.mark.parametrize(("kind", "minutes"), [("period_total", 5), ("period_total", 60), ("rate", 0)])
@pytest.mark.parametrize("sli", ["availability", "dead_letters"])
def test_tests_of_what_does_not_count_up_pass(
    sli: str,
    kind: SemanticKind,
    minutes: int,
    make_objective: Make,
    measured_by: Measure,
    promtool: Callable[..., str],
) -> None:
    def of_period(terms: tuple[Term, ...]) -> tuple[Term, ...]:
        return tuple(replace(term, selector=replace(term.selector, period_ms=minutes * 60_000)) for term in terms)

    def measured(objective: Objective) -> Measurement:
        one = measured_by(objective)
        sides = {
            binding.signal: {"kind": kind}
            | {side: of_period(getattr(binding, side)) for side in ("all", "success", "error")}
            for binding in one.bindings
            if isinstance(binding, MetricBinding)
        }
        return remeasured(one, **sides)

    files = generated([make_objective(sli)], measured).files

    assert "SUCCESS" in promtool(files, "test", "rules", "payments.tests.yaml")


def test_a_lag_bound_shorter_than_a_scrape_is_judged_by_the_mean_rate_of_arrivals(
    make_objective: Make, measured_by: Measure, promtool: Callable[..., str]
) -> None:
    """Of 600 messages a minute 50 arrive in five seconds; 700 that wait are late, and must page."""
    one = make_objective("lag", threshold=Threshold(value=5.0, unit="second"), target=0.99)
    level = Behind("enqueued_messages", depth="queue_depth")
    indicator = Indicator(sli="lag", total=Slices(level), good=SlicesAtMost(level, 5.0), measure="seconds behind")
    arrivals = replace(measured_by(make_objective(role="producer")).bindings[0], signal="enqueued_messages", error=())
    depth = replace(arrivals, signal="queue_depth", kind="level", all=(Term(1, SeriesSelector("queue_messages")),))
    measurement = Measurement(key="lag", subject=one.operation_key, indicator=indicator, bindings=(arrivals, depth))

    files = generated([one], lambda _: measurement).files

    assert "SUCCESS" in promtool(files, "test", "rules", "payments.tests.yaml")
    assert 'alertname="SLOBurnRate",severity="page"' in files["payments.tests.yaml"].replace("\\", "")


def test_the_order_of_objectives_does_not_change_a_byte(payments: list[Objective], measured_by: Measure) -> None:
    assert generated(payments, measured_by) == generated(payments[::-1], measured_by)


def test_an_alert_names_the_window_that_burns_and_how_fast(
    make_objective: Make, measured_by: Measure, promtool: Callable[..., str]
) -> None:
    """Ten of the last sixty minutes, and of the eighty that there are, failed entirely: 10/60 and 10/80 of 0.001."""
    files = dict(generated([make_objective()], measured_by).files)
    labels = {
        rule["labels"]["severity"]: rule["labels"]
        for rule in rules_of(files["payments.rules.yaml"])
        if rule.get("alert") == "SLOBurnRate"
    }
    what = "availability of orders for billing (payments/onOrder/availability)"

    def expected(severity: str, burn: str, windows: str) -> dict[str, Any]:
        told = f"bad events come {burn} times as fast as the objective of 99.9 % over 30d allows, over {windows}."
        return {
            "exp_labels": labels[severity],
            "exp_annotations": {
                "summary": f"{what} burns its error budget",
                "description": f"{what}: {told}",
                "owner": "pay-core",
                "runbook_url": "https://runbooks.example/payments",
                "dashboard": "/channel/kafka%3Aorders",
            },
        }

    base = 'topic="orders",consumergroup="billing"'
    one = {
        "interval": "1m",
        "input_series": [
            {"series": f"processed_total{{{base}}}", "values": "0+600x70 42000+0x20"},
            {"series": f'processed_total{{{base},error_type="timeout"}}', "values": "0+0x70 600+600x20"},
        ],
        "alert_rule_test": [
            {
                "alertname": "SLOBurnRate",
                "eval_time": "80m",
                "exp_alerts": [expected("page", "166.7", "1h and 5m"), expected("ticket", "125.0", "1d and 2h")],
            }
        ],
    }
    order = [group["name"] for group in yaml.safe_load(files["payments.rules.yaml"])["groups"]]
    test = {
        "rule_files": ["payments.rules.yaml"],
        "evaluation_interval": "1m",
        "group_eval_order": order,
        "tests": [one],
    }
    files["one.tests.yaml"] = yaml.safe_dump(test)

    output = promtool(files, "test", "rules", "one.tests.yaml")

    assert "SUCCESS" in output


@pytest.mark.parametrize("text", [HOSTILE, "or\x85ders\u2028v\u20291"], ids=["signs", "other breaks of lines"])
def test_hostile_text_is_neither_yaml_nor_template_nor_promql(
    text: str, make_objective: Make, measured_by: Measure, promtool: Callable[..., str]
) -> None:
    one = make_objective(address=text, owner=Owner(team=text, contact=text, runbook="https://x/{{ .V }}"))
    one = replace(one, id=f"payments/{text}", operation_key=f"payments/{text}")
    files = generated([one], measured_by).files
    rules = rules_of(files["payments.rules.yaml"])

    promtool(files, "check", "rules", "payments.rules.yaml")
    promtool(files, "test", "rules", "payments.tests.yaml")
    assert len(rules) == 10
    assert rules[0]["labels"]["channel"] == text
    assert rules[2]["labels"]["channel"] == text.replace("{{", '{{"{{"}}')


def test_an_objective_that_nothing_measures_gives_a_problem_and_no_rule(make_objective: Make) -> None:
    result = rule_files([make_objective()], {}, load_policies())

    assert result.files == {}
    assert [(one.code, one.subject) for one in result.problems] == [("rules-unmapped", "payments/onOrder/availability")]


def test_rules_for_series_that_are_not_there_say_which_alert_will_fire(
    make_objective: Make, measured_by: Measure
) -> None:
    one = make_objective()
    silent = replace(measured_by(one), liveness="missing", reason="kminion has no such series")

    made = rule_files([one], {one.id: silent}, load_policies())

    (problem,) = made.problems
    assert (problem.code, problem.severity, problem.location) == ("series-missing", "warning", one.location)
    assert problem.message == (
        "the rules of payments/onOrder/availability wait for series that are not there: kminion has no such series; "
        "until they are, SLITelemetryAbsent fires"
    )
    assert "payments.rules.yaml" in made.files


def test_an_objective_counted_from_spans_needs_series(make_objective: Make, measured_by: Measure) -> None:
    one = make_objective()
    spans = SpanBinding(signal="processed_messages", source="spans", profile="otel", selector=SpanSelector(("orders",)))
    counted = replace(measured_by(one), bindings=(spans,))

    result = rule_files([one], {one.id: counted}, load_policies())

    assert result.files == {}
    assert [one.code for one in result.problems] == ["rules-need-series"]


def test_a_threshold_between_two_buckets_gives_a_problem(make_objective: Make, measured_by: Measure) -> None:
    result = generated([make_objective("latency", threshold=Threshold(value=0.3, unit="second"))], measured_by)

    assert result.files == {}
    assert [one.code for one in result.problems] == ["threshold-off-boundary"]


def test_a_calendar_window_keeps_its_burn_alerts_and_says_why_it_has_no_budget_rules(
    make_objective: Make, measured_by: Measure
) -> None:
    result = generated([make_objective(window="month")], measured_by)
    names = [rule.get("record") or rule["alert"] for rule in rules_of(result.files["payments.rules.yaml"])]

    assert "SLOBudgetSpent" not in names
    assert names.count("SLOBurnRate") == 2
    assert [(one.code, one.severity) for one in result.problems] == [("rules-calendar-budget", "info")]


def test_a_pair_that_can_never_fire_is_left_out(make_objective: Make, measured_by: Measure) -> None:
    text = generated([make_objective(target=0.9)], measured_by).files["payments.rules.yaml"]

    assert "> 1.44" not in text
    assert "> 0.6" in text


def test_windows_under_five_minutes_cannot_be_told_from_records(make_objective: Make, measured_by: Measure) -> None:
    pairs = (Pair(severity="page", long=900.0, short=60.0, factor=10.0),)
    policies = {"google-30d": Policy(name="google-30d", pairs=pairs)}

    result = generated([make_objective()], measured_by, policies)

    assert [one.code for one in result.problems] == ["rules-window-short"]
    assert "SLOBurnRate" not in result.files["payments.rules.yaml"]


def test_the_header_names_version_and_document_but_no_folder(make_objective: Make, measured_by: Measure) -> None:
    one = make_objective()
    result = rule_files(
        [one], {one.id: measured_by(one)}, load_policies(), paths={"payments": "/home/me/payments.yaml"}
    )
    first = result.files["payments.rules.yaml"].splitlines()[0]

    assert first.startswith("# Generated by observatory ")
    assert first.endswith(" from payments.yaml; changes are lost when it runs again.")


@pytest.mark.parametrize(
    ("document", "name"),
    [("payments", "payments"), ("../etc/passwd", "etc-passwd-7fef78f5"), ("Zahlungen über", "Zahlungen-ber-ea90bfb3")],
)
def test_a_document_never_names_a_path(document: str, name: str) -> None:
    assert file_name(document) == name
