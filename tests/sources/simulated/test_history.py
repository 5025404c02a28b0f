"""The history in a store: made once, continued, and followed live."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest

from observatory.errors import InputInvalid
from observatory.sources.base import SampleSet, SeriesRequest
from observatory.sources.otlp import decode_traces
from observatory.sources.simulated import Simulation, prepare
from observatory.sources.simulated.history import ALL_TIME, reached, remembered
from observatory.sources.simulated.live import Live
from observatory.sources.store import Store

END_MS = 1_795_201_200_000
HOUR_MS = 3_600_000
OFFSETS = SeriesRequest("kafka_topic_partition_current_offset", (), ALL_TIME)


def test_preparing_twice_changes_nothing() -> None:
    with Store.open() as store:
        first = prepare(store, END_MS, days=0.5)
        before = (store.samples(OFFSETS).t_ms.size, store.span_count())
        second = prepare(store, END_MS, days=0.5)

        assert second == first
        assert (store.samples(OFFSETS).t_ms.size, store.span_count()) == before


def test_the_instant_is_rounded_down_to_a_full_minute() -> None:
    with Store.open() as store:
        prepare(store, END_MS + 59_999, days=0.1)

        assert reached(store) == END_MS


@dataclass(frozen=True)
class Continued:
    """A history of half a day, and the same after six hours more."""

    first: Simulation
    later: Simulation
    offsets: SampleSet


@pytest.fixture(scope="module")
def continued() -> Continued:
    with Store.open() as store:
        first = prepare(store, END_MS, days=0.5)
        later = prepare(store, END_MS + 6 * HOUR_MS, days=0.5)
        return Continued(first, later, store.samples(OFFSETS))


def test_a_continued_history_is_the_one_that_its_simulation_tells(continued: Continued) -> None:
    truth = continued.later.truth(END_MS + 6 * HOUR_MS)

    assert len(continued.later.sessions) == 2
    for index in range(len(continued.offsets)):
        labels, t_ms, values = continued.offsets.series(index)
        if labels["topic"] in truth.produced:
            produced = truth.produced[labels["topic"]][:, int(labels["partition"])]
            place = (t_ms - truth.start_ms) // 60_000
            assert np.array_equal(values, 1_200_000 + np.concatenate([[0], np.cumsum(produced)])[place])


def test_what_an_earlier_session_told_is_not_changed_by_a_later_one(continued: Continued) -> None:
    before, after = continued.first.truth(END_MS), continued.later.truth(END_MS + 6 * HOUR_MS)

    for key, group in before.groups.items():
        assert np.array_equal(after.groups[key].served[: before.minutes], group.served)


def test_a_session_that_begins_while_the_last_incident_goes_on_adds_none() -> None:
    with Store.open() as store:
        prepare(store, END_MS, days=0.5)
        again = prepare(store, END_MS + HOUR_MS, days=0.5)

        assert len(again.sessions) == 1
        assert reached(store) == END_MS + HOUR_MS


def test_the_store_remembers_its_simulation() -> None:
    with Store.open() as store:
        assert remembered(store) is None
        simulation = prepare(store, END_MS, days=0.1)

        assert remembered(store) == simulation


def test_a_history_of_another_seed_is_refused() -> None:
    with Store.open() as store:
        prepare(store, END_MS, days=0.1, seed=1)
        with pytest.raises(InputInvalid, match="seed 1, not of seed 2") as caught:
            prepare(store, END_MS, days=0.1, seed=2)

        assert caught.value.problems[0].code == "simulation-differs"


class _Receiver(BaseHTTPRequestHandler):
    bodies: list[bytes]
    refuse: bool

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if not type(self).refuse:
            type(self).bodies.append(body)
        self.send_response(503 if type(self).refuse else 200)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Nothing to say."""


@pytest.fixture
def receiver() -> Iterator[tuple[str, type[_Receiver]]]:
    handler = type("Receiver", (_Receiver,), {"bodies": [], "refuse": False})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/v1/traces", handler
    server.shutdown()
    server.server_close()
    thread.join()


def test_live_samples_follow_every_fifteen_seconds_and_meet_the_truth_on_the_minute() -> None:
    with Store.open() as store:
        simulation = prepare(store, END_MS, days=0.1)
        live = Live(simulation, store, traces_url=None, clock=lambda: END_MS)

        written = live.step(END_MS + 60_000 + 7_000)

        assert written > 1000
        samples = store.samples(OFFSETS)
        truth = simulation.truth(END_MS + 60_000)
        labels, t_ms, values = samples.series(0)
        assert t_ms[-4:].tolist() == [END_MS + step for step in (15_000, 30_000, 45_000, 60_000)]
        assert (np.diff(values) >= 0).all()
        produced = truth.produced[labels["topic"]][:, int(labels["partition"])]
        assert values[-1] == 1_200_000 + produced.sum()


def test_live_has_nothing_to_do_before_the_next_quarter_of_a_minute() -> None:
    with Store.open() as store:
        live = Live(prepare(store, END_MS, days=0.1), store, traces_url=None, clock=lambda: END_MS)

        assert live.step(END_MS + 14_999) == 0


def test_live_spans_reach_the_receiver_as_otlp(receiver: tuple[str, type[_Receiver]]) -> None:
    url, handler = receiver
    with Store.open() as store:
        live = Live(prepare(store, END_MS, days=0.1), store, traces_url=url, clock=lambda: END_MS)
        live.step(END_MS + 120_000)

    spans = [span for body in handler.bodies for span in decode_traces(body, "application/x-protobuf")]
    assert len(spans) > 50
    assert all(END_MS * 10**6 < span.end_ns <= (END_MS + 120_000) * 10**6 for span in spans)


def test_spans_that_the_receiver_refused_are_offered_again(receiver: tuple[str, type[_Receiver]]) -> None:
    url, handler = receiver
    with Store.open() as store:
        live = Live(prepare(store, END_MS, days=0.1), store, traces_url=url, clock=lambda: END_MS)
        handler.refuse = True
        live.step(END_MS + 60_000)
        handler.refuse = False
        live.step(END_MS + 75_000)

    spans = [span for body in handler.bodies for span in decode_traces(body, "application/x-protobuf")]
    assert min(span.end_ns for span in spans) < (END_MS + 60_000) * 10**6
    assert len(spans) == len({span.span_id for span in spans})
