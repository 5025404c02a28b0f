"""Where the boxes of a directed graph stand so that arrows mostly point to the right: a layered drawing.

The steps of K. Sugiyama, S. Tagawa and M. Toda (1981): turn the arrows around that close a ring (the order of
P. Eades, X. Lin and W. Smyth, 1993), give each box a layer by its longest way, order the layers by barycentres so that
few arrows cross, and give each box the height that is nearest to those it is tied to. Pure, and the same for the same
input: nothing here knows a colour or a page.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise

from msgspec import Struct, field

SWEEPS = 8
GAP_X, GAP_Y = 50.0, 10.0
LEAST_ROW = 900.0
"""Boxes that are tied to nothing fill rows of this width, or of the width of the rest."""
WAY_HEIGHT = 4.0
"""Room that an arrow takes in a layer which it only passes."""

Point = tuple[float, float]
Edge = tuple[str, str]


class Size(Struct, frozen=True):
    """What a box takes."""

    width: float
    height: float


class Layout(Struct, frozen=True, kw_only=True):
    """A drawing.

    Attributes:
        boxes: Upper left corner by node.
        ways: Per edge the points that its arrow runs through, from the side of its first box to that of its second.
        width, height: Of everything together.
    """

    boxes: Mapping[str, Point]
    ways: Mapping[Edge, tuple[Point, ...]]
    width: float
    height: float


def layered(sizes: Mapping[str, Size], edges: Sequence[Edge], *, gap_x: float = GAP_X, gap_y: float = GAP_Y) -> Layout:
    """Places for all boxes, and ways for all arrows.

    Args:
        sizes: By node; the order is what equals are sorted by.
        edges: Pairs of nodes; repeated ones and those from a node to itself count once and not at all.

    Raises:
        KeyError: An edge names a node without a size.
    """
    kept = tuple(dict.fromkeys(edge for edge in edges if edge[0] != edge[1]))
    for first, second in kept:
        sizes[first], sizes[second]
    tied = dict.fromkeys(node for edge in kept for node in edge)
    drawn = _tied({node: sizes[node] for node in sizes if node in tied}, kept, gap_x, gap_y)
    return _with_rows(drawn, {node: size for node, size in sizes.items() if node not in tied}, gap_y)


def _tied(sizes: Mapping[str, Size], kept: Sequence[Edge], gap_x: float, gap_y: float) -> Layout:
    if not sizes:
        return Layout(boxes={}, ways={}, width=0.0, height=0.0)
    order = _order(list(sizes), kept)
    forward = {edge: edge if order[edge[0]] < order[edge[1]] else (edge[1], edge[0]) for edge in kept}
    drawing = _Drawing(sizes, gap_x, gap_y)
    drawing.layer_of = _layers(order, set(forward.values()))
    drawing.fill(forward.values())
    drawing.untangle()
    drawing.place()
    return drawing.layout(forward)


def _with_rows(drawn: Layout, sizes: Mapping[str, Size], gap: float) -> Layout:
    """Boxes that are tied to nothing stand in rows below the rest."""
    if not sizes:
        return drawn
    boxes = dict(drawn.boxes)
    room = max(drawn.width, LEAST_ROW)
    x, y = 0.0, drawn.height + (2 * gap if drawn.boxes else 0.0)
    deepest = widest = 0.0
    for node, size in sizes.items():
        if x > 0 and x + size.width > room:
            x, y, deepest = 0.0, y + deepest + gap, 0.0
        boxes[node] = (x, y)
        x += size.width + gap
        deepest, widest = max(deepest, size.height), max(widest, x - gap)
    return Layout(boxes=boxes, ways=drawn.ways, width=max(drawn.width, widest), height=y + deepest)


def _order(nodes: Sequence[str], edges: Sequence[Edge]) -> dict[str, int]:
    """A place for each node such that few edges point back: sources first, sinks last, in rings the busiest first."""
    after: dict[str, set[str]] = {node: set() for node in nodes}
    before: dict[str, set[str]] = {node: set() for node in nodes}
    for first, second in edges:
        after[first].add(second)
        before[second].add(first)
    head: list[str] = []
    tail: list[str] = []
    left = dict.fromkeys(nodes)

    def take(node: str) -> None:
        del left[node]
        for other in after[node]:
            before[other].discard(node)
        for other in before[node]:
            after[other].discard(node)

    while left:
        sinks = [node for node in left if not after[node]]
        sources = [node for node in left if after[node] and not before[node]]
        if sinks:
            for node in sinks:
                take(node)
            tail[:0] = sinks
        elif sources:
            for node in sources:
                take(node)
            head += sources
        else:
            node = max(left, key=lambda one: len(after[one]) - len(before[one]))
            take(node)
            head.append(node)
    return {node: place for place, node in enumerate((*head, *tail))}


def _layers(order: Mapping[str, int], edges: set[Edge]) -> dict[str, int]:
    """The longest way to each node; those that nothing leads to stand right before the first that they lead to."""
    before: dict[str, list[str]] = {node: [] for node in order}
    after: dict[str, list[str]] = {node: [] for node in order}
    for first, second in edges:
        before[second].append(first)
        after[first].append(second)
    layer: dict[str, int] = {}
    for node in sorted(order, key=order.__getitem__):
        layer[node] = max((layer[one] + 1 for one in before[node]), default=0)
    for node in sorted(order, key=order.__getitem__, reverse=True):
        if after[node] and not before[node]:
            layer[node] = min(layer[one] for one in after[node]) - 1
    return layer


class _Drawing(Struct):
    """The layers while they are being put in order. A way point has a name that no node has: a tuple."""

    sizes: Mapping[str, Size]
    gap_x: float
    gap_y: float
    layer_of: dict[str, int] = field(default_factory=dict)
    layers: list[list[object]] = field(default_factory=list)
    chains: dict[Edge, list[object]] = field(default_factory=dict)
    left: dict[object, list[object]] = field(default_factory=dict)
    right: dict[object, list[object]] = field(default_factory=dict)
    middle: dict[object, float] = field(default_factory=dict)

    def fill(self, edges: Iterable[Edge]) -> None:
        """Nodes and way points into their layers, tied to their neighbours."""
        self.layers = [[] for _ in range(1 + max(self.layer_of.values()))]
        for node, layer in self.layer_of.items():
            self.layers[layer].append(node)
        for edge in sorted(set(edges)):
            first, second = edge
            ways = [(edge, layer) for layer in range(self.layer_of[first] + 1, self.layer_of[second])]
            chain: list[object] = [first, *ways, second]
            self.chains[edge] = chain
            for _, layer in ways:
                self.layers[layer].append((edge, layer))
            for one, other in pairwise(chain):
                self.right.setdefault(one, []).append(other)
                self.left.setdefault(other, []).append(one)

    def untangle(self) -> None:
        """Order each layer by where its neighbours stand, to and fro, and keep the order with the fewest crossings."""
        best, fewest = [list(layer) for layer in self.layers], self.crossings()
        for sweep in range(SWEEPS):
            forward = sweep % 2 == 0
            places = range(1, len(self.layers)) if forward else range(len(self.layers) - 2, -1, -1)
            for place in places:
                self._sort(place, place - 1 if forward else place + 1, self.left if forward else self.right)
            if (crossings := self.crossings()) < fewest:
                best, fewest = [list(layer) for layer in self.layers], crossings
        self.layers = best

    def _sort(self, place: int, beside: int, ties: Mapping[object, list[object]]) -> None:
        where = {one: index for index, one in enumerate(self.layers[beside])}
        layer = self.layers[place]
        own = {one: index for index, one in enumerate(layer)}

        def barycentre(one: object) -> float:
            tied = [where[other] for other in ties.get(one, ()) if other in where]
            return sum(tied) / len(tied) if tied else own[one] * len(where) / max(1, len(layer))

        layer.sort(key=barycentre)

    def crossings(self) -> int:
        """How many pairs of arrows cross between neighbouring layers."""
        count = 0
        for place in range(len(self.layers) - 1):
            where = {one: index for index, one in enumerate(self.layers[place + 1])}
            ends: list[int] = []
            for one in self.layers[place]:
                ends += sorted(where[other] for other in self.right.get(one, ()) if other in where)
            count += _inversions(ends)
        return count

    def place(self) -> None:
        """Heights: at first one below the other, then as near to the neighbours as order and gaps allow."""
        for layer in self.layers:
            at = 0.0
            for one in layer:
                self.middle[one] = at + self._height(one) / 2
                at += self._height(one) + self.gap_y
        for sweep in range(2 * SWEEPS):
            forward = sweep % 2 == 0
            order = self.layers if forward else self.layers[::-1]
            for layer in order:
                self._settle(layer, self.left if forward else self.right)
        lowest = min(self.middle[one] - self._height(one) / 2 for layer in self.layers for one in layer)
        for one in self.middle:
            self.middle[one] -= lowest

    def _settle(self, layer: Sequence[object], ties: Mapping[object, list[object]]) -> None:
        """Least squares under the order: pool neighbours that want to stand in each other's place."""
        offsets: list[float] = []
        at = 0.0
        for index, one in enumerate(layer):
            at += 0.0 if index == 0 else self._between(layer[index - 1], one)
            offsets.append(at)
        blocks: list[list[float]] = []
        for one, offset in zip(layer, offsets, strict=True):
            tied = [self.middle[other] for other in ties.get(one, ())]
            wanted = (sum(tied) / len(tied) if tied else self.middle[one]) - offset
            blocks.append([wanted, 1.0])
            while len(blocks) > 1 and blocks[-2][0] > blocks[-1][0]:
                value, weight = blocks.pop()
                total = blocks[-1][1] + weight
                blocks[-1] = [(blocks[-1][0] * blocks[-1][1] + value * weight) / total, total]
        values = [value for value, weight in blocks for _ in range(round(weight))]
        for one, offset, value in zip(layer, offsets, values, strict=True):
            self.middle[one] = value + offset

    def _between(self, one: object, other: object) -> float:
        return (self._height(one) + self._height(other)) / 2 + self.gap_y

    def _height(self, one: object) -> float:
        return self.sizes[one].height if isinstance(one, str) else WAY_HEIGHT

    def layout(self, forward: Mapping[Edge, Edge]) -> Layout:
        """Corners and ways; an edge that was turned around runs back from its first box to its second."""
        starts: list[float] = []
        widths: list[float] = []
        at = 0.0
        for layer in self.layers:
            starts.append(at)
            widths.append(max((self.sizes[one].width for one in layer if isinstance(one, str)), default=0.0))
            at += widths[-1] + self.gap_x
        boxes: dict[str, Point] = {}
        for number, layer in enumerate(self.layers):
            for one in layer:
                if isinstance(one, str):
                    size = self.sizes[one]
                    boxes[one] = (starts[number] + (widths[number] - size.width) / 2, self._top(one))
        ways: dict[Edge, tuple[Point, ...]] = {}
        for edge, drawn in forward.items():
            points: list[Point] = []
            for one in self.chains[drawn]:
                if isinstance(one, str):
                    side = boxes[one][0] + (self.sizes[one].width if one == drawn[0] else 0.0)
                    points.append((side, self.middle[one]))
                else:
                    number = _layer_of(one)
                    points += [
                        (starts[number], self.middle[one]),
                        (starts[number] + widths[number], self.middle[one]),
                    ]
            ways[edge] = tuple(points if edge == drawn else points[::-1])
        height = max(self.middle[one] + self._height(one) / 2 for layer in self.layers for one in layer)
        return Layout(boxes=boxes, ways=ways, width=at - self.gap_x, height=height)

    def _top(self, one: str) -> float:
        return self.middle[one] - self.sizes[one].height / 2


def _layer_of(way_point: object) -> int:
    assert isinstance(way_point, tuple)
    layer = way_point[1]
    assert isinstance(layer, int)
    return layer


def _inversions(values: Sequence[int]) -> int:
    """Pairs that stand in the wrong order, counted by a Fenwick tree."""
    size = max(values, default=0) + 1
    tree = [0] * (size + 1)
    count = 0
    for seen, value in enumerate(values):
        at = value + 1
        below = 0
        while at > 0:
            below += tree[at]
            at -= at & -at
        count += seen - below
        at = value + 1
        while at <= size:
            tree[at] += 1
            at += at & -at
    return count
