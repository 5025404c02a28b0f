"""Deployments from series: new versions, changing values, values that are instants."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from observatory.errors import Problem, SourceFailed
from observatory.evaluate.deploys import Deploy, deploys, marked
from observatory.settings.deploys import DeployMetric
from observatory.sources.base import SampleSet, SeriesRequest
from observatory.windows import TimeRange

MINUTE = 60_000
SPAN = TimeRange(0, 240 * MINUTE)
BUILD = DeployMetric(metric="build_info", service="app", version="version")


def series(app: str, version: str, minutes: Sequence[int], value: float = 1.0, **more: str) -> tuple:  # type: ignore[type-arg]
    labels = {"__name__": "build_info", "app": app, "version": version, **more}
    return labels, [minute * MINUTE for minute in minutes], [value] * len(minutes)


def told(metric: DeployMetric, *every: tuple) -> list[tuple[int, str]]:  # type: ignore[type-arg]
    return [(one.at_ms // MINUTE, one.words) for one in marked(metric, SampleSet.of(every), SPAN)]


def test_a_version_that_follows_another_is_a_deployment_at_its_first_sample() -> None:
    old, new = series("shop", "4.17", range(-15, 60)), series("shop", "4.18", range(58, 240))
    assert told(BUILD, old, new) == [(58, "shop 4.17 → 4.18 deployed")]


def test_the_version_that_was_there_all_along_is_none() -> None:
    assert told(BUILD, series("shop", "4.17", range(-15, 240))) == []


def test_pods_that_come_up_one_by_one_are_one_deployment() -> None:
    old = series("shop", "4.17", range(-15, 70), pod="a")
    pods = [series("shop", "4.18", range(58 + index, 240), pod=f"b{index}") for index in range(5)]
    assert told(BUILD, old, *pods) == [(58, "shop 4.17 → 4.18 deployed")]


def test_going_back_to_the_version_before_is_a_deployment_too() -> None:
    old = series("shop", "4.17", [*range(-15, 60), *range(100, 240)])
    new = series("shop", "4.18", range(60, 100))
    assert told(BUILD, old, new) == [(60, "shop 4.17 → 4.18 deployed"), (100, "shop 4.18 → 4.17 deployed")]


def test_a_scrape_gap_of_the_only_version_is_none() -> None:
    assert told(BUILD, series("shop", "4.17", [*range(-15, 60), *range(120, 240)])) == []


def test_a_new_service_without_a_predecessor_is_none() -> None:
    assert told(BUILD, series("shop", "1.0", range(50, 240))) == []


def test_a_value_that_changes_is_a_deployment_where_no_version_is_named() -> None:
    metric = DeployMetric(metric="generation", service="deployment")
    labels = {"__name__": "generation", "deployment": "shop"}
    times = [minute * MINUTE for minute in range(10)]
    assert told(metric, (labels, times, [7.0] * 4 + [8.0] * 6)) == [(4, "shop deployed")]


def test_a_value_may_be_the_instant_in_seconds_or_milliseconds() -> None:
    metric = DeployMetric(metric="deployed_at", marks="value")
    shop = {"__name__": "deployed_at", "service": "shop"}
    desk = {"__name__": "deployed_at", "job": "desk"}
    base = 1_795_176_000
    span = TimeRange(base * 1000, (base + 3600) * 1000)
    samples = SampleSet.of(
        [(shop, [span.end_ms], [base + 60.0]), (desk, [span.end_ms], [(base + 120) * 1000.0]), (shop, [5], [0.0])]
    )
    found = list(marked(metric, samples, span))
    assert [(one.service, (one.at_ms - span.start_ms) // 1000) for one in found] == [("desk", 120), ("shop", 60)]


def test_what_lies_before_the_range_is_left_out() -> None:
    old, new = series("shop", "4.17", range(-15, -5)), series("shop", "4.18", range(-5, 240))
    assert told(BUILD, old, new) == []


def test_a_service_is_called_by_its_usual_label_or_else_by_the_metric() -> None:
    metric = DeployMetric(metric="generation")
    times = [MINUTE, 2 * MINUTE]
    assert told(metric, ({"__name__": "generation", "job": "api"}, times, [1.0, 2.0])) == [(2, "api deployed")]
    assert told(metric, ({"__name__": "generation"}, times, [1.0, 2.0])) == [(2, "generation deployed")]


@dataclass
class Server:
    """A server of series with one answer."""

    answer: SampleSet | None
    name: str = "metrics"
    asked: SeriesRequest | None = None

    def samples(self, request: SeriesRequest) -> SampleSet:
        self.asked = request
        if self.answer is None:
            raise SourceFailed(Problem(code="source-unreachable", message="connection refused"))
        return self.answer


def test_servers_are_asked_for_the_named_series_and_for_what_was_there_before() -> None:
    metric = DeployMetric(metric="build_info", service="app", version="version", match={"env": "prod"})
    server = Server(SampleSet.of([series("shop", "1", range(-15, 30)), series("shop", "2", range(30, 240))]))
    found, problems = deploys([metric], [server], SPAN)  # type: ignore[list-item]
    assert found == (Deploy(30 * MINUTE, "shop", "2", "1", "build_info"),)
    assert problems == ()
    assert server.asked is not None
    assert (server.asked.metric, server.asked.range) == ("build_info", TimeRange(-900_000, SPAN.end_ms))
    assert [(one.label, one.values) for one in server.asked.matchers] == [("env", ("prod",))]


def test_a_server_that_does_not_answer_is_told_and_the_others_count() -> None:
    there = Server(SampleSet.of([series("shop", "1", range(-15, 30)), series("shop", "2", range(30, 240))]))
    found, problems = deploys([BUILD], [Server(None), there], SPAN)  # type: ignore[list-item]
    assert [one.words for one in found] == ["shop 1 → 2 deployed"]
    assert [one.message for one in problems] == ["connection refused"]
