"""Names that somebody may have meant for the same, and names that only look alike."""

from __future__ import annotations

import pytest

from observatory.spec.near_names import NearNames, Nearness, is_slip

SLIPS = [
    ("orders.created", "order.created", Nearness.SPELLING),
    ("orders.created", "OrdersCreated", Nearness.SPELLING),
    ("product-categories", "product.category", Nearness.SPELLING),
    ("movies.added", "movie.added", Nearness.SPELLING),
    ("orders.created", "orders.crated", Nearness.LETTER),
    ("orders.created", "orders.craeted", Nearness.LETTER),
    ("orders.created", "prod.orders.created", Nearness.ENVIRONMENT),
    ("orders.created", "orders-created-staging", Nearness.ENVIRONMENT),
    ("orders.created.v1", "orders.created.v2", Nearness.VERSION),
    ("orders.created", "orders.created.v2", Nearness.VERSION),
    ("orders.created", "created.orders", Nearness.ORDER),
    ("orders.created", "eu.orders.created", Nearness.PART),
]
OTHERS = [
    ("orders.created", "orders.cancelled"),
    ("shop.orders.placed", "shop.orders.paid"),
    ("payments.authorization.approved", "payments.authorization.rejected"),
    ("warehouse.stock.received", "warehouse.stock.reserved"),
    ("eu.orders", "us.orders"),
    ("orders", "returns"),
]


@pytest.mark.parametrize(("one", "other", "how"), SLIPS)
def test_the_likeliest_slip_is_said(one: str, other: str, how: Nearness) -> None:
    assert NearNames.of({"it": one}).near(other) == [(how, "it")]
    assert NearNames.of({"it": other}).near(one) == [(how, "it")]


@pytest.mark.parametrize(("one", "other"), OTHERS)
def test_names_that_mean_two_things_are_no_slips_of_each_other(one: str, other: str) -> None:
    assert NearNames.of({"it": one}).near(other) == []
    assert not is_slip(one, other)
    assert not is_slip(other, one)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("search.created", "serach.creatd"),
        ("customer.registered.v1", "custmer.registerd.v2"),
        ("loyalty.created", "loyaltycreated"),
        ("notifications.sent", "notifcationssent"),
    ],
)
def test_several_wrong_letters_are_a_slip_still(one: str, other: str) -> None:
    assert is_slip(one, other)
    assert is_slip(other, one)
