"""Events per step of each leaf: increments of all its series, added."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from observatory.compile.plan import Leaf
from observatory.ledger.answers import RESTARTED_KINDS, Answer
from observatory.ledger.chosen import CountedAlike
from observatory.ledger.evidence import Evidence
from observatory.ledger.increments import Spread, tally
from observatory.ledger.packed import pack_lines, smallest
from observatory.ledger.row import Findings
from observatory.ledger.targets import TargetKey
from observatory.ledger.uncounted import FirstValue, scaled
from observatory.sources.base import Float64, Int64
from observatory.telemetry.binding import SemanticKind, Term
from observatory.windows import Grid


class Events(Struct, frozen=True):
    """Events of a leaf or of several leaves together.

    Attributes:
        amount: Per step, in a type of packed counts or as floats; shared, do not write into it.
        series: How many series they come from.
        targets: Whose they are.
        exact: False when the samples were read on a query grid.
        pushdown: True when the server counted.
        uncounted: First values that are not in the amount.
        ended: Whose they were shortly before the grid, and on it no more.
    """

    amount: NDArray[Any]
    findings: Findings
    series: int
    targets: frozenset[TargetKey]
    last_ms: int | None
    exact: bool
    pushdown: bool = False
    uncounted: tuple[FirstValue, ...] = ()
    ended: frozenset[TargetKey] = frozenset()


def nothing(grid: Grid) -> Events:
    """No series, no events."""
    return Events(np.zeros(grid.steps, np.uint8), Findings.of(), 0, frozenset(), None, True)


class PartEvents(Struct, frozen=True):
    """Events of a leaf in one block, without the first values of newcomers.

    Attributes:
        amount: Per step, packed, see `packed`; shared, do not write into it.
        overhang: Events of gaps that began before the block; only the part inside it is in `amount`.
        pushdown: The server counted them; such a block is never kept.
    """

    amount: NDArray[Any]
    findings: Findings
    exact: bool
    overhang: tuple[Spread, ...] = ()
    pushdown: bool = False

    def __add__(self, other: PartEvents) -> PartEvents:
        """Those of the same leaf from another request."""
        return PartEvents(
            # Both may be packed, and the sum too large for their types; a single value stands for all steps.
            self.amount.astype(np.float64) + other.amount,
            self.findings + other.findings,
            self.exact and other.exact,
            self.overhang + other.overhang,
            self.pushdown or other.pushdown,
        )


def tally_leaves(evidence: Evidence, kinds: Mapping[Leaf, SemanticKind], grid: Grid) -> dict[Leaf, PartEvents]:
    """Events of every leaf that is counted; leaves without series are absent."""
    found: dict[Leaf, PartEvents] = {}
    for answer in evidence.answers:
        for alike in answer.chosen.counted_alike(kinds):
            for leaf, events in _tally_answer(evidence, answer, alike, grid):
                found[leaf] = found[leaf] + events if leaf in found else events
    return found


def _tally_answer(
    evidence: Evidence, answer: Answer, alike: CountedAlike, grid: Grid
) -> Iterable[tuple[Leaf, PartEvents]]:
    samples = answer.samples
    gaps_ms = np.full(len(samples), alike.period_ms) if alike.period_ms else evidence.gaps_ms(answer)
    restarts = answer.restarts if alike.kind in RESTARTED_KINDS else {}
    lacking_ms = _lacking_ms(evidence, answer, gaps_ms) if alike.kind in RESTARTED_KINDS else {}
    result = tally(samples, alike.groups, alike.count, grid, alike.kind, gaps_ms, {}, restarts, lacking_ms)
    sizes = np.diff(samples.offsets)
    some_empty = not sizes.all()
    for amount, leaf, groups in zip(_amounts(result.amount, alike), alike.leaves, alike.groups_of, strict=True):
        if some_empty and not sizes[answer.routes[leaf]].any():
            continue
        findings = sum((result.findings[group] for group in groups), Findings.of())
        overhang = tuple(spread for group in groups for spread in result.overhang[group])
        yield leaf, PartEvents(amount, findings, samples.exact, overhang, samples.pushdown)


def _lacking_ms(evidence: Evidence, answer: Answer, gaps_ms: Int64) -> dict[int, int]:
    """By place of a sample with which a series began anew after it was missing: when its target was scraped last."""
    samples, found = answer.samples, dict[int, int]()
    began_ms = {index: set(instants) for index, instants in answer.falls.items()}
    for index, restarts in answer.restarts.items():
        began_ms.setdefault(index, set()).update(one.at_ms for one in restarts if one.forgotten > 0)
    for index, instants in began_ms.items() if samples.exact else ():
        begin = int(samples.offsets[index])
        _, t_ms, _ = samples.series(index)
        for place in np.searchsorted(t_ms, sorted(instants)).tolist():
            if place and t_ms[place] - t_ms[place - 1] > gaps_ms[index]:
                lacking_ms = evidence.targets[answer.targets[index]].scraped_before(int(t_ms[place]))
                if lacking_ms is not None and lacking_ms > t_ms[place - 1]:
                    found[begin + place] = lacking_ms
    return found


def _amounts(of_groups: Float64, alike: CountedAlike) -> list[NDArray[Any]]:
    """Per leaf the sum of its groups, packed."""
    if all(groups == (number,) for number, groups in enumerate(alike.groups_of)):
        # No leaf shares a series with another one: each has a group to itself.
        return pack_lines(of_groups)
    sums = of_groups[[groups[0] for groups in alike.groups_of]]
    for line, groups in zip(sums, alike.groups_of, strict=True):
        for group in groups[1:]:
            line += of_groups[group]
    return pack_lines(sums)


def added(parts: Sequence[Events], amount: NDArray[Any], factors: Sequence[float]) -> Events:
    """Events of disjoint sets of series together, each times a factor, of which the amount is given."""
    findings = parts[0].findings
    for part in parts[1:]:
        findings += part.findings
    return Events(
        amount,
        findings,
        sum(part.series for part in parts),
        frozenset().union(*(part.targets for part in parts)),
        max((part.last_ms for part in parts if part.last_ms is not None), default=None),
        all(part.exact for part in parts),
        any(part.pushdown for part in parts),
        scaled(zip(factors, (part.uncounted for part in parts), strict=True)),
        frozenset().union(*(part.ended for part in parts)),
    )


def of_terms(source: str, terms: Sequence[Term], scale: float, tallied: Mapping[Leaf, Events], grid: Grid) -> Events:
    """Signed sum of terms in the signal's base unit. A difference is held at zero or above in each step."""
    parts = [(term.sign, tallied[leaf]) for term in terms if (leaf := Leaf(source, term.selector)) in tallied]
    if not parts:
        return nothing(grid)
    if len(parts) == 1 and parts[0][0] == 1 and scale == 1:
        return parts[0][1]
    amount = _whole_sum([events.amount for _, events in parts]) if _is_plain(parts, scale) else None
    if amount is None:
        amount = np.zeros(grid.steps)
        for sign, events in parts:
            amount += sign * scale * events.amount
    return added([events for _, events in parts], amount, [sign * scale for sign, _ in parts])


def _is_plain(parts: Sequence[tuple[int, Events]], scale: float) -> bool:
    return scale == 1 and all(sign == 1 and events.amount.dtype.kind == "u" for sign, events in parts)


def _whole_sum(amounts: Sequence[NDArray[Any]]) -> NDArray[Any] | None:
    """The sum of packed counts, in a type that holds it whatever they are; None where only floats do."""
    kind = smallest(sum(np.iinfo(one.dtype).max for one in amounts))
    if kind is np.float64:
        return None
    whole: NDArray[Any] = np.add(amounts[0], amounts[1], dtype=kind)
    for one in amounts[2:]:
        whole += one
    return whole
