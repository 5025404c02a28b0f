"""The identities of a profile: which labels say what a series is about."""

from __future__ import annotations

from typing import get_args

from msgspec.structs import replace

from observatory.spec.catalog import NameKind
from observatory.telemetry.otel_names import Translation
from observatory.telemetry.profile_fields import Fields, Path
from observatory.telemetry.recipe import ChannelLabel, Identity, NameTransform, Spelling

_ANY_KIND: NameKind = "destination"
"""Stands in for a kind that is no word of ours, which is a fault."""
_KEYS = (
    "channel", "consumer_group", "queue_is_consumer", "services", "partition", "dead_letter", "absent", "protocols",
)  # fmt: skip


def identities_of(fields: Fields, given: object) -> dict[str, Identity]:
    """Identities by name; one that tells nothing apart where none are given."""
    result = {}
    for name, spec in fields.mapping(given, ("identities",)).items():
        path: Path = ("identities", name)
        body = fields.mapping(
            spec,
            path,
            _KEYS,
        )
        channel = tuple(
            _channel_label(fields, label, value, (*path, "channel", label))
            for label, value in fields.mapping(body.get("channel"), (*path, "channel")).items()
        )
        result[name] = Identity(
            name=name,
            channel=channel,
            consumer_group=fields.text(body.get("consumer_group"), (*path, "consumer_group")) or None,
            queue_is_consumer=fields.flag(body.get("queue_is_consumer"), (*path, "queue_is_consumer")),
            services=fields.texts(body.get("services"), (*path, "services")),
            partition=fields.text(body.get("partition"), (*path, "partition")) or None,
            dead_letter=fields.flag(body.get("dead_letter"), (*path, "dead_letter")),
            absent=fields.texts(body.get("absent"), (*path, "absent")),
            protocols=fields.protocols(body.get("protocols"), (*path, "protocols")),
        )
    return result or {"": Identity(name="")}


def _channel_label(fields: Fields, label: str, value: object, path: Path) -> ChannelLabel:
    if not isinstance(value, dict):
        return ChannelLabel(label, _spellings(fields, value, path))
    body = fields.mapping(value, path, ("names", "optional", "transforms", "templates", "of_template"))
    known = get_args(NameTransform)
    transforms = tuple(
        fields.word(item, (*path, "transforms", str(index)), NameTransform, known[0])
        for index, item in enumerate(fields.items(body.get("transforms"), (*path, "transforms")) or ["none"])
    )
    templates = fields.texts(body.get("templates"), (*path, "templates")) or ("{}",)
    for index, template in enumerate(templates):
        if template.count("{}") != 1:
            message = f"{template!r} does not hold {{}} once, which stands for the name"
            fields.fault("profile-value-invalid", message, (*path, "templates", str(index)))
    return ChannelLabel(
        label,
        _spellings(fields, body.get("names"), (*path, "names")),
        fields.flag(body.get("optional"), (*path, "optional")),
        transforms,
        templates,
        fields.flag(body.get("of_template"), (*path, "of_template")),
    )


def _spellings(fields: Fields, value: object, path: Path) -> tuple[Spelling, ...]:
    """`spellings_of`; a label that shows no kind of name is a fault."""
    found = spellings_of(fields, value, path)
    if not found:
        hint = f"one or more of: {', '.join(get_args(NameKind))}"
        fields.fault("profile-value-invalid", "a label of a channel needs the kinds of name it holds", path, hint=hint)
    return found


def spellings_of(fields: Fields, value: object, path: Path) -> tuple[Spelling, ...]:
    """`exchange:routing_key`, `*:queue` (more in front), `exchange?` (can mean other channels too)."""
    result = []
    for index, text in enumerate(fields.texts(value, path)):
        loose, tail = text.endswith("?"), text.startswith("*:")
        known = [
            fields.word(kind, (*path, str(index)), NameKind, _ANY_KIND)
            for kind in text.removesuffix("?").removeprefix("*:").split(":")
        ]
        result.append(Spelling(tuple(known), loose, tail))
    return tuple(result)


def translated(identity: Identity, translation: Translation | None) -> Identity:
    """The identity with its labels as a translation of OpenTelemetry writes them."""
    if translation is None:
        return identity
    name = translation.label
    return replace(
        identity,
        channel=tuple(replace(part, label=name(part.label)) for part in identity.channel),
        consumer_group=name(identity.consumer_group) if identity.consumer_group else None,
        services=tuple(name(label) for label in identity.services),
        partition=name(identity.partition) if identity.partition else None,
    )
