"""Mosquitto, and its $SYS topics as mosquitto_exporter writes them.

The exporter itself is taken where it is on the path. Elsewhere its rule is applied to what the living broker publishes:
a topic below $SYS is a metric, with underscores for what a name may not hold. A test holds one against the other.
"""

from __future__ import annotations

import re
import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from integration.rabbitmq_server import free_port
from integration.small_servers import exposed, running

COUNTERS = re.compile(
    r"broker_((bytes|messages|publish_bytes|publish_messages)_(received|sent|dropped)|uptime|clients_(maximum|total))"
)
LEFT_OUT = ("broker/timestamp", "broker/version", "broker/clients/active", "broker/clients/inactive")
EXPORTER = "mosquitto_exporter"
_NUMBER = re.compile(r"-?\d+\.\d+|\d+")


@dataclass(frozen=True)
class Mosquitto:
    """Ports of a running broker, and of its exporter or what stands for it."""

    port: int
    metrics_port: int


class Client:
    """As much of MQTT 3.1.1 as publishing and subscribing at QoS 0 need."""

    def __init__(self, port: int, name: str) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), 10)
        self._stream = self._socket.makefile("rb")
        self._send(0x10, _text("MQTT") + b"\x04\x02" + struct.pack(">H", 60) + _text(name))
        assert self.packet() == (2, b"\0\0")

    def close(self) -> None:
        self._socket.shutdown(socket.SHUT_RDWR)
        self._stream.close()
        self._socket.close()

    def publish(self, topic: str, payload: bytes) -> None:
        self._send(0x30, _text(topic) + payload)

    def subscribe(self, topics: str) -> None:
        self._send(0x82, b"\0\1" + _text(topics) + b"\0")
        assert self.packet()[0] == 9

    def packet(self) -> tuple[int, bytes]:
        """Type and body of the next packet; type 0 when the broker has gone."""
        head = self._stream.read(1)
        if not head:
            return 0, b""
        length = shift = 0
        while True:
            byte = self._stream.read(1)[0]
            length |= (byte & 127) << shift
            shift += 7
            if not byte & 128:
                return head[0] >> 4, self._stream.read(length)

    def _send(self, head: int, body: bytes) -> None:
        length, size = len(body), b""
        while True:
            length, digit = length >> 7, length & 127
            size += bytes([digit | (128 if length else 0)])
            if not length:
                break
        self._socket.sendall(bytes([head]) + size + body)


class SystemTopics:
    """The newest value of every topic below $SYS that holds a number."""

    def __init__(self, port: int) -> None:
        self._client = Client(port, "exporter")
        self._client.subscribe("$SYS/#")
        self._values: dict[str, str] = {}
        self._thread = threading.Thread(target=self._listen, daemon=True)
        self._thread.start()

    def _listen(self) -> None:
        try:
            while (packet := self._client.packet())[0]:
                if packet[0] == 3:
                    end = 2 + struct.unpack(">H", packet[1][:2])[0]
                    number = _NUMBER.search(packet[1][end:].decode())
                    if number:
                        self._values[packet[1][2:end].decode()] = number[0]
        except (OSError, ValueError):
            return

    def exposition(self) -> str:
        """What mosquitto_exporter would answer."""
        lines = []
        for topic, value in sorted(dict(self._values).items()):
            if topic.removeprefix("$SYS/") in LEFT_OUT:
                continue
            name = re.sub(r"[/ .-]", "_", topic.removeprefix("$SYS/"))
            kind = "counter" if COUNTERS.fullmatch(name) else "gauge"
            lines.append(f"# TYPE {name} {kind}\n{name} {value}\n")
        return "".join(lines)

    def close(self) -> None:
        self._client.close()
        self._thread.join(10)


@contextmanager
def mosquitto(folder: Path, *, exporter: bool = False) -> Iterator[Mosquitto]:
    """Start a broker that publishes its numbers every second.

    Args:
        exporter: Its metrics are those of the exporter on the path, instead of what stands for it.
    """
    port = free_port()
    folder.mkdir(parents=True)
    config = folder / "mosquitto.conf"
    config.write_text(f"listener {port} 127.0.0.1\nallow_anonymous true\nsys_interval 1\npersistence false\n")
    with (
        running(["mosquitto", "-c", str(config)], folder, lambda: _reached(port)),
        (_exporter if exporter else by_rule)(folder, port) as metrics,
    ):
        yield Mosquitto(port, metrics)


@contextmanager
def _exporter(folder: Path, port: int) -> Iterator[int]:
    metrics = free_port()
    command = [EXPORTER, "--endpoint", f"tcp://127.0.0.1:{port}", "--bind-address", f"127.0.0.1:{metrics}"]
    with running(command, folder, lambda: _reached(metrics)):
        yield metrics


@contextmanager
def by_rule(_folder: Path, port: int) -> Iterator[int]:
    """What stands for the exporter of a running broker, on this port."""
    topics = SystemTopics(port)
    try:
        with exposed(topics.exposition) as metrics:
            yield metrics
    finally:
        topics.close()


def _reached(port: int) -> None:
    socket.create_connection(("127.0.0.1", port), 1).close()


def _text(text: str) -> bytes:
    return struct.pack(">H", len(text)) + text.encode()
