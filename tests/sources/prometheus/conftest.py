"""One real Prometheus for the tests of this folder, filled once with series of every kind."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import misbehaving_server
import numpy as np
import prometheus_server as servers
import pytest
from sample_cases import Loaded, cases, grid


@pytest.fixture(scope="session")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Loaded]:
    series = cases()
    with servers.start(tmp_path_factory.mktemp("loaded")) as server:
        server.write(
            [({"__name__": "case_total", "case": name, "tier": "a"}, t, v) for name, (t, v) in series.items()]
            + [
                ({"__name__": "old_total", "channel": "gone"}, grid(4), np.arange(4.0)),
                ({"__name__": "quantile", "q": "0.5"}, grid(4), np.array([1.0, np.nan, np.nan, 2.0])),
            ]
        )
        yield Loaded(server, series)


@pytest.fixture
def misbehaving() -> Iterator[Callable[..., misbehaving_server.MisbehavingServer]]:
    """Start servers that do as they are told; they end with the test."""
    started: list[misbehaving_server.MisbehavingServer] = []

    def start(*answers: misbehaving_server.Reply) -> misbehaving_server.MisbehavingServer:
        started.append(misbehaving_server.MisbehavingServer(list(answers)))
        return started[-1]

    yield start
    for server in started:
        server.stop()
