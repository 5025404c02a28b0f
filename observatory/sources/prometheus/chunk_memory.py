"""Chunks that were decoded, by their bytes: a refresh is handed mostly those of the refresh before.

A chunk is read from its start, and one that is full never changes. It holds two hours of samples a minute apart, of
which a refresh needs an hour, so the same chunks come a hundred times.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import islice
from threading import Lock

import numpy as np
from numpy.typing import NDArray

from observatory.sources.base import Float64, Int64
from observatory.sources.prometheus.xor import Room, new_arrays

MOST_CHUNKS = 50_000
"""Two kilobytes each, mostly: those of ten thousand channels, and what a small estate needs is little."""
ChunkDecoder = Callable[[NDArray[np.uint8], Int64, Int64, Room], tuple[Int64, Float64, Int64]]
"""Decodes chunks: data, starts, lengths and room; gives times, values and counts."""
_Samples = tuple[Int64, Float64]


class ChunkMemory:
    """Decoded chunks, those that were used last."""

    def __init__(self) -> None:
        self._held: dict[tuple[int, bytes], _Samples] = {}
        self._lock = Lock()

    def __len__(self) -> int:
        return len(self._held)

    def decode(
        self, kind: int, decoder: ChunkDecoder, data: NDArray[np.uint8], starts: Int64, lengths: Int64, room: Room
    ) -> tuple[Int64, Float64, Int64]:
        """What the decoder gives for some chunks, of which those that are known are not decoded.

        Args:
            kind: How they are encoded.

        Raises:
            ChunkInvalid: By the decoder.
        """
        if len(starts) > MOST_CHUNKS:
            return decoder(data, starts, lengths, room)
        every = data.tobytes()
        ends = (starts + lengths).tolist()
        keys = [(kind, every[start:end]) for start, end in zip(starts.tolist(), ends, strict=True)]
        with self._lock:
            found = {key: self._held[key] for key in keys if key in self._held}
        new = {key: place for place, key in enumerate(keys) if key not in found}
        if new:
            places = np.fromiter(new.values(), np.int64, len(new))
            times, values, counts = decoder(data, starts[places], lengths[places], new_arrays)
            cuts = np.cumsum(counts)[:-1]
            # Copies: a view would keep all that were decoded with it.
            parts = zip(new, np.split(times, cuts), np.split(values, cuts), strict=True)
            found |= {key: (t_ms.copy(), value.copy()) for key, t_ms, value in parts}
        self._keep(found)
        chosen = [found[key] for key in keys]
        counts = np.fromiter((len(t_ms) for t_ms, _ in chosen), np.int64, len(chosen))
        times, values = room(int(counts.sum()))
        if chosen:
            np.concatenate([t_ms for t_ms, _ in chosen], out=times)
            np.concatenate([value for _, value in chosen], out=values)
        return times, values, counts

    def _keep(self, used: dict[tuple[int, bytes], _Samples]) -> None:
        with self._lock:
            for key in used:
                self._held.pop(key, None)
            self._held |= used
            for key in list(islice(self._held, max(0, len(self._held) - MOST_CHUNKS))):
                del self._held[key]
