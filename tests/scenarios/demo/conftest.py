"""A demo estate of two days in memory, with its snapshot, made once for each worker."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from observatory.evaluate.estate import Estate
from observatory.evaluate.snapshot import Snapshot
from observatory.settings import Settings
from observatory.sources.opening import Sources
from observatory.sources.simulated import Simulation, documents_folder, prepare
from observatory.sources.simulated.truth import Truth
from observatory.sources.store import Store

END_MS = 1_795_201_200_000


@dataclass(frozen=True)
class Demo:
    estate: Estate
    simulation: Simulation
    truth: Truth
    snapshot: Snapshot


@pytest.fixture(scope="session")
def demo() -> Iterator[Demo]:
    with Store.open() as store:
        simulation = prepare(store, END_MS, days=2)
        sources = Sources(metrics=(store,), spans=(store,), store=store)
        estate = Estate(Settings(documents=(documents_folder(),)), sources)
        yield Demo(estate, simulation, simulation.truth(END_MS), estate.snapshot(END_MS))
