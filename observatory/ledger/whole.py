"""One leaf over all pages, put together page by page."""

from __future__ import annotations

from typing import Any

import numpy as np
from msgspec import Struct, field
from numpy.typing import NDArray

from observatory.ledger.increments import FindingRow
from observatory.ledger.packed import pack, smallest
from observatory.ledger.row import Findings
from observatory.ledger.seams import SeriesKey
from observatory.ledger.tallies import Events
from observatory.ledger.targets import TargetKey
from observatory.ledger.uncounted import FirstValue
from observatory.sources.base import Float64


class Whole(Struct):
    """One leaf over all pages.

    Attributes:
        amount: Per step; as long as all pages are packed it is as well, in the widest type among them.
    """

    amount: NDArray[Any]
    findings: Findings = field(default_factory=Findings.of)
    rows: list[FindingRow] = field(default_factory=list)
    series: set[SeriesKey] = field(default_factory=set)
    targets: set[TargetKey] = field(default_factory=set)
    ended: set[TargetKey] = field(default_factory=set)
    last_ms: int | None = None
    exact: bool = True
    pushdown: bool = False
    dark_since: list[int] = field(default_factory=list)
    uncounted: list[FirstValue] = field(default_factory=list)

    def take(self, amount: NDArray[Any], inside: slice, target: slice) -> None:
        """Put in the steps of a page."""
        if amount.dtype != self.amount.dtype:
            if len(amount) > 1 and amount.dtype.kind == "f" and self.amount.dtype.kind == "u":
                amount = pack(amount)
            kind = amount.dtype if len(amount) > 1 else np.dtype(smallest(float(amount[0])))
            if not np.can_cast(kind, self.amount.dtype):
                self.amount = self.amount.astype(kind)
        # A single value stands for all steps, see `packed`.
        self.amount[target] = amount[inside] if len(amount) > 1 else amount

    @property
    def line(self) -> Float64:
        """The amount to write into."""
        self.amount = self.amount.astype(np.float64, copy=False)
        return self.amount

    def events(self) -> Events:
        findings = self.findings + Findings.of(self.rows)
        targets = frozenset(self.targets)
        return Events(
            self.amount,
            findings,
            len(self.series),
            targets,
            self.last_ms,
            self.exact,
            self.pushdown,
            tuple(self.uncounted),
            frozenset(self.ended),
        )
