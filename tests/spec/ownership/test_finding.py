"""Which files are found, which are read, and what hostile ones cannot do."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from spec.ownership.cases import document, findings, only, owner_of

from observatory.spec.catalog import Catalog
from observatory.spec.load import load_catalog

Estate = Callable[..., Catalog]

COMPONENT = "kind: Component\nmetadata: {name: c}\nspec: {type: service, owner: team}\n"


def test_files_are_found_up_to_the_folder_of_the_repository(estate: Estate) -> None:
    Path("repo/.git").mkdir(parents=True)
    files = {
        "catalog-info.yaml": COMPONENT,
        "CODEOWNERS": "* @acme/outside\n",
        "repo/api/v1/asyncapi.yaml": document("Events"),
    }
    assert only(estate(files)).owner is None
    assert owner_of(estate({"repo/CODEOWNERS": "* @acme/inside\n"})).team == "inside"
    assert owner_of(estate({"repo/catalog-info.yaml": COMPONENT})).provenance == "backstage repo/catalog-info.yaml:3"


def test_nothing_is_found_outside_the_roots(estate: Estate) -> None:
    files = {
        "catalog-info.yaml": COMPONENT,
        "CODEOWNERS": "* @acme/outside\n",
        "api/asyncapi.yaml": document("Events"),
    }
    assert only(estate(files, paths=["api"])).owner is None
    assert owner_of(estate({}, paths=["api/asyncapi.yaml"], roots=[Path()])).team == "team"


def test_a_link_that_leaves_the_roots_is_not_followed(estate: Estate) -> None:
    files = {"secret.yaml": COMPONENT, "api/asyncapi.yaml": document("Events")}
    estate(files)
    Path("api/catalog-info.yaml").symlink_to("../secret.yaml")
    Path("api/CODEOWNERS").symlink_to("../secret.yaml")
    catalog = estate({}, paths=["api"])
    assert only(catalog).owner is None
    assert findings(catalog) == [
        ("warning", "reference-outside-roots", "api/CODEOWNERS:1:1"),
        ("warning", "reference-outside-roots", "api/catalog-info.yaml:1:1"),
    ]


def test_a_definition_outside_the_roots_is_compared_and_never_opened(estate: Estate) -> None:
    text = "kind: API\nmetadata: {name: x}\nspec: {type: asyncapi, owner: a, definition: {$text: ../../etc/passwd}}\n"
    catalog = estate({"api/asyncapi.yaml": document("Events"), "api/catalog-info.yaml": text}, paths=["api"])
    assert (only(catalog).owner, catalog.problems) == (None, ())


def test_names_in_messages_are_relative_as_the_documents_are(estate: Estate, tmp_path: Path) -> None:
    estate({"repo/api/asyncapi.yaml": document("Events"), "repo/catalog-info.yaml": COMPONENT})
    assert owner_of(load_catalog([Path("repo")])).provenance == "backstage repo/catalog-info.yaml:3"
    shown = owner_of(load_catalog([tmp_path / "repo"])).provenance
    assert shown == f"backstage {tmp_path}/repo/catalog-info.yaml:3"


@pytest.mark.parametrize(
    ("named", "code", "severity"),
    [
        ("gone.yaml", "file-missing", "error"),
        ("a.yaml", "ownership-unknown", "error"),
        ("notes.txt", "ownership-unknown", "error"),
        ("empty", "ownership-unknown", "warning"),
    ],
)
def test_what_is_named_and_says_nothing_is_reported(estate: Estate, named: str, code: str, severity: str) -> None:
    estate({"a.yaml": document("Events"), "notes.txt": "notes", "empty/README.txt": ""})
    catalog = estate({}, paths=["a.yaml"], named=[named])
    assert findings(catalog) == [(severity, code, f"{named}:1:1")]


def test_a_link_that_leads_to_itself_cannot_be_read(estate: Estate) -> None:
    estate({"a.yaml": document("Events")})
    Path("CODEOWNERS").symlink_to("CODEOWNERS")
    assert estate({}).problems == ()
    assert findings(estate({}, named=["CODEOWNERS"])) == [("error", "file-unreadable", "CODEOWNERS:1:1")]


def test_what_lies_there_broken_is_a_warning_and_what_is_named_an_error(estate: Estate) -> None:
    files = {"a.yaml": document("Events"), "catalog-info.yaml": "kind: ${{ values.kind }}\n  a: [\n"}
    assert [(one.severity, one.code) for one in estate(files).problems] == [("warning", "yaml-syntax")]
    named = estate({}, named=["catalog-info.yaml"])
    assert [(one.severity, one.code) for one in named.problems] == [("error", "yaml-syntax")]


def test_text_that_is_not_utf8_is_shown_with_its_place(estate: Estate) -> None:
    estate({"a.yaml": document("Events")})
    Path("catalog-info.yaml").write_bytes(b"kind: Component\nmetadata: {name: \xff}\n")
    Path("CODEOWNERS").write_bytes(b"* \xff\n")
    assert findings(estate({})) == [
        ("warning", "not-utf8", "CODEOWNERS:1:3"),
        ("warning", "not-utf8", "catalog-info.yaml:2:18"),
    ]


def test_a_folder_of_many_files_is_read_to_a_bound(estate: Estate, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("observatory.spec.ownership.finding.MAX_FILES", 2)
    pages = {f"ec/services/S{number}/index.mdx": f"---\nid: S{number}\n---\n" for number in range(4)}
    catalog = estate({"a.yaml": document("Events"), **pages}, named=["ec"])
    assert findings(catalog) == [("warning", "ownership-too-many", "ec:1:1")]


def test_code_owners_of_more_than_three_megabytes_are_not_read(estate: Estate) -> None:
    catalog = estate({"a.yaml": document("Events"), "CODEOWNERS": "* @acme/team\n" + "#" * (3 * 1024 * 1024)})
    assert findings(catalog) == [("warning", "document-too-large", "CODEOWNERS:1:1")]


def test_aliases_do_not_grow_beyond_their_bound(estate: Estate) -> None:
    levels = "\n".join(f"l{n}: &l{n} [{', '.join([f'*l{n - 1}'] * 9)}]" for n in range(1, 9))
    text = f"kind: Component\nl0: &l0 [a]\n{levels}\n"
    assert [code for _, code, _ in findings(estate({"a.yaml": document("E"), "catalog-info.yaml": text}))] == [
        "alias-expansion"
    ]


def test_text_that_would_move_a_terminal_is_not_taken(estate: Estate) -> None:
    text = 'kind: Component\nmetadata: {name: c}\nspec: {type: service, owner: "a\\e[2Jb"}\n'
    catalog = estate({"a.yaml": document("Events"), "catalog-info.yaml": text})
    assert only(catalog).owner is None
    assert findings(catalog) == [("warning", "ownership-form", "catalog-info.yaml:3:30")]
    files = {"catalog-info.yaml": "kind: User\nmetadata: {name: x}\n", "CODEOWNERS": "* @acme/a\x1b[2J\n"}
    assert findings(estate(files)) == [("warning", "codeowners-line", "CODEOWNERS:1:1")]


def test_credentials_in_links_are_not_shown(estate: Estate) -> None:
    text = (
        "kind: Component\nspec: {type: service, owner: a}\n"
        "metadata: {name: c, links: [{url: 'https://jane:secret@runbooks.example/c', type: runbook}]}\n"
    )
    owner = owner_of(estate({"a.yaml": document("Events"), "catalog-info.yaml": text}))
    assert owner.runbook == "https://runbooks.example/c"


def test_faults_are_listed_to_a_bound(estate: Estate) -> None:
    lines = "\n".join(f"!{number}" for number in range(2_000))
    catalog = estate({"a.yaml": document("Events"), "CODEOWNERS": lines})
    assert len(catalog.problems) == 1_001
    assert catalog.problems[-1].code == "ownership-too-many"


words = st.sampled_from(
    ["kind: Component\n", "kind: API\n", "metadata: {name: c}\n", "metadata: []\n", "spec: {owner: [1]}\n", "---\n",
     "...\n", "spec: {owner: {name: 1}, providesApis: x, consumesApis: [{}]}\n", "id: 1\n", "owners: {a: 1}\n", "? [\n",
     "sends: [1, {id: []}, {id: Order, to: 5}]\n", "receives: [{id: Order, from: [{id: {}}, 7]}]\n", "&a *a\n", "\t\n",
     "[x][y\n", "^[s] @a\n", "/** @a/b\n", "\\\n", "endpoints: {a: {usage: {}}}\n",
     "spec: {definition: {$text: \"\\0\"}}\n",
     "endpoints: {a: {usage: [producer], protocoloptions: {topic: orders.placed, endpoints: [{uri: 'http://[' }]}}}\n",
     "spec: {target: \"\\0\", targets: [1, './']}\n", "kind: Location\n", "kind: System\n",
     "spec: {type: asyncapi, system: c, domain: {}, definition: 'asyncapi: 3.0.0'}\n",
     "specifications: {asyncapiPath: \"\\0\"}\n"]
)  # fmt: skip


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.lists(words, max_size=8).map("".join))
def test_nothing_that_stands_in_these_files_ends_the_reading(
    tmp_path_factory: pytest.TempPathFactory, text: str
) -> None:
    folder = tmp_path_factory.mktemp("any")
    (folder / "ec/services/S").mkdir(parents=True)
    (folder / "a.yaml").write_text(document("C"))
    for name in ("catalog-info.yaml", "CODEOWNERS", "r.xreg.yaml"):
        (folder / name).write_text(text)
    (folder / "ec/services/S/index.mdx").write_text(f"---\n{text}\n---\n")
    catalog = load_catalog([folder / "a.yaml"], ownership=[folder / "ec", folder / "r.xreg.yaml"])
    assert [one.name for one in catalog.documents] == ["c"]
    assert all(one.location is not None for one in catalog.problems)
