"""A RabbitMQ of the test's own: Debian's package, loopback, free ports, a folder that goes away."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

SERVER = "/usr/lib/rabbitmq/bin/rabbitmq-server"


@dataclass(frozen=True)
class RabbitMQ:
    """Ports of a running broker: AMQP, the prometheus plugin, and the management API where it is on."""

    amqp_port: int
    metrics_port: int
    management_port: int


def free_port() -> int:
    """A port that nobody listens on at this moment."""
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def rabbitmq(folder: Path, *, management: bool = False) -> Iterator[RabbitMQ]:
    """Start a broker with per-object metrics that are refreshed every second, and stop it by its pid.

    Args:
        management: It answers the management API too.
    """
    amqp, metrics, api, distribution, epmd = (free_port() for _ in range(5))
    (folder / "mnesia").mkdir(parents=True)
    (folder / "log").mkdir()
    plugins = "rabbitmq_prometheus" + (",rabbitmq_management" if management else "")
    (folder / "enabled_plugins").write_text(f"[{plugins}].\n")
    (folder / "rabbitmq.conf").write_text(
        f"listeners.tcp.default = 127.0.0.1:{amqp}\n"
        f"prometheus.tcp.ip = 127.0.0.1\nprometheus.tcp.port = {metrics}\n"
        "prometheus.return_per_object_metrics = true\n"
        "collect_statistics_interval = 1000\n"
        "loopback_users = none\n"
        + (f"management.tcp.ip = 127.0.0.1\nmanagement.tcp.port = {api}\n" if management else "")
    )
    environ = {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "LANG": "C.UTF-8",
        "RABBITMQ_NODENAME": f"observatory{amqp}@localhost",
        "RABBITMQ_MNESIA_BASE": str(folder / "mnesia"),
        "RABBITMQ_LOG_BASE": str(folder / "log"),
        "RABBITMQ_CONFIG_FILE": str(folder / "rabbitmq.conf"),
        "RABBITMQ_ENABLED_PLUGINS_FILE": str(folder / "enabled_plugins"),
        "RABBITMQ_DIST_PORT": str(distribution),
        "ERL_EPMD_PORT": str(epmd),
        "ERL_EPMD_ADDRESS": "127.0.0.1",
        "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "-kernel inet_dist_use_interface {127,0,0,1}",
    }
    with (folder / "server.out").open("w") as out:
        process = subprocess.Popen([SERVER], env=environ, stdout=out, stderr=out, start_new_session=True)
    try:
        _wait_until_ready(process, metrics, folder)
        yield RabbitMQ(amqp, metrics, api)
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        # The port mapper detaches itself; it is ours because the port is.
        subprocess.run(["epmd", "-port", str(epmd), "-kill"], env=environ, capture_output=True, check=False)


def _wait_until_ready(process: subprocess.Popen[bytes], metrics_port: int, folder: Path) -> None:
    deadline = time.monotonic() + 90
    while time.monotonic() < deadline:
        if process.poll() is not None:
            break
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{metrics_port}/metrics", timeout=2) as answer:
                if b"rabbitmq_build_info" in answer.read():
                    return
        except OSError:
            time.sleep(0.2)
    raise RuntimeError("RabbitMQ did not start:\n" + (folder / "server.out").read_text()[-4000:])
