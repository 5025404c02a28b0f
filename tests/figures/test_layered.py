"""A layered drawing: boxes do not overlap, arrows point to the right, rings are broken once, equals stay equal."""

from __future__ import annotations

from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from observatory.figures.layered import Layout, Size, layered

BOX = Size(100.0, 26.0)


def drawn(*edges: tuple[str, str], alone: tuple[str, ...] = ()) -> Layout:
    names = dict.fromkeys([name for edge in edges for name in edge] + list(alone))
    return layered(dict.fromkeys(names, BOX), edges, gap_x=50.0, gap_y=10.0)


def test_a_chain_stands_in_one_line_from_left_to_right() -> None:
    made = drawn(("a", "b"), ("b", "c"))
    assert made.boxes == {"a": (0.0, 0.0), "b": (150.0, 0.0), "c": (300.0, 0.0)}
    assert made.ways["a", "b"] == ((100.0, 13.0), (150.0, 13.0))
    assert (made.width, made.height) == (400.0, 26.0)


def test_a_sender_stands_in_the_middle_before_its_three_receivers() -> None:
    made = drawn(("a", "b"), ("a", "c"), ("a", "d"))
    assert [made.boxes[name][1] for name in "bcd"] == [0.0, 36.0, 72.0]
    assert made.boxes["a"] == (0.0, 36.0)


def test_an_arrow_that_passes_a_layer_runs_beside_its_boxes() -> None:
    made = drawn(("a", "b"), ("b", "c"), ("a", "c"))
    way = made.ways["a", "c"]
    assert len(way) == 4
    (_, top), (_, lane) = made.boxes["b"], way[1]
    assert not top < lane < top + BOX.height


def test_two_pairs_do_not_cross() -> None:
    made = drawn(("a", "y"), ("b", "x"), ("a", "x2"), ("b", "y2"))
    right = sorted(("y", "x2", "x", "y2"), key=lambda name: made.boxes[name][1])
    assert {frozenset(right[:2]), frozenset(right[2:])} == {frozenset(("y", "x2")), frozenset(("x", "y2"))}


def test_a_ring_is_broken_at_one_arrow_which_runs_back() -> None:
    made = drawn(("a", "b"), ("b", "c"), ("c", "a"))
    back = [edge for edge, way in made.ways.items() if way[-1][0] < way[0][0]]
    assert len(back) == 1


def test_two_services_that_answer_each_other_have_both_arrows() -> None:
    made = drawn(("a", "b"), ("b", "a"))
    assert made.ways["a", "b"] == made.ways["b", "a"][::-1]


def test_what_is_tied_to_nothing_fills_rows_below() -> None:
    made = drawn(("a", "b"), alone=tuple(f"n{index}" for index in range(10)))
    assert made.boxes["n0"] == (0.0, 46.0)
    assert made.boxes["n7"] == (770.0, 46.0)
    assert made.boxes["n8"] == (0.0, 82.0)


def test_an_edge_to_a_node_without_a_size_is_refused() -> None:
    with pytest.raises(KeyError, match="b"):
        layered({"a": BOX}, [("a", "b")])


def test_nothing_is_drawn_of_nothing() -> None:
    assert layered({}, []) == Layout(boxes={}, ways={}, width=0.0, height=0.0)


NAMES = [f"n{index}" for index in range(12)]
EDGES = st.lists(st.tuples(st.sampled_from(NAMES), st.sampled_from(NAMES)), max_size=30)


@given(EDGES)
def test_boxes_never_overlap_and_lie_within_the_drawing(edges: list[tuple[str, str]]) -> None:
    sizes = {name: Size(60.0 + 9 * index, 20.0 + index) for index, name in enumerate(NAMES)}
    made = layered(sizes, edges)
    assert made.boxes.keys() == sizes.keys()
    for one, other in combinations(NAMES, 2):
        (x, y), (to_x, to_y) = made.boxes[one], made.boxes[other]
        beside = x + sizes[one].width <= to_x + 1e-6 or to_x + sizes[other].width <= x + 1e-6
        below = y + sizes[one].height <= to_y + 1e-6 or to_y + sizes[other].height <= y + 1e-6
        assert beside or below
    for name, (x, y) in made.boxes.items():
        assert -1e-6 <= x <= made.width - sizes[name].width + 1e-6
        assert -1e-6 <= y <= made.height - sizes[name].height + 1e-6


@given(EDGES)
def test_every_arrow_of_a_graph_without_rings_points_to_the_right(edges: list[tuple[str, str]]) -> None:
    forward = [(one, other) for one, other in edges if NAMES.index(one) < NAMES.index(other)]
    made = layered(dict.fromkeys(NAMES, BOX), forward)
    assert set(made.ways) == set(forward)
    assert all(way[0][0] < way[-1][0] for way in made.ways.values())


@given(EDGES)
def test_the_order_of_arrows_changes_nothing(edges: list[tuple[str, str]]) -> None:
    sizes = dict.fromkeys(NAMES, BOX)
    assert layered(sizes, edges).boxes == layered(sizes, edges[::-1]).boxes
