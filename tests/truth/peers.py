"""What other tools' expressions make of a scenario, evaluated by the same server on the same samples.

The expressions are those that the tools generate or send for an availability of good and bad events, with the
recording rules inside written as subqueries:

- Sloth: the mean of the error ratios of 5 minutes, `sum_over_time / count_over_time` of the recorded ratio.
- Pyrra: `increase` over the whole window, errors and total; in performance mode the sum of recorded 5-minute increases.
- slo-generator: two increases, of the good and of the bad; a missing series counts as none, and six decimals are kept.

Of a gauge that is 1 where something fails, Sloth is given the share of 5 minutes, Pyrra takes the share of all samples,
and slo-generator the mean over the window.
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
    performance_ratio: float | None
    generator_ratio: float | None


_KNOWN: dict[tuple[str, str, str], Peers] = {}


def _number(server: PrometheusServer, expression: str) -> float | None:
    result = server.query(expression, END_MS)
    return float(result[0]["value"][1]) if result else None  # type: ignore[index]


def ask(server: PrometheusServer, case: str, window: str) -> Peers:
    """The answers of all of them over a window that ends at the end of the data; each question is asked once."""
    known = _KNOWN.get((server.url, case, window))
    if known is None:
        known = _KNOWN[server.url, case, window] = _of_counters(server, case, window)
    return known


def _of_counters(server: PrometheusServer, case: str, window: str) -> Peers:
    every, wrong = f'handled_total{{case="{case}"}}', f'handled_total{{case="{case}",outcome="error"}}'
    right = f'handled_total{{case="{case}",outcome="success"}}'
    ratio = f"sum(rate({wrong}[5m])) / sum(rate({every}[5m]))"

    def number(expression: str) -> float | None:
        return _number(server, expression)

    def recorded(selector: str) -> float | None:
        return number(f"sum(sum_over_time((sum by (outcome) (increase({selector}[5m])))[{window}:5m]))")

    errors, total = number(f"sum(increase({wrong}[{window}]))"), number(f"sum(increase({every}[{window}]))")
    good = number(f"sum(increase({right}[{window}]))")
    few, all_of_them = recorded(wrong), recorded(every)
    return Peers(
        sloth_ratio=number(f"sum_over_time(({ratio})[{window}:1m]) / count_over_time(({ratio})[{window}:1m])"),
        pyrra_errors=errors,
        pyrra_ratio=(errors or 0.0) / total if total else None,
        performance_errors=few,
        performance_ratio=(few or 0.0) / all_of_them if all_of_them else None,
        generator_ratio=1 - round(good / (good + (errors or 0.0)), 6) if good else None,
    )


def ask_of_gauge(server: PrometheusServer, gauge: str, window: str) -> Peers:
    """The same of a gauge that is 1 where something fails."""
    share = f"avg(avg_over_time({gauge}[5m]))"
    failing, samples = (_number(server, f"sum({word}_over_time({gauge}[{window}]))") for word in ("sum", "count"))
    mean = _number(server, f"avg_over_time({gauge}[{window}])")
    pyrra = failing / samples if failing is not None and samples else None
    return Peers(
        sloth_ratio=_number(server, f"sum_over_time(({share})[{window}:1m]) / count_over_time(({share})[{window}:1m])"),
        pyrra_errors=failing,
        pyrra_ratio=pyrra,
        performance_errors=failing,
        performance_ratio=pyrra,
        generator_ratio=round(mean, 6) if mean is not None else None,
    )


def _spent(ratio: float | None, digits: int) -> str:
    """The share of the budget that an error ratio spends."""
    return "nothing" if ratio is None else "NaN" if math.isnan(ratio) else f"{100 * ratio / (1 - TARGET):,.{digits}f} %"


MARKDOWN_HEAD = (
    "| 30 days, target 99.9 % | truth | Observatory | Sloth | Pyrra | Pyrra, performance mode | slo-generator |\n"
    "|---|---|---|---|---|---|---|"
)


def markdown(what: str, truth: float, ours: tuple[float, float, float], theirs: Peers) -> str:
    """One line of the README's table: the share of the budget that is truly spent, and that each tool says is spent.

    Args:
        truth: The error ratio.
        ours: Bad and all events, and the share of the window that was seen.
    """
    bad, total, seen = ours
    told = _spent(bad / total, 1) + (f", {100 * seen:.0f} % seen" if seen < 0.995 else "")
    ratios = (theirs.sloth_ratio, theirs.pyrra_ratio, theirs.performance_ratio, theirs.generator_ratio)
    return f"| {' | '.join((what, _spent(truth, 1), told, *(_spent(ratio, 1) for ratio in ratios)))} |"


def row(case: str, bad: float, total: float, ours: tuple[float, float], theirs: Peers) -> str:
    """One line of the table: errors by count, and the share of a budget of 0.1 % that each tool says is spent."""

    def count(errors: float | None) -> str:
        return "nothing" if errors is None else f"{errors:,.0f}"

    cells = [
        count(bad),
        count(ours[0]),
        count(theirs.pyrra_errors),
        count(theirs.performance_errors),
        _spent(bad / total, 2),
        _spent(ours[0] / ours[1], 2),
        _spent(theirs.sloth_ratio, 2),
        _spent(theirs.pyrra_ratio, 2),
        _spent(theirs.generator_ratio, 2),
    ]
    return f"{case:58}" + "".join(f"{cell:>12}" for cell in cells)


HEAD = f"{'':58}{'errors':>12}{'':36}{'budget spent':>12}\n{'scenario':58}" + "".join(
    f"{name:>12}"
    for name in ("truth", "observatory", "Pyrra", "Pyrra perf.", "truth", "observatory", "Sloth", "Pyrra", "slo-gen.")
)
