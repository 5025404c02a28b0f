"""`deploys` in observatory.yaml: which series tell of deployments; every fault has its place."""

from __future__ import annotations

from pathlib import Path

import pytest

from observatory.errors import InputInvalid
from observatory.settings import load_settings
from observatory.settings.deploys import DeployMetric


def read(folder: Path, text: str) -> tuple[DeployMetric, ...]:
    path = folder / "observatory.yaml"
    path.write_text(text, encoding="utf-8")
    return load_settings(path, {}).deploys


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
