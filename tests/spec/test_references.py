"""`$ref` inside and across files: what it leads to, and what it may not lead to."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from observatory.spec.catalog import Catalog
from observatory.spec.load import load_catalog

Load = Callable[..., Catalog]
HEAD = "asyncapi: 3.0.0\ninfo: {title: Shop, version: '1'}\n"


def findings(catalog: Catalog) -> list[tuple[str, str]]:
    return [(problem.code, str(problem.location)) for problem in catalog.problems]


def test_a_reference_across_files_is_relative_to_the_file_that_holds_it(load: Load) -> None:
    catalog = load(
        {
            "docs/shop.yaml": HEAD + "channels: {orders: {$ref: 'parts/channels.yaml#/orders'}}\n",
            "docs/parts/channels.yaml": "orders:\n  address: orders.v1\n"
            "  messages: {placed: {$ref: '../messages.json#/a~1b'}}\n",
            "docs/messages.json": '{"a/b": {"payload": {"type": "object"}, "name": "placed"}}',
        },
        paths=[Path("docs/shop.yaml")],
    )
    assert catalog.problems == ()
    (channel,) = catalog.channels
    assert channel.address == "orders.v1"
    assert str(channel.names[0].location) == "docs/parts/channels.yaml:2:12"
    assert str(channel.location) == "docs/shop.yaml:3:12"


def test_a_reference_through_a_reference_is_followed(one: Load) -> None:
    catalog = one(
        HEAD
        + """
channels: {a: {$ref: '#/components/channels/b'}}
operations: {o: {action: send, channel: {$ref: '#/channels/a'}, messages: [{$ref: '#/channels/a/messages/m'}]}}
components:
  channels: {b: {address: x, messages: {m: {$ref: '#/components/messages/m'}}}}
  messages: {m: {payload: {$ref: '#/components/schemas/s'}}}
  schemas: {s: {type: string}}
"""
    )
    assert catalog.problems == ()
    (operation,) = catalog.operations
    assert [(message.name, message.schema) for message in operation.messages] == [("m", {"type": "string"})]
    assert operation.channel_id == "unknown:x"


@pytest.mark.parametrize(
    ("target", "code", "says"),
    [
        ("#/components/messages/Ordr", "reference-missing", "has no 'Ordr'"),
        ("other.yaml#/x", "reference-file-missing", "there is no file 'other.yaml'"),
        ("../secret.yaml#/x", "reference-outside-roots", "leads outside the folders"),
        ("/etc/passwd", "reference-outside-roots", "leads outside the folders"),
        ("..%2fsecret.yaml", "reference-outside-roots", "leads outside the folders"),
        ("https://user:hunter2@example.com/x.yaml#/x", "reference-remote", "https://example.com/x.yaml"),
        ("file:///etc/passwd", "reference-remote", "is not followed: references are paths"),
        ("ftp://example.com/x.yaml", "reference-remote", "is not followed: references are paths"),
        ("#components/messages/Order", "reference-missing", "is no JSON pointer"),
        ("a\\0b.yaml", "reference-file-missing", "not a usable file name"),
    ],
)
def test_a_broken_reference_is_one_problem_at_its_place(load: Load, target: str, code: str, says: str) -> None:
    text = (
        HEAD
        + f"""channels:
  orders:
    address: orders
    messages:
      placed: {{$ref: "{target}"}}
components: {{messages: {{Order: {{}}}}}}
"""
    )
    Path("../secret.yaml").write_text("x: {}\n", encoding="utf-8")
    catalog = load({"doc.yaml": text})
    (problem,) = [one for one in catalog.problems if one.code != "secret-in-url"]
    assert (problem.code, str(problem.location)) == (code, "doc.yaml:7:22")
    assert says in problem.message
    assert "hunter2" not in problem.render()
    assert [channel.address for channel in catalog.channels] == ["orders"]


def test_a_near_miss_is_suggested(one: Load) -> None:
    catalog = one(
        HEAD + "channels: {a: {address: a, messages: {m: {$ref: '#/components/messages/Ordr'}}}}\n"
        "components: {messages: {Order: {}}}\n"
    )
    assert [problem.hint for problem in catalog.problems] == ["did you mean '#/components/messages/Order'?"]


def test_references_in_a_circle_are_reported_and_do_not_hang(one: Load) -> None:
    catalog = one(
        HEAD + "channels: {a: {$ref: '#/channels/b'}, b: {$ref: '#/channels/a'}, c: {$ref: '#/channels/c'}}\n"
    )
    assert {code for code, _ in findings(catalog)} == {"reference-cycle"}
    assert {place for _, place in findings(catalog)} == {"doc.yaml:3:22", "doc.yaml:3:49", "doc.yaml:3:76"}


def test_a_long_chain_of_references_is_bounded(one: Load) -> None:
    chain = "".join(f"    m{n}: {{$ref: '#/components/messages/m{n + 1}'}}\n" for n in range(80))
    catalog = one(HEAD + "components:\n  messages:\n" + chain + "    m80: {}\n")
    assert {code for code, _ in findings(catalog)} == {"reference-too-deep"}


def test_a_schema_that_contains_itself_keeps_its_reference(one: Load) -> None:
    catalog = one(
        HEAD
        + """
