"""Deployments from a Grafana's annotations: asked for by tag, bounded, and told when they cannot be had."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator

import pytest
from grafana_server import TOKEN, GrafanaServer
from misbehaving_server import MisbehavingServer, Reply

from observatory.errors import SourceFailed
from observatory.evaluate.deploys import Deploy, deploys
from observatory.settings.deploys import DeployAnnotations
from observatory.sources.grafana_annotations import MOST, GrafanaAnnotations
from observatory.windows import TimeRange

MINUTE = 60_000
SPAN = TimeRange(0, 60 * MINUTE)
SENT = {"Authorization": f"Bearer {TOKEN}"}


@pytest.fixture
def grafana() -> Iterator[GrafanaServer]:
    made = GrafanaServer()
    yield made
    made.stop()


def settings(url: str, **more: object) -> DeployAnnotations:
    return DeployAnnotations(url=url, **({"tags": ("deploy",), "headers": SENT} | more))  # type: ignore[arg-type]


def found(grafana: GrafanaServer, **more: object) -> tuple[Deploy, ...]:
    told, problems = deploys([], [], SPAN, [GrafanaAnnotations(settings(grafana.url, **more))])
    assert problems == ()
    return told


def test_annotations_with_all_the_tags_in_the_range_are_deployments_the_newest_first(grafana: GrafanaServer) -> None:
    grafana.annotate(10 * MINUTE, "Checkout 4.18 is out", "deploy", "prod", "service:checkout", "version:4.18")
    grafana.annotate(20 * MINUTE, "Rollback", "prod", "deploy", "service:checkout", "version:4.17")
    grafana.annotate(30 * MINUTE, "Staging first", "deploy", "staging")
    grafana.annotate(90 * MINUTE, "Tomorrow", "deploy", "prod")

    told = found(grafana, tags=("deploy", "prod"))

    assert [(one.at_ms // MINUTE, one.service, one.version, one.words) for one in told] == [
        (20, "checkout", "4.17", "checkout: Rollback"),
        (10, "checkout", "4.18", "Checkout 4.18 is out"),
    ]
    (asked,) = grafana.asked
    assert asked == {
        "from": ["0"],
        "to": ["3600000"],
        "type": ["annotation"],
        "limit": ["200"],
        "tags": ["deploy", "prod"],
    }


@pytest.mark.parametrize(
    ("tags", "more", "service", "version"),
    [
        (("deploy", "service=shop", "version=2"), {}, "shop", "2"),
        (("deploy", "app:shop"), {}, "shop", ""),
        (("deploy", "shop", "eu-1"), {}, "shop", ""),
        (("deploy", "unit:shop", "tag:v2"), {"service": "unit", "version": "tag"}, "shop", "v2"),
        (("deploy", "shop"), {"service": "unit"}, "", ""),
        (("deploy",), {}, "", ""),
    ],
)
def test_tags_say_what_was_deployed(
    tags: tuple[str, ...], more: dict[str, str], service: str, version: str, grafana: GrafanaServer
) -> None:
    grafana.annotate(10 * MINUTE, "out", *tags)
    (one,) = found(grafana, **more)
    assert (one.service, one.version) == (service, version)


def test_what_was_written_comes_on_one_line_and_cut(grafana: GrafanaServer) -> None:
    grafana.annotate(10 * MINUTE, "<b>first</b>\n\x1b[31msecond " + "x" * 5000, "deploy")
    (one,) = found(grafana)
    assert one.words.startswith("<b>first</b> [31msecond xxx")
    assert len(one.words) == 300


def test_a_deployment_that_a_metric_tells_of_too_is_told_once() -> None:
    class Told:
        settings = DeployAnnotations(url="http://grafana", tags=("deploy",))

        def annotations(self, _span: TimeRange) -> tuple[object, ...]:
            from observatory.sources.grafana_annotations import Annotation

            one = Annotation(10 * MINUTE, "Checkout is out", ("deploy", "service:checkout", "version:2"))
            return one, Annotation(11 * MINUTE, "Checkout is out on the second node", one.tags)

    told, _ = deploys([], [], SPAN, [Told()])  # type: ignore[list-item]
    assert [one.words for one in told] == ["Checkout is out"]


@pytest.mark.parametrize(
    ("reply", "code", "words"),
    [
        (Reply(status=401, body=b'{"message": "Unauthorized"}'), "annotations-refused", "/api/annotations with 401"),
        (Reply(status=404), "annotations-refused", "/api/annotations with 404"),
        (Reply(body=b"<html>log in</html>", content_type="text/html"), "annotations-refused", "people log in"),
        (Reply(body=b"[{"), "annotations-refused", "no JSON"),
        (Reply(body=b"{}"), "annotations-refused", "no list"),
        (Reply(close_at_once=True), "source-truncated", "broke off"),
        (Reply(hold_seconds=30.0), "source-timeout", "no answer within 0.3 s"),
        (Reply(body=b"[" + b" " * 10_000, drip_seconds=0.02), "source-timeout", "no answer within 0.3 s"),
        (Reply(body=b" " * ((4 << 20) + 1)), "source-too-large", "longer than 4 MiB"),
        (Reply(status=302, headers={"Location": "http://127.0.0.2:9/"}), "source-redirected", "redirects to"),
    ],
)
def test_a_grafana_that_does_not_answer_well_is_told_and_never_an_error(
    reply: Reply, code: str, words: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    server = MisbehavingServer([reply])
    try:
        asked = GrafanaAnnotations(settings(server.url, timeout_seconds=0.3))
        told, (problem,) = deploys([], [], SPAN, [asked])
    finally:
        server.stop()
    assert told == ()
    assert problem.code == code
    assert words in problem.message
    assert TOKEN not in f"{problem} {caplog.text} {asked.settings!r}"


def test_after_a_failure_it_is_left_alone_for_a_minute(grafana: GrafanaServer) -> None:
    now = [1000.0]
    asked = GrafanaAnnotations(settings(grafana.url, headers={}), steady=lambda: now[0])
    for _ in range(2):
        with pytest.raises(SourceFailed, match="401"):
            asked.annotations(SPAN)
    assert grafana.asked == []
    asked._session.headers.update(SENT)
    now[0] += 59.0
    with pytest.raises(SourceFailed, match="401"):
        asked.annotations(SPAN)
    now[0] += 1.0
    assert asked.annotations(SPAN) == ()


def test_what_is_no_annotation_is_passed_over() -> None:
    body: list[object] = [1, {"time": "now"}, {"time": True}, {"time": 5 * MINUTE, "text": None, "tags": ["deploy", 1]}]
    body += [{"time": 6 * MINUTE, "text": "good", "tags": None}] * (2 * MOST)
    server = MisbehavingServer([Reply(body=json.dumps(body).encode())])
    try:
        told = GrafanaAnnotations(settings(server.url)).annotations(SPAN)
    finally:
        server.stop()
    assert len(told) == MOST - 3
    assert (told[0].text, told[0].tags, told[1].text) == ("", ("deploy",), "good")
