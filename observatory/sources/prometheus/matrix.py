"""A matrix answer (many series of `[time, "value"]` pairs) to arrays, without a Python object per sample.

The usual layout is scanned as bytes: each series' metric object is parsed alone, its numbers are stripped of brackets
and quotes in one pass and read as one flat list. Raw quotes cannot occur inside a JSON string, so no label value can
fake the marks between the parts. Whatever deviates (white space, another order of keys, native histograms) is decoded
again, as a whole, by a general JSON parser: slower, with the same result.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray

from observatory.sources.base import Float64, Int64

_RESULT = b'"resultType":"matrix","result":['
_METRIC = b'{"metric":'
_VALUES = b',"values":[['
_END = b'"]]'
_BRACKETS_AND_QUOTES = b'[]"'
_FAR = 1024


class MatrixInvalid(ValueError):
    """The bytes are no success answer with a matrix. The text says why; `envelope` holds what could be parsed."""

    def __init__(self, reason: str, envelope: Mapping[str, Any] | None = None) -> None:
        super().__init__(reason)
        self.envelope = envelope


@dataclass(frozen=True, slots=True)
class Matrix:
    """A decoded matrix.

    Attributes:
        labels: One mapping per series, in the server's order.
        offsets: int64, length n+1; series i owns samples offsets[i]:offsets[i+1].
        t_ms: int64, as sent.
        values: float64, NaN and infinities included.
        envelope: Everything but the result: status, warnings and what else the server adds.
        histograms: How many native histogram samples were left out.
    """

    labels: tuple[Mapping[str, str], ...]
    offsets: Int64
    t_ms: Int64
    values: Float64
    envelope: Mapping[str, Any]
    histograms: int = 0


def decode_matrix(body: bytes | bytearray) -> Matrix:
    """Decode an answer of `query` or `query_range`.

    Raises:
        MatrixInvalid: It is no JSON, no success, or holds no matrix.
    """
    return _scanned(body) or _parsed(body)


def _scanned(body: bytes | bytearray) -> Matrix | None:
    """The fast way; None when the layout is not the usual one."""
    start = body.find(_RESULT, 0, _FAR)
    if start < 0:
        return None
    position = start + len(_RESULT)
    view = memoryview(body)
    t_ms = np.empty(0, np.int64)
    values = np.empty(0, np.float64)
    labels: list[Mapping[str, str]] = []
    ends = [0]
    numbers = _FlatNumbers()
    while body.startswith(_METRIC, position):
        begin = body.find(_VALUES, position)
        end = body.find(b"}", begin) if begin > 0 else -1
        if end < 0 or body[end - len(_END) : end] != _END:
            return None
        flat = numbers.read(bytes(view[begin + len(_VALUES) : end - len(_END)]))
        try:
            metric = orjson.loads(view[position + len(_METRIC) : begin])
        except orjson.JSONDecodeError:
            return None
        if flat is None or not isinstance(metric, dict):
            return None
        low, high = ends[-1], ends[-1] + len(flat) // 2
        if high > len(t_ms):
            # Room for what the rest will need if it looks like this series; no view of the arrays exists yet.
            room = high + len(flat) // 2 * (len(body) - end) // (end - position) * 33 // 32
            if low:
                t_ms.resize(room, refcheck=False)
                values.resize(room, refcheck=False)
            else:
                t_ms, values = np.empty(room, np.int64), np.empty(room)
        t_ms[low:high] = np.rint(flat[0::2] * 1000.0)
        values[low:high] = flat[1::2]
        labels.append(metric)
        ends.append(high)
        position = end + 1
        if body[position : position + 1] == b",":
            position += 1
    if body[position : position + 1] != b"]":
        return None
    try:
        envelope = orjson.loads(bytes(view[: start + len(_RESULT)]) + bytes(view[position:]))
    except orjson.JSONDecodeError:
        return None
    if not isinstance(envelope, dict) or envelope.get("status") != "success":
        return None
    return Matrix(
        tuple(labels), np.asarray(ends, np.int64), t_ms[: ends[-1]], values[: ends[-1]], _without_result(envelope)
    )


class _FlatNumbers:
    """Reads `1700000000,"1"],[1700000060,"2` as a flat array, by the fastest parser that accepts it."""

    def __init__(self) -> None:
        try:
            import simdjson
        except ImportError:
            self._parser: Any = None
        else:
            self._parser = simdjson.Parser()

    def read(self, section: bytes) -> Float64 | None:
        """Times and values in turn; None when there is something else than pairs of a number and a quoted number."""
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
    """The general way: any layout, histograms left out and counted."""
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
    times: list[NDArray[np.float64]] = [np.empty(0)]
    values: list[NDArray[np.float64]] = [np.empty(0)]
    ends = [0]
    histograms = 0
    try:
        for one in data["result"]:
            pairs = one["values"] if "histograms" not in one else one.get("values") or []
            histograms += len(one.get("histograms") or [])
            labels.append({str(name): str(value) for name, value in one["metric"].items()})
            times.append(np.array([float(pair[0]) for pair in pairs], np.float64))
            values.append(np.array([float(pair[1]) for pair in pairs], np.float64))
            ends.append(ends[-1] + len(pairs))
    except (KeyError, TypeError, ValueError, AttributeError, IndexError):
        raise MatrixInvalid("a series of another form than metric and values", envelope) from None
    t_ms = np.rint(np.concatenate(times) * 1000.0).astype(np.int64)
    return Matrix(
        tuple(labels),
        np.asarray(ends, np.int64),
        t_ms,
        np.concatenate(values),
        _without_result(envelope),
        histograms,
    )


def _without_result(envelope: dict[str, Any]) -> Mapping[str, Any]:
    return {**envelope, "data": {"resultType": "matrix"}}
