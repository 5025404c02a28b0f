"""Compaction: the file written anew, as if everything had come in one load, and put in the place of the old one.

Chunks become long again, series without samples go, and the file becomes as small as what it holds. The old file is
the store until the very end: the new one is written under another name, brought to the disk and then renamed. All the
while the old one is held open for reading, which keeps every writer out; a reader that has it open goes on reading it.
A process that is killed on the way leaves the old file as it was, and an unfinished one that the next pass removes.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa

from observatory.errors import Problem, SourceFailed
from observatory.sources.base import Int64
from observatory.sources.store import samples as sample_table
from observatory.sources.store.contents import contents_of
from observatory.sources.store.database import Database, registered
from observatory.sources.store.series import SeriesDictionary, canonical
from observatory.sources.store.store import Store

BATCH_SAMPLES = 4_000_000
"""Samples in memory at a time."""
BATCH_ROWS = 100_000
COPIED = {
    "metric_metadata": ("SELECT * FROM metric_metadata", "INSERT INTO metric_metadata BY NAME SELECT * FROM copied"),
    "spans": ("SELECT * FROM spans", "INSERT INTO spans BY NAME SELECT * FROM copied"),
    "span_links": ("SELECT * FROM span_links", "INSERT INTO span_links BY NAME SELECT * FROM copied"),
    "pruned": ("SELECT * FROM pruned", "INSERT INTO pruned BY NAME SELECT * FROM copied"),
    "writes": (
        "SELECT hour, sum(token)::BIGINT AS token FROM writes GROUP BY hour",
        "INSERT INTO writes BY NAME SELECT * FROM copied",
    ),
}
"""How each table but those of samples leaves the old file and enters the new one."""
_FAR_MS = 1 << 60


def compact(path: Path) -> tuple[int, int]:
    """Write a store anew; the sizes of the file before and after, in bytes.

    Raises:
        SourceFailed: Another process has the store, it cannot be read, or there is no room for a second file.
    """
    fresh = path.with_name(f"{path.name}.compacting")
    for _ in range(3):
        with Store.open(path) as store:
            before = path.stat().st_size
            store.compact()
        with Database(path, read_only=True) as old:
            # A log beside the file would be taken for one of the new file; somebody wrote in between.
            if not path.with_name(f"{path.name}.wal").exists():
                try:
                    _write(old, fresh)
                    _put_in_place(fresh, path)
                except OSError as error:
                    why = f"the new file could not be put in place: {error.strerror or error}"
                    raise SourceFailed(old.problem("store-write-failed", why)) from error
                finally:
                    _remove(fresh)
                return before, path.stat().st_size
    raise SourceFailed(
        Problem(
            code="store-locked",
            message="the store is in use: others write into it all the time",
            url=str(path),
            hint="stop them for the time of the compaction",
        )
    )


def _write(old: Database, fresh: Path) -> None:
    _remove(fresh)
    with Database(fresh, read_only=False) as new, old.reading() as source, new.writing() as target:
        target.execute("DELETE FROM pruned")
        target.execute("DELETE FROM writes")
        for out_of_old, into_new in COPIED.values():
            for batch in source.sql(out_of_old).to_arrow_reader(BATCH_ROWS):
                with registered(target, {"copied": pa.Table.from_batches([batch])}):
                    target.execute(into_new)
        _copy_samples(source, target)
        counted = [(one.samples, one.spans) for one in (contents_of(source, (0, 0)), contents_of(target, (0, 0)))]
        if counted[0] != counted[1]:
            raise SourceFailed(old.problem("store-write-failed", "the new file does not hold what the old one does"))


def _copy_samples(source: duckdb.DuckDBPyConnection, target: duckdb.DuckDBPyConnection) -> None:
    """Series that have samples, numbered anew; days long past before recent ones, as a load of everything has them."""
    old, new = SeriesDictionary.load(source), SeriesDictionary()
    owner, count = source.execute(
        "SELECT series_id, sum(held)::BIGINT FROM (SELECT series_id, len(t_ms) AS held FROM sample_chunks"
        " UNION ALL SELECT series_id, 1 FROM sample_head) GROUP BY series_id"
    ).fetchnumpy().values()  # fmt: skip
    order = sorted(np.asarray(owner, np.int64).tolist(), key=lambda number: canonical(old.labels[number]))
    held = dict(zip(np.asarray(owner).tolist(), np.asarray(count).tolist(), strict=True))
    renamed = np.full(len(old.labels), -1, np.int64)
    renamed[order] = new.numbers(target, [old.labels[number] for number in order])
    newest_ms = int(old.last_ms[order].max()) if order else 0
    recent_ms = (newest_ms // sample_table.CHUNK_DAY_MS - sample_table.RECENT_DAYS + 1) * sample_table.CHUNK_DAY_MS - 1
    for after_ms, until_ms in ((-_FAR_MS, recent_ms), (recent_ms, _FAR_MS)):
        for numbers in _batches(order, held):
            rows, t_ms, values = sample_table.read(source, numbers, after_ms, until_ms)
            if len(rows):
                own: Int64 = renamed[rows]
                in_order = np.argsort(own, kind="stable")
                sample_table.write_chunks(target, new, own[in_order], t_ms[in_order], values[in_order])


def _batches(numbers: list[int], held: dict[int, int]) -> Iterator[list[int]]:
    batch: list[int] = []
    samples = 0
    for number in numbers:
        if batch and samples + held[number] > BATCH_SAMPLES:
            yield batch
            batch, samples = [], 0
        batch.append(number)
        samples += held[number]
    if batch:
        yield batch


def _put_in_place(fresh: Path, path: Path) -> None:
    fresh.chmod(path.stat().st_mode & 0o7777)
    _to_disk(fresh)
    fresh.replace(path)
    _to_disk(path.parent)


def _to_disk(place: Path) -> None:
    descriptor = os.open(place, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _remove(fresh: Path) -> None:
    for path in (fresh, fresh.with_name(f"{fresh.name}.wal")):
        path.unlink(missing_ok=True)
