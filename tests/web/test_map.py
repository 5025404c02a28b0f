"""The service map: boxes and arrows of what documents declare and telemetry shows, and the same as a table."""

from __future__ import annotations

import json
from dataclasses import dataclass

import pytest
from msgspec.structs import replace
from web.factories import AT_MS, CARD, CHANNELS, HOSTILE, LABEL, QUIET, HandMadeEstate, channel, operations, snapshot
from web.test_pages import POLICIES, drawn, service

from observatory.evaluate.snapshot import Snapshot
from observatory.spec.catalog import Catalog, Channel, Operation
from observatory.web.board import Board
from observatory.web.panels.map_graph import MapGraph, Node, map_graph, rate_text
from observatory.web.service import Service
from observatory.web.view import View


def board(of: Service | None = None, search: str = "") -> Board:
    made = of or service()
    found = Board.of(made.standing, made.estate, View.parse(search), policies=POLICIES, now_ms=AT_MS)
    assert found is not None
    return found


def graph(of: Service | None = None, limit: int = 60, search: str = "") -> MapGraph:
    found = board(of, search)
    return map_graph(found, [one.channel.id for one in found.channel_standings()], limit, "domain")


def test_services_and_channels_are_boxes_and_operations_are_arrows() -> None:
    made = graph()
    assert {one.key for one in made.nodes.values() if one.kind == "service"} == {
        "service shop",
        "service billing",
        "service spy",
    }
    arrows = {(one.tail, one.head): one for one in made.arrows}
    sent = arrows["service shop", f"channel {CARD.id}"]
    assert (sent.what, sent.declared, sent.state) == ("sends", True, None)
    got = arrows[f"channel {CARD.id}", "service billing"]
    assert (got.what, got.declared, got.state) == ("receives", True, "at_risk")


def test_who_is_seen_and_not_declared_has_a_dashed_box_and_a_dashed_arrow() -> None:
    made = graph()
    assert made.nodes["service spy"].declared is False
    arrow = next(one for one in made.arrows if one.head == "service spy")
    assert arrow.declared is False
    assert arrow.per_second is not None
    # 7 messages in a day.
    assert rate_text(arrow.per_second) == "0.3/h"


def test_a_channel_has_the_state_of_its_worst_objective() -> None:
    made = graph()
    assert {one.label: one.state for one in made.nodes.values() if one.kind == "channel"} == {
        "payments.card.settled": "at_risk",
        "payments.refund.failed": "breached",
        "notify.email.bounced": "no_data",
        "shipping.label.created": "meeting",
    }


def test_rates_are_means_of_the_last_hour_and_a_source_that_is_down_only_costs_the_rates() -> None:
    made = service()
    refund = ("channel kafka:payments.refund.failed", "service billing")
    got = next(one for one in graph(made).arrows if (one.tail, one.head) == refund)
    # A wave of 30 % around 10 a second for each operation in turn, whose mean over a whole hour it is.
    assert got.per_second == pytest.approx(30.0, rel=0.01)
    made = service()
    made.estate.failing = True  # type: ignore[attr-defined]
    found = graph(made)
    assert next(one for one in found.arrows if (one.tail, one.head) == refund).per_second is None
    assert found.warnings == ("rates are not known: connection refused",)


@dataclass
class Lonely(HandMadeEstate):
    """A channel that is sent and never received, one that nobody uses, and one for dead letters."""

    def snapshot(self, at_ms: int, previous: Snapshot | None = None) -> Snapshot:
        made = snapshot(at_ms=at_ms)
        audit, unused, dead = channel("audit.log"), channel("unused.topic"), channel("payments.card.dead")
        card = replace(CARD, dead_letter="payments.card.dead")
        every = sorted([*(card if one is CARD else one for one in CHANNELS), audit, unused, dead], key=_id)
        catalog = Catalog(
            documents=made.catalog.documents,
            channels=tuple(every),
            operations=(*made.catalog.operations, operations(audit)[0]),
        )
        return replace(made, catalog=catalog)


def _id(one: Channel) -> str:
    return one.id


def test_a_channel_with_one_side_is_marked() -> None:
    made = graph(service(Lonely()))
    marks = {one.label: one.marks for one in made.nodes.values() if one.kind == "channel" and one.marks}
    assert marks["audit.log"] == ("no consumer",)
    assert marks["unused.topic"] == ("nobody uses it",)


def test_dead_letters_lead_from_a_channel_to_the_one_that_takes_them() -> None:
    arrow = next(one for one in graph(service(Lonely())).arrows if one.what == "dead letters")
    assert (arrow.tail, arrow.head) == (f"channel {CARD.id}", "channel kafka:payments.card.dead")


@dataclass
class Large(HandMadeEstate):
    """A thousand channels in ten domains; each domain sends to itself, and its first channel to the next domain."""

    def snapshot(self, at_ms: int, previous: Snapshot | None = None) -> Snapshot:
        channels: list[Channel] = []
        found: list[Operation] = []
        for domain in range(10):
            for number in range(100):
                one = channel(f"d{domain}.entity{number:02d}", domain=f"domain-{domain}")
                channels.append(one)
                sender, receiver = operations(one)
                reader = f"domain-{(domain + 1) % 10}" if number == 0 else one.domain
                found += [
                    replace(sender, service=f"svc-{domain}"),
                    replace(receiver, domain=reader, service=f"svc-{(domain + (number == 0)) % 10}"),
                ]
        catalog = Catalog(channels=tuple(channels), operations=tuple(sorted(found, key=lambda one: one.key)))
        made = snapshot(at_ms=at_ms)
        return replace(made, catalog=catalog, status=replace(made.status, objectives=()))


