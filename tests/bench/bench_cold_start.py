"""Cold start: raw samples of many channels to exact status, against the same channels' error ratios asked in PromQL.

One real Prometheus holds two counters per channel, a sample each minute. Observatory reads all samples by remote_read
and judges every objective; the other side asks for the ratio of 5 minutes every 5 minutes over the whole range, as one
matrix, and decodes it. First in numpy alone, then where numba is installed as a product does that has it: the kernel is
loaded where it pays, and that is within what is measured. Then a refresh.
Run: python tests/bench/bench_cold_start.py [--channels 100] [--days 30] [--full] [--folder FOLDER]
"""

from __future__ import annotations

import gc
from importlib.util import find_spec

from fleet import METRIC, Fleet, arguments, fleet
from measuring import Cost, measured

from observatory.evaluate.estate import Estate
from observatory.evaluate.snapshot import Snapshot
from observatory.sources.opening import open_sources
from observatory.sources.prometheus import PrometheusSource, xor
from observatory.sources.prometheus.matrix import decode_matrix
from observatory.sources.prometheus.xor_kernel import Loader

RATIO = f'sum by (channel) (rate({METRIC}{{outcome="error"}}[5m])) / sum by (channel) (rate({METRIC}[5m]))'


def cold_start(one: Fleet, loader: Loader) -> tuple[Cost, Snapshot, Estate]:
    """A snapshot of an estate that knows nothing yet; documents are read before."""
    xor.LOADER = loader
    estate = Estate(one.settings, open_sources(one.settings))
    cost, snapshot = measured(lambda: estate.snapshot(one.grid.end_ms), one.server.pid)
    assert {status.counting for status in snapshot.status.objectives} == {"exact"}
    return cost, snapshot, estate


def refresh(one: Fleet, estate: Estate, before: Snapshot) -> Cost:
    """The next minute."""
    return measured(lambda: estate.snapshot(one.grid.end_ms + 60_000, previous=before), one.server.pid)[0]


def matrix(one: Fleet) -> int:
    source = PrometheusSource(one.settings.prometheus[0])
    span = (("start", str(one.grid.start_ms // 1000 + 300)), ("end", str(one.grid.end_ms // 1000)), ("step", "300"))
    with source.connection.ask("/api/v1/query_range", (("query", RATIO), *span)) as answer:
        return len(decode_matrix(answer.body()).values)


def compared(name: str, cost: Cost, asked: Cost) -> None:
    there = asked.there / max(cost.there, 0.01)
    print(f"  {name}: {asked.wall / cost.wall:.1f}x faster than PromQL, {there:.0f}x less CPU of the server")


def main() -> None:
    told = arguments(__doc__ or "", channels=100, days=30)
    with fleet(told) as one:
        print(one)
        cold, snapshot, estate = cold_start(one, Loader(1 << 60))
        print(f"  cold start, numpy      {cold}")
        asked, _ = measured(lambda: matrix(one), one.server.pid)
        print(f"  5m ratios in PromQL    {asked}")
        warm = refresh(one, estate, snapshot)
        print(f"  refresh of the tail    {warm}")
        first = snapshot.status.to_json()["objectives"]
        del snapshot, estate
        gc.collect()
        compared("numpy", cold, asked)
        if find_spec("numba") is not None:
            loader = Loader()
            fast, again, _ = cold_start(one, loader)
            assert again.status.to_json()["objectives"] == first
            used = "loaded within" if loader.is_loaded else "not loaded: so little would not pay for it"
            print(f"  cold start, compiled   {fast}   (the kernel is {used})")
            compared("compiled", fast, asked)
        print(f"  refresh: 1/{cold.wall / warm.wall:.0f} of the cold start")


if __name__ == "__main__":
    main()
