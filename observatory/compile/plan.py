"""The plan: every measured thing, reduced to as few requests as the profiles allow.

Cost grows with profiles and not with channels: leaves that share a series name and the same constant matchers
become one request, whose labels are matched here against what comes back.
"""

from __future__ import annotations

from dataclasses import dataclass

from observatory.indicators.indicator import Indicator
from observatory.telemetry.binding import Binding


@dataclass(frozen=True, slots=True, kw_only=True)
class Measurement:
    """An indicator bound to the series or spans of one operation; shared by all objectives that need it.

    Attributes:
        key: Stable text made of the indicator and the selectors; equal keys mean equal numbers.
        subject: Operation key or channel id.
        bindings: One per signal of the indicator, in `indicator.signals` order.
    """

    key: str
    subject: str
    indicator: Indicator
    bindings: tuple[Binding, ...]

    def binding(self, signal: str) -> Binding:
        """The binding of one of the indicator's signals."""
        return next(binding for binding in self.bindings if binding.signal == signal)
