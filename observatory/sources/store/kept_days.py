"""Kept days: records of days that are over, one file each in a folder beside the store.

Any process may read and write them, whoever owns the store: a file is written under another name and put in place as a
whole, so a reader sees all of it or nothing, and two writers write the same. A record says what the store held when it
was made, hour by hour; it counts only while the store holds just that. A file that is missing, damaged, too old or
cannot be written costs time and nothing else: what it held is counted again from telemetry.

    <store>.days/<plan>/2026-11-19.day
    <store>.days/<plan>/2026-11-19.noted        that the history holds what it came to
    <store>.history/<servers>/2026-11-19.rows   what the day came to, whichever plan counted it
    <store>.alerts/<plan>/2026-11-19.alerts     where policies fired in the week up to the day
"""

from __future__ import annotations

import os
import shutil
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path

import orjson

from observatory.errors import Problem
from observatory.sources.base import Join, Record
from observatory.sources.store.day_records import StoredDay, decode, encode
from observatory.sources.store.writes import ANY_HOUR, HOUR_MS
from observatory.windows import MAX_WINDOW_SECONDS, TimeRange

if sys.platform != "win32":
    import fcntl

SUFFIX = ".day"
ROWS_SUFFIX = ".rows"
ALERTS_SUFFIX = ".alerts"
NOTED_SUFFIX = ".noted"
"""Of empty files beside those of days: the history holds what the day came to by this plan."""
MOST_PLANS = 4
"""Folders that are kept: one for each set of documents, profiles and servers in use."""
MOST_DAYS = 2 * MAX_WINDOW_SECONDS // 86_400
"""Days of one plan; the oldest go first."""
STALE_SECONDS = 3600
"""A file under construction for so long was left behind by a process that died."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class KeptFolder:
    """The folder of a store.

    Args:
        folder: Made when the first record is kept.
        writes: What the store holds now, see `Store.writes`.
        servers: Which servers the sources are; with other ones no record is found.
    """

    def __init__(self, folder: Path, writes: Callable[[], Mapping[int, int]], servers: str = "") -> None:
        self.folder = folder
        self._writes = writes
        self._servers = servers

    def days(self, plan: str, step_ms: int) -> KeptPlan:
        """Records of a plan, as of now: to be asked for before any telemetry is read."""
        return KeptPlan(self.folder / plan_name(self._servers, plan, step_ms), self._writes())

    def history(self, step_ms: int, join: Join) -> KeptHistory:
        """Records that hold for every plan, and whatever became of the telemetry that they were made of."""
        return KeptHistory(history_of(self.folder) / plan_name(self._servers, "", step_ms), join)

    def alerts(self, plan: str, step_ms: int) -> KeptPlan:
        """Records that say themselves what they follow from, so that they hold whatever became of the telemetry."""
        return KeptPlan(alerts_of(self.folder) / plan_name(self._servers, plan, step_ms), None, ALERTS_SUFFIX)


class KeptPlan:
    """Records of one plan.

    Args:
        writes: What the store holds; None where records hold whatever it holds.
    """

    def __init__(self, folder: Path, writes: Mapping[int, int] | None, suffix: str = SUFFIX) -> None:
        self.problems: tuple[Problem, ...] = ()
        self._folder = folder
        self._writes = writes
        self._suffix = suffix
        self._tidied = False

    def load(self, day: int) -> Record | None:
        """The record of a day, None without one, or when the store has changed since."""
        found = _read(self._path(day))
        if found is None:
            return None
        return found.record if self._writes is None or found.writes == held(self._writes, found.read) else None

    def keep(self, day: int, record: Record, read: TimeRange) -> None:
        """Keep a record that was made of telemetry in a range; where that is not possible `problems` says so."""
        with self._telling(), self._written(day, record, read) as unfinished:
            self._path(day).with_suffix(NOTED_SUFFIX).unlink(missing_ok=True)
            unfinished.replace(self._path(day))

    def note(self, days: Iterable[int]) -> None:
        """That what these days came to has been noted in the history."""
        for day in days:
            with suppress(OSError):
                self._path(day).with_suffix(NOTED_SUFFIX).touch()

    def unnoted(self, days: Iterable[int]) -> set[int]:
        """Those of some days of which that is not known."""
        return self._without(NOTED_SUFFIX, days)

    def _without(self, suffix: str, days: Iterable[int]) -> set[int]:
        """Those of some days that there is no file of."""
        try:
            names = {path.name for path in self._folder.iterdir()}
        except OSError:
            names = set()
        return {day for day in days if self._path(day).with_suffix(suffix).name not in names}

    @contextmanager
    def _telling(self) -> Iterator[None]:
        """No permission, or no room, is told and does no harm: numbers never depend on what is kept."""
        try:
            yield
            if not self._tidied:
                self._tidied = True
                # What holds for every plan cannot be counted again once its telemetry has gone.
                _tidy(self._folder, self._suffix, plans=self._suffix != ROWS_SUFFIX)
        except OSError as error:
            self.problems = (not_kept(str(self._folder.parent), error.strerror or str(error)),)

    @contextmanager
    def _written(self, day: int, record: Record, read: TimeRange) -> Iterator[Path]:
        """A whole file under a name of its own, which is there for the block alone."""
        path = self._path(day)
        unfinished = path.with_name(f"{path.name}.{os.getpid()}-{os.urandom(4).hex()}")
        self._folder.mkdir(parents=True, exist_ok=True)
        try:
            _write(unfinished, encode(StoredDay(record, read, held(self._writes or {}, read))))
            yield unfinished
        finally:
            with suppress(OSError):
                unfinished.unlink(missing_ok=True)

    def _path(self, day: int) -> Path:
        return self._folder / f"{(_EPOCH + timedelta(days=day)).date().isoformat()}{self._suffix}"


class KeptHistory(KeptPlan):
    """Records that hold for every plan, and for good.

    Args:
        join: Of the record that is there and one that is added, what is kept.
    """

    def __init__(self, folder: Path, join: Join) -> None:
        super().__init__(folder, None, ROWS_SUFFIX)
        self._join = join

    def lacks(self, days: Iterable[int]) -> set[int]:
        """Those of some days that there is no record of."""
        return self._without(ROWS_SUFFIX, days)

    def add(self, day: int, record: Record, read: TimeRange) -> None:
        """Keep a record joined with the one that is there, whoever else does the same at the same time."""
        path, done = self._path(day), False
        with self._telling():
            while not done:
                before = _identity(path)
                found = decode(path.read_bytes()) if before is not None else None
                whole = record if found is None else self._join(found.record, record)
                with self._written(day, whole, read) as unfinished, _alone(self._folder):
                    if done := _identity(path) == before:
                        unfinished.replace(path)


def plan_name(servers: str, plan: str, step_ms: int) -> str:
    """A short name of everything that records of a plan follow from."""
    return sha256(orjson.dumps([servers, plan, step_ms])).hexdigest()[:20]


def held(writes: Mapping[int, int], read: TimeRange) -> list[list[int]]:
    """What the store holds of a range: pairs of an hour and the number of its writes."""
    hours = (ANY_HOUR, *range(read.start_ms // HOUR_MS, -(-read.end_ms // HOUR_MS)))
    return [[hour, writes[hour]] for hour in hours if hour in writes]


def not_kept(where: str, why: str) -> Problem:
    """That days which are over could not be kept."""
    return Problem(
        code="days-not-kept",
        severity="warning",
        message=f"days that are over could not be kept, and will be counted again: {why}",
        url=where,
        hint="is the disk full, or the folder not yours to write?",
    )


def _write(path: Path, content: bytes) -> None:
    """All of it on the disk, before the file gets its name."""
    with path.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _read(path: Path) -> StoredDay | None:
    """A file's content; None where there is none, and where it is not whole."""
    try:
        return decode(path.read_bytes())
    except OSError:
        return None


