"""Small catalogues, as the documents room would make them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from observatory.spec.catalog import (
    Catalog,
    Channel,
    Document,
    NameKind,
    Operation,
    RuntimeName,
    TelemetryOverride,
)


def names(**kinds: str) -> tuple[RuntimeName, ...]:
    """Exact runtime names, `queue="billing.orders"`."""
    return tuple(RuntimeName(kind=kind, value=value, provenance="test") for kind, value in kinds.items())  # type: ignore[arg-type]


def pattern(kind: NameKind, template: str, expression: str) -> tuple[RuntimeName, ...]:
    """The name of a parameterised address."""
    return (RuntimeName(kind=kind, value=template, pattern=expression, provenance="test"),)


def channel(
    protocol: str | None,
    runtime_names: tuple[RuntimeName, ...],
    *,
    channel_id: str = "",
    dead_letter: str | None = None,
    telemetry: TelemetryOverride | None = None,
) -> Channel:
    """A channel whose id is `<protocol>:<first name>` unless given."""
    address = runtime_names[0].value if runtime_names else None
    return Channel(
        id=channel_id or f"{protocol}:{address}",
        address=address,
        protocol=protocol,
        names=runtime_names,
        dead_letter=dead_letter,
        telemetry=telemetry,
    )


def override(profile: str | None = None, **labels: str) -> TelemetryOverride:
    """`x-telemetry`."""
    return TelemetryOverride(profile=profile, labels=tuple(labels.items()))


def catalog(
    channels: Sequence[Channel],
    *,
    sends: Mapping[str, str] | None = None,
    receives: Mapping[str, tuple[str, str | None]] | None = None,
) -> Catalog:
    """A catalogue of services: `sends` by service to channel id, `receives` to (channel id, consumer group)."""
    operations = [
        Operation(
            key=f"{service}/send", document=service, name="send", service=service, action="send",
            channel_id=channel_id, channel_key="c",
        )
        for service, channel_id in (sends or {}).items()
    ] + [
        Operation(
            key=f"{service}/receive", document=service, name="receive", service=service, action="receive",
            channel_id=channel_id, channel_key="c", consumer_group=group,
        )
        for service, (channel_id, group) in (receives or {}).items()
    ]  # fmt: skip
    services = dict.fromkeys(operation.service for operation in operations)
    return Catalog(
        documents=tuple(
            Document(name=one, path=f"{one}.yaml", version="3.0.0", title=one, service=one) for one in services
        ),
        channels=tuple(sorted(channels, key=lambda one: one.id)),
        operations=tuple(sorted(operations, key=lambda one: one.key)),
    )
