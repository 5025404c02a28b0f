"""Records of days as bytes: every value as it was, events in as few bytes as they need."""

from __future__ import annotations

import subprocess
import sys
import zlib
from typing import Any

import numpy as np
import orjson
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from numpy.typing import NDArray

from observatory.sources.base import Record
from observatory.sources.store.day_records import FIRST, SECOND, StoredDay, decode, encode
from observatory.windows import TimeRange

READ = TimeRange(0, 86_400_000)
WHOLE = st.integers(-40_000, 40_000).map(float)
ANY = st.floats(width=64) | WHOLE | st.sampled_from([-0.0, 2.0**31, -(2.0**31), 5e-324])


def day(**floats: NDArray[Any]) -> StoredDay:
    return StoredDay(Record({"rows": [1]}, floats, {"at": np.arange(3)}), READ, [[0, 5]])


@given(arrays.arrays(np.float64, st.integers(0, 9), elements=WHOLE), arrays.arrays(np.float64, 5, elements=ANY))
def test_every_value_comes_back_bit_by_bit(whole: NDArray[np.float64], mixed: NDArray[np.float64]) -> None:
    found = decode(encode(day(whole=whole, mixed=mixed)))

    assert found is not None
    assert list(found.record.floats) == ["whole", "mixed"]
    for name, values in (("whole", whole), ("mixed", mixed)):
        assert found.record.floats[name].dtype == np.float64
        assert found.record.floats[name].tobytes() == values.tobytes()
    assert found.record.ints["at"].tolist() == [0, 1, 2]
    assert (found.record.header, found.read, found.writes) == ({"rows": [1]}, READ, [[0, 5]])


@pytest.mark.parametrize(("scale", "bytes_each"), [(1.0, 2), (1000.0, 4), (1e6, 8), (0.1, 8)])
def test_events_take_as_many_bytes_as_they_need(scale: float, bytes_each: int) -> None:
    none, many = (encode(day(amount=np.arange(count) * scale)) for count in (0.0, 30_000.0))

    assert (unpacked_bytes(many) - unpacked_bytes(none)) // 30_000 == bytes_each


def unpacked_bytes(data: bytes) -> int:
    """What a record comes to before it is compressed, as it says itself."""
    return int.from_bytes(data[12:20], "little")


@pytest.mark.parametrize("lie", [-8, 8, 2**40])
def test_a_record_of_another_length_than_it_says_is_none(lie: int) -> None:
    data = encode(day(amount=np.ones(300)))
    content = (unpacked_bytes(data) + lie).to_bytes(8, "little") + data[20:]

    assert decode(data[:8] + zlib.crc32(content).to_bytes(4, "little") + content) is None


@pytest.mark.parametrize("kind", [np.uint8, np.uint16, np.uint32])
def test_packed_counts_are_the_same_bytes_as_floats(kind: type[np.unsignedinteger]) -> None:
    values = np.asarray([0, 7, np.iinfo(kind).max], kind)

    assert encode(day(amount=values)) == encode(day(amount=values.astype(np.float64)))


def test_a_record_of_the_first_form_is_still_read() -> None:
    table = pa.table(
        {
            "name": ["total", "bad", "places"],
            "floats": pa.array([[1.0, 2.5], [], []], pa.list_(pa.float64())),
            "ints": pa.array([[], [], [7]], pa.list_(pa.int64())),
        }
    ).replace_schema_metadata(
        {b"observatory": orjson.dumps({"header": {"a": 1}, "floats": 2, "read": [3, 4], "writes": [[5, 6]]})}
    )

    found = decode(of_before(FIRST, table))

    assert found is not None
    assert {name: values.tolist() for name, values in found.record.floats.items()} == {"total": [1.0, 2.5], "bad": []}
    assert found.record.ints["places"].tolist() == [7]
    assert (found.record.header, found.read, found.writes) == ({"a": 1}, TimeRange(3, 4), [[5, 6]])


def test_a_record_of_the_second_form_is_still_read() -> None:
    told = {
        "header": {"a": 1},
        "columns": {
            "<i2": [["floats", "total"], ["floats", "bad"]],
            "<i8": [["ints", "places"]],
            "|u1": [["small", "on"]],
        },
        "order": [["total", "bad"], ["places"], ["on"]],
        "read": [3, 4],
        "writes": [[5, 6]],
    }
    table = pa.table(
        {
            "<i2": pa.array([[1, 2], []], pa.list_(pa.int16())),
            "<i8": pa.array([[7], []], pa.list_(pa.int64())),
            "|u1": pa.array([[0, 255], []], pa.list_(pa.uint8())),
        }
    ).replace_schema_metadata({b"observatory": orjson.dumps(told)})

    found = decode(of_before(SECOND, table))

    assert found is not None
    assert {name: values.tolist() for name, values in found.record.floats.items()} == {"total": [1.0, 2.0], "bad": []}
    assert found.record.floats["total"].dtype == np.float64
    assert found.record.ints["places"].tolist() == [7]
    assert found.record.small["on"].tolist() == [0, 255]
    assert (found.record.header, found.read, found.writes) == ({"a": 1}, TimeRange(3, 4), [[5, 6]])


def of_before(form: bytes, table: pa.Table) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_file(sink, table.schema, options=pa.ipc.IpcWriteOptions(compression="zstd")) as writer:
        writer.write_table(table)
    content = bytes(sink.getvalue())
    return form + zlib.crc32(content).to_bytes(4, "little") + content


def test_no_bytes_of_another_form_are_a_record() -> None:
    data = encode(day(amount=np.ones(3)))

    assert decode(b"obsday9\n" + data[8:]) is None
    assert decode(data[:-1]) is None
    assert decode(b"") is None


def test_keeping_a_day_imports_neither_pandas_nor_arrow() -> None:
    program = (
        "import sys, numpy as np\n"
        "from observatory.sources.base import Record\n"
        "from observatory.sources.store.day_records import StoredDay, decode, encode\n"
        "from observatory.windows import TimeRange\n"
        "record = Record({}, {'a': np.ones(3), 'b': np.full(2, 0.5)}, {'c': np.arange(2)})\n"
        "assert decode(encode(StoredDay(record, TimeRange(0, 1), []))) is not None\n"
        "print({'pandas', 'pyarrow'} & set(sys.modules))\n"
    )

    assert subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout == (
        "set()\n"
    )
