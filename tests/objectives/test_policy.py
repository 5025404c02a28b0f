"""Policies: the shipped ones as published, and faults found with their place."""

from __future__ import annotations

from pathlib import Path

import pytest
from objective_cases import objective

from observatory.errors import InputInvalid
from observatory.objectives.policy import Pair, check_policy, load_policies, parse_policy


def pairs(name: str) -> list[tuple[str, str, str, float]]:
    return [(pair.severity, pair.long_text, pair.short_text, pair.factor) for pair in load_policies()[name].pairs]


def test_google_30d_is_what_the_workbook_recommends() -> None:
    assert pairs("google-30d") == [
        ("page", "1h", "5m", 14.4),
        ("page", "6h", "30m", 6.0),
        ("ticket", "1d", "2h", 3.0),
        ("ticket", "3d", "6h", 1.0),
    ]


@pytest.mark.parametrize(("index", "share"), [(0, 0.02), (1, 0.05), (2, 0.10), (3, 0.10)])
@pytest.mark.parametrize(("policy", "days"), [("google-30d", 30), ("google-28d", 28)])
def test_factors_spend_the_same_share_of_the_budget_in_their_long_window(
    policy: str, days: int, index: int, share: float
) -> None:
    pair = load_policies()[policy].pairs[index]
    assert pair.factor * pair.long / (days * 86_400) == pytest.approx(share)


@pytest.mark.parametrize("policy", ["google-30d", "google-28d", "low-traffic"])
def test_one_failed_message_is_never_a_page(policy: str) -> None:
    assert all(pair.min_bad > 1 for pair in load_policies()[policy].pairs if pair.severity == "page")


def test_a_team_policy_wins_over_a_shipped_one_of_its_name(tmp_path: Path) -> None:
    (tmp_path / "ours.yaml").write_text(
        "name: google-30d\npairs: [{severity: ticket, long: 2h, short: 10m, factor: 2, min_bad: 4}]\n"
    )
    assert load_policies(tmp_path)["google-30d"].pairs == (
        Pair(severity="ticket", long=7200.0, short=600.0, factor=2.0, min_bad=4.0),
    )


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("name: x\npairs: []\n", "at least one pair"),
        ("name: x\npairs: [{severity: alarm, long: 1h, short: 5m, factor: 2}]\n", "page or ticket"),
        ("name: x\npairs: [{severity: page, long: 5m, short: 1h, factor: 2}]\n", "shorter"),
        ("name: x\npairs: [{severity: page, long: 1h, short: 5m, factor: -2}]\n", "positive"),
        ("name: x\npairs: [{severity: page, long: 1h, short: 5m, factor: .inf}]\n", "positive"),
        ("name: x\npairs: [{severity: page, long: 1h, short: 5m, factr: 2}]\n", "'factr'"),
        ("name: x\nwindow: 3\npairs: [{severity: page, long: 1h, short: 5m, factor: 2}]\n", "'window'"),
        ("just text", "a name and a list of pairs"),
        ("name: [", "not YAML"),
    ],
)
def test_a_fault_in_a_policy_is_named_with_the_file(text: str, says: str) -> None:
    with pytest.raises(InputInvalid, match=r"ours\.yaml") as raised:
        parse_policy(text, "ours.yaml")
    assert says in raised.value.problems[0].message
    assert raised.value.problems[0].code == "policy-invalid"


def test_a_folder_that_does_not_exist_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(InputInvalid):
        load_policies(tmp_path / "nowhere")


def test_a_factor_that_no_outage_reaches_is_pointed_out() -> None:
    found = check_policy(objective(target=0.9), load_policies())
    assert [problem.code for problem in found] == ["threshold-unreachable"]
    assert "14.4" in found[0].message
    assert "at most 10" in found[0].message


def test_a_reachable_policy_is_not_complained_about() -> None:
    assert check_policy(objective(target=0.999), load_policies()) == ()


def test_a_misspelt_policy_gets_a_suggestion() -> None:
    (problem,) = check_policy(objective(policy="gogle-30d"), load_policies())
    assert problem.code == "policy-unknown"
    assert problem.hint == "did you mean google-30d?"
