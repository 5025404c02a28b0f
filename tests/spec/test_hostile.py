"""Hostile documents: each ends in its own coded findings with a place, in bounded work, and in no exception."""

from __future__ import annotations

import json
import os
import random
from collections.abc import Callable
from pathlib import Path

import pytest

from observatory.errors import InputInvalid
from observatory.reading import json_text, read, yaml_text
from observatory.spec.catalog import Catalog
from observatory.spec.load import load_catalog

TEXT = "asyncapi: 3.0.0\ninfo: {title: T, version: '1'}\n"
HEAD = TEXT.encode()
WRONG = TEXT + "channels:\n  a:\n    address: x\n    adress: y\n"
BOMB = (
    HEAD
    + b"x-a: &a0 [x, x, x, x, x, x, x, x, x, x]\n"
    + b"".join(b"x-b%d: &a%d [%s]\n" % (n, n, b", ".join([b"*a%d" % (n - 1)] * 10)) for n in range(1, 10))
)
HOSTILE = {
    "bomb.yaml": (BOMB, "alias-expansion"),
    "itself.yaml": (HEAD + b"x-a: &a [*a]\n", "alias-cycle"),
    "merged-itself.yaml": (HEAD + b"x-a: &a {<<: *a}\n", "alias-cycle"),
    "circle.yaml": (HEAD + b"channels: {a: {$ref: '#/channels/a'}}\n", "reference-cycle"),
    "below-itself.yaml": (HEAD + b"channels: {a: {$ref: '#/channels/a/b'}}\n", "reference-cycle"),
    "below-each-other.yaml": (
        HEAD + b"channels: {a: {$ref: '#/channels/b/x'}, b: {$ref: '#/channels/a/x'}}\n",
        "reference-cycle",
    ),
    "deep.yaml": (HEAD + b"x-a: " + b"[" * 5000 + b"]" * 5000 + b"\n", "nesting-too-deep"),
    "deep-blocks.yaml": (
        HEAD + b"x-a:\n" + b"".join(b" " * (n + 1) + b"a:\n" for n in range(500)),
        "nesting-too-deep",
    ),
    "questions.yaml": (HEAD + b"? " * 5000 + b"\n", "nesting-too-deep"),
    "deep.json": (b'{"asyncapi": ' + b"[" * 5000 + b"]" * 5000 + b"}", "nesting-too-deep"),
    "huge.yaml": (HEAD + b"x-a: " + b"y" * 2_000_000 + b"\n", "scalar-too-long"),
    "huge.json": (b'{"asyncapi": "3.0.0", "x-a": "' + b"y" * 2_000_000 + b'"}', "scalar-too-long"),
    "escape.yaml": (HEAD + b"channels: {a: {$ref: '../../../etc/passwd'}}\n", "reference-outside-roots"),
    "absolute.yaml": (HEAD + b"channels: {a: {$ref: '/etc/passwd'}}\n", "reference-outside-roots"),
    "encoded.yaml": (HEAD + b"channels: {a: {$ref: '..%2f..%2fetc/passwd'}}\n", "reference-outside-roots"),
    "home.yaml": (HEAD + b"channels: {a: {$ref: '~/x.yaml'}}\n", "reference-file-missing"),
    "nul-name.yaml": (HEAD + b'channels: {a: {$ref: "x\\0y.yaml"}}\n', "reference-file-missing"),
    "long-name.yaml": (HEAD + b"channels: {a: {$ref: '" + b"x" * 5000 + b"'}}\n", "reference-file-missing"),
    "itself-as-folder.yaml": (HEAD + b"channels: {a: {$ref: '.'}}\n", "reference-file-missing"),
    "no-address.yaml": (HEAD + b"channels: {a: {$ref: 'http://[::1'}}\n", "reference-file-missing"),
    "empty-reference.yaml": (HEAD + b"components: {schemas: {a: {$ref: #/x}\n}}\n", "yaml-syntax"),
    "control.yaml": (HEAD + b"x-a: \x1b[2J\n", "control-character"),
    "nul.yaml": (HEAD + b"x-a: \x00\n", "control-character"),
    "utf16-without-mark.yaml": (TEXT.encode("utf-16-le"), "control-character"),
    "utf32.yaml": (TEXT.encode("utf-32"), "control-character"),
    "half.json": (b'{"asyncapi": "3.0.0\\ud83d"}', "control-character"),
    "latin.yaml": (HEAD + b"x-a: caf\xe9\n", "not-utf8"),
    "utf16-odd.yaml": (TEXT.encode("utf-16")[:-1], "not-utf8"),
    "empty.yaml": (b"", "document-empty"),
    "blank.yaml": (b"\n \n\t\n", "document-empty"),
    "comment.yaml": (b"# asyncapi: 3.0.0\n", "document-empty"),
    "two.yaml": (HEAD + b"---\n" + HEAD, "yaml-many-documents"),
    "comma.json": (b'{"asyncapi": "3.0.0",}', "json-syntax"),
    "nan.json": (b'{"asyncapi": "3.0.0", "x-a": NaN}', "json-syntax"),
    "tag.yaml": (HEAD + b"x-a: !!python/object/apply:os.system [x]\n", "yaml-tag"),
    "binary-tag.yaml": (HEAD + b"x-a: !!binary aGk=\n", "yaml-tag"),
    "list.yaml": (b"- asyncapi: 3.0.0\n", "not-asyncapi"),
    "text.yaml": (b"asyncapi\n", "not-asyncapi"),
    "number.json": (b"1", "not-asyncapi"),
    "binary.yaml": (bytes(range(256)) * 8, "not-utf8"),
    "noise.yaml": (random.Random(1).randbytes(5000), "not-utf8"),
    "twice.yaml": (HEAD + b"x-a: {a: 1, a: 2}\n", "key-duplicate"),
    "twice.json": (b'{"asyncapi": "3.0.0", "info": {"title": "T", "title": "T", "version": "1"}}', "key-duplicate"),
    "key-list.yaml": (HEAD + b"x-a: {[a]: 1}\n", "key-not-text"),
    "key-anchor.yaml": (HEAD + b"&a x-a: 1\n*a : 2\n", "key-duplicate"),
    "tabs.yaml": (HEAD + b"channels:\n\ta: {}\n", "yaml-syntax"),
    "merge-number.yaml": (HEAD + b"x-a: {<<: 5}\n", "yaml-syntax"),
    "carriage-returns.yaml": (WRONG.replace("\n", "\r").encode(), "asyncapi-key"),
    "windows.yaml": (WRONG.replace("\n", "\r\n").encode(), "asyncapi-key"),
    "wide.yaml": (WRONG.encode("utf-16"), "asyncapi-key"),
    "marked.yaml": (b"\xef\xbb\xbf" + WRONG.encode(), "asyncapi-key"),
}
Folder = Callable[[dict[str, str]], Path]


