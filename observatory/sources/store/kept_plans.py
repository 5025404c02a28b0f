"""What a folder of kept days holds, plan by plan, and until when it makes raw telemetry dispensable."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from datetime import date
from pathlib import Path

from msgspec import Struct

from observatory.errors import Problem, SourceFailed
from observatory.sources.store.kept_days import SUFFIX, KeptPlan

DAY_MS = 86_400_000
MARGIN_DAYS = 2
"""A day is counted with what came before it; so much before the first day that is not kept stays as well."""
IN_USE_DAYS = 2
"""A plan whose newest day is older than that of the newest plan by more is used by nobody any more."""
_EPOCH = date(1970, 1, 1)


class PlanDays(Struct, frozen=True):
    """The days of one plan, since the epoch, in order."""

    folder: Path
    days: tuple[int, ...]
    size_bytes: int


def plans_in(folder: Path, suffix: str = SUFFIX) -> list[PlanDays]:
    """Plans that have days, by the name of their folder; none where there is no folder.

    Raises:
        SourceFailed: `store-read-failed`; the folder may not be read.
    """
    found: list[PlanDays] = []
    try:
        folders = sorted(one for one in folder.iterdir() if one.is_dir())
    except FileNotFoundError:
        return []
    except OSError as error:
        raise SourceFailed(_unusable(folder, "read", error)) from error
    for plan in folders:
        sizes = dict(_files(plan, suffix))
        if sizes:
            found.append(PlanDays(plan, tuple(sorted(sizes)), sum(sizes.values())))
    return found


def _files(plan: Path, suffix: str) -> Iterator[tuple[int, int]]:
    """The days that have a file, and its size; what another process removes meanwhile is not there."""
    try:
        for path in plan.iterdir():
            day = _day_of(path, suffix)
            if day is not None:
                with suppress(FileNotFoundError):
                    yield day, path.stat().st_size
    except FileNotFoundError:
        return
    except OSError as error:
        raise SourceFailed(_unusable(plan, "read", error)) from error


def _unusable(where: Path, how: str, error: OSError) -> Problem:
    return Problem(
        code="store-read-failed" if how == "read" else "store-write-failed",
        message=f"kept days could not be {how}: {error.strerror or error}",
        url=str(where),
        hint=f"is the folder yours to {'read' if how == 'read' else 'write'}?",
    )


def _day_of(path: Path, suffix: str) -> int | None:
    try:
        return (date.fromisoformat(path.stem) - _EPOCH).days if path.suffix == suffix else None
    except ValueError:
        return None


def dispensable_until_ms(plans: Iterable[PlanDays], writes: Mapping[int, int], wanted_ms: int, oldest_ms: int) -> int:
    """The latest midnight, no later than wanted, up to which every day is kept by every plan in use; 0 for none.

    Args:
        writes: What the store holds now: a day that was written into since it was kept is not kept.
        oldest_ms: The oldest telemetry; days before it need not be looked at.
    """
    newest = max((plan.days[-1] for plan in plans), default=0)
    used = [plan for plan in plans if plan.days[-1] >= newest - IN_USE_DAYS]
    until = wanted_ms // DAY_MS
    for plan in used:
        kept = KeptPlan(plan.folder, writes)
        day = max(plan.days[0], oldest_ms // DAY_MS)
        while day < until + MARGIN_DAYS and kept.load(day) is not None:
            day += 1
        until = min(until, day - MARGIN_DAYS)
    return max(0, until * DAY_MS) if used else 0


def forget(folder: Path, after_ms: int = 0, before_ms: int = 1 << 62, suffix: str = SUFFIX) -> int:
    """Remove kept days that lie in a range as a whole or in part; returns how many.

    Raises:
        SourceFailed: `store-write-failed`; the folder may not be written.
    """
    count = 0
    for plan in plans_in(folder, suffix):
        for day in plan.days:
            if day * DAY_MS < before_ms and (day + 1) * DAY_MS > after_ms:
                name = date.fromordinal(_EPOCH.toordinal() + day).isoformat()
                try:
                    (plan.folder / f"{name}{suffix}").unlink(missing_ok=True)
                except OSError as error:
                    raise SourceFailed(_unusable(plan.folder, "removed", error)) from error
                count += 1
    return count
