"""Chunks that come again give the samples of before, and those that have grown are read anew."""

from __future__ import annotations

import numpy as np
import pytest
from chunk_cases import CHUNK, laid_out, samples_of
from hypothesis import given, settings
from hypothesis import strategies as st

from observatory.sources.prometheus import chunk_memory, xor
from observatory.sources.prometheus.chunk_memory import ChunkMemory

Chunks = list[tuple[list[int], list[int]]]


class Decoder:
    """Decodes, and notes how many chunks it was given."""

    def __init__(self) -> None:
        self.given: list[int] = []

    def __call__(self, data: np.ndarray, starts: np.ndarray, lengths: np.ndarray, room: xor.Room) -> tuple:
        self.given.append(len(starts))
        return xor.decode_chunks(data, starts, lengths, room)


def decoded(memory: ChunkMemory, decoder: Decoder, held: Chunks) -> Chunks:
    t_ms, values, counts = memory.decode(1, decoder, *laid_out(held), xor.new_arrays)
    cuts = np.cumsum(counts)[:-1]
    parts = zip(np.split(t_ms, cuts), np.split(values.view(np.uint64), cuts), strict=True)
    return [(t.tolist(), v.tolist()) for t, v in parts] if held else []


@given(st.lists(st.lists(CHUNK, max_size=4), min_size=1, max_size=4), st.data())
@settings(max_examples=40, deadline=None)
def test_what_comes_again_is_what_came_before(batches: list, data: st.DataObject) -> None:
    memory, decoder = ChunkMemory(), Decoder()
    seen: Chunks = []
    for chunks in batches:
        again = data.draw(st.lists(st.sampled_from(seen), max_size=3)) if seen else []
        held = [*again, *(samples_of(chunk) for chunk in chunks), *again]
        assert decoded(memory, decoder, held) == held
        seen += held


def test_only_what_is_new_is_decoded() -> None:
    memory, decoder = ChunkMemory(), Decoder()
    full, growing = ([1, 2, 3], [7, 8, 9]), ([4, 5], [1, 1])
    decoded(memory, decoder, [full, growing])
    decoded(memory, decoder, [full, growing])
    decoded(memory, decoder, [full, ([4, 5, 6], [1, 1, 2])])

    assert decoder.given == [2, 1]


def test_samples_that_were_given_out_may_be_written_into() -> None:
    memory, decoder = ChunkMemory(), Decoder()
    held = [([1, 2, 3], [7, 8, 9])]
    for _ in range(2):
        t_ms, values, _ = memory.decode(1, decoder, *laid_out(held), xor.new_arrays)
        t_ms[:], values[:] = 0, 0.0

    assert decoded(memory, decoder, held) == held


def test_those_that_were_used_last_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chunk_memory, "MOST_CHUNKS", 3)
    memory, decoder = ChunkMemory(), Decoder()
    one, two, three, four = [([at, at + 1], [at, at]) for at in (1, 2, 3, 4)]
    for held in ([one, two], [three], [one], [four], [one, three, four]):
        decoded(memory, decoder, held)
    decoded(memory, decoder, [one, two, three, four])

    assert decoder.given == [2, 1, 1, 4]
    assert len(memory) == 3
