"""Which series tell of deployments: the key `deploys` in observatory.yaml.

deploys:
  - {metric: build_info, service: app, version: version}             a version that was not there before is a deployment
  - {metric: kube_deployment_status_observed_generation, service: deployment}        so is a value that changes
  - {metric: deployed_timestamp_seconds, marks: value, match: {env: prod}}           the value is the instant
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Literal

from observatory.errors import Problem
from observatory.reading import Reading

Marks = Literal["change", "value"]
MARKS: tuple[Marks, ...] = ("change", "value")
KEYS = ("metric", "marks", "service", "version", "match")
MOST_METRICS = 20
EXAMPLE = "{metric: build_info, service: app, version: version}"
_METRIC = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:.]{0,254}")
_LABEL = re.compile(r"[a-zA-Z_][a-zA-Z0-9_.]{0,254}")


@dataclass(frozen=True, slots=True, kw_only=True)
class DeployMetric:
    """A metric that tells of deployments.

    Attributes:
        marks: `change`: a new value of the version label, or without one a new value of the series. `value`: its value
            is the instant, in seconds (or milliseconds) since the epoch.
        service: Label that names what was deployed; `service_name`, `service` or `job` where it is empty.
        version: Label that holds the version; empty where none does.
        match: Labels that its series carry.
    """

    metric: str
    marks: Marks = "change"
    service: str = ""
    version: str = ""
    match: Mapping[str, str] = field(default_factory=dict)


def read_deploys(reading: Reading, _folder: Path, problems: list[Problem]) -> tuple[DeployMetric, ...]:
    """What stands under `deploys`; every fault goes to `problems` with its place."""
    value = reading.data["deploys"]
    items = value if isinstance(value, list) else [value]
    reader = _Reader(reading, problems)
    if len(items) > MOST_METRICS:
        reader.fault(("deploys",), f"at most {MOST_METRICS} metrics tell of deployments", None)
    found = [
        reader.entry(item, ("deploys", str(index)) if isinstance(value, list) else ("deploys",))
        for index, item in enumerate(items[:MOST_METRICS])
    ]
    return tuple(one for one in found if one is not None)


@dataclass(slots=True)
class _Reader:
    reading: Reading
    problems: list[Problem]

    def entry(self, item: Any, at: tuple[str, ...]) -> DeployMetric | None:
        """One metric, None where it has faults."""
        before = len(self.problems)
        if not isinstance(item, dict):
            self.fault(at, "what tells of deployments is a mapping", f"write {EXAMPLE}")
            return None
        for key in item:
            if key not in KEYS:
                near = get_close_matches(str(key), KEYS, 1, 0.6)
                hint = f"did you mean {near[0]!r}?" if near else f"known are {', '.join(KEYS)}"
                place = self.reading.at((*at, str(key)), key=True)
                message = f"there is no setting {key!r} of deploys"
                self.problems.append(Problem(code="settings-key", message=message, location=place, hint=hint))
        metric = item.get("metric")
        if not isinstance(metric, str) or not _METRIC.fullmatch(metric):
            self.fault(
                (*at, "metric") if "metric" in item else at, "metric is the name of a metric", f"write {EXAMPLE}"
            )
        marks = next((one for one in MARKS if one == item.get("marks", MARKS[0])), None)
        if marks is None:
            self.fault((*at, "marks"), "marks is change or value", "write marks: value where the value is an instant")
        labels = {
            key: self._label(item[key], (*at, key)) for key in ("service", "version") if item.get(key) is not None
        }
        match = self._match(item.get("match"), (*at, "match"))
        if len(self.problems) > before or marks is None:
            return None
        return DeployMetric(metric=str(metric), marks=marks, match=match, **labels)

    def _label(self, value: Any, at: tuple[str, ...]) -> str:
        if isinstance(value, str) and _LABEL.fullmatch(value):
            return value
        self.fault(at, f"{at[-1]} is the name of a label", None)
        return ""

    def _match(self, value: Any, at: tuple[str, ...]) -> dict[str, str]:
        if value is None:
            return {}
        if not isinstance(value, dict):
            self.fault(at, "match is a mapping of labels", "write match: {env: prod}")
            return {}
        for key, text in value.items():
            if not isinstance(key, str) or not _LABEL.fullmatch(key) or not isinstance(text, str):
                self.fault((*at, str(key)), "match holds labels and their values, which are text", None)
        return {str(key): str(text) for key, text in value.items()}

    def fault(self, at: tuple[str, ...], message: str, hint: str | None) -> None:
        """Report a fault at its place."""
        place = self.reading.at(at)
        self.problems.append(Problem(code="settings-value", message=message, location=place, hint=hint))
