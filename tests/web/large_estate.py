"""A thousand channels by hand, served by a process of its own: what page speed is measured on.

Everything from the board up is the product's; below it a snapshot with a full ledger of thirty days, and series that a
source would hand over: 8,640 points each, or fewer where the page asks for a coarser step.
Run: python tests/web/large_estate.py [CHANNELS] [REFRESH SECONDS]; it prints its address, and the bytes of its ledger.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from msgspec.structs import replace

sys.path.insert(0, str(Path(__file__).parents[1]))
from web.factories import (
    AT_MS,
    DAY_MS,
    HandMadeSources,
    channel,
    measurement,
    objective,
    operations,
    status_of,
)

from observatory.evaluate.estate_status import Status
from observatory.evaluate.planned import Planned
from observatory.evaluate.snapshot import SignalSeries, Snapshot, Statistic
from observatory.ledger.ledger import Ledger
from observatory.ledger.packed import PackedRows
from observatory.ledger.row import Row
from observatory.settings import Settings
from observatory.sources.base import SourceState
from observatory.spec.catalog import Catalog, Document
from observatory.telemetry.binding import MappingResult, Resolution
from observatory.telemetry.profile import load_profiles
from observatory.telemetry.recipe import Profile
from observatory.windows import Grid, TimeRange

LATE = 3 * 1440
SOURCE_POINTS = 8640
"""What the source holds of a series in the range of the page: a sample each ten seconds of a day."""
LINES = ("published_messages", "consumer_lag", "process_duration", "processed_messages")
FIGURES = tuple(
    f"  - {{id: figure-{index}, kind: lines, title: Figure {index}, signals: [{signal}], statistic: {statistic}, "
    f"scope: all, limit: 10, width: 6, height: 210}}\n"
    for index, (signal, statistic) in enumerate(zip(LINES, ("rate", "level", "p99", "rate"), strict=True))
)
PAGE = (
    "title: Large\npath: /large\nkey: l\norder: 90\nquestion: Is a page of a thousand channels quick?\npanels:\n"
    "  - {id: channels, kind: channels, title: All channels, scope: all, limit: 1000, height: 420}\n" + "".join(FIGURES)
)


def row(number: int) -> Row:
    """Uneven traffic and errors of a channel, the same at every run."""
    total = np.roll(_TRAFFIC, 97 * number) + number % 400
    bad = np.roll(_FAILURES, 89 * number) * (5.0 if number % 9 == 0 else 1.0)
    if number % 25 == 0:
        bad[-90:] = np.round(total[-90:] * 0.03)
    return Row(good=total - bad, total=total, observed=_EVERY_MINUTE, series=3, last_sample_ms=AT_MS - 4000)


_STEPS = 30 * 1440
_EVERY_MINUTE = np.full(_STEPS, 60.0)
_TRAFFIC = np.random.default_rng(1).poisson(200.0, _STEPS).astype(np.float64)
_FAILURES = np.random.default_rng(2).poisson(0.1, _STEPS).astype(np.float64)


@dataclass
class LargeEstate:
    """Hands out one snapshot after the other over the same counts."""

    channels: int = 1000
    sources: HandMadeSources = field(default_factory=lambda: HandMadeSources(spans=()))
    profiles: tuple[Profile, ...] = field(default_factory=load_profiles)
    settings: Settings = field(default_factory=lambda: Settings(documents=()))
    _made: Snapshot | None = None

    @property
    def ledger_bytes(self) -> int:
        assert self._made
        assert isinstance(self._made.ledger.rows, PackedRows)
        return self._made.ledger.rows.nbytes

    def snapshot(self, at_ms: int, previous: Snapshot | None = None) -> Snapshot:
        if self._made is None:
            self._made = self._first()
        return replace(self._made, status=replace(self._made.status))

    def counted(self, snapshot: Snapshot, grid: Grid) -> Ledger:
        """Of the windows before nothing is known; a page of a thousand channels says so."""
        del snapshot
        return Ledger(grid, {})

    def planned(self, grid: Grid) -> dict[str, Planned]:
        del grid
        return {}

    def _first(self) -> Snapshot:
        grid = Grid.ending_at(AT_MS, 30 * DAY_MS)
        made = [
            channel(
                f"domain{number % 12}.orders.event-{number:04d}.v1",
                domain=f"domain{number % 12}",
                criticality=("critical", "high", "normal")[number % 3],
            )
            for number in range(self.channels)
        ]
        rows = PackedRows()
        statuses = []
        for number, one in enumerate(made):
            counted = rows[measurement(one).key] = row(number)
            # The longest window of a burn rate is three days; more would only take longer to make.
            late = replace(
                counted, good=counted.good[-LATE:], total=counted.total[-LATE:], observed=counted.observed[-LATE:]
            )
            statuses.append(status_of(objective(one), late, Grid.ending_at(AT_MS, LATE * 60_000), measurement(one).key))
        found = {objective(one).id: measurement(one) for one in made}
        return Snapshot(
            at_ms=AT_MS,
            catalog=Catalog(
                documents=(Document(name="shop", path="shop.yaml", version="3.0.0", title="Shop", service="shop"),),
                channels=tuple(made),
                operations=tuple(sorted((one for each in made for one in operations(each)), key=lambda one: one.key)),
            ),
            objectives=tuple(objective(one) for one in made),
            mapping=MappingResult(
                {
                    (one.subject, "processed_messages"): Resolution(signal="processed_messages", chosen=one.bindings[0])
                    for one in found.values()
                }
            ),
            measurements=found,
            ledger=Ledger(grid, rows),
            status=Status(
                at_ms=AT_MS,
                sources=(SourceState("metrics", "prometheus", "ok"),),
                objectives=tuple(statuses),
            ),
        )

    def deploys(self, span: TimeRange) -> tuple[tuple[()], tuple[()]]:
        """No deployment, and no reason why one may be missing."""
        return (), ()

    def series(
        self,
        snapshot: Snapshot,
        signal: str,
        subjects: Sequence[str],
        span: TimeRange,
        step_ms: int,
        statistic: Statistic,
        by_part: bool = False,
    ) -> tuple[SignalSeries, ...]:
        if signal not in LINES or by_part:
            return ()
        asked = min(SOURCE_POINTS, (span.end_ms - span.start_ms) // step_ms)
        t_ms = span.start_ms + np.arange(1, asked + 1, dtype=np.int64) * step_ms
        shape = 1 + 0.3 * np.sin(np.arange(asked) / asked * 6.28)
        random = np.random.default_rng(len(signal))
        return tuple(
            SignalSeries(
                subject=subject,
                signal=signal,
                statistic=statistic,
                t_ms=t_ms,
                value=(shape * (20 + index % 50) + random.normal(0, 2, asked)) * (0.01 if statistic == "p99" else 1.0),
            )
            for index, subject in enumerate(subjects)
        )


def main() -> None:
    """Serve it on a free port of loopback until a signal comes."""
    import tempfile

    from observatory.web.server import build_site, listen

    channels = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    seconds = float(sys.argv[2]) if len(sys.argv) > 2 else 30.0
    began = time.monotonic()
    estate = LargeEstate(channels)
    estate.snapshot(AT_MS)
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "large.yaml").write_text(PAGE, encoding="utf-8")
        site = build_site(
            estate,  # type: ignore[arg-type]
            # Every refresh is a new minute, so that every refresh is a new snapshot.
            clock=lambda: AT_MS + round((time.monotonic() - began) / seconds) * 60_000,
            dashboards=[Path(folder)],
            interval_seconds=seconds,
        )
        site.service.refresh()
        listen(site, host="127.0.0.1", port=0, ready=lambda url: print(url, estate.ledger_bytes, flush=True))


if __name__ == "__main__":
    main()
