"""An indicator: total, and good or bad, as expressions; the ten of the field are in `standard.py`."""

from __future__ import annotations

from msgspec import Struct

from observatory.indicators.expression import Expression, signals_of
from observatory.spec.catalog import SliWord


class Indicator(Struct, frozen=True, kw_only=True):
    """What counts as good for one side of a channel.

    Attributes:
        sli: The word of `x-slo`.
        total: All that counts.
        good: What of it is good; None when `bad` is given.
        bad: What of it is not good; used where telemetry counts failures and not successes.
        measure: What exactly is measured, shown beside the number: `end-start`, `processed without error`.
        proxy: True when it stands in for something that telemetry does not show directly.
    """

    sli: SliWord
    total: Expression
    good: Expression | None = None
    bad: Expression | None = None
    measure: str
    proxy: bool = False

    def __post_init__(self) -> None:
        if (self.good is None) == (self.bad is None):
            raise ValueError("an indicator says either what is good or what is bad")

    @property
    def signals(self) -> tuple[str, ...]:
        """Signals that must be mapped for this indicator to be counted, each once."""
        part = self.good if self.good is not None else self.bad
        assert part is not None
        return tuple(dict.fromkeys(signals_of(self.total) + signals_of(part)))
