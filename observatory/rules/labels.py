"""Labels of recorded series and alerts, and text that no template engine obeys."""

from __future__ import annotations

from observatory.compile.names import LABELS
from observatory.compile.plan import Measurement
from observatory.objectives.objective import Objective
from observatory.units import compact_duration


def measured_labels(objective: Objective, measurement: Measurement) -> dict[str, str]:
    """Labels of the two counts, the same for every objective of the document that shares the measurement.

    `measured` names the operation and what is counted, and tells apart what counts differently on one operation: two
    latency bounds, two definitions of latency.
    """
    part = [objective.operation_key, objective.sli]
    if objective.threshold is not None:
        value, unit = objective.threshold.value, objective.threshold.unit
        part.append(compact_duration(value) if unit == "second" else f"{value:.12g} {unit}")
    if objective.sli == "latency":
        part.append(measurement.indicator.measure)
    return _known(
        document=objective.document,
        channel=objective.address or objective.channel_key,
        consumer_group=objective.consumer_group,
        sli=objective.sli,
        measured="/".join(part),
    )


def objective_labels(objective: Objective) -> dict[str, str]:
    """Labels of what is recorded per objective, and of its alerts; those that are unknown are left out."""
    known = _known(
        slo=objective.id,
        sli=objective.sli,
        channel=objective.address or objective.channel_key,
        consumer_group=objective.consumer_group,
        document=objective.document,
        domain=objective.domain,
        owner=objective.owner.team if objective.owner else None,
        criticality=objective.criticality,
    )
    return {name: known[name] for name in LABELS if name in known}


def literal(text: str) -> str:
    """Text for an alert's label or annotation that comes out of the template engine as it went in.

    Prometheus expands `{{ ... }}` there, and documents may contain anything.
    """
    return text.replace("{{", '{{"{{"}}')


def _known(**labels: str | None) -> dict[str, str]:
    return {name: value for name, value in labels.items() if value}
