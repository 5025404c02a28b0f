"""What spans name, indexed so that looking a channel up does not read all of it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence

from observatory.telemetry.inventory import SpanDestination
from observatory.telemetry.label_table import compiled
from observatory.telemetry.subject import WrittenName

SYSTEMS = {
    "amqp": ("rabbitmq",), "amqps": ("rabbitmq",), "amqp1": ("rabbitmq", "activemq", "servicebus"),
    "kafka": ("kafka",), "kafka-secure": ("kafka",), "nats": ("nats",), "jetstream": ("nats",),
    "mqtt": ("mqtt",), "mqtts": ("mqtt",), "secure-mqtt": ("mqtt",),
    "sqs": ("aws_sqs", "AmazonSQS"), "sns": ("aws_sns",), "googlepubsub": ("gcp_pubsub",), "pulsar": ("pulsar",),
    "redis": ("redis",), "jms": ("jms", "activemq"),
}  # fmt: skip
"""Values of messaging.system by AsyncAPI protocol; any is taken for a protocol that is not listed."""


def speaks(row: SpanDestination, protocol: str | None) -> bool:
    """True when the row's system can be this protocol; a row or protocol that says nothing matches all."""
    systems = SYSTEMS.get(protocol or "")
    return systems is None or not row.system or row.system in systems


class SpanRows:
    """Producers and consumers that spans of one source show, found by the destination they name or by service.

    Answers keep the order of `rows`.
    """

    def __init__(self, rows: Sequence[SpanDestination]) -> None:
        self.rows = tuple(rows)
        self._whole: dict[tuple[str, str], list[int]] = defaultdict(list)
        self._tails: dict[tuple[str, str], list[int]] = defaultdict(list)
        self._heads: dict[tuple[str, str], list[int]] = defaultdict(list)
        self._services: dict[tuple[str, str], list[int]] = defaultdict(list)
        for number, row in enumerate(self.rows):
            self._whole[row.role, row.destination].append(number)
            self._services[row.role, row.service].append(number)
            if "/" in row.service:
                self._services[row.role, row.service.rpartition("/")[2]].append(number)
            for position, char in enumerate(row.destination):
                if char == ":":
                    self._tails[row.role, row.destination[position + 1 :]].append(number)
                    self._heads[row.role, row.destination[:position]].append(number)

    def named(self, options: Iterable[WrittenName], role: str, protocol: str | None) -> list[SpanDestination]:
        """Rows of a role whose destination one of the options writes."""
        found: set[int] = set()
        for option in options:
            if option.pattern is not None:
                expression = compiled(f"(?:.*:)?(?:{option.pattern})" if option.tail else option.pattern)
                for (side, destination), numbers in self._whole.items():
                    if side == role and expression.fullmatch(destination):
                        found.update(numbers)
            else:
                found.update(self._whole.get((role, option.text), ()))
                if option.tail:
                    found.update(self._tails.get((role, option.text), ()))
        return self._chosen(found, protocol)

    def below(self, options: Iterable[WrittenName], role: str, protocol: str | None) -> list[SpanDestination]:
        """Rows whose destination begins with an exact option and goes on after a colon: the queues behind an
        exchange and key."""
        found: set[int] = set()
        for option in options:
            if option.pattern is None:
                found.update(self._heads.get((role, option.text), ()))
        return self._chosen(found, protocol)

    def of_service(self, service: str, role: str, protocol: str | None) -> list[SpanDestination]:
        """Rows of a service, alone or after its namespace."""
        return self._chosen(set(self._services.get((role, service), ())) if service else set(), protocol)

    def _chosen(self, numbers: set[int], protocol: str | None) -> list[SpanDestination]:
        return [row for number in sorted(numbers) if speaks(row := self.rows[number], protocol)]
