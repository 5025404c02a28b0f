"""`observatory profiles`: list, show and check, on files good and bad and against a real Prometheus."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import prometheus_server
import pytest

from observatory.telemetry.profile import SHIPPED

AT = 1_790_000_000


def observatory(*arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "observatory", "profiles", *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
    )


def test_list_shows_every_exporter() -> None:
    ended = observatory("list", "--json")

    ids = {profile["id"] for profile in json.loads(ended.stdout)["profiles"]}
    assert ids == {path.stem for path in SHIPPED.glob("*.yaml")}


def test_show_says_how_surely_a_name_is_known_and_why_a_signal_is_not_measured() -> None:
    ended = observatory("show", "mosquitto")

    assert "names: built by the exporter's naming rule" in ended.stdout
    assert "broker_heap_current_size" in ended.stdout
    assert "from memory, not checked" in ended.stdout
    assert "published_messages: the broker has no numbers per topic; emit OpenTelemetry" in ended.stdout


def test_show_suggests_the_nearest_id() -> None:
    ended = observatory("show", "kafka-exporter")

    assert ended.returncode == 2
    assert "did you mean kafka_exporter?" in ended.stderr


@pytest.mark.parametrize("path", sorted(SHIPPED.glob("*.yaml")), ids=lambda path: path.stem)
def test_every_shipped_profile_passes_its_own_check(path: Path) -> None:
    ended = observatory("check", path)

    assert (ended.returncode, ended.stderr) == (0, "")
    assert "proven by the example" in ended.stdout


def test_a_faulty_profile_is_shown_with_a_caret(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(
        (SHIPPED / "kafka_exporter.yaml").read_text().replace("type: gauge, by: topic", "typ: gauge, by: topic")
    )

    ended = observatory("check", path)

    assert ended.returncode == 3
    assert "error[profile-key-unknown]: 'typ' is no key of signals.produced_offset" in ended.stderr
    assert "^^^" in ended.stderr
    assert "hint: did you mean type?" in ended.stderr


def test_an_example_that_lacks_a_metric_fails_the_check(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    text = (SHIPPED / "kafka_exporter.yaml").read_text()
    path.write_text(text.replace("  kafka_topic_partitions{topic", "  kafka_topic_partitionz{topic"))

    ended = observatory("check", path)

    assert ended.returncode == 3
    assert "profile-example-invalid" in ended.stderr
    assert "partitions: the example has no series kafka_topic_partitions" in ended.stderr


def test_an_example_that_is_no_exposition_text_is_named_by_its_line(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    text = (SHIPPED / "kafka_exporter.yaml").read_text()
    path.write_text(text.replace('kafka_topic_partitions{topic="orders.v1"} 2', "kafka_topic_partitions{topic= 2"))

    ended = observatory("check", path)

    assert ended.returncode == 3
    assert "openmetrics-invalid" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_a_profile_is_tried_on_a_living_server(tmp_path: Path) -> None:
    with prometheus_server.start(tmp_path / "prometheus") as server:
        labels = {"__name__": "kafka_consumergroup_lag", "topic": "o", "partition": "0", "consumergroup": "g"}
        server.write([(labels, [AT * 1000 - 60_000], [1.0])])
        found = observatory("check", SHIPPED / "kafka_exporter.yaml", "--against", server.url, "--at", AT, "--json")
        nothing = observatory("check", SHIPPED / "emqx.yaml", "--against", server.url, "--at", AT)

    series = json.loads(found.stdout)["series"]
    assert series["consumer_lag"] == {"kafka_consumergroup_lag": 1}
    assert series["partitions"] == {}
    assert nothing.returncode == 1
    assert "has none of its series" in nothing.stderr
