"""What an alert tells the person it wakes: what burns, how fast, over which window, whose it is, what to do."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import quote as percent_encoded

from observatory.objectives.objective import Objective
from observatory.objectives.policy import Pair
from observatory.rules.labels import literal


def burn_annotations(objective: Objective, pairs: Sequence[Pair], burns: Sequence[str]) -> dict[str, str]:
    """Annotations of `SLOBurnRate`.

    Args:
        pairs: Those that the alert joins, fastest first.
        burns: For each pair the PromQL of its condition, asked again to name the window that burns now.
    """
    target = f"{objective.target * 100:.8g} %"
    return {
        "summary": literal(f"{_what(objective)} burns its error budget"),
        "description": literal(f"{_what(objective)}: ")
        + 'bad events come {{ printf "%.1f" $value }} times as fast as the objective of '
        + literal(target)
        + " over "
        + literal(str(objective.window))
        + " allows, over "
        + _which(pairs, burns)
        + ".",
        **_common(objective),
    }


def spent_annotations(objective: Objective, share: str) -> dict[str, str]:
    """Annotations of `SLOBudgetSpent`; `share` is the limit in words, such as `25 %`."""
    return {
        "summary": literal(f"{_what(objective)} has spent {share} of its error budget"),
        "description": literal(f"{_what(objective)}: ")
        + 'bad events come to {{ printf "%.2f" $value }} times the error budget of '
        + literal(str(objective.window))
        + ".",
        **_common(objective),
    }


def absent_annotations(objective: Objective, waited: str) -> dict[str, str]:
    """Annotations of `SLITelemetryAbsent`."""
    return {
        "summary": literal(f"{_what(objective)} is not measured"),
        "description": literal(
            f"{_what(objective)}: no sample for {waited}; nobody knows whether the objective is met. "
            "Is the target scraped, at least every two minutes as rules need it, and is the series still called that?"
        ),
        **_common(objective),
    }


def _what(objective: Objective) -> str:
    where = objective.address or objective.channel_key
    group = f" for {objective.consumer_group}" if objective.consumer_group else ""
    return f"{objective.sli} of {where}{group} ({objective.id})"


def _which(pairs: Sequence[Pair], burns: Sequence[str]) -> str:
    """`1h and 5m`, by asking again which pair's condition holds; the last pair needs no question."""
    names = [literal(f"{pair.long_text} and {pair.short_text}") for pair in pairs]
    text = names[-1]
    for name, burn in zip(reversed(names[:-1]), reversed(burns[:-1]), strict=True):
        text = f"{{{{ with query {_go_string(burn)} }}}}{name}{{{{ else }}}}{text}{{{{ end }}}}"
    return text


def _go_string(text: str) -> str:
    """A double-quoted string of Go's template language; braces are written by number, lest they end the action."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", " ")
    return '"' + escaped.replace("{", "\\u007b").replace("}", "\\u007d") + '"'


def _common(objective: Objective) -> dict[str, str]:
    owner = objective.owner
    known = {
        "owner": owner.team if owner else None,
        "contact": owner.contact if owner else None,
        "runbook_url": owner.runbook if owner else None,
        "dashboard": f"/channel/{percent_encoded(objective.channel_id, safe='')}",
    }
    return {name: literal(value) for name, value in known.items() if value}
