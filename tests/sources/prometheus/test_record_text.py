"""Records of one width, read as words, are what a JSON parser reads; what is not of that form is never misread."""

from __future__ import annotations

import json
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from observatory.sources.base import SampleSet
from observatory.sources.prometheus.matrix import Matrix, MatrixInvalid, decode_matrix
from observatory.sources.prometheus.record_text import RecordText
from observatory.sources.prometheus.run_buffer import RunBuffer
from observatory.sources.prometheus.sample_buffer import SampleBuffer
from observatory.windows import TimeRange


def text_of(times: Sequence[int], values: Sequence[str]) -> str:
    def seconds(t_ms: int) -> str:
        return str(t_ms // 1000) if t_ms % 1000 == 0 else f"{t_ms // 1000}.{t_ms % 1000:03d}"

    return ",".join(f'[{seconds(t)},"{v}"]' for t, v in zip(times, values, strict=True))


def answer(series: Sequence[tuple[Sequence[int], Sequence[str]]]) -> bytes:
    parts = [
        f'{{"metric":{{"i":"{i}"}},"values":[{text_of(times, values)}]}}' for i, (times, values) in enumerate(series)
    ]
    return f'{{"status":"success","data":{{"resultType":"matrix","result":[{",".join(parts)}]}}}}'.encode()


def as_json(body: bytes) -> list[tuple[list[int], list[float]]]:
    return [
        ([round(t * 1000) for t, _ in one["values"]], [float(v) for _, v in one["values"]])
        for one in json.loads(body)["data"]["result"]
    ]


def as_read(found: Matrix) -> list[tuple[list[int], list[float]]]:
    edges = found.offsets.tolist()
    return [
        (times.tolist(), found.values[low:high].tolist())
        for times, low, high in zip(found.times, edges, edges[1:], strict=False)
    ]


SERIES = st.lists(
    st.tuples(
        st.integers(0, 120),
        st.sampled_from([0, 7, 120, 999]),
        st.sampled_from([1_000, 15_000, 60_000, 60_001]),
        st.sampled_from([0, 7, 99_990, 2**31, 10**15 - 40, 10**16 - 40, 2**53 - 3, 10**18]),
        st.integers(0, 9),
        st.sampled_from([None, "0.5", "-3", "NaN", "+Inf", "1e+06", "7.0", "12345678901234567890"]),
    ),
    max_size=5,
)


def made(series: Sequence[tuple[int, int, int, int, int, str | None]]) -> bytes:
    told = []
    for count, ms, every_ms, start, rise, odd in series:
        values = [str(start + rise * n) for n in range(count + 1)]
        if odd is not None:
            values[count // 2] = odd
        told.append(([1_790_000_000_000 + ms + every_ms * n for n in range(count + 1)], values))
    return answer(told)


@settings(max_examples=100, deadline=None)
@given(series=SERIES)
def test_words_are_read_as_json_reads_them(series: list[tuple[int, int, int, int, int, str | None]]) -> None:
    body = made(series)

    found, expected = as_read(decode_matrix(bytearray(body))), as_json(body)

    assert [one[0] for one in found] == [one[0] for one in expected]
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_array_equal(one[1], other[1])


@settings(max_examples=120, deadline=None)
@example(series=[(0, 7, 1000, 0, 0, None)], at=41, byte=101)  # a time that no integer holds
@given(series=SERIES, at=st.integers(0, 3000), byte=st.sampled_from(list(b'0123456789.,[]{}"-+eNa\x00\xff /:')))
def test_one_wrong_byte_is_refused_or_read_as_json_reads_it(
    series: list[tuple[int, int, int, int, int, str | None]], at: int, byte: int
) -> None:
    body = bytearray(made(series))
    begin = body.find(b'"result":[') + len(b'"result":[')
    body[begin + at % (len(body) - begin - 2)] = byte

    try:
        found = as_read(decode_matrix(body))
    except MatrixInvalid:
        return
    try:
        expected = as_json(bytes(body))
    except (ValueError, OverflowError):  # commas and quotes that changed places; the numbers are there
        return

    for one, other in zip(found, expected, strict=True):
        np.testing.assert_array_equal(one[0], other[0])
        np.testing.assert_array_equal(one[1], other[1])


@settings(max_examples=50, deadline=None)
@given(series=SERIES, cut=st.integers(1, 400))
def test_an_answer_that_is_cut_off_is_refused(
    series: list[tuple[int, int, int, int, int, str | None]], cut: int
) -> None:
    body = made(series)

    with pytest.raises(MatrixInvalid):
        decode_matrix(body[:-cut])


def test_a_body_in_longer_memory_ends_where_it_is_said_to() -> None:
    body = answer([([1_790_000_000_000, 1_790_000_060_000], ["1", "2"])])

    assert as_read(decode_matrix(bytearray(body + b"rest of another"), len(body))) == as_json(body)


def test_series_that_were_scraped_together_share_their_times() -> None:
    times, others = (
        range(1_790_000_000_007, 1_790_006_000_007, 60_000),
        range(1_790_000_000_008, 1_790_006_000_008, 60_000),
    )
    values = [str(1000 + n) for n in range(100)]

    found = decode_matrix(answer([(times, values), (times, values[::-1]), (others, values)]))

    assert found.times[0] is found.times[1]
    assert found.times[2].tolist() == list(others)


@pytest.mark.parametrize(
    ("values", "runs"),
    [
        ([str(n) for n in range(100, 200)], 1),
        ([str(n) for n in range(960, 1060)], 2),
        (["7", "7000"] * 50, 0),
    ],
)
def test_records_are_runs_as_long_as_their_width_stays(values: list[str], runs: int) -> None:
    text = f"[{text_of(range(1_790_000_000_000, 1_790_000_100_000, 1_000), values)}]}}]}}}}".encode()

    assert len(RecordText(text).runs(1, text.rindex(b'"]') + 1)) == runs


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 2**32), parts=st.integers(1, 4))
def test_runs_become_the_set_that_samples_become(seed: int, parts: int) -> None:
    random = np.random.default_rng(seed)
    span = TimeRange(1_000, 9_000)
    runs, samples = RunBuffer(span), SampleBuffer(span)
    labels = [{"i": str(n)} for n in range(4)]
    for part in range(parts):
        numbers = np.sort(random.choice(4, 3, replace=False))
        shared = np.sort(random.integers(0, 10_000, 8))
        shared = np.unique(shared) if random.random() < 0.8 else random.permutation(shared)
        values = random.integers(0, 5, 3 * len(shared)).astype(np.float64)
        values[random.random(len(values)) < 0.05] = np.nan
        inside = TimeRange(0, 10_000) if part == 0 else TimeRange(2_000 * part, 10_000)
        matrix = Matrix(tuple(labels[n] for n in numbers), (shared,) * 3, values, {})
        runs.add(numbers.tolist(), matrix, inside)
        keep = np.tile(shared, 3) > inside.start_ms
        counts = keep.reshape(3, -1).sum(axis=1)
        samples.append(numbers, counts, np.tile(shared, 3)[keep], values[keep])

    found, expected = runs.sample_set(labels), samples.sample_set(labels)

    assert_same(found, expected)


