"""Redis with Debian's prometheus-redis-exporter, or a newer one: streams, groups, and what it says of them."""

from __future__ import annotations

import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from integration.rabbitmq_server import free_port
from integration.small_servers import running


@dataclass(frozen=True)
class Redis:
    """Ports of a running server and of its exporter."""

    port: int
    metrics_port: int

    def commands(self, *lines: str) -> None:
        """Run commands, one a line, over one connection.

        Raises:
            AssertionError: The server refused one.
        """
        command = ["redis-cli", "-p", str(self.port)]
        done = subprocess.run(command, input="\n".join(lines) + "\n", capture_output=True, text=True, check=True)
        assert "ERR" not in done.stdout, done.stdout


EXPORTER = "prometheus-redis-exporter"
NEWER_EXPORTER = "redis_exporter"


@contextmanager
def redis(folder: Path, exporter: str = EXPORTER) -> Iterator[Redis]:
    """Start a server that keeps nothing on disk, and its exporter for all streams."""
    port, metrics = free_port(), free_port()
    server = ["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--daemonize", "no"]
    command = [
        exporter,
        f"--redis.addr=redis://127.0.0.1:{port}",
        f"--web.listen-address=127.0.0.1:{metrics}",
        "--check-streams=db0=*",
    ]
    with (
        running(server, folder / "redis", lambda: socket.create_connection(("127.0.0.1", port), 1).close()),
        running(command, folder / "exporter", lambda: socket.create_connection(("127.0.0.1", metrics), 1).close()),
    ):
        yield Redis(port, metrics)
