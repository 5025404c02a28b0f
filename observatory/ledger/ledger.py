"""The ledger: for each measured thing, good and total events and seconds seen, per step of a grid."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from msgspec import Struct, field
from msgspec.structs import force_setattr, replace

from observatory.errors import Problem
from observatory.indicators.counts import Counts
from observatory.ledger.marks import Marks
from observatory.ledger.packed import PackedCounts, PackedRows
from observatory.ledger.row import Row, steps_within
from observatory.ledger.sums import WholeCounts
from observatory.ledger.targets import Lives
from observatory.windows import Grid, TimeRange


class Ledger(Struct, frozen=True):
    """Rows by measurement key, all on one grid. Measurements whose source did not answer are absent.

    Attributes:
        rows: Packed, see `packed`: whoever needs a row twice keeps it at hand.
        problems: Sources that failed, and what they said.
        requests: How many requests to sources it took.
        marks: What sources held when they were last looked at for late telemetry; None before.
        lives: When targets were seen, also shortly before the grid.
    """

    grid: Grid
    rows: Mapping[str, Row]
    problems: tuple[Problem, ...] = ()
    requests: int = 0
    marks: Marks | None = None
    lives: Lives = field(default_factory=lambda: Lives({}))

    def __post_init__(self) -> None:
        if not isinstance(self.rows, PackedRows):
            force_setattr(self, "rows", PackedRows(self.rows))

    @property
    def newest_ms(self) -> int | None:
        """The newest sample behind any row."""
        assert isinstance(self.rows, PackedRows)
        return self.rows.newest_ms

    def about(self, key: str) -> Row | None:
        """A row without its counts, whose arrays are empty; None where there is none. Quicker than the row."""
        assert isinstance(self.rows, PackedRows)
        return self.rows.about(key) if key in self.rows else None

    def whole(self, key: str) -> WholeCounts | None:
        """The counts of a row where they are whole; None without a row, and where it holds fractions."""
        assert isinstance(self.rows, PackedRows)
        return self.rows.whole(key) if key in self.rows else None

    def packed(self, key: str) -> PackedCounts | None:
        """The counts of a row as they lie there; None without a row, and of one with levels, bounds or fractions."""
        assert isinstance(self.rows, PackedRows)
        return self.rows.packed(key) if key in self.rows else None

    def only(self, keys: Iterable[str]) -> Ledger:
        """The ledger with some of its rows."""
        assert isinstance(self.rows, PackedRows)
        return replace(self, rows=self.rows.only(keys))

    def part(self, key: str, span: TimeRange) -> tuple[Row, Grid]:
        """Counts of a range of a row, without levels and bounds, and the grid they are on; cheap for a short range.

        Of a range that reaches beyond the grid it is what the grid has. Its ends are taken to lie on the grid.

        Raises:
            KeyError: The measurement is not in the ledger.
        """
        assert isinstance(self.rows, PackedRows)
        first, last = steps_within(self.grid, span)
        cut = Grid(self.grid.start_ms + first * self.grid.step_ms, self.grid.step_ms, last - first)
        return self.rows.part(key, first, last), cut

    def with_rows(self, rows: Mapping[str, Row]) -> Ledger:
        """The ledger with other rows beside its own, or in their place."""
        together = PackedRows(self.rows)
        together.take(rows)
        return replace(self, rows=together.only(sorted(together)))

    def counts(self, key: str, span: TimeRange) -> Counts:
        """Counts of a range whose ends lie on the grid; what lies before the grid is not observed.

        Raises:
            KeyError: The measurement is not in the ledger.
        """
        return self.rows[key].counts(self.grid, span)