def test_what_came_of_an_answer_that_failed_later_is_forgotten() -> None:
    whole, again = RunBuffer(TimeRange(0, 9_000)), RunBuffer(TimeRange(0, 9_000))
    first = Matrix(({"i": "0"},), (np.array([1_000, 2_000]),), np.array([1.0, 2.0]), {})
    torn = Matrix(({"i": "1"}, {"i": "0"}), (np.array([500]), np.array([1_500])), np.array([7.0, 8.0]), {})
    second = Matrix(({"i": "0"},), (np.array([3_000]),), np.array([3.0]), {})
    for buffer in (whole, again):
        buffer.add([0], first, TimeRange(0, 2_000))
    mark = again.mark()
    again.add([1, 0], torn, TimeRange(0, 9_000))
    again.back_to(mark)
    for buffer in (whole, again):
        buffer.add([0], second, TimeRange(2_000, 9_000))

    assert_same(again.sample_set([{"i": "0"}, {"i": "1"}]), whole.sample_set([{"i": "0"}, {"i": "1"}]))


def assert_same(found: SampleSet, expected: SampleSet) -> None:
    assert found.labels == expected.labels
    for name in ("offsets", "t_ms", "values"):
        np.testing.assert_array_equal(getattr(found, name), getattr(expected, name))
