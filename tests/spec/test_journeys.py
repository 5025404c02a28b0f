"""`x-slo-journeys`: what is taken, which operation each hop is, and every fault at once."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import jsonschema
import pytest
import yaml

from observatory.reading import read_text
from observatory.spec.catalog import Catalog, Owner, Threshold
from observatory.spec.journey_reading import EXAMPLE
from observatory.spec.load import load_catalog
from observatory.spec.schema_files import load_schema

Load = Callable[..., Catalog]

SHOP = """
asyncapi: 3.0.0
info: {title: Shop, version: '1', x-service-name: shop, x-owner: shop-team, x-domain: sales, x-criticality: high}
channels: {orders: {address: orders.v1}}
operations:
  placeOrder: {action: send, channel: {$ref: '#/channels/orders'}}
"""
PAYMENTS = """
asyncapi: 3.0.0
info: {title: Payments, version: '1', x-service-name: payments}
channels: {incoming: {address: orders.v1}, paid: {address: payments.v1}}
operations:
  onOrderPlaced:
    action: receive
    channel: {$ref: '#/channels/incoming'}
    x-slo: {latency: {threshold: 2s, target: 99%}}
  sendPaid: {action: send, channel: {$ref: '#/channels/paid'}}
"""
CHECKOUT = """
x-slo-defaults: {window: 7d}
x-slo-journeys:
  - name: checkout
    target: 99.5%
    steps:
      - {operation: placeOrder}
      - {channel: orders.v1, operation: onOrderPlaced, sli: latency}
      - {channel: 'payments.v1', optional: true}
"""


def estate(journeys: str) -> dict[str, str]:
    return {"shop.yaml": SHOP + journeys, "payments.yaml": PAYMENTS}


def told(catalog: Catalog) -> list[str]:
    return [problem.render() for problem in catalog.problems]


def test_a_journey_leads_through_operations_of_several_documents(load: Load) -> None:
    catalog = load(estate(CHECKOUT))
    assert told(catalog) == []
    (journey,) = catalog.journeys
    assert (journey.id, journey.document, journey.written.target) == ("shop/journeys/checkout", "shop", 0.995)
    assert [(one.operation_key, one.sli, one.optional) for one in journey.steps] == [
        ("shop/placeOrder", "availability", False),
        ("payments/onOrderPlaced", "latency", False),
        ("payments/sendPaid", "availability", True),
    ]


def test_a_latency_step_takes_the_threshold_of_the_operations_own_objective(load: Load) -> None:
    (journey,) = load(estate(CHECKOUT)).journeys
    assert journey.steps[1].threshold == Threshold(value=2.0, unit="second")


def test_a_journey_takes_owner_domain_criticality_and_window_from_its_document(load: Load) -> None:
    (journey,) = load(estate(CHECKOUT)).journeys
    written = journey.written
    assert isinstance(written.owner, Owner)
    assert (written.owner.team, written.domain, written.criticality) == ("shop-team", "sales", "high")
    assert (written.window, written.policy, written.within_seconds) == ("7d", "google-30d", None)


def test_what_a_journey_says_itself_wins(load: Load) -> None:
    own = "owner: flow-team, domain: flows, criticality: low, window: month, timezone: Europe/London, within: 2m"
    (journey,) = load(
        estate(
            f"x-slo-journeys: [{{name: a, target: 0.9, {own}, steps: [{{operation: placeOrder}}, {{channel: paid}}]}}]"
        )
    ).journeys
    written = journey.written
    assert written.owner is not None
    assert (written.owner.team, written.domain, written.criticality) == ("flow-team", "flows", "low")
    assert (written.window, written.timezone, written.within_seconds) == ("month", "Europe/London", 120.0)


def test_journeys_on_info_and_at_the_root_are_both_read(load: Load) -> None:
    steps = "target: 99%, steps: [{operation: placeOrder}, {operation: onOrderPlaced}]"
    text = SHOP.replace("x-domain", f"x-slo-journeys: [{{name: a, {steps}}}], x-domain")
    catalog = load({"shop.yaml": f"{text}\nx-slo-journeys: [{{name: b, {steps}}}]", "payments.yaml": PAYMENTS})
    assert [one.id for one in catalog.journeys] == ["shop/journeys/a", "shop/journeys/b"]


def test_every_fault_is_told_at_once_with_its_place(load: Load) -> None:
    catalog = load(
        estate("""
