"""remote_read: chunks bit for bit, frames in any pieces, damage noticed, histograms told apart."""

from __future__ import annotations

import struct
from collections.abc import Callable

import cramjam
import numpy as np
import pytest
from chunk_cases import CHUNK, laid_out, samples_of
from hypothesis import given, settings
from hypothesis import strategies as st
from misbehaving_server import MisbehavingServer, Reply
from xor_chunk_writer import chunked_series, frame, message, varint, xor_chunk

from observatory.errors import SourceFailed
from observatory.settings import PrometheusSettings
from observatory.sources.base import SampleSet, SeriesRequest
from observatory.sources.prometheus import PrometheusSource, xor
from observatory.sources.prometheus.chunk_frames import FrameBatch, SeriesIndex
from observatory.sources.prometheus.remote_read import read_chunks, read_samples
from observatory.sources.prometheus.wire import EQUAL, REGEX, read_request
from observatory.sources.prometheus.wire import labels as labels_of
from observatory.windows import TimeRange

EVER = TimeRange(0, 1 << 50)


@given(chunks=st.lists(CHUNK, min_size=1, max_size=12))
@settings(max_examples=120, deadline=None)
def test_xor_chunks_come_out_bit_for_bit(chunks: list) -> None:
    held = [samples_of(chunk) for chunk in chunks]

    t_ms, values, counts = xor.decode_chunks(*laid_out(held))

    assert counts.tolist() == [len(times) for times, _ in held]
    assert t_ms.tolist() == [t for times, _ in held for t in times]
    assert values.view(np.uint64).tolist() == [v for _, bits in held for v in bits]


@given(junk=st.binary(min_size=2, max_size=200))
@settings(max_examples=120, deadline=None)
def test_junk_instead_of_a_chunk_ends_in_an_error_or_in_samples_within_it(junk: bytes) -> None:
    data = np.frombuffer(junk + bytes(xor.PADDING), np.uint8)

    try:
        t_ms, _, counts = xor.decode_chunks(data, np.array([0]), np.array([len(junk)]))
    except ValueError:
        return

    assert len(t_ms) == counts.sum() <= 8 * len(junk)


def test_a_cut_chunk_is_refused() -> None:
    whole = xor_chunk(range(0, 120_000, 1000), [n * n for n in range(120)])
    data = np.frombuffer(whole[:-9] + bytes(xor.PADDING), np.uint8)

    with pytest.raises(xor.ChunkInvalid, match="ends before"):
        xor.decode_chunks(data, np.array([0]), np.array([len(whole) - 9]))


def test_a_chunk_that_claims_too_much_is_refused_before_memory_is_taken() -> None:
    data = np.frombuffer(b"\xff\xff" + bytes(30 + xor.PADDING), np.uint8)

    with pytest.raises(xor.ChunkInvalid, match="more samples than it has room for"):
        xor.decode_chunks(data, np.array([0]), np.array([32]))


def numbers(first: int, count: int) -> tuple[list[int], list[int]]:
    times = [60_000 * (first + i) for i in range(count)]
    return times, [struct.unpack("<Q", struct.pack("<d", first + i))[0] for i in range(count)]


def stream() -> bytes:
    """Series x spread over two frames, then y; the second frame continues x."""
    x1, x2, x3 = (xor_chunk(*numbers(first, 120)) for first in (1, 121, 241))
    y = xor_chunk(*numbers(1, 3))
    first = chunked_series({"__name__": "x"}, [(1, x1), (1, x2)])
    second = chunked_series({"__name__": "x"}, [(1, x3)])
    third = chunked_series({"__name__": "y", "topic": "ö" * 200}, [(1, y)])
    return frame(first) + frame(second) + frame(third)


def shape(samples: SampleSet) -> dict[str, list[float]]:
    return {samples.series(i)[0]["__name__"]: samples.series(i)[2].tolist() for i in range(len(samples))}


EXPECTED = {"x": [float(n) for n in range(1, 361)], "y": [1.0, 2.0, 3.0]}


@pytest.mark.parametrize("size", [1, 2, 7, 100, 1 << 20])
def test_frames_may_arrive_in_pieces_of_any_size(size: int) -> None:
    body = stream()

    read = read_chunks([body[i : i + size] for i in range(0, len(body), size)], EVER)

    assert shape(read.samples) == EXPECTED
    assert read.samples.labels[1]["topic"] == "ö" * 200


def test_small_batches_join_to_the_same_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("observatory.sources.prometheus.remote_read.BATCH_BYTES", 1)

    assert shape(read_chunks([stream()], EVER).samples) == EXPECTED


class Careful:
    """numpy on a machine that promises no more memory than it has."""

    def empty(self, count: int, kind: type) -> np.ndarray:
        if count > 400:
            raise MemoryError
        return np.empty(count, kind)

    def __getattr__(self, name: str) -> object:
        return getattr(np, name)


def test_where_memory_is_not_promised_in_advance_the_same_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("observatory.sources.prometheus.remote_read.BATCH_BYTES", 1)
    monkeypatch.setattr("observatory.sources.prometheus.sample_buffer.np", Careful())

    assert shape(read_chunks([stream()], EVER).samples) == EXPECTED


