"""The estate going on: samples every fifteen seconds, and spans sent to a receiver as services send theirs."""

from __future__ import annotations

import threading
import urllib.error
import urllib.request
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from observatory.sources.simulated.history import Simulation, expositions, reached
from observatory.sources.simulated.scrape import Exposition, scrape
from observatory.sources.simulated.span_columns import otlp_request
from observatory.sources.simulated.truth import Truth

if TYPE_CHECKING:
    from observatory.sources.store.store import Store

SCRAPE_MS = 15_000
AHEAD_MS = 6 * 3_600_000
"""The truth is computed this far ahead, so that it need not be computed often."""
POST_SECONDS = 5.0


class Live:
    """A simulation that follows the clock.

    Args:
        simulation: From `prepare`.
        store: Takes the samples; shared with the dashboards that show them.
        traces_url: OTLP/HTTP receiver for the spans; None sends none.
        clock: Milliseconds since the epoch.
    """

    def __init__(
        self, simulation: Simulation, store: Store, *, traces_url: str | None, clock: Callable[[], int]
    ) -> None:
        self._simulation = simulation
        self._store = store
        self._traces_url = traces_url
        self._clock = clock
        self._until = reached(store)
        self._spans_until = self._until
        self._truth: Truth | None = None
        self._expositions: tuple[Exposition, ...] = ()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="simulated-estate", daemon=True)

    def start(self) -> None:
        """Begin in a thread of its own."""
        self._thread.start()

    def stop(self) -> None:
        """End, and wait for the step under way."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(timeout=POST_SECONDS + 5)

    def step(self, now_ms: int) -> int:
        """Catch up with an instant: samples at full quarters of a minute, then the spans that ended.

        Returns:
            Samples that were new.
        """
        first = (self._until // SCRAPE_MS + 1) * SCRAPE_MS
        times = np.arange(first, now_ms + 1, SCRAPE_MS, dtype=np.int64)
        if not len(times):
            return 0
        last = int(times[-1])
        truth = self._truth_until(last)
        written = 0
        with self._store.transaction():
            for exposition in self._expositions:
                written += self._store.append_samples(scrape(truth, exposition, times, self._simulation.away))
        self._until = last
        if self._traces_url is not None:
            table = self._simulation.spans(truth, self._spans_until, last)
            if not len(table) or self._post(otlp_request(table)):
                self._spans_until = last
        return written

    def _truth_until(self, last_ms: int) -> Truth:
        if self._truth is None or self._truth.end_ms < last_ms + 60_000:
            self._truth = self._simulation.truth(last_ms + AHEAD_MS)
            self._expositions = expositions(self._truth)
        return self._truth

    def _post(self, body: bytes) -> bool:
        """Whether the receiver took the spans; what it refused is offered again with the next step."""
        assert self._traces_url is not None
        request = urllib.request.Request(  # noqa: S310 - the address is our own receiver
            self._traces_url, data=body, headers={"Content-Type": "application/x-protobuf"}, method="POST"
        )
        try:
            with urllib.request.urlopen(request, timeout=POST_SECONDS) as response:  # noqa: S310 - as above
                return bool(200 <= response.status < 300)
        except (urllib.error.URLError, OSError):
            return False

    def _run(self) -> None:
        while not self._stop.is_set():
            self.step(self._clock())
            wait = SCRAPE_MS - self._clock() % SCRAPE_MS
            self._stop.wait(wait / 1000 + 0.2)
