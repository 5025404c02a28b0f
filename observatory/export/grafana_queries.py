"""PromQL of Grafana panels over what the generated rules record, and the variables that filter it.

Budgets, targets and error ratios carry every label that people filter by. The two counts carry only what tells
measured things apart, so they are filtered by the objectives that they belong to. Ratios are divided from sums of
counts; where objectives are put together without counts, the worst of them speaks.
"""

from __future__ import annotations

import promql_parser
from msgspec import Struct

from observatory.compile.names import (
    ALERT_BUDGET_SPENT,
    ALERT_BURN_RATE,
    ALERT_TELEMETRY_ABSENT,
    ERROR_BUDGET_REMAINING,
    OBJECTIVE,
    SLI_GOOD,
    SLI_TOTAL,
    error_ratio,
)
from observatory.compile.promql import checked
from observatory.dashboards import Subject

VARIABLES = ("domain", "owner", "channel", "consumer_group", "criticality")
"""Labels that people filter by; each is a variable of the same name."""
ALERTS, ALERTS_SINCE = "ALERTS", "ALERTS_FOR_STATE"
"""What Prometheus records for alert rules: that they fire, and since when in Unix seconds."""
ERROR_1H = error_ratio("1h")
RECORDED = frozenset({SLI_GOOD, SLI_TOTAL, ERROR_BUDGET_REMAINING, OBJECTIVE, ERROR_1H, ALERTS, ALERTS_SINCE})
ALERT_NAMES = (ALERT_BURN_RATE, ALERT_BUDGET_SPENT, ALERT_TELEMETRY_ABSENT)
CRITICAL = ("critical", "high")
MEASURED = "document, channel, consumer_group, sli"
"""Labels by which a count and the objectives that use it find each other."""
BEFORE = "30d"
PAGING_STEP = 60
"""Seconds between evaluations of the rules that page."""

_BUILT_IN = {"$__rate_interval": "5m", "$__range": "1h"}


