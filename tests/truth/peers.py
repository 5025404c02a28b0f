"""What other tools' expressions make of a scenario, evaluated by the same server on the same samples.

The expressions are those that the tools generate or send for an availability of good and bad events, with the
recording rules inside written as subqueries:

- Sloth: the mean of the error ratios of 5 minutes, `sum_over_time / count_over_time` of the recorded ratio.
- Pyrra: `increase` over the whole window, errors and total; in performance mode the sum of recorded 5-minute increases.
- slo-generator: two increases, of the good and of the bad; a missing series counts as none, and six decimals are kept.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from counting_cases import END_MS
from prometheus_server import PrometheusServer

TARGET = 0.999
TITLE = "counted side by side"


@dataclass(frozen=True)
class Peers:
    """Errors and error ratios that others find; NaN where their expression is NaN, None where it finds nothing."""

    sloth_ratio: float | None
    pyrra_errors: float | None
    pyrra_ratio: float | None
    performance_errors: float | None
    generator_ratio: float | None


def ask(server: PrometheusServer, case: str, window: str, at_ms: int = END_MS) -> Peers:
    """The answers of all of them over a window that ends at an instant."""
    every, wrong = f'handled_total{{case="{case}"}}', f'handled_total{{case="{case}",outcome="error"}}'
    right = f'handled_total{{case="{case}",outcome="success"}}'
    ratio = f"sum(rate({wrong}[5m])) / sum(rate({every}[5m]))"

    def number(expression: str) -> float | None:
        result = server.query(expression, at_ms)
        return float(result[0]["value"][1]) if result else None  # type: ignore[index]

    errors, total = number(f"sum(increase({wrong}[{window}]))"), number(f"sum(increase({every}[{window}]))")
    good = number(f"sum(increase({right}[{window}]))")
    return Peers(
        sloth_ratio=number(f"sum_over_time(({ratio})[{window}:1m]) / count_over_time(({ratio})[{window}:1m])"),
        pyrra_errors=errors,
        pyrra_ratio=(errors or 0.0) / total if total else None,
        performance_errors=number(f"sum(sum_over_time((sum by (outcome) (increase({wrong}[5m])))[{window}:5m]))"),
        generator_ratio=1 - round(good / (good + (errors or 0.0)), 6) if good else None,
    )


def row(case: str, bad: float, total: float, ours: tuple[float, float], theirs: Peers) -> str:
    """One line of the table: errors by count, and the share of a budget of 0.1 % that each tool says is spent."""

    def spent(ratio: float | None) -> str:
        return "nothing" if ratio is None else "NaN" if math.isnan(ratio) else f"{ratio / (1 - TARGET):.2%}"

    def count(errors: float | None) -> str:
        return "nothing" if errors is None else f"{errors:,.0f}"

    cells = [
        count(bad),
        count(ours[0]),
        count(theirs.pyrra_errors),
        count(theirs.performance_errors),
        spent(bad / total),
        spent(ours[0] / ours[1]),
        spent(theirs.sloth_ratio),
        spent(theirs.pyrra_ratio),
        spent(theirs.generator_ratio),
    ]
    return f"{case:58}" + "".join(f"{cell:>12}" for cell in cells)


HEAD = f"{'':58}{'errors':>12}{'':36}{'budget spent':>12}\n{'scenario':58}" + "".join(
    f"{name:>12}"
    for name in ("truth", "observatory", "Pyrra", "Pyrra perf.", "truth", "observatory", "Sloth", "Pyrra", "slo-gen.")
)
