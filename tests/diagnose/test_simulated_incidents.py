"""On the simulated estate every incident is named by its true failure mode, first of all, on the channel it hit."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from msgspec.structs import replace

from observatory.diagnose.causes import causes, diagnose
from observatory.evaluate.estate import Estate
from observatory.evaluate.snapshot import Snapshot
from observatory.settings import load_settings
from observatory.sources.opening import open_sources
from observatory.sources.simulated import documents_folder, prepare
from observatory.sources.simulated.history import remembered
from observatory.sources.simulated.incidents import Incident, schedule
from observatory.sources.store import Store
from observatory.windows import parse_instant

END_MS = parse_instant("2026-11-20T12:00:00Z")
DAYS = 12.0
MINUTE_MS, DAY_MS = 60_000, 86_400_000
MODES = ("F1", "F2", "F3", "F4", "F5", "F6", "F7", "F8")


@pytest.fixture(scope="module")
def estate(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Estate]:
    path = tmp_path_factory.mktemp("demo") / "estate.duckdb"
    with Store.open(path) as store:
        prepare(store, END_MS, days=DAYS)
    settings = load_settings(None, {}, documents=[documents_folder()], store=path)
    with open_sources(settings, read_only_store=True) as sources:
        yield Estate(settings, sources)


@pytest.fixture(scope="module")
def whole(estate: Estate) -> Snapshot:
    """What measures what; the instants of the tests are put in its place, for evidence is gathered for these."""
    return estate.snapshot(END_MS)


def incidents(estate: Estate, mode: str) -> list[Incident]:
    assert estate.sources.store is not None
    simulation = remembered(estate.sources.store)
    assert simulation is not None
    every = schedule(simulation.sessions, simulation.days)
    return [one for one in every if one.mode == mode and END_MS - DAYS * DAY_MS < one.start_ms < END_MS]


@pytest.mark.parametrize("mode", MODES)
def test_the_true_failure_mode_comes_first(estate: Estate, whole: Snapshot, mode: str) -> None:
    found = incidents(estate, mode)
    assert found
    for incident in found:
        at_ms = min(incident.end_ms, END_MS)
        snapshot = replace(whole, at_ms=at_ms - at_ms % MINUTE_MS)
        hit = [channel.id for channel in estate.catalog.channels if channel.address == incident.channel]

        first = causes(estate, snapshot, channels=hit)[0]

        assert (first.failure_mode, first.channel_id) == (mode, hit[0]), incident.title
        assert first.owner is not None
        assert first.runbook


def test_what_is_not_measured_is_said_per_failure_mode(estate: Estate, whole: Snapshot) -> None:
    diagnosis = diagnose(estate, whole, channels=["kafka:payments.card.settled.v2"])

    assert diagnosis.problems == ()
    assert "broker saturation" in diagnosis.not_observable["kafka:payments.card.settled.v2"]["F3"]


def test_an_unknown_channel_is_an_error(estate: Estate, whole: Snapshot) -> None:
    with pytest.raises(KeyError):
        causes(estate, whole, channels=["kafka:nothing"])


def test_a_source_that_fails_leaves_its_signs_unobserved() -> None:
    settings = load_settings(None, {}, documents=[documents_folder()], prometheus_url="http://127.0.0.1:9")
    with open_sources(settings) as sources:
        silent = Estate(settings, sources)
        diagnosis = diagnose(silent, silent.snapshot(END_MS))

    assert diagnosis.causes == ()
    assert set(diagnosis.not_observable["kafka:payments.card.settled.v2"]) == set(MODES)
