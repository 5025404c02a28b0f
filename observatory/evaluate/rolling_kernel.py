"""Burn rates as machine code, for those who installed the extra `fast` (numba): bit for bit what `rolling` says.

It is loaded once so many burn rates were reckoned that more are to be expected, as by a server that is asked all day.
"""

from __future__ import annotations

from collections.abc import Callable

from observatory import machine_code
from observatory.sources.base import Float64, Int64

WORTH = 450_000_000
"""Steps times windows that pay for the kernel: a thousand objectives with eight windows at every minute of a month."""

Kernel = Callable[[Float64, Float64, float, float, Int64, int, Float64, Float64, Float64], None]


class Loader(machine_code.Loader[Kernel]):
    """Loads the kernel when the burn rates to be reckoned, steps times windows, are worth it; 0 loads it at once."""

    def __init__(self, worth: int = WORTH) -> None:
        super().__init__(load, worth)


def load() -> Kernel:
    """The kernel, as `machine_code.Loader` asks for it."""
    from observatory.evaluate import rolling_compiled

    compiled: Kernel = rolling_compiled.burn_rates
    return compiled
