"""Incidents as arrays: what each minute of a history suffers."""

from __future__ import annotations

import numpy as np

from observatory.sources.base import Float64
from observatory.sources.simulated.incidents import EffectKind, Incident
from observatory.sources.simulated.load import MINUTE_MS


class Effects:
    """Incident effects as arrays over the minutes; overlapping ones do not add up, the stronger one counts."""

    def __init__(self, incidents: tuple[Incident, ...], first_minute: int, minutes: int) -> None:
        self._incidents = incidents
        self._first = first_minute
        self._minutes = minutes

    def shares(self, kind: EffectKind, target: str) -> dict[str, Float64]:
        """Share per minute by error type (or by `other` for misrouting)."""
        found: dict[str, Float64] = {}
        for incident, part in self._parts():
            for effect in incident.effects:
                if effect.kind == kind and target in effect.targets:
                    shares = found.setdefault(effect.error_type or effect.other, np.zeros(self._minutes))
                    shares[part] = np.maximum(shares[part], effect.value)
        return found

    def share(self, kind: EffectKind, target: str) -> Float64:
        """The strongest share per minute, whatever its error type."""
        found = np.zeros(self._minutes)
        for shares in self.shares(kind, target).values():
            np.maximum(found, shares, out=found)
        return found

    def capacity(self, target: str, partitions: int) -> Float64:
        """Share of the arrivals that can be taken, (minutes, partitions); infinity where nothing is wrong."""
        found = np.full((self._minutes, partitions), np.inf)
        for incident, part in self._parts():
            for effect in incident.effects:
                if effect.kind == "capacity" and target in effect.targets:
                    for partition in effect.partitions or range(partitions):
                        column = found[part, partition]
                        np.minimum(column, effect.value, out=column)
        return found

    def multiple(self, kind: EffectKind, target: str) -> Float64:
        """Multiple of a duration, climbing over the first half of an incident."""
        found = np.ones(self._minutes)
        for incident, part in self._parts():
            for effect in incident.effects:
                if effect.kind == kind and target in effect.targets:
                    length = (incident.end_ms - incident.start_ms) // MINUTE_MS
                    begin = incident.start_ms // MINUTE_MS - self._first
                    into = np.arange(part.start, part.stop) - begin
                    ramp = np.minimum(1.0, (into + 1) / max(1.0, length / 2))
                    found[part] = np.maximum(found[part], 1 + (effect.value - 1) * ramp)
        return found

    def _parts(self) -> list[tuple[Incident, slice]]:
        parts = []
        for incident in self._incidents:
            begin = max(0, incident.start_ms // MINUTE_MS - self._first)
            end = min(self._minutes, incident.end_ms // MINUTE_MS - self._first)
            if begin < end:
                parts.append((incident, slice(begin, end)))
        return parts
