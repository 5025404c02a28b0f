"""`deploys` in observatory.yaml: which series tell of deployments; every fault has its place."""

from __future__ import annotations

from pathlib import Path

import pytest

from observatory.errors import InputInvalid
from observatory.settings import load_settings
from observatory.settings.deploys import DeployAnnotations, DeployMetric, Deploys


def read(folder: Path, text: str) -> tuple[Deploys, ...]:
    path = folder / "observatory.yaml"
    path.write_text(text, encoding="utf-8")
    return load_settings(path, {"GRAFANA_TOKEN": "glsa_secret", "TWO": "two words"}).deploys


def faults(folder: Path, text: str) -> list[str]:
    with pytest.raises(InputInvalid) as caught:
        read(folder, text)
    return [
        f"{one.location.line}:{one.location.column} {one.code}: {one.message}; {one.hint}"
        for one in caught.value.problems
        if one.location
    ]


def test_metrics_are_read_as_written(tmp_path: Path) -> None:
    text = """deploys:
  - {metric: build_info, service: app, version: version}
  - {metric: deployed_timestamp_seconds, marks: value, match: {env: prod}}
"""
    assert read(tmp_path, text) == (
        DeployMetric(metric="build_info", service="app", version="version"),
        DeployMetric(metric="deployed_timestamp_seconds", marks="value", match={"env": "prod"}),
    )


def test_one_metric_needs_no_list(tmp_path: Path) -> None:
    assert read(tmp_path, "deploys: {metric: build_info}\n") == (DeployMetric(metric="build_info"),)


def test_all_faults_are_told_at_their_places(tmp_path: Path) -> None:
    text = """deploys:
  - {metric: 'no metric', marks: both}
  - {metrik: build_info}
  - build_info
  - {metric: up, service: '1x', match: [env]}
"""
    assert faults(tmp_path, text) == [
        (
            "2:14 settings-value: metric is the name of a metric; write {metric: build_info, service: app, "
            "version: version}"
        ),
        "2:34 settings-value: marks is change or value; write marks: value where the value is an instant",
        "3:6 settings-key: there is no setting 'metrik' of deploys; did you mean 'metric'?",
        (
            "3:5 settings-value: metric is the name of a metric; write {metric: build_info, service: app, "
            "version: version}"
        ),
        (
            "4:5 settings-value: what tells of deployments is a mapping; write {metric: build_info, service: app, "
            "version: version}"
        ),
        "5:27 settings-value: service is the name of a label; None",
        "5:40 settings-value: match is a mapping of labels; write match: {env: prod}",
    ]


def test_more_than_twenty_are_refused(tmp_path: Path) -> None:
    text = "deploys:\n" + "  - {metric: up}\n" * 21
    assert faults(tmp_path, text) == ["2:3 settings-value: at most 20 metrics tell of deployments; None"]


def test_annotations_of_a_grafana_are_read_with_their_token_from_outside(tmp_path: Path) -> None:
    (tmp_path / "token.txt").write_text("glsa_filed\n", encoding="utf-8")
    text = """deploys:
  - {annotations: 'https://grafana.example.com/grafana/', tags: [deploy, prod], token: $GRAFANA_TOKEN}
  - {annotations: http://grafana, tags: deploy, token: '@token.txt', service: unit, version: tag, timeout_seconds: 2}
"""
    first, second = read(tmp_path, text)
    assert isinstance(first, DeployAnnotations)
    assert isinstance(second, DeployAnnotations)
    assert (first.url, first.tags) == ("https://grafana.example.com/grafana", ("deploy", "prod"))
    assert first.headers == {"Authorization": "Bearer glsa_secret"}
    assert second.headers == {"Authorization": "Bearer glsa_filed"}
    assert (second.service, second.version, second.timeout_seconds) == ("unit", "tag", 2.0)
    assert "glsa" not in repr((first, second))


def test_faults_of_annotations_are_told_at_their_places(tmp_path: Path) -> None:
    text = """deploys:
  - {annotations: grafana.example.com, tags: [deploy]}
  - {annotations: http://grafana, tag: deploy}
  - {annotations: http://grafana, tags: [], token: glsa_written_here}
  - {annotations: http://grafana, tags: [deploy], token: $NONE, timeout_seconds: 600}
  - {annotations: http://grafana, tags: [deploy], token: $TWO, metric: up}
"""
    told = faults(tmp_path, text)
    assert [one.rpartition("; ")[0] for one in told] == [
        "2:19 settings-url: the address of a server starts with http:// or https://",
        "3:35 settings-key: there is no setting 'tag' of deploys",
        "3:5 settings-value: tags are those that every annotation of a deployment carries, 20 at most",
        "4:41 settings-value: tags are those that every annotation of a deployment carries, 20 at most",
        "4:52 settings-value: token is $VARIABLE or @file: settings hold no secret",
        "5:58 settings-header: token refers to $NONE, which is not set",
        "5:82 settings-value: timeout_seconds is a number up to 60: pages wait for the answer",
        "6:64 settings-key: there is no setting 'metric' of deploys",
        "6:58 settings-value: what token refers to is no token: it is one word, and nothing else",
    ]
    assert told[1].endswith("did you mean 'tags'?")
    assert not any("glsa" in one for one in told)