TIMES = st.sampled_from([-1, 0, 1, 1 << 20, (1 << 35) - 1, 1 << 35, 1_795_132_800_000, (1 << 42) - 1, 1 << 42])
"""In milliseconds; those of our time are numbers of six bytes, the others are not."""


@given(
    chunks=st.lists(
        st.tuples(TIMES, TIMES, st.integers(0, 200), st.sampled_from([0, 1, 127, 128, 300, 16_383, 16_384, 20_000])),
        min_size=1,
        max_size=6,
    )
)
@settings(max_examples=100, deadline=None)
def test_chunks_are_found_whatever_their_times_kinds_and_lengths(chunks: list[tuple[int, int, int, int]]) -> None:
    def head(number: int, value: int) -> bytes:
        return varint(number << 3) + varint(value & (1 << 64) - 1) if value else b""

    body = message(1, message(1, b"x"))
    for first, last, kind, length in chunks:
        body += message(2, head(1, first) + head(2, last) + head(3, kind) + message(4, bytes([kind]) * length))
    batch = FrameBatch(SeriesIndex(), xor.PADDING)
    batch.add(message(1, body))
    table = batch.table()

    assert table.kinds.tolist() == [kind for _, _, kind, _ in chunks]
    assert table.lengths.tolist() == [length for *_, length in chunks]
    ends = (table.starts + table.lengths).tolist()
    assert [table.data[a:b].tobytes() for a, b in zip(table.starts.tolist(), ends, strict=True)] == [
        bytes([kind]) * length for _, _, kind, length in chunks
    ]


def test_series_that_alternate_are_put_together() -> None:
    body = b"".join(
        frame(chunked_series({"__name__": name}, [(1, xor_chunk(*numbers(first, 2)))]))
        for name, first in [("x", 1), ("y", 1), ("x", 3), ("y", 3)]
    )

    assert shape(read_chunks([body], EVER).samples) == {"x": [1.0, 2.0, 3.0, 4.0], "y": [1.0, 2.0, 3.0, 4.0]}


def test_overlapping_chunks_give_each_instant_once_and_in_order() -> None:
    chunks = [(1, xor_chunk(*numbers(first, 10))) for first in (11, 1, 6)]
    body = frame(chunked_series({"__name__": "x"}, chunks))

    samples = read_chunks([body], EVER).samples

    assert shape(samples) == {"x": [float(n) for n in range(1, 21)]}
    assert np.diff(samples.t_ms).min() == 60_000


def test_native_histogram_chunks_are_counted_and_never_misread() -> None:
    body = frame(chunked_series({"__name__": "x"}, [(2, b"\x00\x01abc"), (1, xor_chunk(*numbers(1, 2))), (3, b"")]))

    read = read_chunks([body], EVER)

    assert (shape(read.samples), read.histograms) == ({"x": [1.0, 2.0]}, 2)


def test_the_range_is_left_open() -> None:
    read = read_chunks([stream()], TimeRange(60_000, 180_000))

    assert shape(read.samples) == {"x": [2.0, 3.0], "y": [2.0, 3.0]}


@given(at=st.integers(0, 10_000), flip=st.integers(1, 255))
@settings(max_examples=300, deadline=None)
def test_a_changed_byte_is_always_noticed(at: int, flip: int) -> None:
    body = bytearray(stream())
    body[at % len(body)] ^= flip

    with pytest.raises(ValueError, match=r"checksum|within a frame|longer|does not end"):
        read_chunks([bytes(body)], EVER)


@given(cut=st.integers(1, 10_000))
@settings(max_examples=100, deadline=None)
def test_a_body_that_ends_within_a_frame_is_refused(cut: int) -> None:
    body = stream()
    short = body[: cut % len(body)]
    ends = {0, *np.cumsum([len(part) for part in split_frames(body)]).tolist()}

    if len(short) in ends:
        assert len(read_chunks([short], EVER).samples) <= 2
        return
    with pytest.raises(ValueError, match="within a frame"):
        read_chunks([short], EVER)


def split_frames(body: bytes) -> list[bytes]:
    from observatory.sources.prometheus.chunk_frames import frames

    return [frame(payload) for payload in frames([body])]


@given(payload=st.binary(max_size=80))
@settings(max_examples=300, deadline=None)
def test_a_frame_of_junk_with_a_right_checksum_is_refused_or_harmless(payload: bytes) -> None:
    try:
        read = read_chunks([frame(payload)], EVER)
    except (ValueError, IndexError):
        return

    assert len(read.samples.t_ms) <= 8 * len(payload)


def read_response(series: list[tuple[dict, list[tuple[int, float]]]], histograms: int = 0) -> bytes:
    body = b""
    for labels, pairs in series:
        one = b"".join(message(1, message(1, k.encode()) + message(2, v.encode())) for k, v in labels.items())
        for t, v in pairs:
            value = b"" if v == 0 else b"\x09" + struct.pack("<d", v)
            one += message(2, value + (b"\x10" + varint(t) if t else b""))
        one += message(4, b"abc") * histograms
        body += message(1, one)
    return message(1, body)