def _identity(path: Path) -> tuple[int, int, int] | None:
    """Which file has this name now; None where there is none."""
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    return found.st_ino, found.st_mtime_ns, found.st_size


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """No other process or thread is in such a block of this folder; where the system has locks of files."""
    descriptor = os.open(folder, os.O_RDONLY) if sys.platform != "win32" else None
    try:
        if sys.platform != "win32" and descriptor is not None:
            with suppress(OSError):
                fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        if descriptor is not None:
            os.close(descriptor)


def history_of(folder: Path) -> Path:
    """Where what days came to is kept, beside the folder of their pages."""
    return folder.with_suffix(".history")


def alerts_of(folder: Path) -> Path:
    """Where it is kept when policies fired, beside the folder of days."""
    return folder.with_suffix(".alerts")


def _tidy(folder: Path, suffix: str, *, plans: bool) -> None:
    """Remove what nobody asks for any more: plans not added to for longest, oldest days, files never finished."""
    with suppress(FileNotFoundError):
        # Another process may tidy as well.
        every = [one for one in folder.parent.iterdir() if plans and one.is_dir()]
        for old in sorted(every, key=lambda one: one.stat().st_mtime)[:-MOST_PLANS]:
            shutil.rmtree(old, ignore_errors=True)
        _tidy_days(folder, suffix)


def _tidy_days(folder: Path, suffix: str) -> None:
    stale = time.time() - STALE_SECONDS
    days = sorted(path for path in folder.iterdir() if path.suffix == suffix)
    known = (suffix, NOTED_SUFFIX)
    unfinished = [path for path in folder.iterdir() if path.suffix not in known and path.stat().st_mtime < stale]
    noted = [path.with_suffix(NOTED_SUFFIX) for path in days[:-MOST_DAYS]]
    for path in (*days[:-MOST_DAYS], *noted, *unfinished):
        path.unlink(missing_ok=True)
