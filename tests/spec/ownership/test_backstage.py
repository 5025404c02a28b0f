"""Backstage entities: owners, domains, services and consumers of documents."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from spec.ownership.cases import document, findings, only, owner_of

from observatory.spec.catalog import Catalog

Estate = Callable[..., Catalog]

API = """\
apiVersion: backstage.io/v1alpha1
kind: API
metadata:
  name: pay-events
  links:
    - {url: 'https://wiki.example', title: Home}
    - {url: 'https://runbooks.example/pay', type: runbook}
spec:
  type: asyncapi
  owner: group:default/pay-core
  system: billing
  definition:
    $text: ./api/asyncapi.yaml
"""
COMPONENT = """\
apiVersion: backstage.io/v1alpha1
kind: Component
metadata:
  name: payments
  annotations: {pagerduty.com/service-id: PAY1, pagerduty.com/integration-key: do-not-show}
spec:
  type: service
  owner: pay-core
  system: billing
  providesApis: [pay-events]
"""
SYSTEM = """\
kind: System
metadata: {name: billing}
spec: {owner: pay-core, domain: finance}
"""
GROUP = """\
kind: Group
metadata: {name: pay-core, links: [{url: 'https://chat.example/pay', icon: chat}]}
spec: {type: team, profile: {email: pay@example.com}, children: []}
"""


def pages(*parts: str) -> str:
    return "---\n".join(parts)


def test_the_api_whose_definition_is_the_document_says_everything_about_it(estate: Estate) -> None:
    catalog = estate(
        {
            "api/asyncapi.yaml": document("Payment Events"),
            "catalog-info.yaml": pages(API, COMPONENT, SYSTEM, GROUP),
        }
    )
    assert catalog.problems == ()
    found = only(catalog)
    assert found.owner is not None
    assert found.owner.to_json() == {
        "team": "pay-core",
        "contact": "pay@example.com",
        "escalation": "PAY1",
        "runbook": "https://runbooks.example/pay",
        "provenance": "backstage catalog-info.yaml:10",
        "filled": {},
    }
    assert (found.domain, found.domain_provenance) == ("finance", "backstage catalog-info.yaml:28")
    assert (found.service, found.service_provenance) == ("payments", "backstage catalog-info.yaml:18")
    # Ids of objectives begin with the document's name, which no file beside it changes.
    assert found.name == "payment-events"
    (operation,), (channel,) = catalog.operations, catalog.channels
    assert (operation.key, operation.service, operation.owner) == ("payment-events/o", "payments", found.owner)
    assert (channel.owner, channel.domain, channel.domain_provenance) == (
        found.owner,
        "finance",
        "backstage catalog-info.yaml:28",
    )


@pytest.mark.parametrize(
    ("definition", "where"),
    [
        ("{$yaml: api/asyncapi.yaml}", "catalog-info.yaml"),
        ("{$text: ../api/asyncapi.yaml}", "deploy/catalog-info.yaml"),
        ("{$text: 'https://git.example/acme/pay/blob/main/api/asyncapi.yaml'}", "catalog-info.yaml"),
        (
            "|\n    asyncapi: 3.0.0\n    info: {title: Payment Events, version: 0.9.0}\n    channels: {}",
            "catalog-info.yaml",
        ),
    ],
)
def test_a_definition_is_a_path_an_address_or_a_copy(estate: Estate, definition: str, where: str) -> None:
    text = f"kind: API\nmetadata: {{name: x}}\nspec:\n  type: asyncapi\n  owner: pay-core\n  definition: {definition}\n"
    files = {
        "api/asyncapi.yaml": document("Payment Events"),
        "other/asyncapi.yaml": document("Others", address="other"),
        where: text,
    }
    catalog = estate(files, named=[where])
    assert owner_of(catalog, "payment-events").provenance == f"backstage {where}:5"
    assert [one.owner for one in catalog.documents if one.name == "others"] == [None]
    assert catalog.problems == ()


def test_an_inline_definition_that_is_no_document_is_not_believed(estate: Estate) -> None:
    text = "kind: API\nmetadata: {name: x}\nspec: {type: asyncapi, owner: a, definition: '{: not yaml'}\n"
    catalog = estate({"a.yaml": document("Payments"), "catalog-info.yaml": text})
    assert (only(catalog).owner, catalog.problems) == (None, ())


@pytest.mark.parametrize("name", ["payment_events", "Payment-Events", "paymentevents"])
def test_an_api_or_component_may_be_found_by_the_name_of_the_service(estate: Estate, name: str) -> None:
    for kind in ("API", "Component"):
        head = f"apiVersion: backstage.io/v1alpha1\nkind: {kind}\nmetadata: {{name: {name}}}\n"
        text = head + "spec: {type: asyncapi, owner: pay-core}\n"
        catalog = estate({"a/asyncapi.yaml": document("Payment Events"), "all/org.yaml": text}, named=["all/org.yaml"])
        assert owner_of(catalog).team == "pay-core"


def test_the_only_component_above_a_document_is_its_application(estate: Estate) -> None:
    catalog = estate({"api/v1/asyncapi.yaml": document("Events"), "catalog-info.yml": COMPONENT})
    assert owner_of(catalog).provenance == "backstage catalog-info.yml:8"
    assert (only(catalog).service, only(catalog).service_provenance) == ("payments", "backstage catalog-info.yml:4")


def test_the_nearest_descriptor_counts(estate: Estate) -> None:
    catalog = estate(
        {
            "pay/asyncapi.yaml": document("Events"),
            "pay/catalog-info.yaml": "kind: Component\nmetadata: {name: near}\nspec: {type: service, owner: near}\n",
            "catalog-info.yaml": COMPONENT,
        }
    )
    assert owner_of(catalog).team == "near"


def test_a_component_over_several_documents_owns_them_and_is_the_service_of_none(estate: Estate) -> None:
    catalog = estate({"a.yaml": document("One"), "b.yaml": document("Two", "receive"), "catalog-info.yaml": COMPONENT})
    assert [(one.service, one.owner.team if one.owner else None) for one in catalog.documents] == [
        ("one", "pay-core"),
        ("two", "pay-core"),
    ]


def test_components_beside_a_document_that_disagree_say_nothing(estate: Estate) -> None:
    other = "kind: Component\nmetadata: {name: other}\nspec: {type: service, owner: somebody}\n"
    catalog = estate({"a.yaml": document("Events"), "catalog-info.yaml": pages(COMPONENT, other)})
    assert only(catalog).owner is None


def test_what_does_not_run_is_no_application(estate: Estate) -> None:
    library = "kind: Component\nmetadata: {name: lib}\nspec: {type: library, owner: libraries}\n"
    assert owner_of(estate({"a.yaml": document("Events"), "catalog-info.yaml": pages(library, COMPONENT)})).team == (
        "pay-core"
    )


def test_a_document_that_names_its_service_keeps_it(estate: Estate) -> None:
    files = {"a.yaml": document("Events", info=", x-service-name: mine"), "catalog-info.yaml": COMPONENT}
    found = only(estate(files))
    assert (found.service, found.service_provenance) == ("mine", "x-service-name on info")


def test_an_owner_may_be_a_person_another_namespace_or_a_mapping(estate: Estate) -> None:
    user = "kind: User\nmetadata: {name: jane}\nspec: {profile: {email: jane@example.com}, memberOf: []}\n"
    for written, team, contact in [
        ("user:jane", "jane", "jane@example.com"),
        ("USER:default/Jane", "Jane", "jane@example.com"),
        ("{kind: User, name: jane}", "jane", "jane@example.com"),
        ("group:external/partners", "external/partners", None),
    ]:
        component = f"kind: Component\nmetadata: {{name: pay}}\nspec: {{type: service, owner: {written}}}\n"
        owner = owner_of(estate({"a.yaml": document("Events"), "catalog-info.yaml": pages(component, user)}))
        assert (owner.team, owner.contact) == (team, contact)


def test_systems_that_belong_to_each_other_have_no_domain(estate: Estate) -> None:
    ring = "kind: System\nmetadata: {name: %s}\nspec: {owner: a, system: %s}\n"
    text = pages(COMPONENT, ring % ("billing", "other"), ring % ("other", "billing"))
    catalog = estate({"a.yaml": document("Events"), "catalog-info.yaml": text})
    assert (only(catalog).domain, catalog.problems) == (None, ())


def test_a_reference_without_a_namespace_means_that_of_its_entity(estate: Estate) -> None:
    component = "kind: Component\nmetadata: {name: pay, namespace: eu}\nspec: {type: service, owner: core}\n"
    group = "kind: Group\nmetadata: {name: core, namespace: eu}\nspec: {profile: {email: eu@example.com}}\n"
    owner = owner_of(estate({"a.yaml": document("Events"), "catalog-info.yaml": pages(component, group)}))
    assert (owner.team, owner.contact) == ("eu/core", "eu@example.com")


def test_a_chat_is_the_contact_where_there_is_no_address(estate: Estate) -> None:
    group = GROUP.replace("profile: {email: pay@example.com}, ", "")
    owner = owner_of(estate({"a.yaml": document("Events"), "catalog-info.yaml": pages(COMPONENT, group)}))
    assert owner.contact == "https://chat.example/pay"


def test_a_key_that_raises_alarms_is_never_shown(estate: Estate) -> None:
    component = COMPONENT.replace("pagerduty.com/service-id: PAY1, ", "")
    owner = owner_of(estate({"a.yaml": document("Events"), "catalog-info.yaml": component}))
    assert owner.escalation is None


def test_who_consumes_the_api_is_named_beside_the_documents(estate: Estate) -> None:
    consumers = """\
