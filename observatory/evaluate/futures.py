"""Futures: what may happen to the events and the budgets of rows, drawn from the blocks of their past.

Rows that are looked at alike are drawn together: the first axis of arrays is rows. What chance decides is the same for
all of them, so it is drawn once, and each row only says what its blocks hold. A row alone is one of one.
"""

from __future__ import annotations

from functools import lru_cache
from math import sqrt

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from observatory.evaluate.running_fault import PATHS
from observatory.evaluate.trend import growth_ahead
from observatory.sources.base import Float64

DAY_MS = 86_400_000
SPREAD, HALF_LIFE_MS, WORSE, TAIL = 0.5, 14 * DAY_MS, 1.2, 1.8
"""Shape of the weights, their half-life, weight of a block worse than any in mean blocks, and how steep its tail is."""
MANY_BLOCKS = 28
"""With fewer blocks the weights spread more."""
LEVEL_EVENTS = 20.0
"""Events by which the level of a weekday is drawn to the mean."""


class Past(Struct, frozen=True):
    """Past blocks of rows, the newest first, all of which hold events.

    Attributes:
        ages: Of each block how many blocks ago it ended; the same for all rows.
        bad, total: By row, block and place, from the block's start; the last place is its end.
        growth: By row the growth of its error ratio, whose past is at the present level already; None where no row has
            any.
    """

    block_ms: int
    ages: NDArray[np.intp]
    bad: Float64
    total: Float64
    growth: Float64 | None = None

    def ahead(self, ends_ms: Float64, length_ms: int, ratio: Float64) -> Ahead:
        """Futures of a length.

        Args:
            ends_ms: Places within a block, its end the last.
            ratio: By row the share of events that may be bad.
        """
        number, early = -(-length_ms // self.block_ms), len(ends_ms)
        blocks, rows = len(self.ages), len(self.bad)
        draws = _draws(blocks, number, HALF_LIFE_MS // self.block_ms)
        scale = self._scale()
        at = _places_of_rows(blocks, number, HALF_LIFE_MS // self.block_ms, scale.shape[1], rows)
        events, failed = ((one[:, None, :, -1] * scale).ravel().take(at) for one in (self.total, self.bad))
        worst = (self.bad[:, :, -1] / np.maximum(self.total[:, :, -1], 1e-9)).max(axis=1)
        worst = np.maximum(worst, 1 / np.maximum(self.total[:, :, -1].sum(axis=1), 1.0))
        # Blocks that are worse than any: few of all, and the same ones in every row.
        share = np.minimum(1.0, draws.worse[:, None] * worst[None, :])
        block_of, future_of = draws.unseen
        failed[block_of, :, future_of] = events[block_of, :, future_of] * share
        if self.growth is not None:
            grown = np.flatnonzero(self.growth)
            failed[:, grown] = np.minimum(failed[:, grown] * growth_ahead(self.growth[grown], number), events[:, grown])
        left = np.empty((early - 1 + number, rows, PATHS))
        ends = left[early - 1 :]
        np.multiply(events, ratio[:, None], out=ends)
        ends -= failed
        for block in range(1, number):
            ends[block] += ends[block - 1]
        self._put_early(left[:early], draws, share, ratio, scale)
        places_ms = np.concatenate((ends_ms, np.arange(2, number + 1) * float(self.block_ms)))
        # The last block counts as far as the length reaches into it, by a straight line.
        inside, reached = _inside(places_ms, length_ms)
        before: Float64 | float = left[inside - 1] if inside else 0.0
        left[inside] = before + reached * (left[inside] - before)
        if number == 1:
            of_length = (_reach(one, inside, reached) * scale[:, 0] for one in (self.total, self.bad))
            events, failed = (one[:, draws.block[0]][None] for one in of_length)
            failed[block_of, :, future_of] = events[block_of, :, future_of] * share
            reached = 1.0
        return Ahead(
            left=left[: inside + 1],
            bad=failed.sum(axis=0) - (1 - reached) * failed[-1],
            total=events.sum(axis=0) - (1 - reached) * events[-1],
        )

    def _put_early(self, left: Float64, draws: _Draws, share: Float64, ratio: Float64, scale: Float64) -> None:
        """Put in by place within the first block, row and future what its events leave."""
        first = draws.block[0]
        table = np.ascontiguousarray((ratio[:, None, None] * self.total - self.bad).transpose(2, 0, 1))
        np.multiply(table.take(first, axis=2), scale[:, 0, first], out=left)
        worse, of_them = draws.first_unseen
        total, blocks = self.total.transpose(2, 0, 1), first[worse]
        left[:, :, worse] = total[:, :, blocks] * (ratio[:, None] - share[of_them].T) * scale[:, 0, blocks]

    def _scale(self) -> Float64:
        """By row, block ahead in the round of the week or day, and past block: how much more happens than then did."""
        total = self.total[:, :, -1]
        places = (DAY_MS * 7 if self.block_ms == DAY_MS else DAY_MS) // self.block_ms
        if len(self.ages) < 2 * places:
            return np.ones((len(total), 1, len(self.ages)))
        at = (-(self.ages + 1)) % places
        mean = total.mean(axis=1)
        held = np.bincount(at, minlength=places)
        order = np.argsort(at, kind="stable")
        events = np.add.reduceat(total[:, order], np.cumsum(held) - held, axis=1) + LEVEL_EVENTS
        phases = events / (held[None, :] * mean[:, None] + LEVEL_EVENTS)
        scale: Float64 = phases[:, :, None] / phases[:, None, at]
        return scale


class Ahead(Struct, frozen=True):
    """Futures of rows.

    Attributes:
        left: By place, row and future what its events add to the budget and its bad ones take from it, from now on.
        bad, total: By row and future its events until the end.
    """

    left: Float64
    bad: Float64
    total: Float64


def places_ahead(ends_ms: Float64, block_ms: int, length_ms: int) -> Float64:
    """Places that `Past.ahead` looks at, in milliseconds from now, the last one the end."""
    number = -(-length_ms // block_ms)
    places_ms = np.concatenate((ends_ms, np.arange(2, number + 1) * float(block_ms)))
    return np.append(places_ms[: _inside(places_ms, length_ms)[0]], float(length_ms))


def _inside(places_ms: Float64, length_ms: int) -> tuple[int, float]:
    """The place up to which a length reaches, and how far from the place before."""
    inside = int(np.searchsorted(places_ms, length_ms))
    begin_ms = float(places_ms[inside - 1]) if inside else 0.0
    return inside, (length_ms - begin_ms) / (float(places_ms[inside]) - begin_ms)


def _reach(sums: Float64, place: int, share: float) -> Float64:
    """Running sums along the last axis at a share of the way from one place to the next."""
    before = sums[..., place - 1] if place else np.zeros(sums.shape[:-1])
    found: Float64 = before + share * (sums[..., place] - before)
    return found


class _Draws(Struct, frozen=True):
    """What chance decides in each future and block, the same for every row of this shape.

    Attributes:
        block: By block ahead and future the past block that it repeats.
        unseen: Which of them are worse than any: blocks ahead, and futures.
        worse: By how much these then are.
        first_unseen: Futures that begin with one, and which of the unseen ones that is.
    """

    block: NDArray[np.intp]
    unseen: tuple[NDArray[np.intp], NDArray[np.intp]]
    worse: Float64
    first_unseen: tuple[NDArray[np.intp], NDArray[np.intp]]


@lru_cache(maxsize=128)
def _draws(blocks: int, ahead: int, half_life: int) -> _Draws:
    random = np.random.Generator(np.random.PCG64([blocks, ahead, half_life]))
    spread = SPREAD * sqrt(min(1.0, blocks / MANY_BLOCKS))
    shapes = spread * 0.5 ** (np.arange(1, blocks + 1) / half_life)
    shapes = np.append(shapes, WORSE * shapes.mean())
    weights = np.cumsum(random.gamma(shapes, size=(PATHS, blocks + 1)), axis=1)
    chances = random.random((PATHS, ahead)) * weights[:, -1:]
    block = np.minimum((weights[:, None, :] <= chances[:, :, None]).sum(axis=2), blocks)
    unseen = block == blocks
    block = np.where(unseen, random.integers(0, blocks, (PATHS, ahead)), block)
    worse = random.random((PATHS, ahead)) ** (-1 / TAIL)
    places = np.flatnonzero(unseen)
    futures = np.flatnonzero(unseen[:, 0])
    return _Draws(
        np.ascontiguousarray(block.T),
        (places % ahead, places // ahead),
        worse.ravel()[places],
        (futures, np.searchsorted(places, futures * ahead)),
    )


@lru_cache(maxsize=16)
def _places_of_rows(blocks: int, ahead: int, half_life: int, rounds: int, rows: int) -> NDArray[np.intp]:
    """By block ahead, row and future where the drawn block lies in the tables of all rows, end to end."""
    at = (np.arange(ahead) % rounds)[:, None] * blocks + _draws(blocks, ahead, half_life).block
    return at[:, None, :] + (np.arange(rows) * rounds * blocks)[None, :, None]
