"""remote_read: raw samples as the server stores them, by far the cheapest way to have them.

The request prefers streamed XOR chunks and takes plain samples from servers that are too old for chunks.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TypeVar

import cramjam
import numpy as np
import orjson
from msgspec import Struct
from numpy.typing import NDArray

from observatory.sources.base import Float64, Int64, SampleSet, SeriesRequest
from observatory.sources.prometheus import chunk_frames, failures, histogram_chunks, wire, xor, xor2
from observatory.sources.prometheus.chunk_memory import ChunkMemory
from observatory.sources.prometheus.connection import Connection
from observatory.sources.prometheus.matchers import conditions
from observatory.sources.prometheus.native_histograms import Histograms
from observatory.sources.prometheus.sample_buffer import SampleBuffer
from observatory.sources.prometheus.session import Answer, beginning
from observatory.windows import TimeRange

T = TypeVar("T")
PATH = "/api/v1/read"
STREAM_LIMIT_BYTES = 8 << 30
BATCH_BYTES = 16 << 20
_HEADERS = {
    "Content-Type": "application/x-protobuf",
    "Content-Encoding": "snappy",
    "X-Prometheus-Remote-Read-Version": "0.1.0",
}
NOT_OFFERED_STATUS = frozenset((400, 403, 404, 405, 406, 410, 415, 501))


_CHUNKS = "application/x-streamed-protobuf"
_DECODERS = {chunk_frames.XOR: xor.decode_chunks, chunk_frames.XOR2: xor2.decode_chunks}


TakeHistograms = Callable[[Mapping[str, str], Histograms], None]


class ChunksUnknown(Exception):
    """The server stores samples in chunks of a kind that is newer than this program; queries still show them."""


class NotOffered(Exception):
    """This server has no remote_read, or not for us; ask it in another way."""


class RemoteRead(Struct, frozen=True):
    """Raw samples, and how many chunks or samples of native histograms were left out."""

    samples: SampleSet
    histograms: int
    form: str


def read(
    connection: Connection, request: SeriesRequest, *, proven: bool, memory: ChunkMemory | None = None
) -> RemoteRead:
    """Samples of the requested series in (start, end].

    Args:
        proven: Whether this server answered a remote_read before; a refusal then means the request.
        memory: Chunks that were decoded before; for ranges that are asked for again and again.

    Raises:
        NotOffered: The server does not speak remote_read.
        ChunksUnknown: It sends chunks that cannot be read.
        SourceFailed: It does, and failed.
    """
    span = request.range
    with _opened(connection, request, proven=proven) as answer:
        if answer.content_type.startswith(_CHUNKS):
            return _guarded(answer, lambda: read_chunks(answer.pieces(), span, memory))
        if answer.content_type.startswith("application/x-protobuf"):
            return _guarded(answer, lambda: read_samples(bytes(answer.body()), span))
        raise NotOffered


def read_histograms(connection: Connection, request: SeriesRequest, take: TakeHistograms) -> None:
    """The native histograms of the requested series, chunk by chunk as they arrive; other samples are left out.

    Args:
        take: Is given the labels of a series and some of its histograms; a part of them may be of before the range.

    Raises:
        NotOffered: The server does not speak remote_read in chunks.
        SourceFailed: It does, and failed.
    """
    with _opened(connection, request, proven=False) as answer:
        if not answer.content_type.startswith(_CHUNKS):
            raise NotOffered
        _guarded(answer, lambda: _take_histograms(answer.pieces(), take))


def _take_histograms(pieces: Iterable[bytes], take: TakeHistograms) -> None:
    index = chunk_frames.SeriesIndex()
    batch = chunk_frames.FrameBatch(index, xor.PADDING)

    def decode() -> None:
        table = batch.table()
        chosen = np.isin(table.kinds, chunk_frames.HISTOGRAMS)
        series = table.series[chosen]
        chunks = table.kinds[chosen], table.data, table.starts[chosen], table.lengths[chosen]
        for number, histograms in histogram_chunks.decode_chunks(*chunks):
            take(index.labels[int(series[number])], histograms)

    for frame in chunk_frames.frames(pieces):
        batch.add(frame)
        if batch.size >= BATCH_BYTES:
            decode()
    if batch.size:
        decode()


def _opened(connection: Connection, request: SeriesRequest, *, proven: bool) -> Answer:
    """The answer to a read request, of status 200."""
    # Both ends of a query are included by the protocol; (start, end] begins one millisecond later.
    body = wire.read_request(conditions(request), request.range.start_ms + 1, request.range.end_ms)
    answer = connection.session.open(
        "POST",
        connection.url + PATH,
        data=bytes(cramjam.snappy.compress_raw(body)),
        headers=_HEADERS,
        limit_bytes=STREAM_LIMIT_BYTES,
        any_status=True,
    )
    if answer.status != 200:
        with answer:
            if answer.status in NOT_OFFERED_STATUS and not proven:
                raise NotOffered
            raise failures.of_status(answer.status, _quoted(beginning(answer)), answer.content_type, answer.url)
    return answer


def read_chunks(pieces: Iterable[bytes], span: TimeRange, memory: ChunkMemory | None = None) -> RemoteRead:
    """Decode a body of frames of XOR and XOR2 chunks, a batch of frames at a time.

    Raises:
        ValueError: The stream is damaged.
        ChunksUnknown: It holds chunks of another kind.
    """
    index = chunk_frames.SeriesIndex()
    buffer = SampleBuffer(span)
    histograms = 0
    batch = chunk_frames.FrameBatch(index, xor.PADDING)

    def decode() -> int:
        table = batch.table()
        understood = np.isin(table.kinds, chunk_frames.HISTOGRAMS)
        histograms_here = int(understood.sum())
        for kind, decoder in _DECODERS.items():
            chosen = table.kinds == kind
            understood |= chosen
            if chosen.any():
                chunks = table.data, table.starts[chosen], table.lengths[chosen], buffer.room
                _, _, counts = memory.decode(kind, decoder, *chunks) if memory is not None else decoder(*chunks)
                buffer.take(table.series[chosen], counts)
        if not understood.all():
            raise ChunksUnknown
        return histograms_here

    for frame in chunk_frames.frames(pieces):
        batch.add(frame)
        if batch.size >= BATCH_BYTES:
            histograms += decode()
    if batch.size:
        histograms += decode()
    return RemoteRead(buffer.sample_set(index.labels), histograms, "chunks")


def read_samples(body: bytes, span: TimeRange) -> RemoteRead:
    """Decode a ReadResponse: snappy, then every sample as a message of its own.

    Raises:
        ValueError: The body is damaged.
    """
    try:
        if cramjam.snappy.decompress_raw_len(body) > STREAM_LIMIT_BYTES:
            raise chunk_frames.FrameInvalid("the answer claims to be longer than any answer is")
        plain = bytes(cramjam.snappy.decompress_raw(body))
    except cramjam.DecompressionError:
        raise chunk_frames.FrameInvalid("the answer is not compressed as it claims") from None
    index = chunk_frames.SeriesIndex()
    numbers: list[int] = []
    begins: list[int] = []
    ends: list[int] = []
    for result, _, low, high in wire.fields(plain, 0, len(plain)):
        if result != 1:
            continue
        for field, _, begin, end in wire.fields(plain, low, high):
            if field == 1:
                first = chunk_frames.after_labels(plain, begin, end)
                numbers.append(index.number(plain[begin:first]))
                begins.append(first)
                ends.append(end)
    data = np.frombuffer(plain + bytes(xor.PADDING), np.uint8)
    found = wire.messages(data, np.asarray(begins, np.int64), np.asarray(ends, np.int64))
    is_sample = found.numbers == 2
    t_ms, values = _samples(data, found.begins[is_sample], found.ends[is_sample])
    counts = np.bincount(found.owners[is_sample], minlength=len(numbers)).astype(np.int64)
    buffer = SampleBuffer(span)
    buffer.append(np.asarray(numbers, np.int64), counts, t_ms, values)
    return RemoteRead(buffer.sample_set(index.labels), int(np.count_nonzero(found.numbers == 4)), "samples")


def _samples(data: NDArray[np.uint8], begins: Int64, ends: Int64) -> tuple[Int64, Float64]:
    """Time and value of each Sample message: an optional double (field 1) before an optional varint (field 2)."""
    doubles = np.ndarray((len(data) - 7,), "<f8", data, strides=(1,))
    values = np.zeros(len(begins), np.float64)
    t_ms = np.zeros(len(begins), np.int64)
    at = begins.copy()
    has_value = (at < ends) & (data[at] == (1 << 3 | 1))
    values[has_value] = doubles[at[has_value] + 1]
    at[has_value] += 9
    has_time = (at < ends) & (data[at] == 2 << 3)
    after, times = wire.varints(data, at[has_time] + 1)
    t_ms[has_time] = times
    at[has_time] = after
    if (at != ends).any():
        raise wire.WireInvalid("a sample has another form than value and time")
    return t_ms, values


def _guarded(answer: Answer, decode: Callable[[], T]) -> T:
    """The decoded answer; damage becomes a finding."""
    try:
        return decode()
    except (ValueError, IndexError) as error:
        raise failures.failed(
            "source-corrupt",
            f"the server's answer is damaged: {failures.shown(str(error))}",
            answer.url,
            "ask again; if it stays, a proxy may change the bytes: set remote_read: never for this source",
        ) from None


def _quoted(body: bytes) -> bytes:
    """remote_read's errors are plain text; as an error object they are shown like all others."""
    if body.lstrip()[:1] in (b"{", b"<"):
        return body
    return orjson.dumps({"error": body.decode("utf-8", "replace")})
