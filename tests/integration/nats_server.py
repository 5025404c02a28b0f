"""NATS with JetStream, and its streams and consumers as prometheus-nats-exporter writes them.

The exporter is neither in Debian nor among the Go modules that can be reached. Its rule is applied here to what the
living server answers at /jsz: names, labels and types are those of the exporter's collector of JetStream.
"""

from __future__ import annotations

import json
import socket
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from integration.rabbitmq_server import free_port
from integration.small_servers import exposed, running

STREAM = {
    "stream_total_messages": ("state", "messages"),
    "stream_first_seq": ("state", "first_seq"),
    "stream_last_seq": ("state", "last_seq"),
    "stream_consumer_count": ("state", "consumer_count"),
}
CONSUMER = {
    "consumer_delivered_consumer_seq": ("delivered", "consumer_seq"),
    "consumer_delivered_stream_seq": ("delivered", "stream_seq"),
    "consumer_ack_floor_consumer_seq": ("ack_floor", "consumer_seq"),
    "consumer_ack_floor_stream_seq": ("ack_floor", "stream_seq"),
    "consumer_num_pending": ("num_pending",),
    "consumer_num_ack_pending": ("num_ack_pending",),
}


@dataclass(frozen=True)
class Nats:
    """Ports of a running server and of what stands for its exporter."""

    port: int
    metrics_port: int


class Connection:
    """As much of the protocol as publishing, asking and acknowledging need."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), 10)
        self._lines = self._socket.makefile("rb")
        self._inbox = 0
        self._lines.readline()
        self._send(b'CONNECT {"verbose":false}\r\nPING\r\n')
        while self._lines.readline() != b"PONG\r\n":
            pass

    def close(self) -> None:
        self._lines.close()
        self._socket.close()

    def _send(self, data: bytes) -> None:
        self._socket.sendall(data)

    def publish(self, subject: str, payload: bytes = b"", reply: str = "") -> None:
        self._send(f"PUB {subject} {reply + ' ' if reply else ''}{len(payload)}\r\n".encode() + payload + b"\r\n")

    def ask(self, subject: str, question: Mapping[str, Any], answers: int = 1) -> list[tuple[str, bytes]]:
        """What comes back: the subject to reply to, and the payload."""
        self._inbox += 1
        inbox = f"_INBOX.test.{self._inbox}"
        self._send(f"SUB {inbox} {self._inbox}\r\n".encode())
        self.publish(subject, json.dumps(question).encode(), inbox)
        found: list[tuple[str, bytes]] = []
        while len(found) < answers:
            words = self._lines.readline().decode().split()
            if words[:1] == ["PING"]:
                self._send(b"PONG\r\n")
            elif words[:1] == ["MSG"]:
                payload = self._lines.read(int(words[-1]) + 2)[:-2]
                found.append((words[3] if len(words) == 5 else "", payload))
            else:
                assert words, "the server closed the connection"
        self._send(f"UNSUB {self._inbox}\r\n".encode())
        return found

    def api(self, subject: str, question: Mapping[str, Any]) -> None:
        """A request to JetStream.

        Raises:
            AssertionError: JetStream refused it.
        """
        ((_, payload),) = self.ask(f"$JS.API.{subject}", question)
        assert "error" not in json.loads(payload), payload

    def fetch(self, stream: str, consumer: str, batch: int) -> list[str]:
        """Deliveries of a pull consumer: the subjects at which each is acknowledged."""
        found = self.ask(f"$JS.API.CONSUMER.MSG.NEXT.{stream}.{consumer}", {"batch": batch}, batch)
        return [reply for reply, _ in found]


@contextmanager
def connected(server: Nats) -> Iterator[Connection]:
    """A client."""
    connection = Connection(server.port)
    try:
        yield connection
    finally:
        connection.close()


@contextmanager
def nats(folder: Path) -> Iterator[Nats]:
    """Start a server with JetStream in a folder of its own."""
    port, monitor = free_port(), free_port()
    command = ["nats-server", "-a", "127.0.0.1", "-p", str(port), "-m", str(monitor), "-js", "-sd", str(folder / "js")]
    asked = f"http://127.0.0.1:{monitor}/jsz?consumers=true&config=true"
    with (
        running(command, folder, lambda: urllib.request.urlopen(asked, timeout=2).close()),
        exposed(lambda: exposition(asked)) as metrics,
    ):
        yield Nats(port, metrics)


def exposition(url: str) -> str:
    """What prometheus-nats-exporter -jsz=all would answer, from the server's own answer."""
    with urllib.request.urlopen(url, timeout=5) as answer:
        jsz = json.load(answer)
    lines: dict[str, list[str]] = {}
    for account in jsz.get("account_details") or ():
        for stream in account.get("stream_detail") or ():
            labels = {"server_id": jsz["server_id"], "account": account["name"], "stream_name": stream["name"]}
            labels |= {"is_stream_leader": "true"}
            _add(lines, STREAM, stream, labels)
            for consumer in stream.get("consumer_detail") or ():
                own = {**labels, "consumer_name": consumer["name"], "is_consumer_leader": "true"}
                _add(lines, CONSUMER, consumer, own)
    return "".join(f"# TYPE {name} gauge\n{''.join(rows)}" for name, rows in lines.items())


def _add(
    lines: dict[str, list[str]],
    wanted: Mapping[str, tuple[str, ...]],
    found: Mapping[str, Any],
    labels: Mapping[str, str],
) -> None:
    text = ",".join(f'{name}="{value}"' for name, value in labels.items())
    for name, path in wanted.items():
        value: Any = found
        for key in path:
            value = value.get(key, 0)
        lines.setdefault(f"jetstream_{name}", []).append(f"jetstream_{name}{{{text}}} {value}\n")
