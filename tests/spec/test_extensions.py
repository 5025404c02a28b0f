"""Extensions: where they may stand, which one wins, and what is wrong with them."""

from __future__ import annotations

from collections.abc import Callable

import jsonschema
import pytest
import yaml

from observatory.spec.catalog import Catalog
from observatory.spec.schema_files import load_schema

Load = Callable[..., Catalog]

LEVELS = ["operation", "message", "channel", "trait", "server", "info", "root"]


def three(places: dict[str, str]) -> str:
    """A 3.x document with text at the named levels."""
    at = {level: f", {places[level]}" if level in places else "" for level in LEVELS}
    root = places.get("root", "")
    return f"""
asyncapi: 3.0.0
info: {{title: Shop, version: '1'{at["info"]}}}
servers: {{main: {{host: k, protocol: kafka{at["server"]}}}}}
channels: {{c: {{address: orders, messages: {{m: {{payload: {{}}{at["message"]}}}}}{at["channel"]}}}}}
operations:
  o: {{action: receive, channel: {{$ref: '#/channels/c'}}, traits: [{{title: T{at["trait"]}}}]{at["operation"]}}}
{root}
"""


@pytest.mark.parametrize("level", range(len(LEVELS)))
def test_the_most_specific_value_wins(one: Load, level: int) -> None:
    places = {name: f"x-owner: {name}, x-criticality: high" for name in LEVELS[level:]}
    if "root" in places:
        places["root"] = "x-owner: root\nx-criticality: high"
    catalog = one(three(places))
    (operation,) = catalog.operations
    assert catalog.problems == ()
    assert operation.owner is not None
    assert (operation.owner.team, operation.owner.provenance) == (LEVELS[level], f"x-owner on {LEVELS[level]}")
    assert operation.criticality == "high"


def test_objectives_are_inherited_and_overridden_by_name(one: Load) -> None:
    catalog = one(
        three(
            {
                "operation": "x-slo: {latency: {threshold: 1s, target: 99%}}",
                "channel": "x-slo: {latency: {threshold: 5s, target: 90%}, lag: {threshold: 60s, target: 99%}}",
                "info": "x-slo: {availability: 99.9%, lag: {threshold: 9s, target: 50%}}",
                "root": "x-slo-defaults: {window: 7d, policy: tight}",
            }
        )
    )
    assert catalog.problems == ()
    found = {one.name: (one.target, one.threshold and one.threshold.value) for one in catalog.operations[0].objectives}
    assert found == {"latency": (0.99, 1.0), "lag": (0.99, 60.0), "availability": (0.999, None)}
    assert {(one.window, one.policy) for one in catalog.operations[0].objectives} == {("7d", "tight")}


def test_what_only_consumers_can_promise_is_not_inherited_by_producers(one: Load) -> None:
    catalog = one(
        """
asyncapi: 3.0.0
info: {title: Shop, version: '1'}
channels: {c: {address: a, x-slo: {lag: {threshold: 60s, target: 99%}, availability: 99%}}}
operations:
  in: {action: receive, channel: {$ref: '#/channels/c'}}
  out: {action: send, channel: {$ref: '#/channels/c'}}
"""
    )
    assert catalog.problems == ()
    found = {operation.name: [one.sli for one in operation.objectives] for operation in catalog.operations}
    assert found == {"in": ["lag", "availability"], "out": ["availability"]}


def test_lag_on_a_sending_operation_is_an_error(one: Load) -> None:
    catalog = one(
        """
asyncapi: 2.6.0
info: {title: Shop, version: '1'}
channels: {a: {subscribe: {x-slo: {lag: {threshold: 60s, target: 99%}}}}}
"""
    )
    assert [(problem.code, str(problem.location)) for problem in catalog.problems] == [("slo-role", "doc.yaml:4:41")]
    assert catalog.operations[0].objectives == ()


def test_an_objective_that_no_operation_takes_up_is_a_warning(one: Load) -> None:
    catalog = one(
        """
asyncapi: 3.0.0
info: {title: Shop, version: '1'}
channels: {c: {address: a, x-slo: {lag: {threshold: 60s, target: 99%}}}, d: {address: d, x-slo: {availability: 99}}}
operations: {out: {action: send, channel: {$ref: '#/channels/c'}}}
"""
    )
    assert [(problem.code, problem.severity) for problem in catalog.problems] == [
        ("slo-unused", "warning"),
        ("slo-target", "error"),
    ]


