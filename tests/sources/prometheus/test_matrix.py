"""Decoding of matrix answers equals json.loads, whatever the layout."""

from __future__ import annotations

import json
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from observatory.sources.prometheus import matrix
from observatory.sources.prometheus.matrix import Matrix, MatrixInvalid, decode_matrix, decode_pieces

LABELS = st.dictionaries(
    st.one_of(st.sampled_from(["__name__", "le", "values", "metric", "histograms"]), st.text(min_size=1, max_size=8)),
    st.one_of(st.sampled_from(['","values":[[', '"]]}', '{"metric":', "],[", "}", "values"]), st.text(max_size=12)),
    max_size=4,
)
VALUES = st.one_of(
    st.floats().map(lambda x: {"nan": "NaN", "inf": "+Inf", "-inf": "-Inf"}.get(repr(x), repr(x))),
    st.integers(-(2**70), 2**70).map(str),
    st.sampled_from(["NaN", "+Inf", "-Inf", "0", "-0", "1e+06", "5e-324", "1" + "0" * 300, "0." + "0" * 320 + "5"]),
)
TIMES = st.one_of(st.integers(0, 4_000_000_000_000), st.integers(0, 4_000_000_000).map(lambda s: s * 1000))
SERIES = st.lists(st.tuples(LABELS, st.lists(st.tuples(TIMES, VALUES), min_size=1, max_size=6)), max_size=5)


