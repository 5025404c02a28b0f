"""The live estate: a broker, a publisher and a consumer, scraped every second, driven through one eventful minute."""

from __future__ import annotations

import json
import math
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

import pika
from integration.rabbitmq_server import RabbitMQ

SERVICES = Path(__file__).parent / "services"
DOCUMENTS = Path(__file__).parent / "documents"
WINDOW_SECONDS = 80
"""As the documents write it; the story takes 45 s of it where the machine is not busy."""
QUIET_SECONDS = 25
"""Of a window before the first order."""
MESSAGES, PER_SECOND, PAUSE_SECONDS = 5000, 125.0, 20.0
PAUSE_AFTER, RESTART_AFTER = 1200, 3000


def declare_topology(broker: RabbitMQ) -> None:
    """Exchange, queue and dead-letter queue, as an operator would make them."""
    connection = pika.BlockingConnection(pika.ConnectionParameters("127.0.0.1", broker.amqp_port))
    channel = connection.channel()
    channel.exchange_declare("shop", "topic", durable=True)
    channel.queue_declare("billing.orders.dlq", durable=True)
    channel.queue_declare(
        "billing.orders",
        durable=True,
        arguments={"x-dead-letter-exchange": "", "x-dead-letter-routing-key": "billing.orders.dlq"},
    )
    channel.queue_bind("billing.orders", "shop", "orders.placed")
    connection.close()


def write_documents(folder: Path, window_seconds: int) -> Path:
    """The documents of the estate, with a window of this length."""
    folder.mkdir()
    for document in DOCUMENTS.glob("*.yaml"):
        text = document.read_text()
        assert f"window: {WINDOW_SECONDS}s" in text, document
        (folder / document.name).write_text(text.replace(f"window: {WINDOW_SECONDS}s", f"window: {window_seconds}s"))
    return folder


def scrape_config(broker: RabbitMQ, publisher_port: int, consumer_port: int) -> str:
    """Prometheus's configuration: per-object and detailed metrics of the broker side by side, and both services."""
    families = ["channel_queue_metrics", "queue_coarse_metrics", "queue_metrics", "channel_queue_exchange_metrics"]
    return json.dumps(
        {
            "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
            "rule_files": ["rules/*.rules.yaml"],
            "scrape_configs": [
                _job("rabbitmq", broker.metrics_port),
                _job("rabbitmq-detailed", broker.metrics_port)
                | {"metrics_path": "/metrics/detailed", "params": {"family": families}},
                _job("order-publisher", publisher_port),
                _job("billing", consumer_port),
            ],
        }
    )


def _job(name: str, port: int) -> dict[str, Any]:
    return {"job_name": name, "static_configs": [{"targets": [f"127.0.0.1:{port}"]}]}


@dataclass
class Service:
    """A running service, spoken to by lines."""

    process: subprocess.Popen[str]
    input: IO[str] = field(init=False)
    output: IO[str] = field(init=False)

    def __post_init__(self) -> None:
        assert self.process.stdin
        assert self.process.stdout
        self.input, self.output = self.process.stdin, self.process.stdout

    @classmethod
    def start(cls, script: str, *arguments: object) -> Service:
        """Start a script of `services/` and wait until it says that it is ready."""
        command = [sys.executable, str(SERVICES / script), *map(str, arguments)]
        service = cls(subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True))
        service.expect("ready")
        return service

    def tell(self, word: str) -> None:
        self.input.write(word + "\n")
        self.input.flush()

    def expect(self, word: str) -> None:
        said = self.output.readline().strip()
        if said != word:
            raise RuntimeError(f"expected {word!r} from {self.process.args}, got {said!r}")

    def end(self) -> None:
        """End it, whatever state it is in."""
        self.process.kill()
        self.process.wait()
        self.input.close()
        self.output.close()


@dataclass
class Story:
    """What happened, in milliseconds since the epoch, and the truth that the services wrote down themselves."""

    begun_ms: int = 0
    paused_ms: int = 0
    resumed_ms: int = 0
    at_ms: int = 0
    spans: Path = Path()
    journal: list[dict[str, Any]] = field(default_factory=list)

    @property
    def window_seconds(self) -> int:
        """A window that holds all of it: that of the documents, or a longer one where the machine was busy."""
        return max(WINDOW_SECONDS, math.ceil((self.at_ms - self.begun_ms) / 1000) + QUIET_SECONDS)

    @property
    def failed(self) -> int:
        return sum(1 for entry in self.journal if entry["failure"])


def tell_the_story(broker: RabbitMQ, ports: tuple[int, int], folder: Path, lead_seconds: float) -> Story:
    """5,000 orders; the consumer pauses 20 s, is restarted once, and catches up."""
    journal, story = folder / "journal.jsonl", Story(spans=folder / "spans.jsonl")
    journal.touch()
    consumer = Service.start("billing_consumer.py", broker.amqp_port, ports[1], story.spans, journal)
    publisher = Service.start("order_publisher.py", broker.amqp_port, ports[0], story.spans, MESSAGES, PER_SECOND)
    try:
        time.sleep(lead_seconds)
        story.begun_ms = _now_ms()
        publisher.tell("go")
        _wait(lambda: _lines(journal) >= PAUSE_AFTER)
        story.paused_ms = _now_ms()
        consumer.tell("pause")
        time.sleep(PAUSE_SECONDS)
        story.resumed_ms = _now_ms()
        consumer.tell("resume")
        _wait(lambda: _lines(journal) >= RESTART_AFTER)
        consumer.tell("stop")
        consumer.expect("stopped")
        consumer.end()
        consumer = Service.start("billing_consumer.py", broker.amqp_port, ports[1], story.spans, journal)
        publisher.expect("sent")
        _wait(lambda: _lines(journal) >= MESSAGES)
        # Three scrapes later every counter has been read in its last state, and every span is written.
        time.sleep(3.5)
        story.at_ms = _now_ms() // 1000 * 1000
    finally:
        publisher.end()
        consumer.end()
    story.journal = [json.loads(line) for line in journal.read_text().splitlines()]
    return story


def _lines(path: Path) -> int:
    with path.open("rb") as file:
        return sum(1 for _ in file)


def _wait(condition: Callable[[], bool], seconds: float = 120) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError("the services do not get on with their work")
        time.sleep(0.05)


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
