"""Reading documents opens no socket: neither in the process of the tests nor in one that they start."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from pytest_socket import SocketBlockedError

DOCUMENT = """\
asyncapi: 3.0.0
info: {title: T, version: '1', description: 'see https://example.com', externalDocs: {url: 'https://example.com'}}
servers: {prod: {host: 'broker.example.com:9092', protocol: kafka}}
channels:
  a: {$ref: 'https://127.0.0.1:9/channels.yaml#/a'}
  b: {address: b, messages: {m: {payload: {$ref: 'http://127.0.0.1:9/schema.json'}}}}
  c: {$ref: '//127.0.0.1:9/channels.yaml'}
  d: {$ref: 'ftp://127.0.0.1:9/x.yaml'}
"""


def python(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *arguments], cwd=cwd, capture_output=True, text=True, check=False, timeout=60
    )


def test_these_tests_can_open_no_socket() -> None:
    with pytest.raises(SocketBlockedError), pytest.warns(UserWarning, match="tried to use"):
        socket.socket()


def test_nor_can_the_processes_that_they_start(tmp_path: Path) -> None:
    ended = python("-c", "import socket; socket.create_connection(('127.0.0.1', 9))", cwd=tmp_path)
    assert "this test opens no socket, and its process did: socket.getaddrinfo" in ended.stderr
    assert "RuntimeError" in python("-c", "import _socket; _socket.socket()", cwd=tmp_path).stderr


@pytest.mark.parametrize("command", [("validate",), ("validate", "--format", "sarif"), ("catalog",)])
def test_no_command_on_documents_opens_a_socket(tmp_path: Path, command: tuple[str, ...]) -> None:
    (tmp_path / "doc.yaml").write_text(DOCUMENT, encoding="utf-8")
    ended = python("-m", "observatory", *command, "doc.yaml", cwd=tmp_path)
    assert ended.returncode == 3
    assert "opens no socket" not in ended.stderr + ended.stdout
    assert "reference-remote" in ended.stderr + ended.stdout


def test_every_web_address_is_refused_at_its_place(tmp_path: Path) -> None:
    (tmp_path / "doc.yaml").write_text(DOCUMENT, encoding="utf-8")
    answer = json.loads(python("-m", "observatory", "validate", "--json", "doc.yaml", cwd=tmp_path).stdout)
    refused = [problem["location"] for problem in answer["problems"] if problem["code"] == "reference-remote"]
    assert refused == ["doc.yaml:5:13", "doc.yaml:6:50", "doc.yaml:8:13"]
