"""Why telemetry shows nothing of a value that a binding declares, and who would show it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from observatory.telemetry.recipe import Profile

SIGNALS_OF_FACTS: Mapping[str, str] = {"kafka.partitions": "partitions", "kafka.replicas": "replicas"}
"""Values that are signals of a channel too."""
MOST_NAMED = 4
_OF_MESSAGES = "it belongs to each message, and brokers count messages without it"
_NEVER: tuple[tuple[str, str], ...] = (
    (
        "mqtt.qos",
        "every publish and subscription has its own level, and brokers count levels of all topics at once, if at all",
    ),
    ("mqtt.retain", _OF_MESSAGES),
    ("mqtt.messageExpiryInterval", _OF_MESSAGES),
    ("mqtt", "brokers tell it to the connected client only"),
    ("amqp.exchange", "the broker's metrics name an exchange and its type, and none of its other arguments"),
    ("amqp.queue", "the broker's metrics name a queue and not its arguments"),
    ("amqp", _OF_MESSAGES),
    ("kafka", "no exporter shows this setting of a topic"),
    ("pulsar", "the broker's metrics show what a namespace uses, and not its policies"),
    ("nats", "the server's metrics show of a stream's configuration its limits and replicas, and nothing else"),
    ("sqs", "CloudWatch has what a queue does, and not its attributes"),
    ("sns", "CloudWatch has what a topic does, and not its attributes"),
    ("googlepubsub", "Cloud Monitoring has what a topic does, and not its settings"),
)
"""The reason by the beginning of a key, the longest first; for what no profile shows."""


def why_unshown(key: str, profiles: Sequence[Profile]) -> str:
    """Which exporters would show a declared value, and what makes them; else why none does."""
    showing = [
        (profile.id, setting.switch)
        for profile in sorted(profiles, key=lambda one: (one.rank, one.id))
        for setting in profile.declared_values
        if key in setting.keys
    ]
    showing += [
        (profile.id, "")
        for profile in sorted(profiles, key=lambda one: (one.rank, one.id))
        if SIGNALS_OF_FACTS.get(key) in profile.signals
    ]
    named = dict(reversed(showing))
    if named:
        ordered = list(dict.fromkeys(profile for profile, _ in showing))
        words = [f"{one} ({named[one]})" if named[one] else one for one in ordered[:MOST_NAMED]]
        more = f" and {len(ordered) - MOST_NAMED} more" if len(ordered) > MOST_NAMED else ""
        return f"{', '.join(words)}{more} would show it"
    told = (why for beginning, why in _NEVER if key == beginning or key.startswith(beginning + "."))
    return f"not observable: {next(told, 'no exporter that is known shows it')}"
