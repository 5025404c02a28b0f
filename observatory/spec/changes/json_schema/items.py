"""Whether a reader takes every array that a writer writes: lengths, items by position, and all the others."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from msgspec import Struct

from observatory.spec.changes.json_schema.branches import INFINITY, Branch
from observatory.spec.changes.json_schema.cleaning import Schema
from observatory.spec.changes.json_schema.obstacles import Obstacle

if TYPE_CHECKING:
    from observatory.spec.changes.json_schema.containment import Containment


class ItemCheck(Struct):
    """Arrays of one branch of the writer against one option of the reader."""

    check: Containment
    branch: Branch
    option: Branch
    level: int

    def obstacles(self) -> Iterator[Obstacle]:
        """Where an array may be refused."""
        branch, option, level = self.branch, self.option, self.level
        most: float = branch.max_items
        for index in range(branch.positions() + 1):
            position = index if index < branch.positions() else None
            if index < most and self.check.nothing(branch.item(position)):
                most = index
        if option.min_items > branch.min_items:
            few = self.check.samples.array(branch, {}, branch.min_items)
            message = f"may have {branch.min_items} items; the reader wants at least {option.min_items}"
            yield Obstacle(keyword="minItems", message=message, candidates=() if few is None else (few,))
        if option.max_items < most:
            many = self.check.samples.array(branch, {}, int(option.max_items) + 1)
            count = "any number of" if most == INFINITY else f"{most}"
            message = f"may have {count} items; the reader wants at most {option.max_items}"
            yield Obstacle(keyword="maxItems", message=message, candidates=() if many is None else (many,))
        if option.unique and not branch.unique and most > 1:
            yield self._repeated()
        places = max(branch.positions(), option.positions())
        for index in range(places + 1):
            if index >= most:
                break
            position = index if index < places else None
            step = "[]" if position is None else f"[{index}]"
            for inner in self.check.within(branch.item(position), option.item(position), level + 1):
                around = [self.check.samples.array(branch, {index: value}, index + 1) for value in inner.candidates]
                yield inner.below(step, [one for one in around if one is not None])
        for wanted in option.contains:
            if not self._contains(wanted):
                samples = tuple(self.check.samples.typed(branch, "array"))
                message = "may hold no item of the kind that the reader wants at least one of"
                yield Obstacle(keyword="contains", message=message, candidates=samples)

    def _repeated(self) -> Obstacle:
        branch = self.branch
        items = self.check.samples.of(branch.item(None if branch.positions() == 0 else 0))
        pairs = [self.check.samples.array(branch, {0: value, 1: value}, 2) for value in items]
        twice = [one for one in pairs if one is not None]
        message = "may repeat an item; the reader wants each once"
        return Obstacle(keyword="uniqueItems", message=message, candidates=tuple(twice))

    def _contains(self, wanted: Schema) -> bool:
        branch, level = self.branch, self.level
        if any(not self.check.strict.within((own,), (wanted,), level + 1) for own in branch.contains):
            return True
        sure = [index if index < branch.positions() else None for index in range(min(branch.min_items, 20))]
        return any(
            not self.check.within(branch.item(position), (wanted,), level + 1) for position in dict.fromkeys(sure)
        )
