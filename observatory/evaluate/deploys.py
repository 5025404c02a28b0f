"""Deployments as series tell of them: a version that is new, a value that changes, or a value that is an instant; and
as annotations in a Grafana do.

Pods come up one by one, so what one service does within ten minutes is one deployment, told by its first instant.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Protocol

import numpy as np
from msgspec import Struct

from observatory.errors import Problem, SourceFailed
from observatory.settings.deploys import DeployAnnotations, DeployMetric
from observatory.sources.base import Float64, Int64, MetricSource, SampleSet, SeriesRequest
from observatory.telemetry.binding import Matcher
from observatory.windows import TimeRange

if TYPE_CHECKING:
    from observatory.sources.grafana_annotations import Annotation

LOOKBACK_MS = 900_000
"""Before the range: what was there then is not new in it."""
GAP_MS = 300_000
"""A series without samples for longer than this was away."""
TOGETHER_MS = 600_000
MOST = 200
MILLISECONDS_FROM = 1e11
"""Instants from here on are milliseconds: as seconds they would lie in the year 5138."""
SERVICE_LABELS = ("service_name", "service", "job")
SERVICE_TAGS = ("service", "service_name", "app")


class Deploy(Struct, frozen=True):
    """One deployment.

    Attributes:
        service: What was deployed; the metric's name where no label says.
        version: The new version, empty where nothing says.
        before: The version that it replaces, empty where nothing says.
        metric: What tells of it: a metric, or `annotation`.
        text: What somebody wrote about it, on one line; empty where a metric tells.
    """

    at_ms: int
    service: str
    version: str
    before: str
    metric: str
    text: str = ""

    @property
    def words(self) -> str:
        """`checkout-api 4.17 → 4.18 deployed`, or what was written about it."""
        if self.text:
            named = not self.service or self.service.casefold() in self.text.casefold()
            return self.text if named else f"{self.service}: {self.text}"
        change = f" {self.before} → {self.version}" if self.before and self.version else f" {self.version}".rstrip()
        return f"{self.service}{change} deployed"


class Annotated(Protocol):
    """A Grafana whose annotations tell of deployments."""

    settings: DeployAnnotations

    def annotations(self, span: TimeRange) -> tuple[Annotation, ...]:
        """Annotations of a range.

        Raises:
            SourceFailed: It does not answer.
        """
        ...


def deploys(
    metrics: Sequence[DeployMetric],
    sources: Sequence[MetricSource],
    span: TimeRange,
    annotated: Sequence[Annotated] = (),
) -> tuple[tuple[Deploy, ...], tuple[Problem, ...]]:
    """Deployments in the range, newest first and 200 at most, and why some may be missing.

    One that a metric and an annotation tell of, by the same service and version, is told once, as it was written.
    """
    found: dict[tuple[str, str, str, int], Deploy] = {}
    problems: list[Problem] = []
    for grafana in annotated:
        try:
            told = grafana.annotations(span)
        except SourceFailed as error:
            problems += error.problems
            continue
        for note in told:
            one = of_annotation(grafana.settings, note)
            found.setdefault(_identity(one), one)
    for metric in metrics:
        for source in sources:
            try:
                samples = source.samples(_request(metric, span))
            except SourceFailed as error:
                problems += error.problems
                continue
            for one in marked(metric, samples, span):
                found.setdefault(_identity(one), one)
    newest = sorted(found.values(), key=lambda one: (-one.at_ms, one.service, one.version))
    return tuple(newest[:MOST]), tuple(problems)


def _identity(one: Deploy) -> tuple[str, str, str, int]:
    text = "" if one.service and one.version else one.text
    return one.service, one.version, text, one.at_ms // TOGETHER_MS


def of_annotation(settings: DeployAnnotations, note: Annotation) -> Deploy:
    """The deployment that an annotation tells of; its tags say of what, `service:checkout` and `version:4.18`."""
    pairs: dict[str, str] = {}
    plain: list[str] = []
    for tag in note.tags:
        key, mark, value = tag.partition(":") if ":" in tag else tag.partition("=")
        if mark and value.strip():
            pairs.setdefault(key.strip(), value.strip())
        elif tag not in settings.tags:
            plain.append(tag)
    keys = (settings.service,) if settings.service else SERVICE_TAGS
    service = next((pairs[key] for key in keys if key in pairs), "")
    if not service and not settings.service:
        service = plain[0] if plain else ""
    version = pairs.get(settings.version or "version", "")
    text = note.text or ("" if service else " ".join(note.tags))
    return Deploy(note.at_ms, service, version, "", "annotation", text)


def _request(metric: DeployMetric, span: TimeRange) -> SeriesRequest:
    matchers = tuple(Matcher(label, (value,)) for label, value in sorted(metric.match.items()))
    return SeriesRequest(metric.metric, matchers, TimeRange(span.start_ms - LOOKBACK_MS, span.end_ms))


def marked(metric: DeployMetric, samples: SampleSet, span: TimeRange) -> Iterator[Deploy]:
    """What one metric tells of a range, by service and then by time.

    Args:
        samples: Of the range and of some time before it.
    """
    services: dict[str, list[int]] = {}
    for index, labels in enumerate(samples.labels):
        services.setdefault(_service(metric, labels), []).append(index)
    for service, members in sorted(services.items()):
        series = [samples.series(index) for index in members]
        if metric.marks == "value":
            told = _instants(metric, series)
        elif metric.version:
            told = _versions(metric, series)
        else:
            told = ((at_ms, "", "") for at_ms in _changes(series))
        last: dict[str, int] = {}
        for at_ms, version, before in sorted(told):
            fresh = at_ms - last.get(version, at_ms - TOGETHER_MS) >= TOGETHER_MS
            last[version] = at_ms
            if fresh and span.start_ms < at_ms <= span.end_ms:
                yield Deploy(at_ms, service, version, before, metric.metric)


def _service(metric: DeployMetric, labels: Mapping[str, str]) -> str:
    names = (metric.service,) if metric.service else SERVICE_LABELS
    return next((labels[name] for name in names if labels.get(name)), metric.metric)


Series = tuple[Mapping[str, str], Int64, Float64]


def _instants(metric: DeployMetric, series: Iterable[Series]) -> Iterator[tuple[int, str, str]]:
    for labels, _, values in series:
        version = labels.get(metric.version, "") if metric.version else ""
        for value in np.unique(values[np.isfinite(values) & (values > 0)]):
            yield round(value if value >= MILLISECONDS_FROM else 1000 * value), version, ""


def _changes(series: Iterable[Series]) -> Iterator[int]:
    for _, t_ms, values in series:
        seen = np.isfinite(values)
        times, held = t_ms[seen], values[seen]
        yield from (int(at_ms) for at_ms in times[1:][held[1:] != held[:-1]])


def _versions(metric: DeployMetric, series: Sequence[Series]) -> Iterator[tuple[int, str, str]]:
    """Instants at which a version came while another one was, or had been, there."""
    runs = sorted(
        (start, end, labels.get(metric.version, ""))
        for labels, t_ms, values in series
        for start, end in _runs(t_ms[np.isfinite(values)])
    )
    for number, (start, _, version) in enumerate(runs):
        earlier = runs[:number]
        others = [one for one in earlier if one[2] != version and one[0] < start]
        still_there = any(one[2] == version and one[1] >= start - GAP_MS for one in earlier)
        if others and version and not still_there:
            yield start, version, max(others)[2]


def _runs(t_ms: Int64) -> Iterator[tuple[int, int]]:
    """First and last instant of each stretch without a gap."""
    if not len(t_ms):
        return
    breaks = np.flatnonzero(np.diff(t_ms) > GAP_MS)
    firsts, lasts = np.r_[0, breaks + 1], np.r_[breaks, len(t_ms) - 1]
    yield from ((int(t_ms[first]), int(t_ms[last])) for first, last in zip(firsts, lasts, strict=True))
