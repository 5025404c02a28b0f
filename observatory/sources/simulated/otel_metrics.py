"""The services as their OpenTelemetry SDKs show them: messages sent, messages consumed, handling times.

Names and labels after the messaging conventions, translated with suffixes. Success carries no `error_type`; a series
with one starts at the first failure of its kind in the life of the process.
"""

from __future__ import annotations

import numpy as np

from observatory.sources.base import Float64, Int64
from observatory.sources.simulated.application_counters import application_counters
from observatory.sources.simulated.estate import LATENCY_BOUNDS, SERVICES, ChannelModel, channel_model
from observatory.sources.simulated.scrape import Curve, Exposition, Target, totals
from observatory.sources.simulated.truth import GroupTruth, Truth

HANDLING_BOUNDS = (0.05, 0.25, 1.0, 5.0)
"""Bounds of handling times; fewer than `LATENCY_BOUNDS`, because the tail matters less here."""
SERVER = {
    "kafka": "kafka.shop.example",
    "rabbitmq": "rabbitmq.shop.example",
    "mqtt": "mqtt.shop.example",
    "nats": "nats.shop.example",
}


def service_target(service: str) -> Target:
    """Where a service is scraped."""
    return Target(job=service, instance=f"{service}.shop.example:9464", process=service)


def services(truth: Truth) -> tuple[Exposition, ...]:
    """One exposition per service."""
    return tuple(
        Exposition(
            target=service_target(service),
            curves=(*_sent(truth, service), *_consumed(truth, service), *application_counters(truth, service)),
        )
        for service in SERVICES
    )


def _labels(channel: ChannelModel, operation: str, kind: str) -> dict[str, str]:
    labels = {
        "messaging_system": channel.system,
        "messaging_destination_name": channel.destination or channel.address,
        "messaging_operation_name": operation,
        "messaging_operation_type": kind,
        "server_address": SERVER[channel.system],
    }
    if "{" in channel.address:
        # Vehicles by the thousand: the name would be one series each, so only the template is kept.
        labels["messaging_destination_template"] = channel.address
        del labels["messaging_destination_name"]
    return labels


def _sent(truth: Truth, service: str) -> list[Curve]:
    curves: list[Curve] = []
    for (publisher, address), told in truth.publishers.items():
        channel = channel_model(address)
        if publisher != service or not channel.exported:
            continue
        name = {"__name__": "messaging_client_sent_messages_total", **_labels(channel, "send", "send")}
        dead_letters = "dlq" in address
        curves.append(_counter(name, told.accepted - told.misrouted, from_first=dead_letters))
        if told.misrouted.any():
            for other in truth.twins:
                elsewhere = {**name, "messaging_destination_name": other}
                curves.append(_counter(elsewhere, told.misrouted, from_first=True))
        for error, failures in told.failures.items():
            if failures.any():
                curves.append(_counter({**name, "error_type": error}, failures, from_first=True))
    return curves


def _consumed(truth: Truth, service: str) -> list[Curve]:
    curves: list[Curve] = []
    for told in truth.groups.values():
        model = told.model
        channel = channel_model(model.address)
        if model.service != service or not channel.exported:
            continue
        labels = _labels(channel, "process", "process")
        if channel.system == "kafka" or channel.system == "nats":
            labels["messaging_consumer_group_name"] = model.group
        if channel.system == "mqtt":
            curves += _deliveries(told, labels)
        elif told.handling is None:
            curves += _handled(told, labels)
        else:
            curves += _handling(told, labels)
    return curves


def _deliveries(told: GroupTruth, labels: dict[str, str]) -> list[Curve]:
    """Messages given to the application, failures marked: what clients without handling times export."""
    name = {"__name__": "messaging_client_consumed_messages_total", **labels}
    return [
        _counter(name, told.processed - told.failed),
        *(
            _counter({**name, "error_type": error}, failures, from_first=True)
            for error, failures in told.errors.items()
            if failures.any()
        ),
    ]


def _handled(told: GroupTruth, labels: dict[str, str]) -> list[Curve]:
    """A histogram whose view dropped all bounds: one bucket, the count and the sum for each outcome."""
    mean = told.model.latency * 0.6
    curves = _histogram(labels, (told.processed - told.failed)[:, None], (), mean)
    for error, failures in told.errors.items():
        if failures.any():
            curves += _histogram({**labels, "error_type": error}, failures[:, None], (), mean, from_first=True)
    return curves


def _handling(told: GroupTruth, labels: dict[str, str]) -> list[Curve]:
    """A classic histogram for successes and one for each kind of error."""
    assert told.handling is not None
    assert told.failed_handling is not None
    mean = told.model.latency * 0.6
    curves = _histogram(labels, told.handling, HANDLING_BOUNDS, mean)
    failed_before = np.zeros_like(told.failed_handling)
    for error, failures in told.errors.items():
        if failures.any():
            part = _share_of(told.failed_handling, failed_before, failures)
            failed_before = failed_before + part
            curves += _histogram({**labels, "error_type": error}, part, HANDLING_BOUNDS, mean, from_first=True)
    return curves


def _share_of(all_failed: Int64, taken: Int64, wanted: Int64) -> Int64:
    """Take `wanted` failures per minute out of what is left in the buckets, fastest first."""
    left = all_failed - taken
    before = np.cumsum(left, axis=1) - left
    return np.asarray(np.clip(wanted[:, None] - before, 0, left), dtype=np.int64)


def _histogram(
    labels: dict[str, str],
    buckets: Int64,
    bounds: tuple[float, ...],
    mean_seconds: float,
    *,
    from_first: bool = False,
) -> list[Curve]:
    """Handling times in buckets at `bounds`, out of finer ones; the sum from a mean time."""
    base = "messaging_process_duration_seconds"
    cumulative = np.cumsum(buckets, axis=1)
    count = totals(cumulative[:, -1])
    parts: list[tuple[dict[str, str], Float64]] = [
        (
            {"__name__": f"{base}_bucket", **labels, "le": repr(bound)},
            totals(cumulative[:, LATENCY_BOUNDS.index(bound)]),
        )
        for bound in bounds
    ]
    parts.append(({"__name__": f"{base}_bucket", **labels, "le": "+Inf"}, count))
    parts.append(({"__name__": f"{base}_count", **labels}, count))
    parts.append(({"__name__": f"{base}_sum", **labels}, count * mean_seconds))
    return [
        Curve(labels=name, kind="counter", values=values, from_first=from_first, born_with=count)
        for name, values in parts
    ]


def _counter(labels: dict[str, str], per_minute: Int64, *, from_first: bool = False) -> Curve:
    return Curve(labels=labels, kind="counter", values=totals(per_minute), from_first=from_first)