def test_a_thousand_channels_are_put_together_by_domain() -> None:
    made = graph(service(Large()))
    assert made.grouped == "domain"
    assert len(made.nodes) == 10
    node = made.nodes["domain-3"]
    assert (node.marks, node.href) == (("100 channels",), "/map?domain=domain-3")
    between = [(one.tail, one.head, one.what) for one in made.arrows]
    assert ("domain-9", "domain-0", "1 channel") in between
    assert len(between) == 10
    inside = next(one for one in made.lines if one.receivers == ("domain-3",) and one.senders == ("domain-3",))
    assert inside.marks == ("99",)


def test_one_domain_is_opened_up_to_the_limit_and_says_what_is_not_drawn() -> None:
    made = service(Large())
    found = graph(made, search="?domain=domain-3")
    assert found.grouped is None
    assert (sum(one.kind == "channel" for one in found.nodes.values()), found.hidden) == (60, 40)
    text = drawn("map", "map", search="?domain=domain-3", of=made)
    assert "40 less urgent of 100 channels are not drawn" in text
    assert "The same as a table, 60 rows" in text


def test_filters_by_owner_and_by_broker_narrow_the_map_and_every_other_page() -> None:
    assert graph(search="?broker=elsewhere").nodes == {}
    assert len(graph(search="?broker=kafka-1.example").lines) == 4
    assert len(graph(search="?owner=pay-core").lines) == 4
    assert graph(search="?owner=nobody").nodes == {}
    assert "No channel passes the filter" in drawn("map", "map", search="?owner=nobody")
    assert "Nothing is firing" in drawn("on-call", "firing", search="?owner=nobody")


def test_the_drawing_is_svg_whose_boxes_are_links_with_words() -> None:
    tree = _tree("map", "map")
    svg = next(node for node in _nodes(tree) if node[0] == "svg")
    links = {node[1]["data-node"]: node[1] for node in _nodes(svg) if node[0] == "a"}
    card = links[f"channel {CARD.id}"]
    assert card["href"] == "/channel/kafka%3Apayments.card.settled"
    assert card["aria-label"] == "channel payments.card.settled, kafka, at risk"
    assert links["service spy"]["aria-label"] == "service spy, seen and not declared"
    assert "undeclared" in links["service spy"]["class"]
    assert links["service shop"]["href"] == "/map?q=shop"
    titles = [node[2] for node in _nodes(svg) if node[0] == "title"]
    assert "kafka:payments.card.settled → billing · receives · at risk" in " ".join(titles)
    signs = [node[2] for node in _nodes(svg) if node[0] == "text" and node[1]["class"] == "sign"]
    assert signs.count("▲") == 2  # on the channel and on its arrow: colour is never alone


def test_the_table_says_the_same() -> None:
    text = json.dumps(_tree("map", "map"), ensure_ascii=False)
    assert "The same as a table, 4 rows" in text
    assert "billing, spy (not declared)" in text


def test_hostile_names_are_text_and_long_ones_are_shortened_in_the_middle() -> None:
    @dataclass
    class Hostile(HandMadeEstate):
        def snapshot(self, at_ms: int, previous: Snapshot | None = None) -> Snapshot:
            made = snapshot(at_ms=at_ms)
            named = tuple(
                replace(one, address=HOSTILE * 4, names=()) if one.id == QUIET.id else one
                for one in made.catalog.channels
            )
            return replace(made, catalog=replace(made.catalog, channels=named))

    tree = _tree("map", "map", of=service(Hostile()))
    assert "script" not in {node[0] for node in _nodes(tree)}
    names = [node[2] for node in _nodes(tree) if node[0] == "text" and node[1]["class"] == "name"]
    assert max(len(one) for one in names) <= 30


def test_a_page_about_a_channel_shows_its_neighbours_only() -> None:
    found = board()
    made = map_graph(found, [LABEL.id], 60, "domain")
    assert {one.label for one in made.nodes.values()} == {"shipping.label.created", "shop", "billing"}
    assert isinstance(made.nodes["service shop"], Node)


def test_rates_read_well_at_every_size() -> None:
    shown = [rate_text(one) for one in (None, 0.0, 0.0002, 0.05, 1.0, 12.34, 12_345.6)]
    assert shown == ["–", "0/s", "0.7/h", "3.0/min", "1.0/s", "12/s", "12,346/s"]


def _tree(page: str, panel: str, of: Service | None = None) -> list[object]:
    found = json.loads(drawn(page, panel, of=of))

    def trees(value: object) -> list[object]:
        if isinstance(value, dict):
            own = [json.loads(value["data-tree"])] if "data-tree" in value else []
            return own + [one for part in value.values() for one in trees(part)]
        return [one for part in value for one in trees(part)] if isinstance(value, list) else []

    return trees(found)


def _nodes(tree: object) -> list[list]:  # type: ignore[type-arg]
    if not isinstance(tree, list):
        return []
    own = [tree] if len(tree) > 1 and isinstance(tree[0], str) and isinstance(tree[1], dict) else []
    return own + [one for part in tree for one in _nodes(part)]
