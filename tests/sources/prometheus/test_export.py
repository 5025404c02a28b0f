"""VictoriaMetrics' export: lines of JSON to samples, and how a server is recognised that offers it."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import prometheus_server
import pytest
from hypothesis import given
from hypothesis import strategies as st

from observatory.sources.prometheus import export
from observatory.windows import TimeRange

ALL = TimeRange(0, 1 << 52)
A = (
    b'{"metric":{"__name__":"a_total","topic":"x \\"y\\"\\n"},"values":[1,2.5,1e3],'
    b'"timestamps":[60000,120000,180000]}\n'
)
LATER = b'{"metric":{"topic":"x \\"y\\"\\n","__name__":"a_total"},"values":[7],"timestamps":[30000]}\n'
B = b'{"metric":{"__name__":"a_total"},"values":[3,null,"Infinity",9],"timestamps":[1,2,3,4]}\n'


def test_parts_of_a_series_are_joined_and_put_in_order() -> None:
    found = export.decode([A + LATER], ALL)

    assert found.labels == ({"__name__": "a_total", "topic": 'x "y"\n'},)
    assert found.t_ms.tolist() == [30_000, 60_000, 120_000, 180_000]
    assert found.values.tolist() == [7.0, 1.0, 2.5, 1000.0]


def test_a_missing_value_is_a_stale_marker() -> None:
    found = export.decode([B], ALL)

    assert found.values.view(np.uint64)[1] == prometheus_server.STALE_BITS
    assert found.values[[0, 2, 3]].tolist() == [3.0, float("inf"), 9.0]


@given(cuts=st.lists(st.integers(0, len(A + LATER + B)), max_size=6))
def test_a_body_in_pieces_of_any_size_is_the_same(cuts: list[int]) -> None:
    body, edges = A + LATER + B, sorted({0, *cuts, len(A + LATER + B)})
    pieces = [body[low:high] for low, high in pairwise(edges)]

    found, whole = export.decode(pieces, ALL), export.decode([body], ALL)

    assert found.labels == whole.labels
    assert found.t_ms.tolist() == whole.t_ms.tolist()
    assert found.values.view(np.uint64).tolist() == whole.values.view(np.uint64).tolist()


@pytest.mark.parametrize(
    "body",
    [
        A[:-1],
        A + A[:50],
        b"not json\n",
        b'{"metric":{},"values":[1,2],"timestamps":[1]}\n',
        b'{"metric":[],"values":[1],"timestamps":[1]}\n',
        b'{"metric":{},"values":["x"],"timestamps":[1]}\n',
        b'{"error":"too many series"}\n',
    ],
)
def test_a_damaged_or_cut_answer_is_refused(body: bytes) -> None:
    with pytest.raises(export.ExportInvalid):
        export.decode([body], ALL)


def test_only_samples_of_the_range_are_kept() -> None:
    assert export.decode([A], TimeRange(60_000, 120_000)).t_ms.tolist() == [120_000]
