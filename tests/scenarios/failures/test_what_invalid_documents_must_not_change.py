"""What a mistake in a document must not do: drop alerts that are in force, or pass as fine in a pipeline."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from observatory_process import observatory

DOCUMENT = """\
asyncapi: 3.0.0
info: {title: Payments, version: 1.0.0, x-service-name: payments}
servers: {kafka: {host: 'kafka.example:9092', protocol: kafka}}
channels: {orders: {address: orders.v1}, refunds: {address: refunds.v1}}
operations:
  onOrder:
    action: receive
    channel: {$ref: '#/channels/orders'}
    x-slo: {availability: 99.9%}
  onRefund:
    action: receive
    channel: {$ref: '#/channels/refunds'}
    x-slo: [{sli: availability, target: 99.5%, policy: google-30d}]
"""
AT = "2026-11-20T12:00:00Z"


def contents(folder: Path) -> dict[str, str]:
    return {path.name: path.read_text() for path in folder.iterdir()}


@pytest.mark.parametrize("what", ["rules", "openslo"])
def test_a_target_that_is_no_ratio_leaves_the_generated_files_as_they_were(what: str, tmp_path: Path) -> None:
    (tmp_path / "payments.yaml").write_text(DOCUMENT)
    written = observatory("generate", what, "payments.yaml", "-o", "out", "--at", AT, cwd=tmp_path)
    assert written.returncode == 0, written.stderr
    before = contents(tmp_path / "out")
    (tmp_path / "payments.yaml").write_text(DOCUMENT.replace("99.5%", "99.5"))

    ended = observatory("generate", what, "payments.yaml", "-o", "out", "--at", AT, "--json", cwd=tmp_path)

    assert ended.returncode == 3, ended.stderr
    assert "payments.yaml:13:" in ended.stderr
    assert "nothing was written, for the documents have errors" in ended.stderr
    assert contents(tmp_path / "out") == before
    answer = json.loads(ended.stdout)
    assert [one["changed"] for one in answer["files"]] == [False] * len(answer["files"])


def test_check_with_a_broken_document_says_the_error_and_not_that_files_differ(tmp_path: Path) -> None:
    (tmp_path / "payments.yaml").write_text(DOCUMENT)
    observatory("generate", "rules", "payments.yaml", "-o", "out", "--at", AT, cwd=tmp_path)
    (tmp_path / "payments.yaml").write_text(DOCUMENT.replace("99.5%", "99.5"))

    ended = observatory("generate", "rules", "payments.yaml", "-o", "out", "--at", AT, "--check", cwd=tmp_path)

    assert ended.returncode == 3
    assert "output-stale" not in ended.stderr


@pytest.mark.parametrize("command", ["status", "review", "diagnose", "generate"])
def test_an_unknown_policy_is_an_error_in_every_command_that_needs_it(command: str, tmp_path: Path) -> None:
    (tmp_path / "payments.yaml").write_text(DOCUMENT.replace("google-30d", "gogle-30d"))
    (tmp_path / "telemetry.om").write_text(f"# TYPE up gauge\nup 1 {1795176000 - 60}\n# EOF\n")
    assert observatory("ingest", "telemetry.om", "--store", "s.duckdb", cwd=tmp_path).returncode == 0
    more = {"review": ["--month", "2026-11"], "generate": ["-o", "out"]}.get(command, [])
    words = ["generate", "rules"] if command == "generate" else [command]

    ended = observatory(*words, "payments.yaml", "--store", "s.duckdb", "--at", AT, *more, cwd=tmp_path)

    assert ended.returncode == 3, ended.stdout + ended.stderr
    assert ended.stderr.count("payments.yaml:13:13: error[policy-unknown]") == 1, ended.stderr
    assert "did you mean google-30d?" in ended.stderr
