"""`observatory profiles`: list, show and check, on files good and bad and against a real Prometheus."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from typing import get_args

import prometheus_server
import pytest
from observatory_process import observatory

from observatory.telemetry.binding import SemanticKind
from observatory.telemetry.profile import SHIPPED, TEMPLATE
from observatory.telemetry.signals import SIGNALS

AT = 1_790_000_000


DOCUMENT = """\
asyncapi: 3.0.0
info: {title: Shop, version: 1.0.0}
servers: {main: {host: "kafka:9092", protocol: kafka}}
channels: {orders: {address: orders.v1}}
operations: {sendOrder: {action: send, channel: {$ref: "#/channels/orders"}}}
"""
PAGE = (SHIPPED / "README.md").read_text(encoding="utf-8")


def profiles(*arguments: object) -> subprocess.CompletedProcess[str]:
    return observatory("profiles", *arguments)


def test_list_shows_every_exporter() -> None:
    ended = profiles("list", "--json")

    ids = {profile["id"] for profile in json.loads(ended.stdout)["profiles"]}
    assert ids == {path.stem for path in SHIPPED.glob("*.yaml")}


def test_show_says_how_surely_a_name_is_known(tmp_path: Path) -> None:
    (tmp_path / "ours").mkdir()
    text = TEMPLATE.read_text().replace("confidence: live", "confidence: rule_derived", 1)
    (tmp_path / "ours" / "ours.yaml").write_text(text.replace("confidence: doc ", "confidence: recalled ", 1))
    (tmp_path / "observatory.yaml").write_text("profiles_dir: ours")

    ended = profiles("show", "our_exporter", "--config", tmp_path / "observatory.yaml")

    assert "names: built by the exporter's naming rule" in ended.stdout
    (minute,) = {line for line in ended.stdout.split("\n") if "_topic_minute_total" in line and "our_" in line}
    assert "from memory, not checked" in minute


def test_show_says_why_a_signal_is_not_measured() -> None:
    ended = profiles("show", "mosquitto")

    assert "names: " in ended.stdout
    assert "broker_heap_current" in ended.stdout
    *_, signals, reason = ended.stdout.rstrip("\n").split("\n")
    assert signals.startswith("  published_messages, publish_duration, ")
    assert reason.startswith("    the broker has no numbers per topic; emit OpenTelemetry")


def test_show_says_how_failures_are_told() -> None:
    client, registry = profiles("show", "kafka_client_micrometer"), profiles("show", "schema_registry_apicurio")

    assert "; errors by kafka_producer_topic_record_error_total; " in client.stdout
    assert "rest_requests_seconds_count (cumulative; request; outcome by status_code_group; " in registry.stdout


def test_show_suggests_the_nearest_id() -> None:
    ended = profiles("show", "kafka-exporter")

    assert ended.returncode == 2
    assert "did you mean kafka_exporter?" in ended.stderr


# All of them are proven in tests/telemetry; here one with metrics, one with naming variants and one with spans.
@pytest.mark.parametrize("name", ["kafka_exporter", "otel_spanmetrics", "otel_spans"])
def test_a_shipped_profile_passes_its_own_check(name: str) -> None:
    ended = profiles("check", SHIPPED / f"{name}.yaml")

    assert (ended.returncode, ended.stderr) == (0, "")
    assert "proven by the example" in ended.stdout


def test_a_faulty_profile_is_shown_with_a_caret(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(
        (SHIPPED / "kafka_exporter.yaml").read_text().replace("type: gauge, by: topic", "typ: gauge, by: topic")
    )

    ended = profiles("check", path)

    assert ended.returncode == 3
    assert "error[profile-key-unknown]: 'typ' is no key of signals.produced_offset" in ended.stderr
    assert "^^^" in ended.stderr
    assert "hint: did you mean type?" in ended.stderr


def test_an_example_that_lacks_a_metric_fails_the_check(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    text = (SHIPPED / "kafka_exporter.yaml").read_text()
    path.write_text(text.replace("  kafka_topic_partitions{topic", "  kafka_topic_partitionz{topic"))

    ended = profiles("check", path)

    at = next(number for number, line in enumerate(text.splitlines(), 1) if line.startswith("  partitions:"))
    assert ended.returncode == 3
    assert f"mine.yaml:{at}:3: error[profile-example-invalid]" in ended.stderr
    assert "partitions: the example has no series kafka_topic_partitions" in ended.stderr


def test_an_example_that_is_no_exposition_text_is_named_by_its_line(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    text = (SHIPPED / "kafka_exporter.yaml").read_text()
    path.write_text(text.replace('kafka_topic_partitions{topic="orders.v1"} 2', "kafka_topic_partitions{topic= 2"))

    ended = profiles("check", path)

    at = next(number for number, line in enumerate(path.read_text().splitlines(), 1) if "{topic= 2" in line)
    assert ended.returncode == 3
    assert (
        f"mine.yaml:{at}:1: error[openmetrics-invalid]: the braces or quotes of the labels do not close" in ended.stderr
    )
    assert f"{at} |   kafka_topic_partitions{{topic= 2" in ended.stderr


def test_faults_of_the_format_and_of_the_example_are_told_at_once(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    text = (SHIPPED / "kafka_exporter.yaml").read_text()
    text = text.replace("rank:", "ranck:").replace(
        'kafka_topic_partitions{topic="orders.v1"} 2', "kafka_topic_partitions{"
    )
    path.write_text(text + "rank: 1\nrank: 2\n")

    ended = profiles("check", path)

    assert ended.returncode == 3
    for code in ("profile-key-unknown", "key-duplicate", "openmetrics-invalid"):
        assert f"error[{code}]" in ended.stderr


def test_a_fault_in_an_example_of_one_line_is_told_by_that_line(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(
        "profile: mine\nidentities: {t: {channel: {topic: [topic]}}}\n"
        "signals: {queue_depth: {metric: d, type: gauge}}\n"
        'not_provided: {others: "no"}\nexample: "d{topic=\\"a\\"} 1\\nd{topic= 2"\n'
    )

    ended = profiles("check", path)

    assert ended.returncode == 3
    assert "mine.yaml:5:10: error[openmetrics-invalid]: line 2 of the example: the braces or quotes" in ended.stderr


def test_a_profile_that_takes_the_place_of_a_shipped_one_says_so(tmp_path: Path) -> None:
    (tmp_path / "own").mkdir()
    path = tmp_path / "own" / "mine.yaml"
    path.write_text((SHIPPED / "kafka_exporter.yaml").read_text().replace("title:", "also: [kminion]\ntitle:"))
    settings = tmp_path / "observatory.yaml"
    settings.write_text("profiles_dir: own\n")

    checked, shown = profiles("check", path), profiles("show", "kafka_exporter", "--config", settings)

    assert "  it takes the place of the shipped profile kafka_exporter\n" in checked.stdout
    assert "  kminion: a shipped profile goes by it, and keeps the name\n" in checked.stdout
    assert f"\nyour own: {tmp_path / 'own' / 'mine.yaml'}\n" in shown.stdout
    assert "takes the place" not in profiles("check", SHIPPED / "kafka_exporter.yaml").stdout


def test_a_profile_is_tried_on_a_living_server(tmp_path: Path) -> None:
    with prometheus_server.start(tmp_path / "prometheus") as server:
        labels = {"__name__": "kafka_consumergroup_lag", "topic": "o", "partition": "0", "consumergroup": "g"}
        server.write([(labels, [AT * 1000 - 60_000], [1.0])])
        found = profiles("check", SHIPPED / "kafka_exporter.yaml", "--against", server.url, "--at", AT, "--json")
        nothing = profiles("check", SHIPPED / "emqx.yaml", "--against", server.url, "--at", AT)
        bare = {"__name__": "kafka_topic_partitions", "job": "kafka"}
        server.write([(bare, [AT * 1000 - 60_000], [1.0])])
        unlabelled = profiles("check", SHIPPED / "kafka_exporter.yaml", "--against", server.url, "--at", AT)

    series = json.loads(found.stdout)["series"]
    assert series["consumer_lag"] == {"kafka_consumergroup_lag": 1}
    assert series["partitions"] == {}
    assert nothing.returncode == 1
    assert "has none of its series" in nothing.stderr
    assert "  partitions: not there\n" in unlabelled.stdout
    assert "  partitions: kafka_topic_partitions is there (1 series), and none carries topic\n" in unlabelled.stdout


# profiles of the team


def test_the_template_passes_its_own_check_and_joins_the_shipped_ones(tmp_path: Path) -> None:
    (tmp_path / "ours").mkdir()
    path, settings = tmp_path / "ours" / "our_exporter.yaml", tmp_path / "observatory.yaml"
    path.write_text(profiles("template").stdout)
    settings.write_text("profiles_dir: ours\n")

    checked, listed = profiles("check", path), profiles("list", "--config", settings)

    assert re.search(r"\n# consumer_lag +messages that wait for the group \(message, consumer\)\n", path.read_text())
    assert (checked.returncode, checked.stdout) == (0, "our_exporter: 5 signals, proven by the example\n")
    (line,) = [line for line in listed.stdout.splitlines() if line.startswith("our_exporter ")]
    assert line.endswith("Our exporter for Kafka; 1.2 - 1.4; kafka; 5 signals")


def test_show_says_how_long_the_periods_are_whose_totals_a_series_tells() -> None:
    assert (
        "confluent_kafka_server_received_records (period_total of 1m; message"
        in profiles("show", "confluent_cloud").stdout
    )


def test_a_channel_is_measured_by_a_profile_of_the_team(tmp_path: Path) -> None:
    (tmp_path / "ours").mkdir()
    (tmp_path / "ours" / "our_exporter.yaml").write_text(TEMPLATE.read_text())
    document, settings = tmp_path / "shop.yaml", tmp_path / "observatory.yaml"
    document.write_text(DOCUMENT)
    settings.write_text("profiles_dir: ours\n")
    with prometheus_server.start(tmp_path / "prometheus") as server:
        labels = {"__name__": "team_kafka_topic_head", "topic": "orders.v1", "partition": "0"}
        server.write([(labels, [AT * 1000 - 60_000], [8812.0])])
        arguments = (document, "--config", settings, "--prometheus", server.url, "--at", AT, "--json")
        ended = observatory("map", *arguments)

    (channel,) = json.loads(ended.stdout)["channels"]
    live = {
        entry["signal"]: (entry["profile"], entry["variant"])
        for entry in channel["signals"]
        if entry["state"] == "live"
    }
    assert live == {"produced_offset": ("our_exporter", "renamed")}


def test_a_faulty_profile_of_the_team_stops_every_command_with_its_place(tmp_path: Path) -> None:
    (tmp_path / "ours").mkdir()
    (tmp_path / "ours" / "broken.yaml").write_text(
        TEMPLATE.read_text().replace("unit: millisecond ", "unit: kilobyte ")
    )
    document, settings = tmp_path / "shop.yaml", tmp_path / "observatory.yaml"
    document.write_text(DOCUMENT)
    settings.write_text("profiles_dir: ours\n")

    ended = observatory("map", document, "--config", settings)

    assert ended.returncode == 3
    assert "ours/broken.yaml:" in ended.stderr
    assert "consumer_lag_time is counted in seconds, which 'kilobyte' cannot be turned into" in ended.stderr


def test_the_profile_of_the_page_is_whole(tmp_path: Path) -> None:
    (text,) = re.findall(r"^```yaml\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    (tmp_path / "page.yaml").write_text(text)

    assert profiles("check", tmp_path / "page.yaml").stdout == "queue_watch: 2 signals, proven by the example\n"


def test_the_page_lists_the_vocabulary_and_every_kind() -> None:
    words = re.findall(r"^\| `(\w+)` \| (.+) \((?:\w+ )*\w+, per (\w+)\) \|$", PAGE, re.MULTILINE)
    kinds = set(re.findall(r"^\| `(\w+)` \|[^|]*\|[^|]*\|$", PAGE, re.MULTILINE))

    assert words == [(signal.name, signal.meaning, signal.scope) for signal in SIGNALS.values()]
    assert kinds - {"kind"} == set(get_args(SemanticKind))
