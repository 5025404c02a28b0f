"""The clock of the machine jumps for hours between refreshes, back and forth: each answer is that of its instant."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from counting_cases import DAY_MS, END_MS, HOUR_MS, MINUTE_MS, Answering, counter, scrapes
from one_channel import BILLED, BILLING, PROCESSED

from observatory.evaluate.estate import Estate
from observatory.settings import Settings
from observatory.sources.base import SampleSet
from observatory.sources.opening import kept_beside
from observatory.sources.store import Store
from observatory.web.http import health
from observatory.web.service import Service

JUMPS = [0, 1, -300, -299, 2, 3, 900, 901, -1500, 4, 2900, 5, 6]
"""Minutes after the first refresh: hours back and forth, and two days ahead of all telemetry."""


@pytest.mark.parametrize("seed", [None, 1])
def test_whatever_the_clock_did_before_the_numbers_are_those_of_the_instant(tmp_path: Path, seed: int | None) -> None:
    (tmp_path / "billing.yaml").write_text(BILLING)
    jumps = JUMPS if seed is None else [*np.random.default_rng(seed).integers(-2000, 2000, 8).tolist(), 6]
    settings = Settings(documents=(tmp_path / "billing.yaml",))
    ok, failed = ({**BILLED, "__name__": PROCESSED, **more} for more in ({}, {"error_type": "Timeout"}))
    now, reached = [0], END_MS - 5 * DAY_MS
    with Store.open(tmp_path / "s.duckdb") as store:
        sources = Answering((store,))
        service = Service(
            Estate(settings, sources, keeper=kept_beside(store)),  # type: ignore[arg-type]
            clock=lambda: now[0],
        )
        for real, minutes in enumerate(jumps):
            # Telemetry goes on by the scraper's clock, minute by minute, whatever this machine's clock says.
            t = scrapes(reached, END_MS + real * MINUTE_MS + 10_000)
            if len(t):
                since = (t - (END_MS - 5 * DAY_MS)) // MINUTE_MS
                store.append_samples(SampleSet.of([(ok, t, since * 9.0), (failed, t, since * 1.0)]))
                reached = int(t[-1]) - 7_000 + MINUTE_MS
            now[0] = END_MS + minutes * MINUTE_MS
            standing = service.refresh()
            assert standing.snapshot
            fresh = Estate(settings, sources).snapshot(now[0])  # type: ignore[arg-type]
            told, expected = standing.snapshot.status.to_json(), fresh.status.to_json()
            assert told["objectives"] == expected["objectives"], f"{minutes} minutes"
    (one,) = told["objectives"]
    assert (one["total"], one["total"] - one["good"]) == (3 * 1440 * 10.0, 3 * 1440 * 1.0)


def test_a_clock_that_jumps_ahead_does_not_make_a_working_server_look_stuck(tmp_path: Path) -> None:
    (tmp_path / "billing.yaml").write_text(BILLING)
    now, steady = [END_MS], [0.0]
    with Store.open(None) as store:
        store.append_samples(
            SampleSet.of([counter({**BILLED, "__name__": PROCESSED}, scrapes(END_MS - HOUR_MS, END_MS), 1.0)])
        )
        estate = Estate(Settings(documents=(tmp_path / "billing.yaml",)), Answering((store,)))  # type: ignore[arg-type]
        service = Service(estate, clock=lambda: now[0], interval_seconds=3600, steady=lambda: steady[0])
        service.start()
        try:
            service.refresh()
            now[0] += 9 * DAY_MS
            assert health(service)[1] == 200
            steady[0] += 9 * 86_400
            assert health(service)[1] == 503, "by the steady clock nothing was tried for days"
        finally:
            service.stop()