kind: Component
metadata: {name: fraud}
spec: {type: service, owner: risk, consumesApis: [pay-events]}
---
kind: Component
metadata: {name: shop}
spec:
  type: service
  owner: shop-team
  consumesApis:
    - nothing
    - default/pay-events
"""
    catalog = estate(
        {
            "pay/api/asyncapi.yaml": document("Payment Events", address="paid"),
            "pay/catalog-info.yaml": pages(API, COMPONENT),
            "shop/asyncapi.yaml": document("Shop", "receive", address="paid"),
            "org/catalog-info.yaml": consumers,
        },
        named=["org"],
    )
    # The shop's own document declares that it receives; nobody's declares that fraud does.
    (one,) = catalog.named
    assert (one.channel_id, one.action, one.service, one.provenance) == (
        "kafka:paid",
        "receive",
        "fraud",
        "backstage org/catalog-info.yaml:3",
    )
    assert one.owner is not None
    assert one.owner.team == "risk"
    assert catalog.problems == ()


def test_a_consumer_whose_document_does_not_receive_is_named_as_well(estate: Estate) -> None:
    catalog = estate(
        {
            "pay/api/asyncapi.yaml": document("Payment Events", address="paid"),
            "pay/catalog-info.yaml": pages(API, COMPONENT),
            "shop/asyncapi.yaml": document("Shop", "receive", address="something.else"),
            "shop/catalog-info.yaml": "kind: Component\nmetadata: {name: shop}\n"
            "spec: {type: service, owner: s, consumesApis: [pay-events]}\n",
        }
    )
    assert [(one.channel_id, one.service) for one in catalog.named] == [("kafka:paid", "shop")]


def test_two_apis_that_define_one_document_are_reported_and_the_first_is_believed(estate: Estate) -> None:
    second = API.replace("name: pay-events", "name: pay-events-2").replace("pay-core", "others")
    catalog = estate({"api/asyncapi.yaml": document("Events"), "catalog-info.yaml": pages(API, second)})
    assert findings(catalog) == [("warning", "ownership-twice", "catalog-info.yaml:18:9")]
    assert catalog.problems[0].message == "'pay-events-2' and 'pay-events' both define api/asyncapi.yaml"
    assert owner_of(catalog).team == "pay-core"


def test_an_entity_that_is_there_twice_is_reported(estate: Estate) -> None:
    catalog = estate({"a.yaml": document("Events"), "catalog-info.yaml": pages(COMPONENT, COMPONENT)})
    assert findings(catalog) == [("warning", "ownership-twice", "catalog-info.yaml:15:9")]
    assert catalog.problems[0].message == "there are two of component:default/payments"


@pytest.mark.parametrize(
    ("change", "place", "message", "hint"),
    [
        (("owner: pay-core", "owner: pay-cor"), "8:10", "no group is called 'pay-cor'", "group:default/pay-core"),
        (("system: billing", "system: biling"), "9:11", "no system is called 'biling'", "'billing'"),
        (("[pay-events]", "[pay-event]"), "10:18", "no api is called 'pay-event'", "'pay-events'"),
    ],
)
def test_a_reference_that_is_misspelt_is_shown_with_what_is_near(
    estate: Estate, change: tuple[str, str], place: str, message: str, hint: str
) -> None:
    api = API.replace("./api/asyncapi.yaml", "./else.yaml")
    text = pages(COMPONENT.replace(*change), api, SYSTEM, GROUP)
    catalog = estate({"a.yaml": document("Events"), "catalog-info.yaml": text})
    (problem,) = catalog.problems
    assert (problem.severity, problem.code) == ("warning", "ownership-reference")
    assert (str(problem.location), problem.message) == (f"catalog-info.yaml:{place}", message)
    assert problem.hint == f"did you mean {hint}?"


def test_a_team_that_is_defined_elsewhere_is_no_mistake(estate: Estate) -> None:
    text = COMPONENT.replace("owner: pay-core", "owner: platform")
    assert estate({"a.yaml": document("Events"), "catalog-info.yaml": text}).problems == ()
    catalog = estate({"a.yaml": document("Events"), "catalog-info.yaml": pages(text, GROUP)})
    assert findings(catalog) == [("info", "ownership-reference", "catalog-info.yaml:8:10")]


def test_kinds_of_others_are_left_alone(estate: Estate) -> None:
    other = "kind: Template\nmetadata: {}\nspec: {owner: [1]}\n"
    catalog = estate({"a.yaml": document("Events"), "catalog-info.yaml": pages("# only a comment\n", other, COMPONENT)})
    assert (owner_of(catalog).team, catalog.problems) == ("pay-core", ())


def test_a_broken_entity_leaves_the_others_readable(estate: Estate) -> None:
    broken = "kind: Component\nmetadata: {name: x\nspec: {}\n"
    catalog = estate({"a.yaml": document("Events"), "catalog-info.yaml": pages(broken, COMPONENT)})
    ((severity, code, place),) = findings(catalog)
    assert (severity, code, place.split(":")[:2]) == ("warning", "yaml-syntax", ["catalog-info.yaml", "2"])
    assert owner_of(catalog).provenance == "backstage catalog-info.yaml:12"


@pytest.mark.parametrize(
    ("text", "place", "message"),
    [
        ("just text\n", "1:1", "this is no entity: it has no kind"),
        ("kind: Component\nmetadata: {title: x}\n", "2:11", "this Component has no name"),
        ("kind: Component\nspec: {owner: a}\n", "1:7", "this Component has no name"),
        ("kind: Component\nmetadata: {name: x}\nspec: []\n", "3:7", "the spec of an entity is a mapping"),
        (
            "kind: Component\nmetadata: {name: x}\nspec: {owner: [a]}\n",
            "3:15",
            "spec.owner is no reference to a group",
        ),
    ],
)
def test_what_is_no_entity_is_shown_with_its_place(estate: Estate, text: str, place: str, message: str) -> None:
    catalog = estate({"a.yaml": document("Events"), "catalog-info.yaml": text})
    (problem,) = catalog.problems
    assert (problem.code, problem.severity, problem.message) == ("ownership-form", "warning", message)
    assert str(problem.location) == f"catalog-info.yaml:{place}"
    named = estate({}, named=["catalog-info.yaml"])
    assert [(one.code, one.severity) for one in named.problems] == [("ownership-form", "error")]


def test_a_location_leads_to_files_nearby_and_to_no_others(estate: Estate) -> None:
    location = """\
kind: Location
metadata: {name: all}
spec:
  type: file
  target: ./parts/groups.yaml
  targets:
    - ./parts/pay.yaml
    - ./catalog-info.yaml
    - ./gone.yaml
    - https://git.example/org.yaml
    - ../outside.yaml
"""
    catalog = estate(
        {
            "outside.yaml": COMPONENT,
            "repo/a.yaml": document("Payments"),
            "repo/catalog-info.yaml": location,
            "repo/parts/groups.yaml": GROUP,
            "repo/parts/pay.yaml": COMPONENT,
        },
        paths=["repo"],
    )
    owner = owner_of(catalog)
    assert (owner.provenance, owner.contact) == ("backstage repo/parts/pay.yaml:8", "pay@example.com")
    assert findings(catalog) == [
        ("warning", "ownership-reference", "repo/catalog-info.yaml:9:7"),
        ("warning", "reference-outside-roots", "repo/catalog-info.yaml:11:7"),
    ]
