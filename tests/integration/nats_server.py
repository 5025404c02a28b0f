"""NATS with JetStream, and its streams and consumers as prometheus-nats-exporter writes them.

The exporter itself is taken where it is on the path. Elsewhere its rule is applied to what the living server answers
at /jsz: names, labels and types are those of the exporter's collector of JetStream, which a test holds against it.
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

VARZ = {"in_msgs": ("in_msgs",), "out_msgs": ("out_msgs",), "mem": ("mem",)}
STREAM = {
    "total_messages": ("state", "messages"),
    "first_seq": ("state", "first_seq"),
    "last_seq": ("state", "last_seq"),
    "consumer_count": ("state", "consumer_count"),
    "limit_messages": ("config", "max_msgs"),
    "limit_bytes": ("config", "max_bytes"),
}
CONSUMER = {
    "delivered_consumer_seq": ("delivered", "consumer_seq"),
    "delivered_stream_seq": ("delivered", "stream_seq"),
    "ack_floor_consumer_seq": ("ack_floor", "consumer_seq"),
    "ack_floor_stream_seq": ("ack_floor", "stream_seq"),
    "num_pending": ("num_pending",),
    "num_ack_pending": ("num_ack_pending",),
    "num_redelivered": ("num_redelivered",),
}
EXPORTER = "prometheus-nats-exporter"
SURVEYOR = "nats-surveyor"
ACCOUNTS = """\
accounts {
  SHOP { jetstream: enabled, users: [{user: shop, password: shop}] }
  SYS { users: [{user: sys, password: sys}] }
}
no_auth_user: shop
system_account: SYS
"""


@dataclass(frozen=True)
class Nats:
    """Ports of a running server, of its own numbers over HTTP, and of its exporter or what stands for it."""

    port: int
    monitor_port: int
    metrics_port: int


class Connection:
    """As much of the protocol as publishing, asking and acknowledging need."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), 10)
        self._lines = self._socket.makefile("rb")
        self._inbox = 0
        self._lines.readline()
        self._send(b'CONNECT {"verbose":false}\r\n')
        self.synchronise()

    def close(self) -> None:
        self._lines.close()
        self._socket.close()

    def synchronise(self) -> None:
        """Wait until the server has read everything that was sent."""
        self._send(b"PING\r\n")
        while self._lines.readline() != b"PONG\r\n":
            pass

    def _send(self, data: bytes) -> None:
        self._socket.sendall(data)

    def publish(self, subject: str, payload: bytes = b"", reply: str = "") -> None:
        self._send(f"PUB {subject} {reply + ' ' if reply else ''}{len(payload)}\r\n".encode() + payload + b"\r\n")

    def ask(self, subject: str, question: bytes, answers: int = 1) -> list[tuple[str, bytes]]:
        """What comes back: the subject to reply to, and the payload."""
        self._inbox += 1
        inbox = f"_INBOX.test.{self._inbox}"
        self._send(f"SUB {inbox} {self._inbox}\r\n".encode())
        self.publish(subject, question, inbox)
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
        ((_, payload),) = self.ask(f"$JS.API.{subject}", json.dumps(question).encode())
        assert "error" not in json.loads(payload), payload

    def fetch(self, stream: str, consumer: str, batch: int) -> list[str]:
        """Deliveries of a pull consumer: the subjects at which each is acknowledged."""
        found = self.ask(f"$JS.API.CONSUMER.MSG.NEXT.{stream}.{consumer}", b'{"batch": %d}' % batch, batch)
        return [reply for reply, _ in found]

    def refuse(self, reply: str) -> None:
        """Ask for another delivery, and wait until the server has taken it up."""
        self.ask(reply, b"-NAK")


@contextmanager
def connected(server: Nats) -> Iterator[Connection]:
    """A client."""
    connection = Connection(server.port)
    try:
        yield connection
    finally:
        connection.close()


