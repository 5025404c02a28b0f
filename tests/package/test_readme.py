"""The README is a tutorial, and this follows it: its files are written, its commands run, on a real Prometheus."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import prometheus_server
import pytest

from observatory.spec.load import load_catalog

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
TUTORIAL = README.split("## Your own documents and your own Prometheus")[1].split("## What is counted")[0]
_, *STEPS = [text for kind, text in BLOCK.findall(TUTORIAL) if kind == "sh"]

pytestmark = [pytest.mark.integration]


@dataclass
class Tutorial:
    """A folder in which the reader follows the README."""

    folder: Path
    prometheus: str
    port: int

    def run(self, block: str) -> subprocess.CompletedProcess[str]:
        """Run a shell block as written, but for the two addresses that a test cannot claim."""
        text = block.replace("http://127.0.0.1:9090", self.prometheus).replace("8051", str(self.port))
        environ = os.environ | {
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "OBSERVATORY_PROMETHEUS_URL": self.prometheus,
        }
        return subprocess.run(
            ["bash", "-euo", "pipefail", "-c", text],
            cwd=self.folder,
            env=environ,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )


@pytest.fixture(scope="module")
def tutorial(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tutorial]:
    folder = tmp_path_factory.mktemp("tutorial")
    document, objectives, _ = (
        text for kind, text in BLOCK.findall(TUTORIAL) if kind == "yaml" and text.startswith("# asyncapi")
    )
    (folder / "asyncapi").mkdir()
    (folder / "asyncapi" / "payments.yaml").write_text(document + objectives)
    with prometheus_server.start(folder / "prometheus") as server:
        server.write(two_hours_of_payments(time.time_ns() // 1_000_000))
        yield Tutorial(folder, server.url, prometheus_server.free_port())


def two_hours_of_payments(now_ms: int) -> Iterator[prometheus_server.Series]:
    """A consumer with one failure in a thousand, and kafka_exporter's offsets, scraped every 30 s until now."""
    times = list(range(now_ms - 7_200_000, now_ms, 30_000))
    steps = range(len(times))
    target = {"job": "payments", "instance": "payments-0:9464"}
    handled = {
        **target,
        "__name__": "messaging_process_duration_seconds_count",
        "messaging_system": "kafka",
        "messaging_destination_name": "orders.v1",
        "messaging_consumer_group_name": "payments-v1",
    }
    yield handled | {"error_type": ""}, times, [999.0 * step for step in steps]
    yield handled | {"error_type": "Timeout"}, times, [1.0 * step for step in steps]
    yield target | {"__name__": "up"}, times, [1.0 for _ in steps]
    exporter = {"job": "kafka", "instance": "exporter:9308", "topic": "orders.v1", "partition": "0"}
    group = exporter | {"consumergroup": "payments-v1"}
    yield exporter | {"__name__": "kafka_topic_partition_current_offset"}, times, [1000.0 * step for step in steps]
    yield group | {"__name__": "kafka_consumergroup_current_offset"}, times, [1000.0 * step - 20 for step in steps]
    yield group | {"__name__": "kafka_consumergroup_lag"}, times, [20.0 for _ in steps]


@pytest.mark.parametrize("block", [block for block in STEPS if "serve" not in block])
def test_every_step_of_the_tutorial_ends_well(tutorial: Tutorial, block: str) -> None:
    ended = tutorial.run(block)

    assert ended.returncode == 0, ended.stdout + ended.stderr


def test_the_tutorial_shows_the_error_budget(tutorial: Tutorial) -> None:
    ended = tutorial.run("COLUMNS=140 observatory status asyncapi")

    assert "pay-core" in ended.stdout
    assert "availability" in ended.stdout


def test_the_last_step_serves_the_dashboards(tutorial: Tutorial) -> None:
    (block,) = [block for block in STEPS if "serve" in block]
    *files, serve = block.strip().splitlines()
    assert tutorial.run("\n".join(files)).returncode == 0
    command = [Path(sys.executable).parent / "observatory", *serve.split()[1:]]
    arguments = [str(part).replace("8051", str(tutorial.port)) for part in command]
    environ = os.environ | {"OBSERVATORY_PROMETHEUS_URL": tutorial.prometheus}
    with subprocess.Popen(arguments, cwd=tutorial.folder, env=environ, stderr=subprocess.PIPE) as process:
        try:
            answer = wait_for(f"http://127.0.0.1:{tutorial.port}/healthz", process)
        finally:
            process.terminate()

    assert answer == 200


def wait_for(url: str, process: subprocess.Popen[bytes]) -> int:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and process.poll() is None:
        try:
            with urllib.request.urlopen(url, timeout=5) as answer:
                return int(answer.status)
        except OSError:
            time.sleep(0.2)
    raise AssertionError("serve did not answer")


def test_the_journeys_of_the_readme_name_operations_and_nothing_else_is_wrong_with_them(tmp_path: Path) -> None:
    document, _, journeys = (
        text for kind, text in BLOCK.findall(TUTORIAL) if kind == "yaml" and text.startswith("# asyncapi")
    )
    (tmp_path / "payments.yaml").write_text(document + journeys)
    for service, operation, action in (("shop", "placeOrder", "send"), ("shipping", "onPaid", "receive")):
        (tmp_path / f"{service}.yaml").write_text(
            f"asyncapi: 3.0.0\ninfo: {{title: {service}, version: '1', x-service-name: {service}}}\n"
            "servers: {kafka: {host: k, protocol: kafka}}\nchannels: {c: {address: orders.v1}}\n"
            f"operations: {{{operation}: {{action: {action}, channel: {{$ref: '#/channels/c'}}}}}}\n"
        )
    (found,) = load_catalog([tmp_path]).journeys
    assert found.id == "payments/journeys/checkout"
    assert [(step.operation_key, step.optional) for step in found.steps] == [
        ("shop/placeOrder", False),
        ("payments/onOrderPlaced", False),
        ("shipping/onPaid", True),
    ]


def test_the_pictures_of_the_readme_exist() -> None:
    for picture in re.findall(r"!\[[^\]]*\]\(([^)]+)\)", README):
        assert (ROOT / picture).stat().st_size > 10_000
