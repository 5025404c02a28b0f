"""Catalogues from the cache: the same as without it, whatever changes between two runs."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from document_estates import everything, one_channel
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import observatory
from observatory.reading import read
from observatory.spec import cache as caching
from observatory.spec import documents, records
from observatory.spec.catalog import Catalog
from observatory.spec.load import load_catalog

PACKAGE = Path(observatory.__file__).parent
TESTS = Path(__file__).parent.parent
CACHE = Path("cache")


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Write files into the working folder."""
    monkeypatch.chdir(tmp_path)
    return write


def write(files: dict[str, str]) -> None:
    for name, text in files.items():
        path = Path(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


@pytest.fixture
def read_anew(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the files that were read and not taken from the cache."""
    names: list[str] = []
    open_document = documents._Document.open

    def opening(document: documents._Document) -> None:
        names.append(document.file.shown)
        open_document(document)

    monkeypatch.setattr(documents._Document, "open", opening)
    return names


def same_with_and_without(*paths: str, **options: Any) -> Catalog:
    """The catalogue with a cache, after comparing it with the one that is read anew."""
    chosen = [Path(path) for path in paths]
    kept = load_catalog(chosen, cache=CACHE, **options)
    assert everything(kept) == everything(load_catalog(chosen, **options))
    return kept


ESTATE = {
    "docs/a.yaml": one_channel("A", "send", "orders", channel=", messages: {m: {$ref: '../shared/m.yaml#/placed'}}"),
    "docs/b.json": '{"asyncapi": "3.0.0", "info": {"title": "B", "version": "1"}, "channels": {"c": {"adress": "x"}}}',
    "docs/c.yaml": one_channel("C", "receive", "orders", operation=", x-slo: {availability: 99.9}"),
    "docs/broken.yaml": "asyncapi: 3.0.0\n: [\n",
    "docs/double.yaml": "asyncapi: 3.0.0\nasyncapi: 3.0.0\ninfo: {title: D, version: '1'}\n",
    "shared/m.yaml": "placed: {payload: {$ref: '#/parts/p'}, title: Placed}\nparts: {p: {type: object}}\nparts: {}\n",
}


def test_what_is_kept_gives_the_same_catalogue_and_reads_nothing(
    here: Callable[..., None], read_anew: list[str]
) -> None:
    here(ESTATE)
    roots = [Path()]
    first = same_with_and_without("docs", roots=roots)
    assert {problem.code for problem in first.problems} >= {
        "asyncapi-key",
        "slo-target",
        "yaml-syntax",
        "key-duplicate",
    }
    read_anew.clear()
    assert everything(load_catalog([Path("docs")], cache=CACHE, roots=roots)) == everything(first)
    assert read_anew == []


def test_one_changed_document_is_read_alone(here: Callable[..., None], read_anew: list[str]) -> None:
    here({f"docs/{name}.yaml": one_channel(name, "send", name) for name in "abc"})
    same_with_and_without("docs")
    here({"docs/b.yaml": one_channel("b", "receive", "else")})
    read_anew.clear()
    catalog = load_catalog([Path("docs")], cache=CACHE)
    assert read_anew == ["docs/b.yaml"]
    assert everything(catalog) == everything(load_catalog([Path("docs")]))
    assert [channel.id for channel in catalog.channels] == ["kafka:a", "kafka:c", "kafka:else"]


def test_a_file_that_is_referred_to_changes_what_is_kept(here: Callable[..., None], read_anew: list[str]) -> None:
    here(ESTATE)
    same_with_and_without("docs", roots=[Path()])
    here({"shared/m.yaml": "placed: {payload: {type: string}, title: Other}\n"})
    read_anew.clear()
    catalog = load_catalog([Path("docs")], cache=CACHE, roots=[Path()])
    assert read_anew == ["docs/a.yaml"]
    assert [operation.messages[0].title for operation in catalog.operations if operation.document == "a"] == ["Other"]
    same_with_and_without("docs", roots=[Path()])


def test_a_file_that_comes_or_goes_changes_what_is_kept(here: Callable[..., None]) -> None:
    here({name: text for name, text in ESTATE.items() if name != "shared/m.yaml"})
    assert "reference-file-missing" in {one.code for one in same_with_and_without("docs", roots=[Path()]).problems}
    here({"shared/m.yaml": ESTATE["shared/m.yaml"]})
    assert "reference-file-missing" not in {one.code for one in same_with_and_without("docs", roots=[Path()]).problems}
    Path("shared/m.yaml").unlink()
    assert "reference-file-missing" in {one.code for one in same_with_and_without("docs", roots=[Path()]).problems}
    Path("docs/a.yaml").unlink()
    here({"docs/new.yaml": one_channel("New", "send", "new")})
    assert [one.name for one in same_with_and_without("docs", roots=[Path()]).documents] == ["b", "c", "d", "new"]


def test_a_name_beside_a_missing_file_is_looked_for_again(here: Callable[..., None], read_anew: list[str]) -> None:
    here({name: text for name, text in ESTATE.items() if name != "shared/m.yaml"} | {"shared/x.txt": ""})
    same_with_and_without("docs", roots=[Path()])
    read_anew.clear()
    load_catalog([Path("docs")], cache=CACHE, roots=[Path()])
    assert read_anew == []
    here({"shared/n.yaml": ESTATE["shared/m.yaml"]})
    load_catalog([Path("docs")], cache=CACHE, roots=[Path()])
    assert read_anew == ["docs/a.yaml"]


def test_a_link_that_is_turned_changes_what_is_kept(here: Callable[..., None]) -> None:
    here(ESTATE | {"shared/n.yaml": "placed: {payload: {type: string}, title: Linked}\n"})
    target = Path("shared/m.yaml")
    same_with_and_without("docs", roots=[Path()])
    target.unlink()
    target.symlink_to("n.yaml")
    titles = [one.messages[0].title for one in same_with_and_without("docs", roots=[Path()]).operations if one.messages]
    assert titles == ["Linked"]


def test_a_root_that_is_drawn_closer_changes_the_answer(here: Callable[..., None]) -> None:
    here(ESTATE)
    same_with_and_without("docs", roots=[Path()])
    assert "reference-outside-roots" in {one.code for one in same_with_and_without("docs").problems}


def test_a_neighbour_of_the_same_name_changes_names_and_nothing_is_read_again(
    here: Callable[..., None], read_anew: list[str]
) -> None:
    here({"docs/a.yaml": one_channel("Shop", "send", "a")})
    assert [one.key for one in same_with_and_without("docs").operations] == ["shop/o"]
    here({"docs/b.yaml": one_channel("Shop", "send", "b")})
    read_anew.clear()
    catalog = load_catalog([Path("docs")], cache=CACHE)
    assert read_anew == ["docs/b.yaml"]
    assert [one.key for one in catalog.operations] == ["shop-a/o", "shop-b/o"]
    same_with_and_without("docs")


OVERLAY = "documents: {a: {/channels/c: {x-owner: red}}}\naddresses: {other: {x-owner: blue}}\n"


def test_an_overlay_ties_documents_together(here: Callable[..., None], read_anew: list[str]) -> None:
    here({f"docs/{name}.yaml": one_channel(name, "send", name) for name in "ab"} | {"o.yaml": OVERLAY})
    plain = same_with_and_without("docs")
    options = {"overlays": [Path("o.yaml")]}
    laid = same_with_and_without("docs", **options)
    assert [channel.owner and channel.owner.team for channel in (*plain.channels, *laid.channels)] == [
        None, None, "red", None,
    ]  # fmt: skip
    assert [one.code for one in laid.problems] == ["overlay-target"]
    read_anew.clear()
    assert everything(load_catalog([Path("docs")], cache=CACHE, **options)) == everything(laid)
    assert read_anew == []
    here({"o.yaml": OVERLAY.replace("red", "green")})
    assert same_with_and_without("docs", **options).channels[0].owner.team == "green"  # type: ignore[union-attr]
    here({"docs/b.yaml": one_channel("b", "send", "other")})
    laid = same_with_and_without("docs", **options)
    assert [channel.owner and channel.owner.team for channel in laid.channels] == ["green", "blue"]
    assert laid.problems == ()
    here({"docs/deep/a.yaml": one_channel("a2", "send", "more")})
    assert [one.code for one in same_with_and_without("docs", **options).problems] == ["overlay-target"]
    Path("o.yaml").unlink()
    assert [one.code for one in same_with_and_without("docs", **options).problems] == ["file-missing"]


def test_an_overlay_reaches_a_shared_file_by_way_of_another_document(here: Callable[..., None]) -> None:
    shared = "channels: {s: {address: shared}}\n"
    referring = "asyncapi: 3.0.0\ninfo: {{title: {0}, version: '1'}}\nchannels: {{c: {{$ref: '{1}#/channels/s'}}}}\n"
    here(
        {
            "docs/a.yaml": referring.format("A", "hop.txt"),
            "docs/b.yaml": referring.format("B", "one.txt"),
            "docs/hop.txt": "channels: {s: {$ref: 'one.txt#/channels/s'}}\n",
            "docs/one.txt": shared,
            "docs/two.txt": shared,
            "o.yaml": "documents: {a: {/channels/c: {x-owner: red}}}\n",
        }
    )
    options = {"overlays": [Path("o.yaml")]}
    (channel,) = same_with_and_without("docs", **options).channels
    assert (channel.documents, channel.owner and channel.owner.team) == (("a", "b"), "red")
    here({"docs/hop.txt": "channels: {s: {$ref: 'two.txt#/channels/s'}}\n"})
    same_with_and_without("docs", **options)


def test_entries_that_are_no_tables_are_read_past_and_written_anew(
    here: Callable[..., None], read_anew: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    here(ESTATE)
    expected = everything(same_with_and_without("docs"))
    for path in (CACHE / "drafts").iterdir():
        caching.DraftCache(CACHE / "drafts").keep(path.stem, b"[0, [], [], []]")
    read_anew.clear()
    assert everything(load_catalog([Path("docs")], cache=CACHE)) == expected
    assert len(read_anew) == 5
    read_anew.clear()
    assert everything(load_catalog([Path("docs")], cache=CACHE)) == expected
    assert read_anew == []
    monkeypatch.setattr(records, "code_fingerprint", lambda: "other code")
    assert everything(load_catalog([Path("docs")], cache=CACHE)) == expected
    assert len(read_anew) == 5


def test_a_number_that_json_cannot_hold_is_read_each_time(here: Callable[..., None], read_anew: list[str]) -> None:
    payload = f", messages: {{m: {{payload: {{const: {10**30}}}}}}}"
    here({"a.yaml": one_channel("A", "send", "orders", channel=payload)})
    same_with_and_without("a.yaml")
    read_anew.clear()
    (operation,) = load_catalog([Path("a.yaml")], cache=CACHE).operations
    assert (operation.messages[0].schema, read_anew) == ({"const": 10**30}, ["a.yaml"])


def test_where_the_cache_cannot_be_written_the_catalogue_is_the_same(here: Callable[..., None]) -> None:
    here({"docs/a.yaml": one_channel("A", "send", "orders"), "cache": "a file\n"})
    assert len(same_with_and_without("docs").channels) == 1


def own_documents() -> list[Path]:
    found = [path for folder in (PACKAGE, TESTS) for path in sorted(folder.rglob("*.yaml"))]
    return [path for path in found if path.read_text(encoding="utf-8", errors="replace").startswith("asyncapi")]


def test_all_own_documents_are_the_same_cold_and_warm(here: Callable[..., None]) -> None:
    documents_here = own_documents()
    assert len(documents_here) >= 14
    for number, path in enumerate(documents_here):
        target = Path("own") / str(number) / path.name
        target.parent.mkdir(parents=True)
        shutil.copy(path, target)
        assert isinstance(read(target, lenient=True).data, dict)
    cold = same_with_and_without("own")
    warm = same_with_and_without("own")
    assert everything(warm) == everything(cold)
    assert len(warm.channels) >= 14


NAMES = ["a.yaml", "b.yaml", "c.yaml", "m.yaml"]
TEXTS = [
    one_channel("A", "send", "orders"),
    one_channel("A", "receive", "orders", channel=", messages: {m: {$ref: 'm.yaml#/m'}}"),
    one_channel("B", "send", "orders.{x}", channel=", messages: {m: {$ref: 'm.yaml#/n'}}, x-owner: t"),
    one_channel("C", "send", "x", channel=", $ref: 'b.yaml#/channels/c'"),
    "m: {payload: {type: object}}\nn: {$ref: '#/m'}\n",
    "m: {payload: [}\n",
    "m: {$ref: 'm.yaml#/m'}\n",
]
STEPS = st.lists(st.tuples(st.sampled_from(NAMES), st.sampled_from([*TEXTS, None])), min_size=1, max_size=8)


def test_any_course_of_changes_gives_what_reading_anew_gives(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path_factory.mktemp("course"))
    Path("docs").mkdir()

    @given(STEPS)
    @settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    def holds(steps: list[tuple[str, str | None]]) -> None:
        for path in Path("docs").iterdir():
            path.unlink()
        for name, text in steps:
            path = Path("docs") / name
            if text is None:
                path.unlink(missing_ok=True)
            else:
                path.write_text(text, encoding="utf-8")
            same_with_and_without("docs")

    holds()