x-slo-journeys:
  - name: one
    target: 99.5
    steps: [{operation: placOrder}, {channel: paymets.v1}, {sli: lag, operation: onOrderPlaced}, {}]
  - {name: two, targt: 99%, steps: [{operation: placeOrder}]}
  - checkout
  - {name: three, target: 99%, steps: [{operation: placeOrder}, {operation: payments/onOrderPlacd}]}
  - {name: 'no way', target: 99%, within: 90, steps: [{operation: placeOrder}, {operation: placeOrder}]}
""")
    )
    assert catalog.journeys == ()
    found = [(one.code, str(one.location).removeprefix("shop.yaml:"), one.hint) for one in catalog.problems]
    assert found == [
        ("slo-target", "10:13", "write 99.5% or 0.995"),
        ("journey-reference", "11:13", "did you mean 'placeOrder'?"),
        ("journey-reference", "11:37", "did you mean 'payments.v1'?"),
        ("journey-step", "11:66", "one of availability, latency, validation, duplicates, dead_letters"),
        ("journey-step", "11:98", "write {operation: onOrderPlaced}"),
        ("slo-incomplete", "12:5", "add target: 99.5%"),
        ("journey-key", "12:17", "did you mean 'target'?"),
        ("journey-steps", "12:36", None),
        ("journey-form", "13:5", f"write {EXAMPLE}"),
        ("journey-reference", "14:65", "did you mean 'payments/onOrderPlaced'?"),
        ("journey-name", "15:12", "letters, digits, dots, underscores and hyphens"),
        ("journey-within", "15:43", "write within: 2m"),
        ("journey-steps", "15:80", "take one of them out"),
    ]


@pytest.mark.parametrize(
    ("step", "message", "hint"),
    [
        ("{operation: onOrderPlacd}", "there is no operation 'onOrderPlacd'", "did you mean 'onOrderPlaced'?"),
        ("{channel: payment.v1}", "there is no channel 'payment.v1'", "did you mean 'payments.v1'?"),
        (
            "{channel: paid, operation: onOrderPlaced}",
            "'onOrderPlaced' is not on the channel 'paid', but on incoming",
            "write channel: incoming",
        ),
        (
            "{channel: orders.v1, sli: dead_letters, operation: placeOrder}",
            "no operation uses the channel 'placeOrder'",
            "name another channel",
        ),
    ],
)
def test_a_step_that_means_nothing_says_what_is_near(load: Load, step: str, message: str, hint: str) -> None:
    catalog = load(estate(f"x-slo-journeys: [{{name: a, target: 99%, steps: [{{channel: paid}}, {step}]}}]"))
    (problem,) = catalog.problems
    assert (problem.code, problem.message, problem.hint) == ("journey-reference", message, hint)


def test_a_channel_with_an_operation_on_both_sides_asks_for_one_of_them(load: Load) -> None:
    catalog = load(
        {
            "pay.yaml": PAYMENTS
            + """