channels: {tree: {address: tree, messages: {node: {payload: {$ref: '#/components/schemas/Node'}}}}}
operations: {o: {action: send, channel: {$ref: '#/channels/tree'}}}
components: {schemas: {Node: {properties: {left: {$ref: '#/components/schemas/Node'}}}}}
"""
    )
    assert catalog.problems == ()
    assert catalog.operations[0].messages[0].schema == {"properties": {"left": {"$ref": "#/components/schemas/Node"}}}


def test_schemas_that_refer_to_each_other_twice_do_not_grow(one: Load) -> None:
    schemas = {
        f"S{n}": {"properties": {k: {"$ref": f"#/components/schemas/S{n + 1}"} for k in "ab"}} for n in range(60)
    }
    schemas["S60"] = {"type": "string"}  # type: ignore[dict-item]
    text = HEAD + json.dumps(
        {
            "channels": {"a": {"address": "a", "messages": {"m": {"payload": {"$ref": "#/components/schemas/S0"}}}}},
            "operations": {"o": {"action": "send", "channel": {"$ref": "#/channels/a"}}},
            "components": {"schemas": schemas},
        }
    )[1:-1].replace('}, "operations"', '}\n"operations"').replace('}, "components"', '}\n"components"')
    schema = one(text).operations[0].messages[0].schema
    assert isinstance(schema, dict)
    assert schema["properties"]["a"] is schema["properties"]["b"]


def test_a_data_key_in_an_example_is_no_reference(one: Load) -> None:
    catalog = one(
        HEAD
        + "channels: {a: {address: a, messages: {m: {payload: {type: object, examples: [{$ref: '#/nothing'}]}}}}}\n"
    )
    assert catalog.problems == ()


def test_a_reference_inside_an_extension_is_followed(one: Load) -> None:
    catalog = one(
        HEAD
        + """
channels: {a: {address: a}}
operations:
  o: {action: send, channel: {$ref: '#/channels/a'}, x-slo: [{$ref: '#/components/x-slo/standard'}]}