@contextmanager
def nats(folder: Path, *, exporter: bool = False) -> Iterator[Nats]:
    """Start a server with JetStream in a folder of its own.

    Args:
        exporter: Its metrics are those of the exporter on the path, instead of what stands for it.
    """
    port, monitor = free_port(), free_port()
    folder.mkdir(parents=True)
    config = folder / "accounts.conf"
    config.write_text(ACCOUNTS)
    command = ["nats-server", "-c", str(config), "-a", "127.0.0.1", "-p", str(port), "-m", str(monitor)]
    command += ["-js", "-sd", str(folder / "js")]
    answering = f"http://127.0.0.1:{monitor}/varz"
    with (
        running(command, folder, lambda: urllib.request.urlopen(answering, timeout=2).close()),
        exporting(folder, monitor) if exporter else exposed(lambda: exposition(monitor)) as metrics,
    ):
        yield Nats(port, monitor, metrics)


@contextmanager
def exporting(folder: Path, monitor: int, *more: str) -> Iterator[int]:
    """The port of the exporter of a running server."""
    metrics = free_port()
    told = ["-varz", "-connz", "-jsz=all", "-addr", "127.0.0.1", "-port", str(metrics)]
    with running([EXPORTER, *told, *more, f"http://127.0.0.1:{monitor}"], folder, lambda: _reached(metrics)):
        yield metrics


@contextmanager
def surveyed(folder: Path, server: Nats) -> Iterator[int]:
    """The port of a nats-surveyor, which asks a running server and hears the advisories of its account."""
    metrics, watched = free_port(), folder / "watched"
    watched.mkdir(parents=True)
    (watched / "shop.json").write_text('{"name": "shop", "username": "shop", "password": "shop"}')
    asked = ["-s", f"nats://127.0.0.1:{server.port}", "--user", "sys", "--password", "sys", "-c", "1"]
    told = ["-a", "127.0.0.1", "-p", str(metrics), "--accounts", "--jsz", "all", "--jetstream", str(watched)]
    with running([SURVEYOR, *asked, *told], folder, lambda: _reached(metrics)):
        yield metrics


def _reached(port: int) -> None:
    socket.create_connection(("127.0.0.1", port), 1).close()


def exposition(monitor_port: int) -> str:
    """What prometheus-nats-exporter -varz -jsz=all would answer of these, from the server's own answers."""
    jsz, varz = (_answer(monitor_port, page) for page in ("jsz?consumers=true&config=true&raft=true", "varz"))
    lines: dict[str, list[str]] = {}
    server = {"server_id": f"http://127.0.0.1:{monitor_port}"}
    _add(lines, "gnatsd_varz", VARZ, varz, server)
    server |= {"server_name": varz["server_name"], "cluster": "", "domain": "", "meta_leader": ""}
    server |= {"is_meta_leader": "true"}
    for account in jsz.get("account_details") or ():
        named = {"account": account["name"], "account_name": account["name"], "account_id": account.get("id", "")}
        for stream in account.get("stream_detail") or ():
            labels = {**server, **named, "stream_name": stream["name"], "stream_raft_group": ""}
            labels |= {"stream_leader": (stream.get("cluster") or {}).get("leader", ""), "is_stream_leader": "true"}
            _add(lines, "jetstream_stream", STREAM, stream, labels)
            for consumer in stream.get("consumer_detail") or ():
                own = {**labels, "consumer_name": consumer["name"], "consumer_desc": ""}
                own |= {"consumer_leader": (consumer.get("cluster") or {}).get("leader", "")}
                _add(lines, "jetstream_consumer", CONSUMER, consumer, {**own, "is_consumer_leader": "true"})
    return "".join(f"# TYPE {name} gauge\n{''.join(rows)}" for name, rows in lines.items())


def _answer(port: int, page: str) -> Any:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/{page}", timeout=5) as answer:
        return json.load(answer)


def _add(
    lines: dict[str, list[str]],
    prefix: str,
    wanted: Mapping[str, tuple[str, ...]],
    found: Mapping[str, Any],
    labels: Mapping[str, str],
) -> None:
    text = ",".join(f'{name}="{value}"' for name, value in labels.items())
    for name, path in wanted.items():
        value: Any = found
        for key in path:
            value = value.get(key, 0)
        lines.setdefault(f"{prefix}_{name}", []).append(f"{prefix}_{name}{{{text}}} {value}\n")