x-slo-journeys: [{name: a, target: 99%, steps: [{channel: 'kafka:none'}, {channel: orders.v1}]}]
""",
            "shop.yaml": SHOP,
        }
    )
    assert [one.code for one in catalog.problems] == ["journey-reference"]
    catalog = load(
        {
            "none.yaml": SHOP.replace("name: shop", "name: other")
            + "  again: {action: send, channel: {$ref: '#/channels/orders'}}\n"
            "x-slo-journeys: [{name: a, target: 99%, steps: [{channel: payments.v1}, {channel: orders.v1}]}]",
            "pay.yaml": PAYMENTS,
        }
    )
    (problem,) = catalog.problems
    assert problem.message == "'orders.v1' may mean 3 operations"
    assert problem.hint == "write operation: with one of other/again, other/placeOrder, payments/onOrderPlaced"


def test_a_document_that_is_read_without_the_others_is_no_fault(load: Load) -> None:
    steps = "[{operation: placeOrder}, {operation: payments/onOrderPlaced}]"
    text = f"x-slo-journeys: [{{name: a, target: 99%, steps: {steps}}}]"
    catalog = load({"shop.yaml": SHOP + text})
    (problem,) = catalog.problems
    assert (problem.code, problem.severity, catalog.journeys) == ("journey-elsewhere", "warning", ())
    slip = load(estate(text.replace("payments/", "paymnts/")))
    assert [(one.code, one.severity, one.hint) for one in slip.problems] == [
        ("journey-reference", "error", "did you mean 'payments/onOrderPlaced'?")
    ]


def test_the_same_step_twice_is_refused(load: Load) -> None:
    catalog = load(
        estate("x-slo-journeys: [{name: a, target: 99%, steps: [{operation: placeOrder}, {channel: orders}]}]")
    )
    (problem,) = catalog.problems
    assert problem.code == "journey-steps"
    assert problem.message.startswith("shop/placeOrder is a step of this journey already")


def test_latency_without_any_threshold_is_refused(load: Load) -> None:
    catalog = load(
        estate(
            "x-slo-journeys: [{name: a, target: 99%, steps: [{channel: paid}, {operation: placeOrder, sli: latency}]}]"
        )
    )
    assert [one.code for one in catalog.problems] == ["slo-incomplete"]


def test_journeys_where_nobody_reads_them_are_told(load: Load) -> None:
    text = SHOP.replace("address: orders.v1", "address: orders.v1, x-slo-journeys: []")
    catalog = load({"shop.yaml": text + "x-slo-journey: []"})
    assert [(one.code, one.severity, one.hint) for one in catalog.problems] == [
        ("journey-misplaced", "warning", "move it to info or to the root of the document"),
        ("extension-misspelt", "warning", "did you mean 'x-slo-journeys'?"),
    ]


def test_settings_declare_journeys_over_all_documents(tmp_path: Path) -> None:
    (tmp_path / "shop.yaml").write_text(SHOP, encoding="utf-8")
    (tmp_path / "payments.yaml").write_text(PAYMENTS, encoding="utf-8")
    settings = read_text(
        "journeys:\n"
        "  - {name: checkout, target: 99%, steps: [{operation: placeOrder}, {operation: payments/onOrderPlaced}]}\n"
        "  - {name: lost, target: 99%, steps: [{operation: placeOrder}, {operation: nobody}]}\n",
        "observatory.yaml",
    )
    catalog = load_catalog([tmp_path], settings=settings)
    assert [(one.id, one.document) for one in catalog.journeys] == [("journeys/checkout", None)]
    (problem,) = catalog.problems
    assert (problem.code, str(problem.location)) == ("journey-reference", "observatory.yaml:3:64")


def test_a_kept_document_has_the_same_journeys(load: Load, tmp_path: Path) -> None:
    cold = load(estate(CHECKOUT), cache=tmp_path / "cache")
    warm = load(estate(CHECKOUT), cache=tmp_path / "cache")
    assert cold.journeys == warm.journeys != ()


@pytest.mark.parametrize(
    ("text", "fits"),
    [
        (CHECKOUT, True),
        ("x-slo-journeys: [{name: a, target: 99%, within: 2m, steps: [{channel: a}, {channel: b}]}]", True),
        ("x-slo-journeys: [{name: a, target: 99%, steps: [{channel: a}]}]", False),
        ("x-slo-journeys: [{name: a, target: 99, steps: [{channel: a}, {channel: b}]}]", False),
        ("x-slo-journeys: [{name: a, target: 99%, steps: [{channel: a, sli: lag}, {channel: b}]}]", False),
        ("x-slo-journeys: [{name: a, target: 99%, steps: [{channel: a}, {sli: latency}]}]", False),
        ("x-slo-journeys: {name: a}", False),
    ],
)
def test_the_published_schema_takes_what_the_reader_takes(text: str, fits: bool) -> None:
    assert jsonschema.Draft7Validator(load_schema("extensions")).is_valid(yaml.safe_load(text)) == fits