def test_plain_samples_of_older_servers_are_read_too() -> None:
    pairs = [(60_000 * i, float(v)) for i, v in enumerate([5, 0, 0, -1.5, 1e300, 0, 7], start=1)]
    body = read_response([({"__name__": "x"}, pairs), ({"__name__": "y"}, pairs[:2])], histograms=2)

    read = read_samples(bytes(cramjam.snappy.compress_raw(body)), EVER)

    assert shape(read.samples) == {"x": [5.0, 0.0, 0.0, -1.5, 1e300, 0.0, 7.0], "y": [5.0, 0.0]}
    assert read.samples.series(1)[1].tolist() == [60_000, 120_000]
    assert read.histograms == 4


def test_a_request_is_what_the_protocol_says() -> None:
    body = read_request([(EQUAL, "__name__", "x"), (REGEX, "topic", "a|b")], 1000, 2000)

    query = b"\x08\xe8\x07\x10\xd0\x0f" + message(3, message(2, b"__name__") + message(3, b"x"))
    query += message(3, b"\x08\x02" + message(2, b"topic") + message(3, b"a|b"))
    assert body == message(1, query) + b"\x12\x02\x01\x00"


def asked(server: MisbehavingServer) -> PrometheusSource:
    return PrometheusSource(PrometheusSettings(url=server.url, timeout_seconds=5))


def test_an_older_server_answers_through_the_source(misbehaving: Callable[..., MisbehavingServer]) -> None:
    body = cramjam.snappy.compress_raw(read_response([({"__name__": "x"}, [(60_000, 5.0)])]))
    server = misbehaving(
        Reply(bytes(body), content_type="application/x-protobuf", headers={"Content-Encoding": "snappy"})
    )

    samples = asked(server).samples(SeriesRequest("x", (), TimeRange(0, 100_000)))

    assert (samples.t_ms.tolist(), samples.values.tolist(), samples.exact) == ([60_000], [5.0], True)


@pytest.mark.parametrize("kind", ["application/x-streamed-protobuf; proto=x", "application/x-protobuf"])
def test_a_damaged_answer_is_a_finding_and_gives_no_samples(
    misbehaving: Callable[..., MisbehavingServer], kind: str
) -> None:
    body = bytearray(stream())
    body[100] ^= 1
    server = misbehaving(Reply(bytes(body), content_type=kind))

    with pytest.raises(SourceFailed) as raised:
        asked(server).samples(SeriesRequest("x", (), TimeRange(0, 100_000)))

    assert raised.value.problems[0].code == "source-corrupt"


def test_histograms_make_the_source_partial(misbehaving: Callable[..., MisbehavingServer]) -> None:
    body = frame(chunked_series({"__name__": "x"}, [(2, b"\x00\x01abc")]))
    source = asked(misbehaving(Reply(body, content_type="application/x-streamed-protobuf")))

    samples = source.samples(SeriesRequest("x", (), TimeRange(0, 100_000)))

    assert len(samples) == 0
    assert [problem.code for problem in samples.problems] == ["native-histogram-unread"]
    assert source.state().state == "partial"


def test_a_limit_of_remote_read_itself_is_passed_by_queries(misbehaving: Callable[..., MisbehavingServer]) -> None:
    body = frame(chunked_series({"__name__": "x"}, [(1, xor_chunk(*numbers(1, 2)))]))
    server = misbehaving(Reply(body, path="/api/v1/read", content_type="application/x-streamed-protobuf"))
    source = asked(server)
    request = SeriesRequest("x", (), TimeRange(0, 200_000))
    first = source.samples(request)
    answer = b'{"status":"success","data":{"resultType":"matrix","result":[{"metric":{},"values":[[60,"9"]]}]}}'
    server.replies[:] = [
        Reply(b"exceeded sample limit", path="/api/v1/read", status=400, content_type="text/plain"),
        Reply(answer, path="/api/v1/query"),
    ]

    second = source.samples(request)

    assert (first.values.tolist(), second.values.tolist()) == ([1.0, 2.0], [9.0])
    assert "remote_read" in source.state().detail


def test_more_samples_than_memory_should_hold_are_refused(
    misbehaving: Callable[..., MisbehavingServer], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("observatory.sources.prometheus.sample_buffer.MOST_SAMPLES", 300)
    server = misbehaving(Reply(stream(), content_type="application/x-streamed-protobuf"))

    with pytest.raises(SourceFailed) as raised:
        asked(server).samples(SeriesRequest("x", (), EVER))

    assert raised.value.problems[0].code == "source-too-large"


def test_labels_that_come_again_are_the_same_mapping_unless_they_are_long() -> None:
    def sent(value: str) -> bytes:
        return message(1, message(1, b"topic") + message(2, value.encode()))

    assert labels_of(sent("orders")) == {"topic": "orders"}
    assert labels_of(sent("orders")) is labels_of(sent("orders"))
    assert labels_of(sent("o" * 3000)) == {"topic": "o" * 3000}
    assert labels_of(sent("o" * 3000)) is not labels_of(sent("o" * 3000))