def codes(catalog: Catalog) -> list[str]:
    return [problem.code for problem in catalog.problems]


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_document_is_one_finding_with_a_place(tmp_path: Path, name: str) -> None:
    content, code = HOSTILE[name]
    path = tmp_path / name
    path.write_bytes(content)
    catalog = load_catalog([path])
    assert codes(catalog) == [code]
    (problem,) = catalog.problems
    assert problem.location is not None
    assert problem.location.line >= 1
    assert problem.render().startswith(f"{path}:{problem.location.line}:{problem.location.column}: ")


@pytest.mark.parametrize("name", ["carriage-returns.yaml", "windows.yaml", "wide.yaml", "marked.yaml"])
def test_line_ends_and_encodings_do_not_move_the_place(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_bytes(HOSTILE[name][0])
    (problem,) = load_catalog([path]).problems
    assert str(problem.location) == f"{path}:6:5"
    assert "    6 |     adress: y\n      |     ^^^^^^" in problem.render()


def test_rare_line_breaks_of_yaml_are_counted_as_editors_count_them(folder: Folder) -> None:
    folder({"a.yaml": TEXT + "x-a: 'one\u2028two\x85three'\nchannels: {a: {address: x, adress: y}}\n"})
    (problem,) = load_catalog([Path("a.yaml")]).problems
    assert str(problem.location) == "a.yaml:4:28"


def test_one_hostile_document_does_not_take_others_with_it(tmp_path: Path) -> None:
    for name, (content, _) in HOSTILE.items():
        (tmp_path / name).write_bytes(content)
    good = tmp_path / "good.yaml"
    good.write_bytes(HEAD + b"channels: {a: {address: good}}\n")
    catalog = load_catalog([good, *(tmp_path / name for name in HOSTILE)])
    assert "good" in [channel.address for channel in catalog.channels]
    assert set(codes(catalog)) == {code for _, code in HOSTILE.values()}


# --- what is no file, and what lies elsewhere


def test_pipes_devices_and_links_out_of_the_root_are_not_opened(folder: Folder) -> None:
    here = folder({"doc.yaml": TEXT, "outside/secret.yaml": "address: s\n"})
    root = here / "root"
    root.mkdir()
    os.mkfifo(root / "pipe.yaml")
    (root / "folder.yaml").mkdir()
    (root / "link.yaml").symlink_to(here / "outside" / "secret.yaml")
    (root / "zero.yaml").symlink_to("/dev/zero")
    (root / "loop.yaml").symlink_to("loop.yaml")
    (root / "linked").symlink_to(here / "outside")
    names = ("pipe.yaml", "folder.yaml", "link.yaml", "zero.yaml", "loop.yaml", "linked/secret.yaml")
    listed = "".join(f"  c{n}: {{$ref: '{name}'}}\n" for n, name in enumerate(names))
    (root / "doc.yaml").write_text(TEXT + "channels:\n" + listed, encoding="utf-8")
    catalog = load_catalog([root / "doc.yaml"])
    missing, outside = "reference-file-missing", "reference-outside-roots"
    assert codes(catalog) == [missing, missing, outside, outside, missing, outside]
    assert catalog.channels == ()


def test_a_named_pipe_is_not_waited_for(folder: Folder) -> None:
    here = folder({})
    os.mkfifo(here / "pipe.yaml")
    catalog = load_catalog([Path("pipe.yaml")])
    assert codes(catalog) == ["file-unreadable"]
    assert catalog.problems[0].message == "pipe.yaml is a pipe or a device and not a file"
    assert codes(load_catalog([Path()])) == ["no-documents"]


def test_a_named_link_in_a_circle_and_a_dead_one_are_findings(folder: Folder) -> None:
    here = folder({})
    (here / "loop.yaml").symlink_to("loop.yaml")
    (here / "dead.yaml").symlink_to("gone.yaml")
    assert codes(load_catalog([Path("loop.yaml")])) == ["file-unreadable"]
    assert codes(load_catalog([Path("dead.yaml")])) == ["file-missing"]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_folder_that_may_not_be_entered_is_a_finding(folder: Folder) -> None:
    here = folder({"doc.yaml": TEXT + "channels: {a: {$ref: 'shut/a.yaml'}}\n", "shut/a.yaml": "address: a\n"})
    (here / "shut").chmod(0)
    try:
        assert codes(load_catalog([Path("doc.yaml")])) == ["reference-file-missing"]
    finally:
        (here / "shut").chmod(0o700)


# --- size


def test_a_scalar_of_a_hundred_megabytes_is_refused_before_it_is_read(tmp_path: Path) -> None:
    path = tmp_path / "huge.yaml"
    with path.open("wb") as file:
        file.write(HEAD + b"x-a: ")
        file.truncate(100 * 1024 * 1024)
    assert codes(load_catalog([path])) == ["document-too-large"]


@pytest.mark.parametrize("name", ["many.yaml", "many.json"])
def test_more_values_than_the_bound_are_refused_where_they_begin(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (yaml_text, json_text):
        monkeypatch.setattr(module, "MAX_VALUES", 1000)
    path = tmp_path / name
    path.write_text('{"a": [' + "1, " * 900 + '1],\n "b": [' + "1, " * 200 + "1]}", encoding="utf-8")
    with pytest.raises(InputInvalid) as caught:
        read(path)
    (problem,) = caught.value.problems
    assert problem.code == "document-too-large"
    assert problem.location is not None
    assert problem.location.line == 2
    path.write_text('{"a": [' + "1, " * 900 + '1], "b": ",:[{,:[{"}', encoding="utf-8")
    assert len(read(path).data["a"]) == 901


def test_a_hundred_thousand_channels_are_read(tmp_path: Path) -> None:
    path = tmp_path / "many.json"
    channels = {f"c{n}": {"address": f"a{n}"} for n in range(100_000)}
    document = {"asyncapi": "3.0.0", "info": {"title": "T", "version": "1"}, "channels": channels}
    path.write_text(json.dumps(document), encoding="utf-8")
    catalog = load_catalog([path])
    assert catalog.problems == ()
    assert len(catalog.channels) == 100_000


def test_ten_thousand_broken_references_are_all_found(folder: Folder) -> None:
    channels = "".join(f"  c{n}: {{address: a{n}}}\n" for n in range(10_000))
    operations = "".join(f"  o{n}: {{action: send, channel: {{$ref: '#/channels/d{n}'}}}}\n" for n in range(10_000))
    folder({"a.yaml": f"{TEXT}channels:\n{channels}operations:\n{operations}"})
    found = codes(load_catalog([Path("a.yaml")]))
    assert found == ["reference-missing"] * 10_000


def test_a_key_of_a_million_letters_does_not_fill_the_message(folder: Folder) -> None:
    folder({"a.yaml": TEXT + "k" * 1000 + ": 1\n" + f'? "{"z" * 900_000}"\n: 1\n'})
    problems = load_catalog([Path("a.yaml")]).problems
    assert codes(load_catalog([Path("a.yaml")])) == ["asyncapi-key", "asyncapi-key"]
    assert max(len(problem.render()) for problem in problems) < 3000


# --- values that look like something else


@pytest.mark.parametrize(
    "value",
    [
        "yes",
        "2024-01-01",
        "0o17",
        "1e999",
        ".nan",
        "-.inf",
        "9" * 300,
        "9" * 5000,
        "0x" + "f" * 250,
        "1_000",
        "12:30:45",
    ],
)
def test_odd_scalars_end_in_findings_and_not_in_exceptions(folder: Folder, value: str) -> None:
    slo = f"x-slo: {{availability: {value}, latency: {{target: {value}, threshold: {value}}}, lag: {value}}}"
    document = f"""{TEXT}channels:
  {value}: {{address: {value}, bindings: {{kafka: {{partitions: {value}}}}}, {slo}}}
operations:
  o: {{action: {value}, channel: {{$ref: {value}}}, x-criticality: {value}, x-owner: {value}, {slo}}}
  p: {{action: receive, channel: {{$ref: '#/channels/{value}'}}, {slo}}}
"""
    folder({"a.yaml": document})
    catalog = load_catalog([Path("a.yaml")])
    assert catalog.problems
    assert all(problem.location and problem.location.path == "a.yaml" for problem in catalog.problems)


def test_numbers_of_thousands_of_digits_in_json_end_in_findings(folder: Folder) -> None:
    for digits in ("9" * 400, "9" * 5000, "1e999", "-" + "9" * 4000):
        folder(
            {
                "a.json": '{"asyncapi":"3.0.0","info":{"title":"T","version":"1"},"channels":{"c":{"address":"a",'
                f'"bindings":{{"kafka":{{"partitions":{digits}}}}},"x-slo":{{"availability":{digits}}}}}}},'
                '"operations":{"o":{"action":"receive","channel":{"$ref":"#/channels/c"}}}}'
            }
        )
        found = set(codes(load_catalog([Path("a.json")])))
        assert "slo-target" in found
        assert found <= {"slo-target", "binding-type", "binding-value"}


def test_fifty_thousand_keys_that_are_all_written_twice_are_all_found(folder: Folder) -> None:
    keys = ", ".join(f"k{n}: 1" for n in range(50_000))
    folder({"a.yaml": f"{TEXT}x-a: {{{keys},\n  {keys}}}\n"})
    problems = load_catalog([Path("a.yaml")]).problems
    assert len(problems) == 50_000
    assert {problem.message.rpartition("; ")[2] for problem in problems} == {"the first one is in line 3"}
