"""What tells of deployments, series or annotations in a Grafana: the key `deploys` in observatory.yaml.

deploys:
  - {metric: build_info, service: app, version: version}             a version that was not there before is a deployment
  - {metric: kube_deployment_status_observed_generation, service: deployment}        so is a value that changes
  - {metric: deployed_timestamp_seconds, marks: value, match: {env: prod}}           the value is the instant
  - {annotations: https://grafana.example.com, tags: [deploy], token: $GRAFANA_TOKEN}    those with all these tags
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from msgspec import Struct, field

from observatory.errors import Problem
from observatory.reading import Reading
from observatory.settings.secrets import Asked, HeaderError, header_value, take_credentials
from observatory.settings.unknown_keys import unknown_keys

Marks = Literal["change", "value"]
MARKS: tuple[Marks, ...] = ("change", "value")
KEYS = ("metric", "marks", "service", "version", "match")
ANNOTATION_KEYS = ("annotations", "tags", "service", "version", "token", "timeout_seconds")
MOST_METRICS = 20
MOST_TAGS = 20
MOST_TAG = 200
USUAL_SECONDS, MOST_SECONDS = 5.0, 60.0
EXAMPLE = "{metric: build_info, service: app, version: version}"
ANNOTATION_EXAMPLE = "{annotations: https://grafana.example.com, tags: [deploy], token: $GRAFANA_TOKEN}"
_TOKEN = re.compile(r"[\x21-\x7e]+")
_METRIC = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:.]{0,254}")
_LABEL = re.compile(r"[a-zA-Z_][a-zA-Z0-9_.]{0,254}")


class DeployMetric(Struct, frozen=True, kw_only=True):
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


class DeployAnnotations(Asked, frozen=True, kw_only=True):
    """A Grafana whose annotations tell of deployments.

    Attributes:
        url: Without credentials, and without a slash at its end.
        tags: Tags that an annotation carries, all of them.
        service: Key of the tag that names what was deployed, as `service` in `service:checkout`; where it is empty,
            `service`, `service_name` or `app`, and where no tag has such a key, the first tag that is a plain word.
        version: Key of the tag that holds the version; `version` where it is empty.
        timeout_seconds: For the whole answer.
    """

    url: str
    tags: tuple[str, ...]
    service: str = ""
    version: str = ""
    timeout_seconds: float = USUAL_SECONDS

    def __hash__(self) -> int:
        return hash((self.url, self.tags, self.service, self.version))


Deploys = DeployMetric | DeployAnnotations


def read_deploys(
    reading: Reading, folder: Path, problems: list[Problem], environ: Mapping[str, str]
) -> tuple[Deploys, ...]:
    """What stands under `deploys`; every fault goes to `problems` with its place.

    Args:
        folder: Of the settings file, which names of files are relative to.
        environ: What tokens refer to as `$NAME`.
    """
    value = reading.data["deploys"]
    items = value if isinstance(value, list) else [value]
    reader = _Reader(reading, problems, folder, environ)
    if len(items) > MOST_METRICS:
        reader.fault(("deploys",), f"at most {MOST_METRICS} metrics tell of deployments", None)
    found = [
        reader.entry(item, ("deploys", str(index)) if isinstance(value, list) else ("deploys",))
        for index, item in enumerate(items[:MOST_METRICS])
    ]
    return tuple(one for one in found if one is not None)


class _Reader(Struct):
    reading: Reading
    problems: list[Problem]
    folder: Path
    environ: Mapping[str, str]

    def entry(self, item: Any, at: tuple[str, ...]) -> Deploys | None:
        """One metric or one Grafana, None where it has faults."""
        if not isinstance(item, dict):
            self.fault(at, "what tells of deployments is a mapping", f"write {EXAMPLE}")
            return None
        return self._annotations(item, at) if "annotations" in item else self._metric(item, at)

    def _metric(self, item: dict[str, Any], at: tuple[str, ...]) -> DeployMetric | None:
        before = len(self.problems)
        self.problems += unknown_keys(item, KEYS, at, self.reading)
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

    def _annotations(self, item: dict[str, Any], at: tuple[str, ...]) -> DeployAnnotations | None:
        before = len(self.problems)
        self.problems += unknown_keys(item, ANNOTATION_KEYS, at, self.reading)
        url, headers = "", dict[str, str]()
        try:
            url, headers = take_credentials(str(item["annotations"]))
        except ValueError as error:
            place = self.reading.at((*at, "annotations"))
            hint = f"write {ANNOTATION_EXAMPLE}"
            self.problems.append(Problem(code="settings-url", message=str(error), location=place, hint=hint))
        tags = self._tags(item.get("tags"), (*at, "tags") if "tags" in item else at)
        labels = {
            key: self._label(item[key], (*at, key)) for key in ("service", "version") if item.get(key) is not None
        }
        if item.get("token") is not None:
            headers = {"Authorization": f"Bearer {self._token(item['token'], (*at, 'token'))}"}
        seconds = item.get("timeout_seconds", USUAL_SECONDS)
        if isinstance(seconds, bool) or not isinstance(seconds, int | float) or not 0 < seconds <= MOST_SECONDS:
            at_it = (*at, "timeout_seconds")
            self.fault(at_it, f"timeout_seconds is a number up to {MOST_SECONDS:g}: pages wait for the answer", None)
        if len(self.problems) > before:
            return None
        return DeployAnnotations(url=url, tags=tags, headers=headers, timeout_seconds=float(seconds), **labels)

    def _tags(self, value: Any, at: tuple[str, ...]) -> tuple[str, ...]:
        """Tags as a list or one alone; without any, every annotation would be a deployment."""
        items = value if isinstance(value, list) else [] if value is None else [value]
        wrong = [one for one in items if not isinstance(one, str) or not one.strip() or len(one) > MOST_TAG]
        if not items or wrong or len(items) > MOST_TAGS:
            message = f"tags are those that every annotation of a deployment carries, {MOST_TAGS} at most"
            self.fault(at, message, "write tags: [deploy]")
            return ()
        return tuple(one.strip() for one in items)

    def _token(self, value: Any, at: tuple[str, ...]) -> str:
        """The token behind `$NAME` or `@file`."""
        if not isinstance(value, str) or value[:1] not in ("$", "@"):
            self.fault(at, "token is $VARIABLE or @file: settings hold no secret", "write token: $GRAFANA_TOKEN")
            return ""
        try:
            token = header_value("Authorization", value, self.environ, self.folder, literal_secret=False)
        except HeaderError as error:
            place = self.reading.at(at)
            message = str(error).replace("Authorization", "token")
            self.problems.append(Problem(code="settings-header", message=message, location=place, hint=error.hint))
            return ""
        if not _TOKEN.fullmatch(token):
            self.fault(at, "what token refers to is no token: it is one word, and nothing else", None)
        return token

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
