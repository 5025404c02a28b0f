"""What no broker sees and applications count themselves, what CI counts, and what the schema registry shows."""

from __future__ import annotations

import numpy as np

from observatory.sources.base import Float64, Int64
from observatory.sources.simulated.estate import AUTHORIZATION_WATCHED, channel_model
from observatory.sources.simulated.load import MINUTE_MS
from observatory.sources.simulated.scrape import Curve, Exposition, Target, totals
from observatory.sources.simulated.truth import Truth

CI = Target(job="ci", instance="pushgateway.shop.example:9091")
REGISTRY = Target(job="schema-registry", instance="registry.shop.example:8080")
DEPLOYED = "ci_deployed_timestamp_seconds"
"""The metric that tells of deployments: its value is the instant."""
REFUSALS = ("TopicAuthorizationException",)
REGISTRY_BOUNDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.5)


def application_counters(truth: Truth, service: str) -> tuple[Curve, ...]:
    """Validation, duplicates, dead letters and refusals that one service counts."""
    curves: list[Curve] = []
    for told in truth.groups.values():
        model = told.model
        if model.service != service or not model.conventions:
            continue
        labels = {"channel": model.address}
        if channel_model(model.address).system != "rabbitmq":
            labels["consumer_group"] = model.group
        name = "messaging_validated_messages_total"
        curves.append(_counter(name, {**labels, "outcome": "success"}, told.processed - told.invalid))
        curves.append(_counter(name, {**labels, "outcome": "error"}, told.invalid))
        curves.append(_counter("messaging_duplicate_messages_total", labels, told.duplicates))
        if model.dead_letter_address:
            curves.append(_counter("messaging_dead_lettered_messages_total", labels, told.dead_lettered))
    for (publisher, address), told_publisher in truth.publishers.items():
        if publisher == service and address in AUTHORIZATION_WATCHED:
            refused = sum(
                (told_publisher.failures[error] for error in REFUSALS if error in told_publisher.failures),
                np.zeros(truth.minutes, np.int64),
            )
            name = "messaging_authorization_attempts_total"
            curves.append(_counter(name, {"channel": address, "outcome": "success"}, told_publisher.attempts - refused))
            curves.append(_counter(name, {"channel": address, "outcome": "error"}, refused))
    return tuple(curves)


def contract_tests(truth: Truth) -> Exposition:
    """Runs that CI pushes after every build, and when it deployed which version of what."""
    curves: list[Curve] = []
    for address, runs in truth.contract_runs.items():
        failures = truth.contract_failures[address]
        name = "messaging_contract_tests_total"
        curves.append(_counter(name, {"channel": address, "outcome": "success"}, runs - failures))
        curves.append(_counter(name, {"channel": address, "outcome": "error"}, failures))
    return Exposition(target=CI, curves=(*curves, *_deployments(truth)))


def _deployments(truth: Truth) -> list[Curve]:
    """Per service and version the instant of its newest deployment, in seconds; 0 before the first."""
    edges_ms = truth.start_ms + MINUTE_MS * np.arange(truth.minutes + 1, dtype=np.int64)
    newest: dict[tuple[str, str], Float64] = {}
    for incident in truth.incidents:
        if incident.deployed is not None:
            values = newest.setdefault(incident.deployed, np.zeros(len(edges_ms)))
            values[edges_ms >= incident.deployed_ms] = incident.deployed_ms / 1000
    return [
        Curve(
            labels={"__name__": DEPLOYED, "service": service, "version": version},
            kind="level",
            values=values,
        )
        for (service, version), values in newest.items()
    ]


def schema_registry(truth: Truth) -> Exposition:
    """Requests to an Apicurio registry by status group, with a histogram of their times."""
    curves: list[Curve] = []
    path = {"method": "GET", "path": "/ids/globalIds/{globalId}"}
    for group, requests in (
        ("2xx", truth.registry_requests - truth.registry_failures),
        ("5xx", truth.registry_failures),
    ):
        labels = {**path, "status_code_group": group}
        for bound in REGISTRY_BOUNDS:
            below = 1.0 - np.exp(-bound / truth.registry_seconds)
            curves.append(
                _counter(
                    "rest_requests_seconds_bucket",
                    {**labels, "le": repr(bound)},
                    np.rint(requests * below).astype(np.int64),
                )
            )
        curves.append(_counter("rest_requests_seconds_bucket", {**labels, "le": "+Inf"}, requests))
        curves.append(_counter("rest_requests_seconds_count", labels, requests))
        seconds = Curve(
            labels={"__name__": "rest_requests_seconds_sum", **labels},
            kind="counter",
            values=totals(requests * truth.registry_seconds),
        )
        curves.append(seconds)
    return Exposition(target=REGISTRY, curves=tuple(curves))


def _counter(name: str, labels: dict[str, str], per_minute: Int64) -> Curve:
    return Curve(labels={"__name__": name, **labels}, kind="counter", values=totals(per_minute))