def written(series: Sequence, *, compact: bool = True, extra: dict | None = None, flip: bool = False) -> bytes:
    result = []
    for labels, pairs in series:
        values = [[t // 1000 if t % 1000 == 0 else t / 1000, v] for t, v in pairs]
        one = {"values": values, "metric": labels} if flip else {"metric": labels, "values": values}
        result.append(one)
    answer = {"status": "success", "data": {"resultType": "matrix", "result": result}, **(extra or {})}
    return json.dumps(answer, separators=(",", ":") if compact else None, ensure_ascii=not compact).encode()


def plainly(body: bytes) -> list[tuple[dict, list[int], list[float]]]:
    return [
        (one["metric"], [round(t * 1000) for t, _ in one["values"]], [float(v) for _, v in one["values"]])
        for one in json.loads(body)["data"]["result"]
    ]


def unpacked(found: Matrix) -> list[tuple[dict, list[int], list[float]]]:
    edges = found.offsets.tolist()
    return [
        (dict(labels), found.t_ms[low:high].tolist(), found.values[low:high].tolist())
        for labels, low, high in zip(found.labels, edges, edges[1:], strict=False)
    ]


def same(found: Sequence, expected: Sequence) -> None:
    assert [one[:2] for one in found] == [one[:2] for one in expected]
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_array_equal(one[2], other[2])


@given(series=SERIES)
@settings(max_examples=120, deadline=None)
def test_the_fast_way_equals_json_loads(series: Sequence) -> None:
    body = written(series)

    found = decode_matrix(bytearray(body))

    assert matrix._scanned(body, len(body)) is not None
    same(unpacked(found), plainly(body))


@given(series=SERIES, compact=st.booleans(), flip=st.booleans())
@settings(max_examples=100, deadline=None)
def test_any_other_layout_equals_json_loads(series: Sequence, compact: bool, flip: bool) -> None:
    body = written(series, compact=compact, flip=flip)

    same(unpacked(decode_matrix(body)), plainly(body))


@given(series=SERIES)
@settings(max_examples=100, deadline=None)
def test_without_simdjson_the_result_is_the_same(series: Sequence) -> None:
    body = written(series)
    section = body[body.find(b'"values":[[') + 11 : body.find(b'"]]')] if series else b'1,"2'
    fast, slow = matrix._FlatNumbers(section), matrix._FlatNumbers(section)
    slow._parser = None

    np.testing.assert_array_equal(slow.read(0, len(section)), fast.read(0, len(section)))


@example(body=b" ", at=21, series=[])  # within the name of what holds the result
@given(body=st.binary(max_size=60), at=st.integers(0, 400), series=SERIES)
@settings(max_examples=100, deadline=None)
def test_damaged_answers_are_refused_or_read_as_json_reads_them(body: bytes, at: int, series: Sequence) -> None:
    whole = written(series)
    damaged = whole[:at] + body + whole[at:]

    try:
        found = decode_matrix(damaged)
    except MatrixInvalid:
        return
    try:
        expected = plainly(damaged)
    except json.JSONDecodeError:  # brackets and quotes that changed places; the numbers are there
        return

    same(unpacked(found), expected)


def in_pieces(body: bytes, size: int, piece_bytes: int) -> object:
    """What an answer that arrives in pieces of a size is decoded to, or why it is refused."""
    found: list[Matrix] = []
    pieces = (body[at : at + size] for at in range(0, len(body), size))
    try:
        envelope, length = decode_pieces(pieces, found.append, piece_bytes)
    except MatrixInvalid as error:
        return str(error)
    assert length == len(body)
    series = [one for part in found for one in unpacked(part)]
    return repr((series, envelope, sum(part.histograms for part in found)))


def as_whole(body: bytes) -> object:
    try:
        found = decode_matrix(body)
    except MatrixInvalid as error:
        return str(error)
    return repr((unpacked(found), found.envelope, found.histograms))


@given(
    series=SERIES,
    compact=st.booleans(),
    size=st.integers(1, 300),
    piece_bytes=st.integers(1, 300),
    damage=st.one_of(st.just((0, b"")), st.tuples(st.integers(60, 400), st.binary(max_size=12))),
)
@settings(max_examples=150, deadline=None)
def test_an_answer_that_is_decoded_as_it_arrives_is_that_of_the_whole(
    series: Sequence, compact: bool, size: int, piece_bytes: int, damage: tuple[int, bytes]
) -> None:
    whole = written(series, compact=compact, extra={"warnings": ["w"]})
    body = whole[: damage[0]] + damage[1] + whole[damage[0] :]

    assert in_pieces(body, size, piece_bytes) == as_whole(body)


def test_series_are_read_before_the_answer_is_whole_and_share_their_times() -> None:
    pairs = [(1_790_000_000_000 + 60_000 * number, str(1000 + number)) for number in range(50)]
    body = written([({"a": str(number)}, pairs) for number in range(8)])

    found: list[Matrix] = []
    decode_pieces([body[at : at + 100] for at in range(0, len(body), 100)], found.append, 2000)

    assert len(found) > 3
    assert len({id(t_ms) for part in found for t_ms in part.times}) < 3
    assert [one for part in found for one in unpacked(part)] == plainly(body)


def test_histograms_in_the_midst_of_an_answer_are_counted_and_the_series_around_them_read() -> None:
    plain = [{"metric": {"a": str(number)}, "values": [[number, "2"]]} for number in range(6)]
    both = {"metric": {"a": "b"}, "values": [[1, "2"]], "histograms": [[1, {"count": "3"}]]}
    answer = {"status": "success", "data": {"resultType": "matrix", "result": [*plain[:3], both, *plain[3:]]}}
    body = json.dumps(answer, separators=(",", ":")).encode()

    assert in_pieces(body, 10, 80) == as_whole(body)


def test_the_envelope_keeps_warnings_and_what_servers_add() -> None:
    body = written([({"a": "b"}, [(1000, "1")])], extra={"isPartial": False, "warnings": ["w"], "stats": {"n": "1"}})

    found = decode_matrix(body)

    assert matrix._scanned(body, len(body)) is not None
    assert found.envelope["warnings"] == ["w"]
    assert found.envelope["stats"] == {"n": "1"}


def test_native_histograms_are_counted_and_left_out() -> None:
    one = {"metric": {"a": "b"}, "values": [[1, "2"]], "histograms": [[1, {"count": "3"}], [2, {"count": "4"}]]}
    two = {"metric": {"a": "c"}, "histograms": [[1, {"count": "3"}]]}
    answer = {"status": "success", "data": {"resultType": "matrix", "result": [one, two]}}

    found = decode_matrix(json.dumps(answer, separators=(",", ":")).encode())

    assert found.histograms == 3
    assert unpacked(found) == [({"a": "b"}, [1000], [2.0]), ({"a": "c"}, [], [])]


def test_times_keep_their_milliseconds() -> None:
    found = decode_matrix(written([({}, [(1_790_000_000_123, "1"), (1_790_000_000_999, "2")])]))

    assert found.t_ms.tolist() == [1_790_000_000_123, 1_790_000_000_999]


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "it is no JSON"),
        (b"[" * 100_000, "it is no JSON"),
        (b"[1]", "it is no JSON object"),
        (b'{"hello":"world"}', "no status and data"),
        (b'{"status":"success","data":{"resultType":"vector","result":[]}}', "a result of the type 'vector'"),
        (b'{"status":"success","data":{"resultType":"matrix","result":[{"metric":{}}]}', "it is no JSON"),
        (b'{"status":"success","data":{"resultType":"matrix","result":[7]}}', "a series of another form"),
        (b'{"status":"success","data":{"resultType":"matrix","result":[{"metric":{},"values":[[1,"x"]]}]}}', "another"),
        (b'{"status":"success","data":{"resultType":"matrix","result":[{"metric":{},"values":[[1]]}]}}', "another"),
    ],
)
def test_what_is_no_matrix_is_said(body: bytes, reason: str) -> None:
    with pytest.raises(MatrixInvalid, match=reason):
        decode_matrix(body)