class Filters(Struct, frozen=True):
    """Conditions of a page's variables.

    Attributes:
        subject: A page about one channel or group has that variable with one value and no `All`. Grafana escapes
            such a value for no regular expression, so it is compared as it is.
        critical: Only channels of high criticality.
    """

    subject: Subject = "estate"
    critical: bool = False

    def condition(self, label: str, variable: str) -> str:
        """A matcher of a variable; `label` as it is written in PromQL."""
        one = {"channel": "channel", "group": "consumer_group"}.get(self.subject)
        return f'{label}{"=" if variable == one else "=~"}"${variable}"'

    def series(self, name: str, *more: str) -> str:
        """A recorded series under the filters and further matchers."""
        conditions = [*more, *(self.condition(variable, variable) for variable in VARIABLES)]
        if self.critical:
            conditions.append(f'criticality=~"{"|".join(CRITICAL)}"')
        return f"{name}{{{','.join(conditions)}}}"

    @property
    def objective(self) -> str:
        return self.series(OBJECTIVE)

    @property
    def budget(self) -> str:
        """Error budget left, per objective."""
        return self.series(ERROR_BUDGET_REMAINING)

    @property
    def burn(self) -> str:
        """Burn rate of the last hour, per objective: 1 spends the budget exactly by the end of its window."""
        return f"{self.series(ERROR_1H)} / (1 - {self.objective})"

    def indicator(self, sli: str, show: str, limit: int) -> str:
        """One SLI per objective, the most urgent ones: `burn_rate` and `ratio` of the last hour, or `budget` left."""
        only = f'sli="{sli}"'
        if show == "budget":
            return f"bottomk({limit}, {self.series(ERROR_BUDGET_REMAINING, only)})"
        error = self.series(ERROR_1H, only)
        if show == "ratio":
            return f"bottomk({limit}, 1 - {error})"
        return f"topk({limit}, {error} / (1 - {self.series(OBJECTIVE, only)}))"

    @property
    def burning_since(self) -> str:
        """Start of each alert that fires, in Unix milliseconds."""
        names = f'alertname=~"{"|".join(ALERT_NAMES)}"'
        firing = self.series(ALERTS, names, 'alertstate="firing"')
        return f"{self.series(ALERTS_SINCE, names)} * 1000 and ignoring (alertstate) {firing}"

    @property
    def decisions(self) -> str:
        """Budget left of the objectives whose spending asks for a decision."""
        fires = self.series(ALERTS, f'alertname="{ALERT_BUDGET_SPENT}"', 'alertstate="firing"')
        return f"sort({self.budget} and on (slo) {fires})"

    @property
    def availability(self) -> str:
        """Good by total of all availability in the range of the page."""
        good, total = (f"sum({self._events(name)})" for name in (SLI_GOOD, SLI_TOTAL))
        return f"{good} / ({total} > 0)"

    @property
    def availability_by_domain(self) -> str:
        """The same by domain; a channel that objectives put in two domains is counted in one of them."""
        known = f"max by ({MEASURED}, domain) ({self.objective})"
        domain = f"(0 * topk by ({MEASURED}) (1, {known}) + 1)"
        good, total = (
            f"sum by (domain) ({self._events(name)} * on ({MEASURED}) group_left (domain) {domain})"
            for name in (SLI_GOOD, SLI_TOTAL)
        )
        return f"{good} / ({total} > 0)"

    def _events(self, name: str) -> str:
        """Records of the range added up: each event is in five of them, above the line and below it."""
        records = f'sum_over_time({name}{{sli="availability",{self.condition("channel", "channel")}}}[$__range])'
        return f"({records} and on ({MEASURED}) {self.objective})"

    @property
    def spent(self) -> str:
        """How many objectives have no budget left; 0 only where budgets are known."""
        return f"count({self.budget} <= 0) or 0 * count({self.budget})"

    @property
    def burning(self) -> str:
        """How many objectives burn faster than their budget lasts; 0 only where burn rates are known."""
        return f"count({self.burn} > 1) or 0 * count({self.burn})"

    def worst_budget_by_domain(self, limit: int | None = None) -> str:
        worst = f"min by (domain) ({self.budget})"
        return f"bottomk({limit}, {worst})" if limit else worst

    def budget_then(self) -> str:
        """Budget left thirty days ago, per objective: at the end of the window before, where windows are that long."""
        return f"{self.budget} offset {BEFORE}"

    @staticmethod
    def missed_by_domain(budget: str) -> str:
        """How many objectives have less than no budget left; 0 only where budgets are known."""
        return f"count by (domain) ({budget} < 0) or 0 * count by (domain) ({budget})"

    def paging_seconds(self, limit: int) -> str:
        """Seconds of the range in which a page for the burn rate fired, by channel, longest first."""
        fires = self.series(ALERTS, f'alertname="{ALERT_BURN_RATE}"', 'alertstate="firing"', 'severity="page"')
        counted = f"sum by (document, channel) (count_over_time({fires}[$__range]))"
        return f"sort_desc(topk({limit}, {counted})) * {PAGING_STEP}"


def fixed(text: str) -> str:
    """PromQL without variables as Grafana leaves it alone: inside strings, `$` and `[[` would begin a variable."""
    return text.replace("$", "\\x24").replace("[[", "[\\x5b")


def parsed(expression: str) -> promql_parser.Expr:
    """The expression's tree, with Grafana's own intervals filled in.

    Raises:
        InputInvalid: `promql-invalid` when the parser refuses it.
    """
    text = expression
    for name, value in _BUILT_IN.items():
        text = text.replace(name, value)
    return promql_parser.parse(checked(text))


def metric_names(expression: str) -> frozenset[str]:
    """Names of all series that an expression asks for.

    Raises:
        InputInvalid: `promql-invalid` when the parser refuses it.
    """
    found: set[str] = set()
    waiting = [parsed(expression)]
    while waiting:
        node = waiting.pop()
        if isinstance(node, promql_parser.VectorSelector):
            named = [one.value for one in node.matchers.matchers if one.name == "__name__"]
            found.add(node.name or (named[0] if named else ""))
        parts = (getattr(node, name, None) for name in ("expr", "lhs", "rhs", "param", "vector_selector"))
        waiting += [part for part in parts if part is not None]
        waiting += list(getattr(node, "args", None) or ())
    return frozenset(found)