def test_an_inherited_mistake_is_reported_once(one: Load) -> None:
    catalog = one(
        """
asyncapi: 3.0.0
info: {title: Shop, version: '1', x-slo: {availability: 99.9}}
channels: {c: {address: a}}
operations:
  one: {action: receive, channel: {$ref: '#/channels/c'}}
  two: {action: send, channel: {$ref: '#/channels/c'}}
"""
    )
    assert [(problem.code, str(problem.location)) for problem in catalog.problems] == [("slo-target", "doc.yaml:3:57")]


@pytest.mark.parametrize(
    ("text", "code", "column"),
    [
        ("x-owner: {contact: '#pay'}", "extension-value", 44),
        ("x-owner: {team: pay, runbok: x}", "extension-key", 56),
        ("x-owner: [pay]", "extension-value", 44),
        ("x-criticality: urgent", "extension-value", 50),
        ("x-domain: 5", "extension-value", 45),
        ("x-telemetry: kminion", "extension-value", 48),
        ("x-telemetry: {lables: {a: b}}", "extension-key", 49),
        ("x-telemetry: {labels: {a: [b]}}", "extension-value", 61),
        ("x-consumer-group: ''", "extension-value", 53),
        ("x-slos: {availability: 99%}", "extension-misspelt", 35),
        ("x-slo: 99%", "slo-form", 42),
    ],
)
def test_wrong_extensions_are_found_at_their_place(one: Load, text: str, code: str, column: int) -> None:
    catalog = one(
        f"""
asyncapi: 3.0.0
info: {{title: Shop, version: '1', {text}}}
channels: {{c: {{address: a}}}}
operations: {{o: {{action: receive, channel: {{$ref: '#/channels/c'}}}}}}
"""
    )
    assert [(problem.code, str(problem.location)) for problem in catalog.problems] == [(code, f"doc.yaml:3:{column}")]


def test_telemetry_labels_are_text_in_order(one: Load) -> None:
    catalog = one(three({"operation": "x-telemetry: {profile: kminion, labels: {zone: 1, cluster: eu}}"}))
    telemetry = catalog.operations[0].telemetry
    assert telemetry is not None
    assert (telemetry.profile, telemetry.labels) == ("kminion", (("cluster", "eu"), ("zone", "1")))


def test_extensions_of_other_tools_are_left_alone(one: Load) -> None:
    assert (
        one(three({"info": "x-linkedin: 'https://www.linkedin.com/company/shop', x-x: shop, x-microcks: {}"})).problems
        == ()
    )


@pytest.mark.parametrize(
    "text",
    [
        "x-owner: pay",
        "x-owner: {team: pay, contact: '#pay', escalation: key, runbook: https://runbooks.example}",
        "x-owner: {contact: '#pay'}",
        "x-owner: {team: pay, mail: a@b}",
        "x-owner: 5",
        "x-domain: shop",
        "x-domain: [shop]",
        "x-service-name: shop",
        "x-criticality: low",
        "x-criticality: urgent",
        "x-consumer-group: g",
        "x-telemetry: {profile: kminion, labels: {cluster: eu, zone: 1}}",
        "x-telemetry: {labels: {cluster: [eu]}}",
        "x-telemetry: {label: {}}",
        "x-dead-letter: orders.dlq",
        "x-dead-letter: {address: orders.dlq}",
        "x-dead-letter: 5",
        "x-slo-defaults: {window: 7d, policy: tight, measure: end-end}",
        "x-slo-defaults: {window: fortnight}",
        "x-slo-defaults: {target: 99%}",
        "x-slo-defaults: []",
    ],
)
def test_the_published_schema_agrees_with_the_reader(one: Load, text: str) -> None:
    catalog = one(three({"operation": text}))
    validator = jsonschema.Draft7Validator(load_schema("extensions"))
    assert validator.is_valid(yaml.safe_load(text)) == (catalog.problems == ())
