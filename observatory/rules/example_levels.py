"""Example series for objectives on a level: lag, queue depth, saturation, minute by minute good or bad."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from observatory.compile.plan import Measurement
from observatory.indicators.expression import Age, Behind, Level, Since, SlicesAtMost, Utilisation
from observatory.rules.example_series import ExampleSeries, example_of
from observatory.telemetry.binding import MetricBinding

MINUTE = 60.0
PUBLISHED_PER_MINUTE = 600.0
WAITING = 5.0


def level_examples(measurement: Measurement, good: Sequence[bool]) -> Mapping[ExampleSeries, list[float]] | None:
    """Per series one value per minute, under the bound where `good` says so and far above it elsewhere.

    None where no example can be invented. A consumer that is behind is so by twice the bound and a minute, at once.
    """
    indicator = measurement.indicator
    part = indicator.good if indicator.good is not None else indicator.bad
    if not isinstance(part, SlicesAtMost):
        return None
    bound, level = part.bound, part.level
    minutes = range(len(good))
    late = 2 * bound + MINUTE
    match level:
        case Level(signal=signal):
            return _series(measurement, {signal: [bound / 2 if good[m] else bound * 2 + 1 for m in minutes]})
        case Utilisation(used=used, limit=limit):
            full = 1000.0
            shares = [bound / 2 if good[m] else bound * 1.2 for m in minutes]
            return _series(measurement, {used: [share * full for share in shares], limit: [full for _ in minutes]})
        case Age(timestamp=timestamp, depth=depth):
            stamps = [m * MINUTE if good[m] else max(1.0, m * MINUTE - late) for m in minutes]
            return _series(measurement, {timestamp: stamps} | ({depth: [WAITING for _ in minutes]} if depth else {}))
        case Since():
            # Silence is bad only once it has lasted for the bound, so no minute is bad by itself.
            return None
        case Behind(produced=produced, committed=committed, depth=depth):
            ends = [m * PUBLISHED_PER_MINUTE for m in minutes]
            backlog = [0.0 if good[m] else min(ends[m], late / MINUTE * PUBLISHED_PER_MINUTE) for m in minutes]
            values = {produced: ends}
            if committed:
                values[committed] = [end - back for end, back in zip(ends, backlog, strict=True)]
            if depth:
                values[depth] = backlog
            return _series(measurement, values)


def _series(measurement: Measurement, values: Mapping[str, list[float]]) -> Mapping[ExampleSeries, list[float]] | None:
    found: dict[ExampleSeries, list[float]] = {}
    for signal, level in values.items():
        binding = measurement.binding(signal)
        one = example_of(binding.all[0].selector) if isinstance(binding, MetricBinding) else None
        if one is None or not isinstance(binding, MetricBinding):
            return None
        shown = [1.0 - value for value in level] if binding.kind == "idle_level" else level
        found[one] = [value / binding.scale for value in shown]
    return found
