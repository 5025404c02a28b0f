"""What a profile says of signals that its exporter does not measure: none may be passed over in silence."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from difflib import get_close_matches
from typing import Any

from observatory.telemetry.profile_fields import Fields, Path
from observatory.telemetry.recipe import NotProvided
from observatory.telemetry.signals import SIGNALS

OTHERS = "others"
"""The word under `not_provided` that speaks for every signal that is not named."""


def known_signal(fields: Fields, signal: str, path: Path) -> bool:
    """Whether the vocabulary has a signal; one that it lacks is a fault."""
    if signal in SIGNALS:
        return True
    near = get_close_matches(signal, SIGNALS, 1)
    hint = f"did you mean {near[0]}?" if near else "the vocabulary: " + ", ".join(SIGNALS)
    fields.fault("profile-signal-unknown", f"{signal!r} is no signal of the vocabulary", path, key=True, hint=hint)
    return False


def not_provided_of(
    fields: Fields, top: Mapping[str, Any], profile: str, provided: Collection[str]
) -> dict[str, NotProvided]:
    """Why each signal that is not provided is not; silence on one is a fault.

    Args:
        profile: Its id.
    """
    result: dict[str, NotProvided] = {}
    body = fields.mapping(top.get("not_provided"), ("not_provided",))
    for signal, spec in body.items():
        path: Path = ("not_provided", signal)
        if signal == OTHERS or not known_signal(fields, signal, path):
            continue
        if signal in provided:
            fields.fault("profile-signal-undeclared", f"{signal} is both provided and not provided", path, key=True)
        result[signal] = _reason(fields, spec, path)
    silent = [signal for signal in SIGNALS if signal not in provided and signal not in result]
    if top.get("category") != "registry":
        elsewhere = [signal for signal in silent if SIGNALS[signal].scope == "registry"]
        result |= dict.fromkeys(elsewhere, NotProvided("another process"))
        silent = [signal for signal in silent if signal not in elsewhere]
    if OTHERS in body:
        result |= dict.fromkeys(silent, _reason(fields, body[OTHERS], ("not_provided", OTHERS)))
        silent = []
    if silent:
        fields.fault(
            "profile-signal-undeclared",
            f"{profile or 'the profile'} says nothing about {_first_of(silent)}",
            ("not_provided",),
            key=True,
            hint=f"put each under `signals` or, with the reason, under `not_provided`; `{OTHERS}` is the rest",
        )
    return result


def _reason(fields: Fields, spec: object, path: Path) -> NotProvided:
    if not isinstance(spec, dict):
        return NotProvided(fields.text(spec, path))
    body = fields.mapping(spec, path, ("why", "switch"))
    if not body.get("why"):
        fields.fault(
            "profile-value-invalid",
            f"{path[-1]} is not provided, and no reason is given",
            path,
            hint="write {why: ..., switch: what would make it observable}",
        )
    return NotProvided(*(fields.text(body.get(key), (*path, key)) for key in ("why", "switch")))


def _first_of(signals: Sequence[str]) -> str:
    more = f" and {len(signals) - 5} more" if len(signals) > 5 else ""
    return ", ".join(signals[:5]) + more
