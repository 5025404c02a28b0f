"""A matrix answer (many series of `[time, "value"]` pairs) to arrays, without a Python object per sample.

The usual layout is scanned as bytes: each series' metric object is parsed alone. Records of one width are read as words
(`record_text`); others are stripped of brackets and quotes in one pass and read as one flat list. Raw quotes cannot
occur inside a JSON string, so no label value can fake the marks between the parts. Whatever deviates (white space,
another order of keys, native histograms) is decoded again, as a whole, by a general JSON parser: slower, with the same
result.

An answer may be decoded as it arrives: series that are whole are read and their text is forgotten, so that no more than
a part of it is ever held.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import orjson
from msgspec import Struct, field
from msgspec.structs import replace
from numpy.typing import NDArray

from observatory.sources.base import Float64, Int64
from observatory.sources.prometheus.record_text import KnownTimes, RecordText, Run

_RESULT = b'"data":{"resultType":"matrix","result":['
_METRIC = b'{"metric":'
_VALUES = b',"values":[['
_END = b'"]]}'
_BRACKETS_AND_QUOTES = b'[]"'
_MOST_SECONDS = 1e14
"""Times further from the epoch are no times, and as milliseconds no longer fit their integers."""
_FAR = 1024
PIECE_BYTES = 2 << 20
"""Of text that is held before what is whole in it is read."""
_NOTHING: Float64 = np.empty(0)


class MatrixInvalid(ValueError):
    """The bytes are no success answer with a matrix. The text says why; `envelope` holds what could be parsed."""

    def __init__(self, reason: str, envelope: Mapping[str, Any] | None = None) -> None:
        super().__init__(reason)
        self.envelope = envelope


class Matrix(Struct, frozen=True):
    """A decoded matrix.

    Attributes:
        labels: One mapping per series, in the server's order.
        times: By series its times in ms, as sent; series with the same times share one array: do not write into it.
        values: float64, of all series end to end, NaN and infinities included.
        envelope: Everything but the result: status, warnings and what else the server adds.
        histograms: How many native histogram samples there were, which have no value.
        records: Of series that have native histograms these, as sent, by the number of the series.
    """

    labels: tuple[Mapping[str, str], ...]
    times: tuple[Int64, ...]
    values: Float64
    envelope: Mapping[str, Any]
    histograms: int = 0
    records: Mapping[int, Sequence[Any]] = field(default_factory=dict)

    @property
    def offsets(self) -> Int64:
        """int64, length n+1; series i owns samples offsets[i]:offsets[i+1]."""
        return np.cumsum([0, *map(len, self.times)], dtype=np.int64)

    @property
    def t_ms(self) -> Int64:
        """int64, times of all series end to end."""
        return np.concatenate([np.empty(0, np.int64), *self.times])


def decode_matrix(body: bytes | bytearray, size: int | None = None) -> Matrix:
    """Decode an answer of `query` or `query_range`.

    Args:
        size: How much of the body is the answer; all of it when None.

    Raises:
        MatrixInvalid: It is no JSON, no success, or holds no matrix.
    """
    length = len(body) if size is None else size
    return _scanned(body, length) or _parsed(body if length == len(body) else body[:length])


def decode_pieces(
    pieces: Iterable[bytes], take: Callable[[Matrix], None], piece_bytes: int = PIECE_BYTES
) -> tuple[Mapping[str, Any], int]:
    """Decode an answer as it arrives.

    Args:
        take: Is given its series as several matrices, in the server's order; none of them has an envelope. What is
            wrong with an answer may show after some of it was taken.
        piece_bytes: How much is held at least before any of it is read.

    Returns:
        The envelope, and how long the answer was.

    Raises:
        MatrixInvalid: As `decode_matrix`.
    """
    known: KnownTimes = {}
    held = bytearray()
    size, enough = 0, piece_bytes
    for piece in pieces:
        held += piece
        size += len(piece)
        if len(held) < enough:
            continue
        first = _first_series(held, known)
        if first is None:
            # One series is longer than that, or of another layout: do not look again at every piece.
            enough = 2 * len(held)
            continue
        matrix, held = first
        enough = len(held) + piece_bytes
        take(matrix)
    last = _scanned(held, len(held), known) or _parsed(held)
    take(replace(last, envelope={}))
    return last.envelope, size


def _first_series(body: bytearray, known: KnownTimes) -> tuple[Matrix, bytearray] | None:
    """The series that a body which is not whole begins with, and the same body without them; None where there is none.

    The last one is left: what follows it is to say whether more are to come.
    """
    start = body.find(_RESULT, 0, _FAR)
    if start < 0:
        return None
    text, numbers = RecordText(body, known), _FlatNumbers(body)
    begin = position = start + len(_RESULT)
    lines: list[_Line] = []
    while body.startswith(_METRIC, position) and (line := _line(body, position, len(body), text, numbers)) is not None:
        after = line.end + len(_END)
        if body[after : after + 1] != b",":
            break
        lines.append(line)
        position = after + 1
    values = _values(lines, text, numbers) if lines else None
    if values is None:
        return None
    return _matrix_of(lines, values, {}), body[:begin] + body[position:]


def _matrix_of(lines: Sequence[_Line], values: Float64, envelope: Mapping[str, Any]) -> Matrix:
    return Matrix(tuple(line.metric for line in lines), tuple(line.t_ms for line in lines), values, envelope)


class _Line(Struct, frozen=True):
    """One series as it was found: its labels, times, and values either as text of one width or read already.

    Attributes:
        begin, end: Where its numbers are.
    """

    metric: Mapping[str, str]
    t_ms: Int64
    begin: int
    end: int
    runs: tuple[Run, ...]
    values: Float64


def _scanned(body: bytes | bytearray, size: int, known: KnownTimes | None = None) -> Matrix | None:
    """The fast way; None when the layout is not the usual one."""
    start = body.find(_RESULT, 0, min(size, _FAR))
    if start < 0:
        return None
    position = start + len(_RESULT)
    text, numbers = RecordText(body, known), _FlatNumbers(body)
    lines: list[_Line] = []
    while body.startswith(_METRIC, position, size):
        line = _line(body, position, size, text, numbers)
        if line is None:
            return None
        lines.append(line)
        position = line.end + len(_END)
        if body[position : position + 1] == b",":
            position += 1
    if position >= size or body[position : position + 1] != b"]":
        return None
    try:
        envelope = orjson.loads(body[: start + len(_RESULT)] + body[position:size])
    except orjson.JSONDecodeError:
        return None
    if not isinstance(envelope, dict) or envelope.get("status") != "success":
        return None
    values = _values(lines, text, numbers)
    if values is None:
        return None
    return _matrix_of(lines, values, _without_result(envelope))


def _line(body: bytes | bytearray, position: int, size: int, text: RecordText, numbers: _FlatNumbers) -> _Line | None:
    """The series that begins at a place; None when its layout is not the usual one."""
    mark = body.find(_VALUES, position, size)
    closed = body.find(b"}", mark, size) if mark > 0 else -1
    end = closed + 1 - len(_END)
    begin = mark + len(_VALUES)
    if closed < 0 or body[end : closed + 1] != _END:
        return None
    try:
        metric = orjson.loads(memoryview(body)[position + len(_METRIC) : mark])
    except orjson.JSONDecodeError:
        return None
    if not isinstance(metric, dict):
        return None
    # Runs begin with a bracket and end with one; the last has its quote before it.
    runs = text.runs(begin - 1, end + 1)
    t_ms = text.times(runs) if runs else None
    if t_ms is not None:
        return _Line(metric, t_ms, begin, end, runs, _NOTHING)
    flat = numbers.read(begin, end)
    if flat is None or not _are_times(flat[0::2]):
        return None
    return _Line(metric, np.rint(flat[0::2] * 1000.0).astype(np.int64), begin, end, (), flat[1::2])


def _values(lines: Sequence[_Line], text: RecordText, numbers: _FlatNumbers) -> Float64 | None:
    """Values of all series end to end."""
    offsets = np.cumsum([0, *(len(line.t_ms) for line in lines)])
    values = np.empty(int(offsets[-1]))
    wide: list[int] = []
    begin = 0
    for number, line in enumerate([*lines, None]):
        if line is not None and line.runs:
            wide.append(number)
            continue
        if wide:
            # Series of one width that follow one another are read together.
            runs = [run for one in wide for run in lines[one].runs]
            wrong = text.values(runs, values[begin : offsets[wide[-1] + 1]]) + begin
            for owner in sorted(set((np.searchsorted(offsets, wrong, side="right") - 1).tolist())):
                flat = numbers.read(lines[owner].begin, lines[owner].end)
                if flat is None or len(flat) != 2 * len(lines[owner].t_ms):
                    return None
                values[offsets[owner] : offsets[owner + 1]] = flat[1::2]
            wide = []
        if line is not None:
            values[offsets[number] : offsets[number + 1]] = line.values
            begin = int(offsets[number + 1])
    return values


class _FlatNumbers:
    """Reads `1700000000,"1"],[1700000060,"2` as a flat array, by the fastest parser that accepts it."""

    def __init__(self, body: bytes | bytearray) -> None:
        self._body = memoryview(body)
        try:
            import simdjson
        except ImportError:
            self._parser: Any = None
        else:
            self._parser = simdjson.Parser()

    def read(self, begin: int, end: int) -> Float64 | None:
        """Times and values in turn; None when there is something else than pairs of a number and a quoted number."""
        section = bytes(self._body[begin:end])
        text = section.translate(None, _BRACKETS_AND_QUOTES)
        flat = self._flat(text)
        # n pairs have 2n quotes and 2n brackets, of which the section lacks the outermost three.
        if flat is None or len(flat) % 2 or len(section) - len(text) != 2 * len(flat) - 3:
            return None
        return flat

    def _flat(self, text: bytes) -> Float64 | None:
        if self._parser is not None:
            try:
                found = self._parser.parse(b"".join((b"[", text, b"]"))).as_buffer(of_type="d")
            except (ValueError, TypeError, RuntimeError):
                pass
            else:
                return np.frombuffer(found, np.float64)
        try:
            return np.asarray(orjson.loads(b"[" + text + b"]"), np.float64)
        except (orjson.JSONDecodeError, ValueError, TypeError, OverflowError):
            return _numbers_with_names(text)


def _numbers_with_names(text: bytes) -> Float64 | None:
    """A flat list in which NaN, +Inf and -Inf occur."""
    if text.translate(None, b"0123456789.,eE+-NaInf"):
        return None
    try:
        found = np.fromstring(text.decode("ascii"), np.float64, sep=",")
    except ValueError:
        return None
    return found if len(found) == text.count(b",") + 1 else None


def _parsed(body: bytes | bytearray) -> Matrix:
    """The general way: any layout, histograms as they are."""
    try:
        envelope = orjson.loads(body)
    except orjson.JSONDecodeError:
        try:
            envelope = json.loads(bytes(body))
        except (ValueError, RecursionError):
            raise MatrixInvalid("it is no JSON") from None
    if not isinstance(envelope, dict):
        raise MatrixInvalid("it is no JSON object")
    data = envelope.get("data")
    if envelope.get("status") != "success" or not isinstance(data, dict):
        raise MatrixInvalid("no status and data", envelope)
    if data.get("resultType") != "matrix" or not isinstance(data.get("result"), list):
        raise MatrixInvalid(f"a result of the type {data.get('resultType')!r} instead of a matrix", envelope)
    labels: list[Mapping[str, str]] = []
    times: list[NDArray[np.float64]] = []
    values: list[NDArray[np.float64]] = []
    records: dict[int, Sequence[Any]] = {}
    try:
        for number, one in enumerate(data["result"]):
            pairs = one["values"] if "histograms" not in one else one.get("values") or []
            if found := one.get("histograms"):
                records[number] = list(found)
            labels.append({str(name): str(value) for name, value in one["metric"].items()})
            times.append(np.array([float(pair[0]) for pair in pairs], np.float64))
            if not _are_times(times[-1]):
                raise ValueError
            values.append(np.array([float(pair[1]) for pair in pairs], np.float64))
    except (KeyError, TypeError, ValueError, AttributeError, IndexError):
        raise MatrixInvalid("a series of another form than metric and values", envelope) from None
    return Matrix(
        tuple(labels),
        tuple(np.rint(one * 1000.0).astype(np.int64) for one in times),
        np.concatenate([np.empty(0), *values]),
        _without_result(envelope),
        sum(map(len, records.values())),
        records,
    )


def _are_times(seconds: Float64) -> bool:
    return bool((np.abs(seconds) < _MOST_SECONDS).all())


def _without_result(envelope: dict[str, Any]) -> Mapping[str, Any]:
    return {**envelope, "data": {"resultType": "matrix"}}
