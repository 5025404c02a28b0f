"""Objectives from the catalogue."""

from __future__ import annotations

from observatory.objectives.load import objectives_of
from observatory.spec.catalog import Catalog, Channel, Operation, SloDeclaration, Threshold


def declared(name: str, **more: object) -> SloDeclaration:
    return SloDeclaration(**({"sli": "availability", "name": name, "target": 0.999} | more))  # type: ignore[arg-type]


def catalog(*declarations: SloDeclaration, action: str = "receive") -> Catalog:
    operation = Operation(
        key="pay/onOrder",
        document="pay",
        name="onOrder",
        service="payments",
        action=action,  # type: ignore[arg-type]
        channel_id="kafka:orders",
        channel_key="orders",
        consumer_group="g",
        objectives=declarations,
    )
    channel = Channel(
        id="kafka:orders", address="orders.v1", protocol="kafka", domain="money", operations=(operation.key,)
    )
    return Catalog(channels=(channel,), operations=(operation,))


def test_an_objective_knows_its_operation_and_channel() -> None:
    (one,), problems = objectives_of(catalog(declared("fast", threshold=Threshold(value=0.5, unit="second"))))
    assert problems == ()
    assert (one.id, one.role, one.address, one.domain) == ("pay/onOrder/fast", "consumer", "orders.v1", "money")
    assert str(one.window) == "30d"


def test_a_sender_is_a_producer() -> None:
    (one,), _ = objectives_of(catalog(declared("up"), action="send"))
    assert one.role == "producer"


def test_objectives_are_in_the_order_of_their_ids_however_they_are_written() -> None:
    found, _ = objectives_of(catalog(declared("b"), declared("a")))
    assert [one.name for one in found] == ["a", "b"]


def test_two_objectives_of_one_name_are_reported_and_the_first_counts() -> None:
    found, problems = objectives_of(catalog(declared("up", target=0.9), declared("up", target=0.8)))
    assert [one.target for one in found] == [0.9]
    assert [problem.code for problem in problems] == ["objective-duplicate"]


def test_a_window_that_cannot_be_used_leaves_the_others() -> None:
    found, problems = objectives_of(catalog(declared("a", window="month", timezone="Mars/Base"), declared("b")))
    assert [one.name for one in found] == ["b"]
    assert [problem.code for problem in problems] == ["window-invalid"]
