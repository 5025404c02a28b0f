"""Planned work and objectives: which exclusions concern which objective, and when."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from fnmatch import translate
from functools import lru_cache

from msgspec import Struct

from observatory.errors import Problem
from observatory.objectives.objective import Objective
from observatory.settings.exclusions import Exclusion, Scope
from observatory.windows import TimeRange


class PlannedWork(Struct, frozen=True):
    """An exclusion as it falls into a range of time: its spans, oldest first, each whole."""

    exclusion: Exclusion
    spans: tuple[TimeRange, ...]


def planned_work(exclusions: Iterable[Exclusion], within: TimeRange) -> tuple[PlannedWork, ...]:
    """What of the exclusions overlaps a range; those that do not are left out."""
    found = (PlannedWork(one, one.spans(within)) for one in exclusions)
    return tuple(one for one in found if one.spans)


def concerns(exclusion: Exclusion, objective: Objective) -> bool:
    """Whether an objective lies in the scope of an exclusion: it matches a pattern of every kind that is named."""
    return _in_scope(exclusion.scope, objective)


def unmatched(exclusions: Iterable[Exclusion], objectives: Sequence[Objective]) -> tuple[Problem, ...]:
    """A warning for each exclusion that concerns no objective: its scope is misspelt, or what it was for is gone."""
    return tuple(
        Problem(
            code="exclusion-unmatched",
            severity="warning",
            message=f"the exclusion {one.reason!r} concerns no objective",
            location=one.location,
            hint="compare its scope with the ids, channels, domains and owners of observatory status --json",
        )
        for one in exclusions
        if objectives and not any(concerns(one, objective) for objective in objectives)
    )


def _in_scope(scope: Scope, objective: Objective) -> bool:
    kinds: tuple[tuple[tuple[str, ...], tuple[str | None, ...]], ...] = (
        (scope.channels, (objective.address, objective.channel_key, objective.channel_id)),
        (scope.groups, (objective.consumer_group,)),
        (scope.domains, (objective.domain,)),
        (scope.documents, (objective.document,)),
        (scope.owners, (objective.owner.team if objective.owner else None,)),
        (scope.slis, (objective.sli, objective.name)),
        (scope.objectives, (objective.id,)),
    )
    return all(not patterns or _matches(patterns, names) for patterns, names in kinds)


def _matches(patterns: tuple[str, ...], names: tuple[str | None, ...]) -> bool:
    compiled = _compiled(patterns)
    return any(name is not None and compiled.match(name) for name in names)


@lru_cache(maxsize=4096)
def _compiled(patterns: tuple[str, ...]) -> re.Pattern[str]:
    return re.compile("|".join(translate(one) for one in patterns))
