"""Remote-write requests of both versions, read into a batch."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import prometheus_server
import pytest
from native_histogram_writer import Sample as Histogram
from native_histogram_writer import write_request as histograms_v1
from write_request_writer import V1, V2, Series, compressed, write_request
from xor_chunk_writer import message, varint

from observatory.errors import InputInvalid
from observatory.sources.base import SeriesRequest
from observatory.sources.batch import Batch
from observatory.sources.receiving import write_messages
from observatory.sources.receiving.remote_write import decode, message_of
from observatory.sources.store import Store
from observatory.telemetry.binding import Matcher
from observatory.windows import TimeRange

T_MS = 1_790_000_000_000
SENT = {"__name__": "sent_total", "job": "shop"}


def read_v1(body: bytes, **options: int) -> Batch:
    return decode(compressed(body), write_messages.V1, max_bytes=10**7, **options)


def read_v2(*series: Series, **options: int) -> Batch:
    return decode(compressed(write_request(series)), write_messages.V2, max_bytes=10**7, **options)


def v1(*series: tuple[dict[str, str], Sequence[int], Sequence[float]]) -> bytes:
    return prometheus_server._write_request(
        [(labels, np.asarray(t, np.int64), np.asarray(v, np.float64)) for labels, t, v in series]
    )


def rows(batch: Batch) -> list[tuple[dict[str, str], list[int], list[float]]]:
    found = []
    for index in range(len(batch.samples)):
        labels, t_ms, values = batch.samples.series(index)
        found.append((dict(labels), t_ms.tolist(), values.tolist()))
    return found


def test_both_versions_say_the_same() -> None:
    first = read_v1(v1((SENT, [T_MS, T_MS + 1], [1.0, 2.5])))
    second = read_v2(Series(SENT, [(T_MS, 1.0, 0), (T_MS + 1, 2.5, 0)]))

    assert rows(first) == rows(second) == [(SENT, [T_MS, T_MS + 1], [1.0, 2.5])]
    assert first.points == second.points == 2


def test_a_stale_marker_ends_a_series_and_another_nan_says_nothing() -> None:
    batch = read_v1(v1((SENT, [T_MS, T_MS + 1, T_MS + 2], [1.0, math.nan, 1.0])))
    marker = np.array([prometheus_server.STALE_BITS], np.uint64).view(np.float64)
    stale = read_v1(prometheus_server._write_request([(SENT, np.array([T_MS]), marker)]))

    assert rows(batch)[0][1] == [T_MS, T_MS + 2]
    assert batch.points == 3
    assert np.isnan(stale.samples.values).tolist() == [True]


@pytest.mark.parametrize("place", ["of the sample", "of the series"])
def test_when_a_counter_began_is_kept_beside_it(place: str) -> None:
    start = T_MS - 5_000
    on_sample, on_series = (start, 0) if place == "of the sample" else (0, start)

    begun = read_v2(Series(SENT, [(T_MS, 1.0, on_sample)], created_ms=on_series)).beginnings

    assert [dict(labels) for labels in begun.labels] == [{"__name__": "sent_created", "job": "shop"}]
    assert begun.start_ms.tolist() == [start]


def test_the_parts_of_a_classic_histogram_began_together() -> None:
    parts = ({"__name__": "wait_bucket", "le": "1"}, {"__name__": "wait_count"}, {"__name__": "wait_sum"})

    begun = read_v2(*(Series(labels, [(T_MS, 1.0, T_MS - 1)]) for labels in parts)).beginnings

    assert [dict(labels) for labels in begun.labels] == [{"__name__": "wait_created"}]


def test_metadata_comes_with_a_series_or_by_itself() -> None:
    told = b"\x08\x01" + message(2, b"sent_total") + message(4, b"Messages sent.") + message(5, b"messages")
    first = read_v1(message(3, told)).metadata["sent_total"]
    second = read_v2(Series(SENT, [(T_MS, 1.0, 0)], kind="counter", help="Messages sent.")).metadata["sent_total"]

    assert (first.type, first.unit, first.help) == ("counter", "messages", "Messages sent.")
    assert (second.type, second.help) == ("counter", "Messages sent.")


SPANS = ((-9, 3), (3, 2))
"""Of schema 3: the buckets that end at 2^(-9/8), 2^(-1), 2^(-7/8), and at 2^(-3/8), 2^(-2/8)."""


@pytest.mark.parametrize("floats", [False, True])
@pytest.mark.parametrize("version", [1, 2])
def test_a_native_histogram_is_counted_under_every_boundary(version: int, floats: bool) -> None:
    labels = {"__name__": "wait", "job": "shop"}
    samples = [Histogram(T_MS + n, SPANS, [n * one for one in (1, 2, 3, 4, 5)], n, floats=floats) for n in (1, 2)]
    batch = read_v1(histograms_v1([(labels, samples)])) if version == 1 else read_v2(Series(labels, (), samples))

    with Store.open() as store:
        store.append_batch(batch)
        found = {
            le: store.samples(SeriesRequest("wait_bucket", (Matcher("le", (le,)),), TimeRange(0, 10**14))).values
            for le in ("0.5", "1", "+Inf")
        }

    assert {le: values.tolist() for le, values in found.items()} == {"0.5": [4, 8], "1": [16, 32], "+Inf": [16, 32]}
    assert (batch.points, batch.histograms) == (2, 2)


def test_custom_buckets_are_a_classic_histogram() -> None:
    labels = {"__name__": "wait", "job": "shop"}
    one = Histogram(T_MS, ((0, 1), (1, 1)), [3, 4], schema=-53, custom=(0.5, 1.0, 2.0))

    found = {
        (labels["__name__"], labels.get("le")): values for labels, _, values in rows(read_v2(Series(labels, (), [one])))
    }

    assert found[("wait_bucket", "0.5")] == [3.0]
    assert found[("wait_bucket", "1")] == [3.0]
    assert found[("wait_bucket", "2")] == [7.0]
    assert found[("wait_bucket", "+Inf")] == found[("wait_count", None)] == [7.0]


def test_a_stale_histogram_ends_its_series() -> None:
    batch = read_v2(Series({"__name__": "wait"}, (), [Histogram(T_MS, (), (), stale=True)]))

    assert {labels["__name__"] for labels, _, _ in rows(batch)} == {"wait_count", "wait_bucket", "wait_sum"}
    assert np.isnan(batch.samples.values).all()


@pytest.mark.parametrize(
    ("labels", "why"),
    [
        ({"job": "shop"}, "no metric name"),
        ({"__name__": "a", "__bucket__": "3/zero/0.0"}, "reserved"),
        ({"__name__": "a", "x": "y" * 5000}, "too long"),
        ({"__name__": "a", **{f"l{i}": "x" for i in range(70)}}, "more than 64 labels"),
    ],
)
def test_a_faulty_series_is_left_out_and_told_and_the_others_stay(labels: dict[str, str], why: str) -> None:
    for batch in (
        read_v1(v1((labels, [T_MS, T_MS + 1], [1.0, 2.0]), (SENT, [T_MS], [3.0]))),
        read_v2(Series(labels, [(T_MS, 1.0, 0), (T_MS + 1, 2.0, 0)]), Series(SENT, [(T_MS, 3.0, 0)])),
    ):
        assert rows(batch) == [(SENT, [T_MS], [3.0])]
        assert (batch.points, batch.rejected) == (1, 2)
        assert why in batch.reason


def test_a_label_that_appears_twice_is_a_fault() -> None:
    pair = message(1, message(1, b"__name__") + message(2, b"a"))

    batch = read_v1(message(1, pair + pair + message(2, b"\x10" + varint(T_MS))))

    assert (batch.rejected, batch.reason) == (1, "the label __name__ appears twice")


def test_a_reference_beyond_the_symbols_is_a_fault() -> None:
    body = message(4, b"") + message(5, message(1, varint(0) + varint(9)) + message(2, b"\x10" + varint(T_MS)))

    batch = decode(compressed(body), write_messages.V2, max_bytes=10**6)

    assert (batch.rejected, batch.reason) == (1, "a reference lies beyond the table of symbols")


@pytest.mark.parametrize(
    ("body", "version"),
    [
        (message(1, b"") * 600_000, write_messages.V1),
        (message(1, message(2, b"") * 600_000), write_messages.V1),
        (message(5, b"") * 600_000, write_messages.V2),
        (message(5, message(3, b"") * 600_000), write_messages.V2),
    ],
    ids=["series", "samples", "series of 2.0", "histograms of 2.0"],
)
def test_a_few_bytes_that_hold_a_great_many_things_are_refused(body: bytes, version: str) -> None:
    with pytest.raises(InputInvalid) as caught:
        decode(compressed(body), version, max_bytes=10**7)

    assert caught.value.problems[0].code == "received-too-many"


def test_samples_of_the_future_are_left_out() -> None:
    batch = read_v2(Series(SENT, [(T_MS, 1.0, 0), (T_MS + 600_001, 2.0, 0)]), latest_ms=T_MS + 600_000)

    assert (rows(batch), batch.rejected) == ([(SENT, [T_MS], [1.0])], 1)


def test_buckets_and_counts_that_do_not_fit_together_are_a_fault() -> None:
    short = Histogram(T_MS, ((0, 3),), [1, 2])
    long = Histogram(T_MS, ((0, 1),), [1, 2])
    beyond = Histogram(T_MS, ((3, 1),), [1], schema=-53, custom=(0.5,))

    batch = read_v2(*(Series({"__name__": "wait"}, (), [one]) for one in (short, long, beyond)))

    assert (batch.rejected, batch.points) == (3, 0)


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", "write-undecodable"),
        (b"no snappy at all", "write-undecodable"),
        (compressed(b"\xff\xff\xff"), "write-undecodable"),
        (compressed(b" " * 10_001), "write-too-large"),
        (b"\xff\xff\xff\xff\x0f" + b"x", "write-too-large"),
    ],
    ids=["empty", "no snappy", "no protobuf", "too large", "says that it is too large"],
)
def test_an_unusable_body_is_refused_whole(body: bytes, code: str) -> None:
    with pytest.raises(InputInvalid) as caught:
        decode(body, write_messages.V1, max_bytes=10_000)

    assert caught.value.problems[0].code == code


def test_a_request_of_the_other_version_is_refused_and_not_taken_for_an_empty_one() -> None:
    first = v1((SENT, [T_MS], [7.0]))
    second = write_request([Series(SENT, [(T_MS, 7.0, 0)])])

    for body, version in ((second, write_messages.V1), (first, write_messages.V2)):
        with pytest.raises(InputInvalid) as caught:
            decode(compressed(body), version, max_bytes=10_000)
        assert caught.value.problems[0].message == f"remote-write: the body holds nothing of a {version}"
    assert decode(compressed(b""), write_messages.V1, max_bytes=10_000).points == 0


@pytest.mark.parametrize(
    ("kind", "encoding", "message_name"),
    [
        (V1["Content-Type"], "snappy", write_messages.V1),
        ("", "snappy", write_messages.V1),
        ("application/x-protobuf;proto=prometheus.WriteRequest", "snappy", write_messages.V1),
        (V2["Content-Type"], "snappy", write_messages.V2),
        ("application/x-protobuf; proto=io.prometheus.write.v2.Request", "Snappy", write_messages.V2),
        ("application/json", "snappy", None),
        ("application/x-protobuf;proto=io.prometheus.write.v3.Request", "snappy", None),
        (V1["Content-Type"], "gzip", None),
        (V1["Content-Type"], "", None),
    ],
)
def test_the_headers_say_which_message_it_is(kind: str, encoding: str, message_name: str | None) -> None:
    if message_name is not None:
        assert message_of(kind, encoding) == message_name
        return
    with pytest.raises(InputInvalid) as caught:
        message_of(kind, encoding)
    assert caught.value.problems[0].code == "write-type-unknown"
