"""A two-day estate, small enough to be made anew for each worker."""

from __future__ import annotations

import pytest

from observatory.sources.simulated.history import Simulation
from observatory.sources.simulated.incidents import Session
from observatory.sources.simulated.truth import Truth, first_minute_of

END_MS = 1_795_201_200_000


@pytest.fixture(scope="session")
def simulation() -> Simulation:
    first = first_minute_of(END_MS, 2) * 60_000
    return Simulation(seed=5, days=2, sessions=(Session(END_MS, first),))


@pytest.fixture(scope="session")
def truth(simulation: Simulation) -> Truth:
    return simulation.truth(END_MS)
