"""Window sums from overlapping records count every event once."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import yaml

from observatory.rules.sums import decimal, events

LABELS = {"measured": "a"}


def test_a_record_is_itself() -> None:
    assert events("x", LABELS, 300) == '(x{measured="a"} or last_over_time(x{measured="a"}[30m]))'


def test_an_hour_is_the_newest_record_and_a_fifth_of_the_older_ones() -> None:
    older = 'sum_over_time(x{measured="a"}[54m30s] offset 3m) / 5'

    assert events("x", LABELS, 3600) == f'sum(x{{measured="a"}} or label_replace({older}, "part", "older", "", ""))'


def test_a_window_shorter_than_a_record_is_refused() -> None:
    with pytest.raises(ValueError, match="shorter than a record"):
        events("x", LABELS, 240)


def test_numbers_are_written_without_binary_dust() -> None:
    assert decimal(14.4 * 0.001) == "0.0144"


@pytest.mark.parametrize("minutes", [5, 30, 60, 120, 360])
def test_a_steady_rate_sums_to_rate_times_window(minutes: int, promtool: Callable[..., str]) -> None:
    """Records of a counter that rises by 7 a minute: 35 each; the sum over a window is 7 a minute."""
    test = {
        "evaluation_interval": "1m",
        "tests": [
            {
                "interval": "1m",
                "input_series": [{"series": 'x{measured="a"}', "values": "35+0x400"}],
                "promql_expr_test": [
                    {
                        "expr": "sum(" + events("x", LABELS, minutes * 60.0) + ")",
                        "eval_time": "390m",
                        "exp_samples": [{"labels": "{}", "value": 7 * minutes}],
                    }
                ],
            }
        ],
    }

    assert "SUCCESS" in promtool({"t.yaml": yaml.safe_dump(test)}, "test", "rules", "t.yaml")


@pytest.mark.parametrize("minute", [101, 103, 105, 110, 130])
def test_the_newest_events_are_counted_in_full(minute: int, promtool: Callable[..., str]) -> None:
    """A rate that starts at minute 100: its events are all in the hour, at once and not minutes later."""
    seen = minute - 100
    records = [7 * min(5, max(0, m - 100)) for m in range(minute + 1)]
    allowed = {1: 7, 3: 21, 5: 39.2, 10: 70, 30: 210}[seen]
    test = {
        "evaluation_interval": "1m",
        "tests": [
            {
                "interval": "1m",
                "input_series": [{"series": 'x{measured="a"}', "values": " ".join(map(str, records))}],
                "promql_expr_test": [
                    {
                        "expr": "round(sum(" + events("x", LABELS, 3600.0) + "), 0.1)",
                        "eval_time": f"{minute}m",
                        "exp_samples": [{"labels": "{}", "value": allowed}],
                    }
                ],
            }
        ],
    }

    assert "SUCCESS" in promtool({"t.yaml": yaml.safe_dump(test)}, "test", "rules", "t.yaml")


def test_the_first_record_counts_before_there_are_older_ones(promtool: Callable[..., str]) -> None:
    test = {
        "evaluation_interval": "1m",
        "tests": [
            {
                "interval": "1m",
                "input_series": [{"series": 'x{measured="a"}', "values": "35"}],
                "promql_expr_test": [
                    {
                        "expr": "sum(" + events("x", LABELS, 3600.0) + ")",
                        "eval_time": "0m",
                        "exp_samples": [{"labels": "{}", "value": 35}],
                    }
                ],
            }
        ],
    }

    assert "SUCCESS" in promtool({"t.yaml": yaml.safe_dump(test)}, "test", "rules", "t.yaml")
