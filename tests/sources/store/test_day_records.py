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
from observatory.sources.store.day_records import BEFORE, StoredDay, decode, encode
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
    values = np.arange(30_000.0) * scale
    content = encode(day(amount=values))[12:]

    table = pa.ipc.open_file(content).read_all()

    kinds = {name: np.dtype(name).itemsize for name in table.column_names if np.dtype(name) != np.int64}
    assert list(kinds.values()) == [bytes_each]


@pytest.mark.parametrize("kind", [np.uint8, np.uint16, np.uint32])
def test_packed_counts_are_the_same_bytes_as_floats(kind: type[np.unsignedinteger]) -> None:
    values = np.asarray([0, 7, np.iinfo(kind).max], kind)

    assert encode(day(amount=values)) == encode(day(amount=values.astype(np.float64)))


def test_a_record_of_the_form_before_is_still_read() -> None:
    table = pa.table(
        {
            "name": ["total", "bad", "places"],
            "floats": pa.array([[1.0, 2.5], [], []], pa.list_(pa.float64())),
            "ints": pa.array([[], [], [7]], pa.list_(pa.int64())),
        }
    ).replace_schema_metadata(
        {b"observatory": orjson.dumps({"header": {"a": 1}, "floats": 2, "read": [3, 4], "writes": [[5, 6]]})}
    )
    sink = pa.BufferOutputStream()
    with pa.ipc.new_file(sink, table.schema) as writer:
        writer.write_table(table)
    content = bytes(sink.getvalue())

    found = decode(BEFORE + zlib.crc32(content).to_bytes(4, "little") + content)

    assert found is not None
    assert {name: values.tolist() for name, values in found.record.floats.items()} == {"total": [1.0, 2.5], "bad": []}
    assert found.record.ints["places"].tolist() == [7]
    assert (found.record.header, found.read, found.writes) == ({"a": 1}, TimeRange(3, 4), [[5, 6]])


def test_no_bytes_of_another_form_are_a_record() -> None:
    data = encode(day(amount=np.ones(3)))

    assert decode(b"obsday9\n" + data[8:]) is None
    assert decode(data[:-1]) is None
    assert decode(b"") is None


def test_keeping_a_day_does_not_import_pandas() -> None:
    program = (
        "import sys, numpy as np\n"
        "from observatory.sources.base import Record\n"
        "from observatory.sources.store.day_records import StoredDay, decode, encode\n"
        "from observatory.windows import TimeRange\n"
        "record = Record({}, {'a': np.ones(3), 'b': np.full(2, 0.5)}, {'c': np.arange(2)})\n"
        "assert decode(encode(StoredDay(record, TimeRange(0, 1), []))) is not None\n"
        "print('pandas' in sys.modules)\n"
    )

    assert subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout == (
        "False\n"
    )
