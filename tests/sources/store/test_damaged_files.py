"""A store whose file was damaged: what can be read is read, the rest is told, and never passes for silence."""

from __future__ import annotations

from pathlib import Path

import duckdb
import numpy as np
import pytest
from counting_cases import DAY_MS, END_MS, Answering, scrapes
from one_channel import BILLED, BILLING, PROCESSED

from observatory.cli.status import FailOn, exit_code
from observatory.errors import ExitCode, SourceFailed
from observatory.evaluate.estate import Estate
from observatory.settings import Settings
from observatory.sources.base import SampleSet, SeriesRequest, Span
from observatory.sources.store import Store
from observatory.sources.store.lending import Lending
from observatory.sources.store.lent import LentStore
from observatory.telemetry.binding import Matcher
from observatory.windows import TimeRange

HEAD_BYTES, BLOCK_BYTES = 12_288, 262_144
"""Of a DuckDB file: three headers, then blocks that each begin with a check sum of eight bytes."""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "s.duckdb"
    t = scrapes(END_MS - 4 * DAY_MS, END_MS)
    since = np.arange(len(t))
    begin = (END_MS - DAY_MS) * 10**6
    common = {"name": "m", "kind": "producer", "service": "shop", "system": "kafka", "destination": "orders"}
    with Store.open(path) as store:
        store.append_samples(
            SampleSet.of(
                [
                    ({**BILLED, "__name__": PROCESSED}, t, since * 9.0),
                    ({**BILLED, "__name__": PROCESSED, "error_type": "Timeout"}, t, since * 1.0),
                ]
            )
        )
        store.append_spans(
            Span(
                trace_id=f"{number + 1:032x}",
                span_id="1",
                parent_span_id="",
                start_ns=begin + number,
                end_ns=begin + number,
                links=(("f" * 32, "1"),),
                **common,  # type: ignore[arg-type]
            )
            for number in range(3)
        )
    (tmp_path / "billing.yaml").write_text(BILLING, encoding="utf-8")
    return path


def damage(path: Path, table: str, column: str) -> None:
    with duckdb.connect(str(path), read_only=True) as file:
        question = f"SELECT max(block_id) FROM pragma_storage_info('{table}') WHERE column_name = '{column}'"
        (block,) = file.execute(question).fetchall()[0]
    content = bytearray(path.read_bytes())
    content[HEAD_BYTES + block * BLOCK_BYTES + 64] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize("lent", [False, True])
def test_a_store_that_cannot_answer_is_a_source_that_failed(path: Path, lent: bool) -> None:
    damage(path, "spans", "start_ns")
    with Store.open(path) as owner, Lending(owner):
        store = LentStore.borrow(path) if lent else owner
        assert store is not None
        estate = Estate(Settings(documents=(path.parent / "billing.yaml",)), Answering((store,), (store,)))  # type: ignore[arg-type]
        status = estate.snapshot(END_MS).status
        assert [(one.name, one.state) for one in status.sources] == [("store", "failed")]
        assert [one.state for one in status.objectives] == ["no_data"]
        assert exit_code(status, FailOn.NEVER) == ExitCode.SOURCE_FAILED
        (told,) = (one for one in status.problems if one.code == "store-read-failed")
        assert "checksum" in told.message
        assert told.hint == "the file is damaged: bring back a copy of it, or begin a new one"


def test_what_of_a_store_cannot_be_read_makes_an_answer_in_part(path: Path) -> None:
    damage(path, "span_links", "start_ns")
    with Store.open(path) as store:
        assert store.span_count() == 3
        with pytest.raises(SourceFailed):
            store.trace("1".zfill(32))
        assert store.span_count() == 3
        assert store.state().state == "partial"


def test_a_question_that_could_not_be_answered_once_does_not_stay_in_the_state(path: Path) -> None:
    with Store.open(path) as store:
        with pytest.raises(SourceFailed):
            store.samples(SeriesRequest("m", (Matcher("a", pattern="("),), TimeRange(0, 1)))
        assert store.state().state == "failed"
        assert store.span_count() == 3
        assert store.state().state == "ok"
