"""Servers without remote_read: what reading raw samples by queries costs here, against what it costs the server.

Range vectors, which are exact; the query grid, which is the last resort; and increments that the server counts, for
what is too much to be read raw. Client CPU against the server's, and the memory that this process took against the
bytes of the answers.
Run: python tests/bench/bench_fallback.py [--channels 100] [--days 30] [--full] [--folder FOLDER]
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from fleet import METRIC, Fleet, arguments, fleet
from measuring import measured

from observatory.sources.base import SampleSet, SeriesRequest
from observatory.sources.prometheus import PrometheusSource, range_vectors
from observatory.sources.prometheus.connection import Connection
from observatory.sources.prometheus.matrix import Matrix
from observatory.sources.prometheus.range_vectors import read_grid, read_increments, read_range_vectors
from observatory.windows import TimeRange


def main() -> None:
    told = arguments(__doc__ or "", channels=100, days=30)
    sizes: list[int] = []
    decode = range_vectors.decode_pieces

    def counted(pieces: Iterable[bytes], take: Callable[[Matrix], None]) -> tuple[Mapping[str, object], int]:
        envelope, size = decode(pieces, take)
        sizes.append(size)
        return envelope, size

    range_vectors.decode_pieces = counted  # type: ignore[assignment]
    with fleet(told) as one:
        print(one)
        # The first question of a process loads what asks; a short one is enough for that.
        last = TimeRange(one.grid.end_ms - 300_000, one.grid.end_ms)
        read_range_vectors(PrometheusSource(one.settings.prometheus[0]).connection, SeriesRequest(METRIC, (), last))
        compare(one, "range vectors", lambda *asked: read_range_vectors(*asked).samples, sizes)
        compare(one, "query grid", lambda *asked: read_grid(*asked).samples, sizes)
        compare(one, "increments", lambda *asked: read_increments(*asked, ("channel", "outcome"), 300_000), sizes)


def compare(one: Fleet, name: str, read: Callable[[Connection, SeriesRequest], SampleSet], sizes: list[int]) -> None:
    sizes.clear()
    source = PrometheusSource(one.settings.prometheus[0])
    request = SeriesRequest(METRIC, (), one.grid.range)

    cost, found = measured(lambda: read(source.connection, request), one.server.pid)
    held = (found.t_ms.nbytes + found.values.nbytes) / 2**20
    whole, largest = sum(sizes) / 2**20, max(sizes) / 2**20
    print(f"  {name:14} {cost}")
    print(
        f"  {'':14} {len(found.t_ms) / 1e6:.1f} million samples in {len(sizes)} answers of {whole:.0f} MiB, the "
        f"largest {largest:.0f}; client CPU {cost.here / cost.there:.2f} of the server's; memory "
        f"{cost.grown / whole:.2f} of the answers, {held:.0f} MiB of it the samples"
    )


if __name__ == "__main__":
    main()
