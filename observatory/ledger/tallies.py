"""Events per step of each leaf: increments of all its series, added."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from observatory.compile.plan import Leaf
from observatory.ledger.answers import RESTARTED_KINDS, Answer
from observatory.ledger.evidence import Evidence
from observatory.ledger.increments import Spread, tally
from observatory.ledger.ledger import Findings
from observatory.ledger.packed import smallest
from observatory.ledger.targets import TargetKey
from observatory.sources.base import Int64
from observatory.telemetry.binding import SemanticKind, Term
from observatory.windows import Grid


@dataclass(frozen=True, slots=True)
class Events:
    """Events of a leaf or of several leaves together.

    Attributes:
        amount: Per step, in a type of packed counts or as floats; shared, do not write into it.
        series: How many series they come from.
        targets: Whose they are.
        exact: False when the samples were read on a query grid.
        pushdown: True when the server counted.
    """

    amount: NDArray[Any]
    findings: Findings
    series: int
    targets: frozenset[TargetKey]
    last_ms: int | None
    exact: bool
    pushdown: bool = False


def nothing(grid: Grid) -> Events:
    """No series, no events."""
    return Events(np.zeros(grid.steps, np.uint8), Findings.of(), 0, frozenset(), None, True)


@dataclass(frozen=True, slots=True)
class PartEvents:
    """Events of a leaf in one block, without the first values of newcomers.

    Attributes:
        amount: Per step; shared, do not write into it. Of kept days packed, see `packed`.
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
            self.amount + other.amount,
            self.findings + other.findings,
            self.exact and other.exact,
            self.overhang + other.overhang,
            self.pushdown or other.pushdown,
        )


def tally_leaves(evidence: Evidence, kinds: Mapping[Leaf, SemanticKind], grid: Grid) -> dict[Leaf, PartEvents]:
    """Events of every leaf that is counted; leaves without series are absent."""
    found: dict[Leaf, PartEvents] = {}
    for answer in evidence.answers:
        by_kind: dict[tuple[SemanticKind, int], list[Leaf]] = {}
        for leaf in answer.routes:
            if leaf in kinds:
                by_kind.setdefault((kinds[leaf], leaf.selector.period_ms), []).append(leaf)
        for (kind, _), leaves in by_kind.items():
            for leaf, events in _tally_answer(evidence, answer, kind, leaves, grid):
                found[leaf] = found[leaf] + events if leaf in found else events
    return found


def _tally_answer(
    evidence: Evidence, answer: Answer, kind: SemanticKind, leaves: Sequence[Leaf], grid: Grid
) -> Iterable[tuple[Leaf, PartEvents]]:
    samples = answer.samples
    period_ms = leaves[0].selector.period_ms
    gaps_ms = np.full(len(samples), period_ms) if period_ms else evidence.gaps_ms(answer)
    groups, members = _groups(answer, leaves)
    restarts = answer.restarts if kind in RESTARTED_KINDS else {}
    result = tally(samples, groups, len(members), grid, kind, gaps_ms, {}, restarts)
    sizes = np.diff(samples.offsets)
    some_empty = not sizes.all()
    lines_of: list[list[int]] = [[] for _ in leaves]
    for line, numbers in enumerate(members):
        for number in numbers:
            lines_of[number].append(line)
    # Sums of their own: a view of one line would keep all of them in memory for as long as the page lives.
    amounts = np.zeros((len(leaves), grid.steps))
    if all(len(lines) == 1 for lines in lines_of):
        # Mostly no leaf shares a series with another one.
        np.take(result.amount, [lines[0] for lines in lines_of], axis=0, out=amounts)
    else:
        for amount, lines in zip(amounts, lines_of, strict=True):
            for line in lines:
                amount += result.amount[line]
    for amount, leaf, lines in zip(amounts, leaves, lines_of, strict=True):
        if some_empty and not sizes[answer.routes[leaf]].any():
            continue
        findings = sum((result.findings[line] for line in lines), Findings.of())
        overhang = tuple(spread for line in lines for spread in result.overhang[line])
        yield leaf, PartEvents(amount, findings, samples.exact, overhang, samples.pushdown)


def _groups(answer: Answer, leaves: Sequence[Leaf]) -> tuple[Int64, list[frozenset[int]]]:
    """Series that belong to the same leaves are one group, added once: (group of each series, leaves of each group)."""
    of_series: list[list[int]] = [[] for _ in range(len(answer.samples))]
    for number, leaf in enumerate(leaves):
        for index in answer.routes[leaf].tolist():
            of_series[index].append(number)
    numbers: dict[frozenset[int], int] = {}
    groups = np.full(len(of_series), -1, dtype=np.int64)
    for index, owners in enumerate(of_series):
        if owners:
            groups[index] = numbers.setdefault(frozenset(owners), len(numbers))
    return groups, list(numbers)


def added(parts: Sequence[Events], amount: NDArray[Any]) -> Events:
    """Events of disjoint sets of series together, of which the amount is given."""
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
    return added([events for _, events in parts], amount)


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
