"""A server that answers and warns that something is missing: every command's exit code says so."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from misbehaving_server import MisbehavingServer, Reply
from observatory_process import observatory

DOCUMENT = """\
asyncapi: 3.0.0
info: {title: Payments, version: 1.0.0, x-service-name: payments}
servers: {kafka: {host: 'kafka.example:9092', protocol: kafka}}
channels: {orders: {address: orders.v1}}
operations:
  onOrder:
    action: receive
    channel: {$ref: '#/channels/orders'}
    x-slo: {availability: 99.9%}
"""
WARNING = '"warnings": ["a store gateway is gone"]'


@pytest.fixture
def server() -> Iterator[MisbehavingServer]:
    names = f'{{"status": "success", "data": ["up"], {WARNING}}}'
    vector = f'{{"status": "success", "data": {{"resultType": "vector", "result": []}}, {WARNING}}}'
    matrix = f'{{"status": "success", "data": {{"resultType": "matrix", "result": []}}, {WARNING}}}'
    made = MisbehavingServer(
        [
            Reply(names.encode(), path="/api/v1/label/"),
            Reply(matrix.encode(), path="/api/v1/query_range"),
            Reply(vector.encode(), path="/api/v1/query"),
            Reply(b'{"status": "success", "data": []}', path="/api/v1/series"),
            Reply(b'{"status": "success", "data": {}}', path="/api/v1/"),
        ]
    )
    yield made
    made.stop()


def run(words: list[str], folder: Path, server: MisbehavingServer) -> subprocess.CompletedProcess[str]:
    env = os.environ | {"OBSERVATORY_PROMETHEUS_URL": server.url}
    return observatory(*words, "--at", "2026-11-20T12:00:00Z", cwd=folder, env=env)


COMMANDS = {
    "status": ["status", "payments.yaml"],
    "map": ["map", "payments.yaml"],
    "catalog": ["catalog", "payments.yaml"],
    "diagnose": ["diagnose", "payments.yaml"],
    "drift": ["drift", "payments.yaml"],
    "ready": ["ready", "payments.yaml"],
    "review": ["review", "payments.yaml", "--month", "2026-11"],
    "generate rules": ["generate", "rules", "payments.yaml", "-o", "out"],
    "generate openslo": ["generate", "openslo", "payments.yaml", "-o", "out"],
}


@pytest.mark.parametrize("command", COMMANDS)
def test_a_warning_of_the_server_ends_in_exit_code_5(command: str, tmp_path: Path, server: MisbehavingServer) -> None:
    (tmp_path / "payments.yaml").write_text(DOCUMENT)

    ended = run(COMMANDS[command], tmp_path, server)

    assert ended.returncode == 5, ended.stdout + ended.stderr
    assert "a store gateway is gone" in ended.stderr


@pytest.mark.parametrize("command", COMMANDS)
def test_an_error_in_a_document_weighs_more_than_a_warning_of_the_server(
    command: str, tmp_path: Path, server: MisbehavingServer
) -> None:
    (tmp_path / "payments.yaml").write_text(DOCUMENT.replace("99.9%", "99.9"))

    ended = run(COMMANDS[command], tmp_path, server)

    assert ended.returncode == 3, ended.stdout + ended.stderr
