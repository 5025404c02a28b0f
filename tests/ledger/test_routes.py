"""Which series belong to which leaf: remembered for the same series, and never told of other ones."""

from __future__ import annotations

from collections.abc import Mapping

from counting_cases import events, handled

from observatory.compile.plan import Leaf, PlannedRequest, make_plan
from observatory.ledger.chosen import chosen_of
from observatory.ledger.routes import MOST_REMEMBERED, route
from observatory.sources.base import SampleSet


def planned() -> PlannedRequest:
    return make_plan([events(channel="a"), events(channel="b")]).requests[0]


def samples(*labels: Mapping[str, str]) -> SampleSet:
    return SampleSet.of((one, [1], [1.0]) for one in labels)


def told(request: PlannedRequest, *labels: Mapping[str, str]) -> dict[str, list[int]]:
    found: dict[str, list[int]] = {}
    for leaf, indexes in route(request, samples(*labels)).items():
        values = {one.label: one.values[0] for one in leaf.selector.matchers}
        found[f"{values['channel']} {values.get('outcome', 'all')}"] = indexes.tolist()
    return found


def test_series_that_come_again_keep_their_routes_and_others_find_theirs() -> None:
    request = planned()
    good, bad, other = handled("success", channel="a"), handled("error", channel="a"), handled("success", channel="b")

    first = route(request, samples(good, bad))

    assert route(request, samples(good, bad)) is first
    assert told(request, good, bad) == {"a all": [0, 1], "a error": [1]}
    assert told(request, bad, good) == {"a all": [0, 1], "a error": [0]}
    assert told(request, good, bad, other) == {"a all": [0, 1], "a error": [1], "b all": [2]}
    assert told(request, other) == {"b all": [0]}


def test_what_follows_from_series_is_kept_with_their_routes_alone() -> None:
    request, held = planned(), samples(handled("success", channel="a"), handled("error", channel="a"))
    routes = route(request, held)
    chosen = chosen_of(request, held.labels, routes)
    part: dict[Leaf, object] = dict(list(routes.items())[:1])

    assert chosen_of(request, held.labels, routes) is chosen
    assert chosen_of(request, held.labels, part).routes is part  # type: ignore[arg-type]
    assert chosen_of(request, tuple(dict(one) for one in held.labels), routes) is not chosen


def test_requests_that_were_routed_long_ago_are_forgotten() -> None:
    request, held = planned(), samples(handled("success", channel="a"))
    first = route(request, held)
    for _ in range(MOST_REMEMBERED):
        route(planned(), held)

    again = route(request, held)
    assert again is not first
    assert {leaf: indexes.tolist() for leaf, indexes in again.items()} == {
        leaf: indexes.tolist() for leaf, indexes in first.items()
    }
