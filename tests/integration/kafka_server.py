"""A Kafka broker, whose jars come by Maven.

That is more than Debian and PyPI give, so `missing_broker()` says what a machine lacks, and tests say "not run here".
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from integration.rabbitmq_server import free_port

VERSION = "4.1.1"
POM = Path(__file__).with_name("kafka-pom.xml")
CACHE = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "observatory-tests"


def _jars() -> Path | None:
    folder = CACHE / f"kafka-{VERSION}"
    if not folder.is_dir():
        if not shutil.which("mvn"):
            return None
        coming = folder.with_name(f"{folder.name}.{os.getpid()}")
        command = ["mvn", "-q", "-B", "-f", str(POM), f"-Dkafka.version={VERSION}", f"-DoutputDirectory={coming}"]
        ended = subprocess.run(
            [*command, "dependency:copy-dependencies"], capture_output=True, check=False, timeout=240
        )
        if ended.returncode:
            shutil.rmtree(coming, ignore_errors=True)
            return None
        coming.rename(folder)
    return folder


def missing_broker() -> str | None:
    """What this machine lacks for a broker alone, None when all is there."""
    if not shutil.which("java"):
        return "not run here: there is no java"
    return None if _jars() else f"not run here: Maven does not bring the jars of Kafka {VERSION}"


@contextmanager
def broker(
    folder: Path,
    *,
    options: Sequence[str] = (),
    classes: Sequence[Path] = (),
    settings: Mapping[str, str] | None = None,
) -> Iterator[str]:
    """Start one broker that is its own controller, and stop it by its pid; where clients find it.

    Args:
        options: Of its Java machine, such as an agent.
        classes: Folders of more jars.
        settings: More lines of its properties.
    """
    jars = _jars()
    assert jars is not None
    folder.mkdir(parents=True)
    port, controller = free_port(), free_port()
    properties = folder / "server.properties"
    properties.write_text(
        "process.roles=broker,controller\n"
        "node.id=1\n"
        f"controller.quorum.voters=1@127.0.0.1:{controller}\n"
        f"listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}\n"
        "controller.listener.names=CONTROLLER\n"
        f"log.dirs={folder / 'log'}\n"
        "offsets.topic.replication.factor=1\n"
        "offsets.topic.num.partitions=1\n"
        "transaction.state.log.replication.factor=1\n"
        "transaction.state.log.min.isr=1\n"
        "group.initial.rebalance.delay.ms=0\n" + "".join(f"{key}={value}\n" for key, value in (settings or {}).items())
    )
    java = ["java", "-Xmx512m", "-cp", os.pathsep.join(f"{one}/*" for one in (jars, *classes))]
    tool = [*java, "kafka.tools.StorageTool", "format", "-t", "MkU3OEVBNTcwNTJENDM2Qg", "-c", str(properties)]
    subprocess.run(tool, check=True, capture_output=True)
    with running([*java, *options, "kafka.Kafka", str(properties)], folder / "broker.log"):
        _answers(f"127.0.0.1:{port}")
        yield f"127.0.0.1:{port}"


@contextmanager
def running(command: list[str], log: Path, environment: Mapping[str, str] | None = None) -> Iterator[None]:
    """A program for as long as the context lasts, ended by its pid.

    Args:
        environment: What it sees beside the environment of the tests.
    """
    seen = {**os.environ, **(environment or {})}
    with log.open("wb") as out:
        process = subprocess.Popen(command, stdout=out, stderr=out, stdin=subprocess.DEVNULL, env=seen)
        try:
            yield
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _answers(bootstrap: str, seconds: float = 150) -> None:
    """Return once the broker answers requests; clients wait ever longer between attempts, so they begin late."""
    from kafka import KafkaAdminClient
    from kafka.errors import KafkaError

    host, _, port = bootstrap.partition(":")
    deadline = time.monotonic() + seconds
    while True:
        try:
            socket.create_connection((host, int(port)), timeout=5).close()
            KafkaAdminClient(bootstrap_servers=bootstrap).close()
            return
        except (OSError, KafkaError):
            if time.monotonic() > deadline:
                raise
            time.sleep(0.2)
