"""Hostile references: chains, circles and parts that multiply end in findings, within bounded work."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from observatory.spec.catalog import Catalog
from observatory.spec.load import load_catalog

TEXT = "asyncapi: 3.0.0\ninfo: {title: T, version: '1'}\n"
TEXT2 = "asyncapi: 2.6.0\ninfo: {title: T, version: '1'}\n"
Folder = Callable[[dict[str, str]], Path]


def codes(catalog: Catalog) -> list[str]:
    return [problem.code for problem in catalog.problems]


def chain(link: str, last: str, files: int) -> dict[str, str]:
    found = {f"f{n}.yaml": link.format(next=f"f{n + 1}.yaml") for n in range(files)}
    return {**found, f"f{files}.yaml": last}


@pytest.mark.parametrize("link", ["x: {{y: {{$ref: '{next}#/x/y'}}}}\n", "x: {{$ref: '{next}#/x/y'}}\n"])
def test_a_chain_of_references_through_files_ends_at_its_bound(folder: Folder, link: str) -> None:
    folder(chain(link, "x: {y: {address: end}}\n", 300))
    folder({"doc.yaml": TEXT + "channels: {a: {$ref: 'f0.yaml#/x/y'}}\n"})
    catalog = load_catalog([Path("doc.yaml")])
    assert codes(catalog) == ["reference-too-deep"]


def test_a_chain_below_the_bound_is_followed_to_its_end(folder: Folder) -> None:
    folder(chain("x: {{y: {{$ref: '{next}#/x/y'}}}}\n", "x: {y: {address: end}}\n", 40))
    folder({"doc.yaml": TEXT + "channels: {a: {$ref: 'f0.yaml#/x/y'}}\n"})
    assert [channel.address for channel in load_catalog([Path("doc.yaml")]).channels] == ["end"]


def test_ten_thousand_files_that_hold_each_other_are_read(folder: Folder) -> None:
    link = "properties: {{a: {{$ref: '{next}'}}, b: {{$ref: '{next}'}}}}\n"
    folder(chain(link, "type: string\n", 10_000))
    folder(
        {
            "doc.yaml": TEXT + "channels: {a: {address: x, messages: {m: {payload: {$ref: 'f0.yaml'}}}}}\n"
            "operations: {o: {action: send, channel: {$ref: '#/channels/a'}}}\n"
        }
    )
    catalog = load_catalog([Path("doc.yaml")])
    assert catalog.problems == ()
    assert [channel.address for channel in catalog.channels] == ["x"]


@pytest.mark.parametrize(
    ("reference", "severity", "column"),
    [
        *(("5", "error", 23), ("[x]", "error", 23), ("null", "error", 17)),
        # The whole file, by RFC 3986.
        *(("''", "warning", 23), ("' '", "warning", 23)),
    ],
)
def test_a_reference_that_is_no_text_is_one_finding(folder: Folder, reference: str, severity: str, column: int) -> None:
    folder({"a.yaml": TEXT + "components: {schemas: {a: {$ref: " + reference + "}}}\n"})
    found = load_catalog([Path("a.yaml")]).problems
    assert [(one.code, one.severity) for one in found] == [("reference-form", severity)]
    assert [one.location.column for one in found if one.location] == [column + 11]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("messages: {m: {payload: {}}}", "messages: {m: {$ref: ''}}"),
        ("c: {address: x, ", "e: {$ref: ''}, c: {address: x, "),
        ("channel: {$ref: '#/channels/c'}", "channel: {$ref: ''}"),
    ],
)
def test_an_empty_reference_of_a_document_is_that_and_no_list_of_unknown_keys(
    folder: Folder, old: str, new: str
) -> None:
    whole = (
        "channels: {c: {address: x, messages: {m: {payload: {}}}}}\n"
        "operations: {o: {action: send, channel: {$ref: '#/channels/c'}}}\n"
    )
    assert old in whole
    folder({"a.yaml": TEXT + whole.replace(old, new)})
    errors = [one for one in load_catalog([Path("a.yaml")]).problems if one.severity == "error"]
    assert [(one.code, one.message) for one in errors] == [("reference-form", "this $ref is empty")]


def test_an_empty_reference_is_known_for_a_comment(folder: Folder) -> None:
    folder({"a.yaml": TEXT + "channels:\n  a:\n    $ref: #/components/channels/a\n"})
    problem = next(one for one in load_catalog([Path("a.yaml")]).problems if one.severity == "error")
    assert (problem.code, str(problem.location)) == ("reference-form", "a.yaml:5:5")
    assert problem.hint == "put the reference in quotes: '#/...'; after a blank, # begins a comment"


DOUBLING = "".join(
    f"    S{n}: {{properties: {{a: {{$ref: '#/components/schemas/S{n + 1}'}}, "
    f"b: {{$ref: '#/components/schemas/S{n + 1}'}}}}}}\n"
    for n in range(45)
)
SCHEMAS = f"components:\n  schemas:\n{DOUBLING}    S45: {{type: string}}\n"


def test_references_into_a_bomb_do_not_unfold_it(folder: Folder) -> None:
    document = (
        TEXT
        + "channels: {c: {address: a, messages: {m: {payload: {$ref: '#/components/schemas/S0'}}}}}\n"
        + "operations: {o: {action: send, channel: {$ref: '#/channels/c'}}}\n"
        + SCHEMAS
    )
    folder({"doc.yaml": document, "other.yaml": document.replace("title: T", "title: U")})
    catalog = load_catalog([Path("doc.yaml"), Path("other.yaml")])
    assert catalog.problems == ()
    assert [channel.documents for channel in catalog.channels] == [("t", "u")]


def test_a_bomb_in_a_binding_is_not_unfolded_for_its_check(folder: Folder) -> None:
    binding = "{kafka: {topicConfiguration: {$ref: '#/components/schemas/S0'}}}"
    folder({"a.yaml": TEXT + f"channels: {{c: {{address: a, bindings: {binding}}}}}\n" + SCHEMAS})
    (problem,) = load_catalog([Path("a.yaml")]).problems
    assert (problem.code, problem.severity) == ("reference-expansion", "warning")
    assert "more than 2,000,000 values" in problem.message


def test_one_large_part_that_a_thousand_bindings_share_is_written_out_within_the_bound(folder: Folder) -> None:
    binding = "{kafka: {topicConfiguration: {$ref: '#/components/schemas/Big'}}}"
    channels = "".join(f"  c{n}: {{address: a{n}, bindings: {binding}}}\n" for n in range(1000))
    big = ", ".join(f"k{n}: {{v: {n}}}" for n in range(10_000))
    folder({"a.yaml": f"{TEXT}channels:\n{channels}components: {{schemas: {{Big: {{{big}}}}}}}\n"})
    catalog = load_catalog([Path("a.yaml")])
    assert set(codes(catalog)) <= {"reference-expansion", "binding-key", "binding-type", "binding-value"}
    assert 800 < codes(catalog).count("reference-expansion") < 1000


def test_messages_that_double_through_references_are_not_unfolded(folder: Folder) -> None:
    links = [f"{{$ref: '#/components/messages/M{n + 1}'}}" for n in range(45)]
    messages = "".join(f"    M{n}: {{oneOf: [{link}, {link}]}}\n" for n, link in enumerate(links))
    document = (
        f"{TEXT2}channels: {{c: {{publish: {{message: {{$ref: '#/components/messages/M0'}}}}}}}}\n"
        f"components:\n  messages:\n{messages}    M45: {{payload: {{type: string}}}}\n"
    )
    folder({"a.yaml": document})
    catalog = load_catalog([Path("a.yaml")])
    assert [channel.address for channel in catalog.channels] == ["c"]
    assert all(problem.location for problem in catalog.problems)


def test_a_chain_of_three_thousand_schemas_ends_in_no_recursion(folder: Folder) -> None:
    messages = ", ".join(f"m{n}: {{payload: {{$ref: '#/components/schemas/S{n}'}}}}" for n in range(3000, -1, -50))
    schemas = "".join(
        f"    S{n}: {{properties: {{a: {{$ref: '#/components/schemas/S{n + 1}'}}}}}}\n" for n in range(3000)
    )
    document = (
        f"{TEXT}channels: {{c: {{address: a, messages: {{{messages}}}}}}}\n"
        "operations: {o: {action: send, channel: {$ref: '#/channels/c'}}}\n"
        f"components:\n  schemas:\n{schemas}    S3000: {{type: string}}\n"
    )
    folder({"doc.yaml": document, "other.yaml": document.replace("title: T", "title: U")})
    assert load_catalog([Path("doc.yaml"), Path("other.yaml")]).problems == ()


def test_overlapping_parts_of_another_file_are_looked_at_once(folder: Folder) -> None:
    inner = "{" + ", ".join(f"z{n}: {{v: 1}}" for n in range(20_000)) + "}"
    for _ in range(90):
        inner = f"{{a: {inner}}}"
    listed = "".join(f"    S{n}: {{$ref: 'other.yaml#{'/a' * n}'}}\n" for n in range(90))
    folder({"other.yaml": inner + "\n", "doc.yaml": f"{TEXT}components:\n  schemas:\n{listed}"})
    assert {problem.code for problem in load_catalog([Path("doc.yaml")]).problems} == {"reference-expansion"}


def test_payloads_that_lie_in_each_other_are_measured(folder: Folder) -> None:
    inner = "{" + ", ".join(f"z{n}: {{v: 1}}" for n in range(20_000)) + "}"
    for _ in range(80):
        inner = f"{{payload: {inner}}}"
    listed = "".join(f"    M{n}: {{$ref: 'other.yaml#{'/payload' * n}'}}\n" for n in range(80))
    folder({"other.yaml": inner + "\n", "doc.yaml": f"{TEXT}components:\n  messages:\n{listed}"})
    assert "reference-expansion" in {problem.code for problem in load_catalog([Path("doc.yaml")]).problems}


def test_an_address_of_many_enumerated_parameters_is_not_multiplied_out(folder: Folder) -> None:
    address = "".join(f"{{p{n}}}" for n in range(20))
    values = ", ".join(f"v{n}" for n in range(10))
    parameters = "".join(f"      p{n}: {{enum: [{values}]}}\n" for n in range(20))
    folder({"a.yaml": f"{TEXT}channels:\n  c:\n    address: '{address}'\n    parameters:\n{parameters}"})
    assert load_catalog([Path("a.yaml")]).problems == ()


def test_fifty_levels_of_references_and_nesting_are_read(tmp_path: Path) -> None:
    nested = "{type: string}"
    for _ in range(24):
        nested = f"{{properties: {{inner: {nested}}}}}"
    path = tmp_path / "doc.yaml"
    path.write_text(TEXT + f"components: {{schemas: {{S: {nested}}}}}\n", encoding="utf-8")
    assert load_catalog([path]).problems == ()


@pytest.mark.parametrize("text", ["''", "'#'"])
@pytest.mark.parametrize("protocol", ["amqp", "kafka", "sqs", "sns", "solace", "ibmmq", "pulsar", "jms"])
def test_references_to_the_whole_document_end_in_findings(folder: Folder, protocol: str, text: str) -> None:
    whole = f"{{$ref: {text}}}"
    parts = ", ".join(f"{key}: {whole}" for key in ("queue", "exchange", "topic", "name", "destination", "namespace"))
    bindings = f"bindings: {{{protocol}: {{{parts}}}}}, publish: {{bindings: {{{protocol}: {whole}}}}}"
    servers = f"servers: {{s: {{url: 'a:1', protocol: {protocol}}}, t: {whole}}}\n"
    folder({"doc.yaml": f"{TEXT2}{servers}channels: {{c: {{{bindings}}}, d: {whole}}}\n"})
    catalog = load_catalog([Path("doc.yaml")])
    assert [operation.name for operation in catalog.operations] == ["c.publish"]
    assert [problem for problem in catalog.problems if problem.location is None] == []
