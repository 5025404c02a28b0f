"""The compiled decoder says what numpy says, bit for bit, and refuses what it refuses; it is loaded when it pays."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from chunk_cases import CHUNK, laid_out, samples_of
from hypothesis import given, settings
from hypothesis import strategies as st
from numba_cases import hide_numba

from observatory.sources.base import SeriesRequest
from observatory.sources.prometheus import xor, xor_kernel
from observatory.sources.prometheus.foreseen import foreseen_bytes
from observatory.telemetry.binding import Matcher
from observatory.telemetry.inventory import LabelSets
from observatory.windows import TimeRange


@pytest.fixture(scope="module", autouse=True)
def numba() -> None:
    pytest.importorskip("numba", reason="the extra `fast` is not installed")


@pytest.fixture
def loader() -> Iterator[None]:
    shared = xor.LOADER
    yield
    xor.LOADER = shared


def decoded(data: np.ndarray, starts: np.ndarray, lengths: np.ndarray, *, compiled: bool) -> object:
    """Times, bits and counts of chunks, or that they are refused."""
    xor.LOADER = xor_kernel.Loader(0 if compiled else 1 << 60)
    try:
        t_ms, values, counts = xor.decode_chunks(data, starts, lengths)
    except ValueError:
        return "refused"
    return t_ms.tolist(), values.view(np.uint64).tolist(), counts.tolist()


@given(chunks=st.lists(CHUNK, min_size=1, max_size=12))
@settings(max_examples=100, deadline=None)
@pytest.mark.usefixtures("loader")
def test_chunks_come_out_as_numpy_reads_them(chunks: list) -> None:
    held = [samples_of(chunk) for chunk in chunks]

    by_kernel = decoded(*laid_out(held), compiled=True)

    assert by_kernel == decoded(*laid_out(held), compiled=False)
    assert by_kernel != "refused"


@given(junk=st.lists(st.binary(min_size=2, max_size=200), min_size=1, max_size=5))
@settings(max_examples=120, deadline=None)
@pytest.mark.usefixtures("loader")
def test_junk_is_refused_or_read_as_numpy_does(junk: list[bytes]) -> None:
    data = np.frombuffer(b"".join(junk) + bytes(xor.PADDING), np.uint8)
    lengths = np.array([len(one) for one in junk], np.int64)
    starts = np.cumsum(lengths) - lengths

    assert decoded(data, starts, lengths, compiled=True) == decoded(data, starts, lengths, compiled=False)


def test_the_kernel_is_loaded_before_an_answer_that_pays_for_it() -> None:
    loader = xor_kernel.Loader(1000)

    loader.foresee(999)
    assert not loader.is_loaded
    loader.foresee(1000)
    assert loader.is_loaded
    assert loader.kernel(0) is not None


def test_unforeseen_the_kernel_is_loaded_once_much_was_read() -> None:
    loader = xor_kernel.Loader(1000)

    assert loader.kernel(2999) is None
    assert loader.kernel(1) is not None
    assert loader.kernel(0) is not None


KNOWN = LabelSets(("channel", "outcome"), (("a", "good"), ("a", "bad"), ("b", "good")), (3, 2, 10))
DAY = TimeRange(0, 86_400_000)


@pytest.mark.parametrize(
    ("matchers", "series"),
    [
        ((), 15),
        ((Matcher("channel", ("a",)),), 5),
        ((Matcher("channel", ("a", "b")), Matcher("outcome", ("good",))), 13),
        ((Matcher("channel", ("a",), negated=True), Matcher("instance", ("i",)), Matcher("outcome", (), "g.*")), 15),
    ],
)
def test_an_answer_is_foreseen_by_the_series_that_discovery_counted(matchers: tuple, series: int) -> None:
    assert foreseen_bytes(KNOWN, SeriesRequest("x_total", matchers, DAY)) == series * 1440 * 2


def test_of_series_that_nobody_counted_nothing_is_foreseen() -> None:
    assert foreseen_bytes(None, SeriesRequest("x_total", (), DAY)) == 0


def test_without_numba_there_is_no_kernel_and_nothing_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    hide_numba(monkeypatch, "observatory.sources.prometheus.xor_compiled")
    assert xor_kernel.Loader(0).kernel(1) is None
