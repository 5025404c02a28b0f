"""Runtime names and identities of channels over all protocols, against labels that people wrote.

`python -m pytest tests/spec/test_names_golden.py -n0 -s` prints precision and coverage.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import pytest

from observatory.location import Location
from observatory.reading import read
from observatory.spec.bound_values import ConsumerIdentity, IdentityKind
from observatory.spec.catalog import Catalog, Channel, NameKind, RuntimeName
from observatory.spec.load import load_catalog

FOLDER = Path(__file__).parents[1] / "golden" / "names"
LABELS: dict[str, dict[str, Any]] = read(FOLDER / "labels.yaml").data
OVERLAY = "corrections.overlay.yaml"
Entry = tuple[object, ...]


def catalog_of(document: str) -> Catalog:
    overlays = [Path(OVERLAY)] if document == "corrected.yaml" else []
    return load_catalog([Path(document)], overlays=overlays)


def channel_at(catalog: Catalog, document: str, key: str) -> Channel:
    place = read(Path(document)).at(("channels", key), key=True)
    (found,) = (channel for channel in catalog.channels if channel.location == place)
    return found


def entry_of_name(name: RuntimeName) -> Entry:
    return (name.kind, name.value, name.pattern, name.provenance, name.expansions)


def entry_of_label(label: dict[str, Any]) -> Entry:
    kind = next(kind for kind in get_args(NameKind) if kind in label)
    return (kind, label[kind], label.get("pattern"), label["from"], tuple(label.get("expansions", ())))


def consumer_of_label(label: dict[str, Any]) -> ConsumerIdentity:
    kind = next(kind for kind in get_args(IdentityKind) if kind in label)
    return ConsumerIdentity(kind=kind, value=label[kind], provenance=label["from"])


def written_at(location: Location) -> str:
    """The text of a place, without quotes."""
    line = Path(location.path).read_text("utf-8").splitlines()[location.line - 1]
    return line[location.column - 1 :][: location.length or None].strip("'")


def channels() -> Iterator[tuple[str, str]]:
    for document, labels in LABELS.items():
        for key in labels:
            yield document, key


@pytest.fixture(autouse=True)
def _in_the_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(FOLDER)


@pytest.mark.parametrize(("document", "key"), list(channels()))
def test_names_and_identities_are_those_that_people_labelled(document: str, key: str) -> None:
    label = LABELS[document][key]
    catalog = catalog_of(document)
    channel = channel_at(catalog, document, key)
    assert [entry_of_name(name) for name in channel.names] == [entry_of_label(name) for name in label["names"]]
    assert (channel.protocol, channel.address) == (label["protocol"], label["address"])
    if label["address"] is None:
        assert channel.address_provenance == label.get("address_from", "unknown")
    else:
        assert channel.address_provenance in [name["from"] for name in label["names"]]
    assert channel.dead_letter == label.get("dead_letter")
    mine = [one for one in catalog.operations if one.channel_key == key and one.action == "receive"]
    wanted = {name: tuple(map(consumer_of_label, many)) for name, many in label.get("consumers", {}).items()}
    assert {one.name: one.consumers for one in mine} == wanted
    for one in mine:
        single = one.consumers[0] if len(one.consumers) == 1 else None
        assert one.consumer_group == (single.value if single else None)
        assert one.consumer_group_provenance == (single.provenance if single else None)


@pytest.mark.parametrize("document", LABELS)
def test_every_channel_is_labelled_and_only_open_names_and_odd_bindings_are_complained_about(document: str) -> None:
    data = read(Path(document)).data
    assert set(data["channels"]) == set(LABELS[document])
    catalog = catalog_of(document)
    # Old fields and spellings of bindings are read all the same; the official tools refuse some of them.
    other = {problem.code for problem in catalog.problems} - {"address-open", "channel-key"}
    assert all(code.startswith("binding-") for code in other)
    assert all(problem.severity != "error" for problem in catalog.problems)
    open_ones = sum(not label["names"] for label in LABELS[document].values())
    assert sum(problem.code == "address-open" for problem in catalog.problems) == open_ones
    for operation in catalog.operations:
        if operation.action == "send":
            assert operation.consumers == ()


@pytest.mark.parametrize("document", LABELS)
def test_every_name_and_identity_points_at_the_text_it_comes_from(document: str) -> None:
    catalog = catalog_of(document)
    for channel in catalog.channels:
        for name in channel.names:
            assert name.location is not None
            text = written_at(name.location).replace("''", "'")
            if name.provenance != "server address":
                literal = max(re.split(r"\{[^}]*\}|\$share/[^/]*/", text), key=len)
                assert literal in name.value or name.value in text, name
    for operation in catalog.operations:
        for one in operation.consumers:
            assert one.location is not None
            assert one.value in written_at(one.location), one


def test_what_the_labels_cover(capsys: pytest.CaptureFixture[str]) -> None:
    asserted = right = named = identified = receiving = 0
    total = 0
    protocols: set[str] = set()
    for document, labels in LABELS.items():
        catalog = catalog_of(document)
        expected = {entry_of_label(name) for label in labels.values() for name in label["names"]}
        identities = {
            (name, consumer_of_label(one))
            for label in labels.values()
            for name, many in label.get("consumers", {}).items()
            for one in many
        }
        total += len(labels)
        protocols |= {label["protocol"] for label in labels.values() if label["protocol"]}
        named += sum(bool(label["names"]) for label in labels.values())
        for channel in catalog.channels:
            asserted += len(channel.names)
            right += sum(entry_of_name(name) in expected for name in channel.names)
        for operation in catalog.operations:
            receiving += operation.action == "receive"
            identified += bool(operation.consumers)
            asserted += len(operation.consumers)
            right += sum((operation.name, one) in identities for one in operation.consumers)
    with capsys.disabled():
        print(
            f"\n{total} channels over {len(protocols)} protocols: {right} of {asserted} asserted names and identities "
            f"right; {named} channels named, {identified} of {receiving} receiving operations identified"
        )
    assert right == asserted
    assert total >= 80
    assert len(protocols) >= 14
