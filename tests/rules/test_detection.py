"""Alerts fire when the formula says: factor x budget x long window / error ratio, within a scrape and an evaluation.

The SRE Workbook's chapter "Alerting on SLOs" gives the formula; promtool evaluates the generated rules.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
import yaml
from msgspec.structs import replace

from observatory.compile.plan import Measurement
from observatory.objectives.burn import detection_seconds
from observatory.objectives.objective import Objective
from observatory.objectives.policy import Pair, Policy, load_policies
from observatory.rules.generate import rule_files

PER_MINUTE = 6000
ONE_EVALUATION_AND_ONE_SCRAPE = 2
BASE = 'topic="orders",consumergroup="billing"'
ORDER = ["payments kafka:orders", "payments kafka:orders slow"]


def detected(policy: Policy, target: float, error_ratio: float, severity: str) -> float:
    """Minutes until the first pair of a severity fires, from a clean start, by the formula."""
    found = [
        seconds / 60
        for pair in policy.pairs
        if pair.severity == severity
        and (seconds := detection_seconds(pair.factor, target, pair.long, error_ratio)) is not None
    ]
    return min(found)


def without_slow_groups(rules: str) -> str:
    """The rules that page and the counts they ask for; those of tickets and budgets take as long again to evaluate."""
    groups = [group for group in yaml.safe_load(rules)["groups"] if not group["name"].endswith(" slow")]
    return yaml.safe_dump({"groups": groups}, sort_keys=False)


def failing(warm: int, error_ratio: float, lasts: int) -> list[dict[str, str]]:
    """Series of clean minutes, and then of one and `lasts` more with errors."""
    good, bad = PER_MINUTE * (1 - error_ratio), PER_MINUTE * error_ratio
    return [
        {
            "series": f"processed_total{{{BASE}}}",
            "values": f"0+{PER_MINUTE}x{warm} {PER_MINUTE * warm + good:g}+{good:g}x{lasts}",
        },
        {"series": f'processed_total{{{BASE},error_type="x"}}', "values": f"0+0x{warm} {bad:g}+{bad:g}x{lasts}"},
    ]


def told_by(story: dict[str, Any], order: list[str]) -> str:
    """A test file of one story."""
    return yaml.safe_dump(
        {
            "rule_files": ["payments.rules.yaml"],
            "evaluation_interval": "1m",
            "group_eval_order": order,
            "tests": [story],
        }
    )


def told(expr: str, minute: int, fires: bool) -> dict[str, Any]:
    return {"expr": expr, "eval_time": f"{minute}m", "exp_samples": [{"labels": "{}", "value": 1}] if fires else []}


@pytest.mark.parametrize(
    ("target", "error_ratio"),
    [
        *((0.9995, share) for share in (1.0, 0.1, 0.01)),
        *((0.999, share) for share in (1.0, 0.5, 0.1, 0.05, 0.02, 0.01)),
        *((0.995, share) for share in (1.0, 0.1)),
        *((0.99, share) for share in (1.0, 0.5, 0.1)),
        (0.95, 1.0),
    ],
)
def test_a_page_fires_when_the_formula_says(
    target: float,
    error_ratio: float,
    make_objective: Callable[..., Objective],
    measured_by: Callable[[Objective], Measurement],
    promtool: Callable[..., str],
) -> None:
    policy = load_policies()["google-30d"]
    after = detected(policy, target, error_ratio, "page")
    warm = 361
    one = replace(make_objective(target=target))
    files = dict(rule_files([one], {one.id: measured_by(one)}, {"google-30d": policy}).files)
    files["payments.rules.yaml"] = without_slow_groups(files["payments.rules.yaml"])
    # The six hours of the slower pair are full, so that only the formula decides.
    lasts = math.ceil(after) + ONE_EVALUATION_AND_ONE_SCRAPE
    expr = 'count(ALERTS{alertname="SLOBurnRate",severity="page",alertstate="firing"})'
    early = warm + math.floor(after) - 1
    story = {
        "interval": "1m",
        "input_series": failing(warm, error_ratio, lasts),
        "promql_expr_test": [told(expr, max(warm, early), False), told(expr, warm + lasts, True)],
    }
    files["t.yaml"] = told_by(story, ORDER[:1])

    assert "SUCCESS" in promtool(files, "test", "rules", "t.yaml")


@pytest.mark.parametrize("error_ratio", [0.02, 1.0], ids=["only the fast pair burns", "everything fails"])
def test_a_page_does_not_resolve_because_what_failed_has_died(
    error_ratio: float,
    make_objective: Callable[..., Objective],
    measured_by: Callable[[Objective], Measurement],
    promtool: Callable[..., str],
) -> None:
    """Errors end with the telemetry; the page stays until the alert on absent telemetry fires, and one is there."""
    one = make_objective()
    files = dict(rule_files([one], {one.id: measured_by(one)}, load_policies()).files)
    files["payments.rules.yaml"] = without_slow_groups(files["payments.rules.yaml"])
    # The six hours of the slower pair are full: fifty minutes of 2 % fire the fast one alone.
    warm, burns = 361, 50
    page = 'count(ALERTS{alertname="SLOBurnRate",severity="page",alertstate="firing"})'
    absent = 'count(ALERTS{alertname="SLITelemetryAbsent",alertstate="firing"})'
    dies = warm + burns
    minutes = range(dies, dies + 30)
    story = {
        "interval": "1m",
        "input_series": failing(warm, error_ratio, burns - 1),
        "promql_expr_test": [
            *(told(page, minute, True) for minute in minutes),
            told(absent, dies + 14, False),
            told(absent, dies + 28, True),
            told(page, dies + 75, False),
        ],
    }
    files["t.yaml"] = told_by(story, ORDER[:1])

    assert "SUCCESS" in promtool(files, "test", "rules", "t.yaml")


def test_a_pair_fires_above_its_factor_and_not_on_it(
    make_objective: Callable[..., Objective],
    measured_by: Callable[[Objective], Measurement],
    promtool: Callable[..., str],
) -> None:
    """Half of all fails where half may fail: a burn rate of 1, and no burn as fast as `firing` of the status asks."""
    one = make_objective(target=0.5)
    pair = Pair(severity="page", long=3600.0, short=300.0, factor=1.0)
    files = dict(
        rule_files([one], {one.id: measured_by(one)}, {one.policy: Policy(name=one.policy, pairs=(pair,))}).files
    )
    files["payments.rules.yaml"] = without_slow_groups(files["payments.rules.yaml"])
    page = 'count(ALERTS{alertname="SLOBurnRate",severity="page",alertstate="firing"})'
    good, bad = (
        {"series": f"processed_total{{{BASE}{more}}}", "values": f"0+{PER_MINUTE}x90 {PER_MINUTE * 90 + rise}+{rise}x5"}
        for more, rise in (("", PER_MINUTE), (',error_type="x"', PER_MINUTE + 8))
    )
    files["t.yaml"] = yaml.safe_dump(
        {
            "rule_files": ["payments.rules.yaml"],
            "evaluation_interval": "1m",
            "group_eval_order": ORDER[:1],
            "tests": [
                {
                    "interval": "1m",
                    "input_series": [good, bad],
                    "promql_expr_test": [told(page, 90, False), told(page, 95, True)],
                }
            ],
        }
    )

    assert "SUCCESS" in promtool(files, "test", "rules", "t.yaml")


def test_a_mild_burn_opens_a_ticket_after_half_a_day_and_never_pages(
    make_objective: Callable[..., Objective],
    measured_by: Callable[[Objective], Measurement],
    promtool: Callable[..., str],
) -> None:
    """0.6 % of errors against 0.1 %: three times a day's budget rate after 3 x 0.001 x 1440 / 0.006 = 720 minutes."""
    policy = load_policies()["google-30d"]
    day = replace(policy, pairs=tuple(pair for pair in policy.pairs if pair.long <= 86400))
    one = make_objective()
    files = dict(rule_files([one], {one.id: measured_by(one)}, {"google-30d": day}).files)
    warm, after = 1445, 720
    ticket = 'count(ALERTS{alertname="SLOBurnRate",severity="ticket",alertstate="firing"})'
    page = 'count(ALERTS{alertname="SLOBurnRate",severity="page",alertstate="firing"})'
    story = {
        "interval": "1m",
        "input_series": [
            {"series": f"processed_total{{{BASE}}}", "values": f"0+6000x{warm} {6000 * warm + 5965}+5965x760"},
            {"series": f'processed_total{{{BASE},error_type="x"}}', "values": f"0+0x{warm} 35+35x760"},
        ],
        "promql_expr_test": [
            told(ticket, warm + 738, False),
            told(ticket, warm + 744, True),
            told(page, warm + 744, False),
        ],
    }
    assert detected(day, 0.999, 35 / 6000, "ticket") == pytest.approx(740.571, abs=0.001)
    assert detected(day, 0.999, 0.006, "ticket") == pytest.approx(after)
    files["t.yaml"] = told_by(story, ORDER)

    assert "SUCCESS" in promtool(files, "test", "rules", "t.yaml")


@pytest.mark.parametrize("order", [("", " slow"), (" slow", "")], ids=["fresh counts", "counts of a minute ago"])
def test_one_failure_at_a_message_a_minute_pages_nobody(
    order: tuple[str, str],
    make_objective: Callable[..., Objective],
    measured_by: Callable[[Objective], Measurement],
    promtool: Callable[..., str],
) -> None:
    """One of sixty messages is 1.67 % and more than 1.44 %, but it is one message."""
    one = make_objective()
    files = dict(rule_files([one], {one.id: measured_by(one)}, load_policies()).files)
    page = 'count(ALERTS{alertname="SLOBurnRate",alertstate="firing"})'
    story = {
        "interval": "1m",
        "input_series": [
            {"series": f"processed_total{{{BASE}}}", "values": "0+1x70 70+0x0 71+1x20"},
            {"series": f'processed_total{{{BASE},error_type="x"}}', "values": "0+0x70 1+0x21"},
        ],
        "promql_expr_test": [told(page, minute, False) for minute in range(70, 90)],
    }
    files["t.yaml"] = told_by(story, [f"payments kafka:orders{end}" for end in order])

    assert "SUCCESS" in promtool(files, "test", "rules", "t.yaml")