components: {x-slo: {standard: {sli: availability, target: 99.5%}}}
"""
    )
    assert catalog.problems == ()
    assert [(one.sli, one.target, str(one.location)) for one in catalog.operations[0].objectives] == [
        ("availability", 0.995, "doc.yaml:7:32")
    ]


def test_keys_beside_a_reference_are_warned_about(one: Load) -> None:
    catalog = one(
        HEAD + "channels:\n  a:\n    $ref: '#/components/channels/a'\n    x-slo: {availability: 99%}\n"
        "components: {channels: {a: {address: a}}}\n"
    )
    assert findings(catalog) == [("reference-siblings", "doc.yaml:6:5")]
    assert catalog.problems[0].severity == "warning"


def test_a_link_out_of_the_folder_is_not_read(load: Load, tmp_path_factory: pytest.TempPathFactory) -> None:
    outside = tmp_path_factory.mktemp("outside") / "secret.yaml"
    outside.write_text(HEAD + "channels: {hidden: {address: hidden}}\n", encoding="utf-8")
    Path("docs").mkdir()
    Path("docs/link.yaml").symlink_to(outside)
    catalog = load(
        {"docs/a.yaml": HEAD + "channels: {a: {$ref: 'link.yaml#/channels/hidden'}}\n"}, paths=[Path("docs")]
    )
    assert findings(catalog) == [
        ("reference-outside-roots", "docs/a.yaml:3:22"),
        ("reference-outside-roots", "docs/link.yaml:1:1"),
    ]
    assert catalog.channels == ()


def test_wider_roots_let_a_reference_through(load: Load, tmp_path: Path) -> None:
    files = {
        "docs/a.yaml": HEAD + "channels: {a: {$ref: '../shared.yaml#/a'}}\n",
        "shared.yaml": "a: {address: shared.a}\n",
    }
    catalog = load(files, paths=[Path("docs")], roots=[tmp_path])
    assert catalog.problems == ()
    assert [channel.address for channel in catalog.channels] == ["shared.a"]


def test_a_broken_file_behind_a_reference_is_reported_at_both_places(load: Load) -> None:
    files = {"a.yaml": HEAD + "channels: {a: {$ref: 'b.yaml#/a'}}\n", "b.yaml": "a: [\n"}
    assert findings(load(files, paths=[Path("a.yaml")])) == [
        ("reference-file-missing", "a.yaml:3:22"),
        ("yaml-syntax", "b.yaml:2:1"),
    ]


def test_the_same_file_is_read_once_however_it_is_named(load: Load) -> None:
    load({"a.yaml": HEAD + "channels: {a: {address: a}}\n"})
    catalog = load_catalog([Path("a.yaml"), Path("./a.yaml"), Path.cwd() / "a.yaml", Path()])
    assert len(catalog.documents) == 1


def test_a_path_that_leads_through_itself_is_a_cycle(one: Load) -> None:
    catalog = one(HEAD + "channels: {c: {address: a, messages: {m: {$ref: '#/channels/c/messages/m/x'}}}}\n")
    assert [code for code, _ in findings(catalog)] == ["reference-cycle"]


@pytest.mark.parametrize(
    ("target", "code", "hint"),
    [
        ("./schemas/ordr.yaml", "reference-file-missing", "did you mean './schemas/order.yaml'?"),
        ("./schemas/Order.yaml", "reference-file-missing", "did you mean './schemas/order.yaml'?"),
        ("schemas/order.yml#/x", "reference-file-missing", "did you mean 'schemas/order.yaml'?"),
        ("schemas/order", "reference-file-missing", "did you mean 'schemas/order.yaml'?"),
        (
            "schemas\\\\order.yaml",
            "reference-file-missing",
            "did you mean 'schemas/order.yaml'? References are written",
        ),
        ("invoice.yaml", "reference-file-missing", None),
        ("/components/schemas/Order", "reference-outside-roots", "did you mean '#/components/schemas/Order'?"),
        ("components/schemas/Order", "reference-file-missing", "did you mean '#/components/schemas/Order'?"),
        ("#components/schemas/Order", "reference-missing", "did you mean '#/components/schemas/Order'?"),
        ("#/components/schema/Order", "reference-missing", "did you mean '#/components/schemas/Order'?"),
        ("#/components/schemas/order", "reference-missing", "did you mean '#/components/schemas/Order'?"),
        ("schemas/order.yaml#/propertis", "reference-missing", "did you mean 'schemas/order.yaml#/properties'?"),
        ("\u2018#/components/schemas/Order\u2019", "reference-file-missing", "\u2018 is a typographic quote"),
    ],
)
def test_a_broken_reference_says_what_it_may_have_meant(load: Load, target: str, code: str, hint: str | None) -> None:
    document = (
        HEAD + f'channels: {{orders: {{address: orders, messages: {{m: {{payload: {{$ref: "{target}"}}}}}}}}}}\n'
        "components: {schemas: {Order: {type: object}}}\n"
    )
    catalog = load({"doc.yaml": document, "schemas/order.yaml": "properties: {}\n"}, paths=[Path("doc.yaml")])
    (problem,) = catalog.problems
    assert problem.code == code
    assert (problem.hint is None) is (hint is None)
    assert (problem.hint or "").startswith(hint or "")


def test_no_file_is_suggested_from_outside_the_roots(load: Load) -> None:
    Path("../secrets.yaml").write_text("x: 1\n", encoding="utf-8")
    (problem,) = load({"doc.yaml": HEAD + "channels: {a: {$ref: '../secret.yaml'}}\n"}).problems
    assert problem.code == "reference-outside-roots"
    assert "secrets" not in problem.render()
