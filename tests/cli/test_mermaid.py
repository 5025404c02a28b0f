"""The catalogue as a flowchart that reads nothing into names."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from document_estates import one_channel
from hypothesis import given
from hypothesis import strategies as st

from observatory.cli.catalog_text import Drawing
from observatory.cli.mermaid import _label, arrows_in, mermaid
from observatory.spec.catalog import Catalog
from observatory.spec.load import load_catalog

Golden = Callable[[str, str], None]


def drawn(catalog: Catalog) -> str:
    return mermaid(Drawing(catalog=catalog, channels=catalog.channels))


@pytest.fixture
def estate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Catalog:
    monkeypatch.chdir(tmp_path)
    long = "events." + ".".join(["department"] * 18)
    for name, text in {
        "a.yaml": one_channel("Shop", "send", "orders.{region}", channel=", parameters: {region: {}}"),
        "b.yaml": one_channel("Billing", "receive", "orders.eu"),
        "c.yaml": one_channel(
            "Audit", "receive", "orders.eu", info=", x-service-name: '1. <b>audit</b> %%{init: {}}%%'"
        ).replace("{o:", "{'a\"b;<i>':"),
        "d.yaml": one_channel("متجر", "send", "طلبات.جديدة"),
        "e.yaml": one_channel("Long", "send", long),
        "f.yaml": one_channel("One", "send", "same", host="one"),
        "g.yaml": one_channel("Two", "send", "same", host="two"),
    }.items():
        Path(name).write_text(text, encoding="utf-8")
    return load_catalog([Path()])


def test_services_channels_operations_and_ties_are_drawn(estate: Catalog, golden: Golden) -> None:
    golden(drawn(estate) + "\n", "documents/estate-mermaid.txt")
    assert arrows_in(drawn(estate)) == 8


def test_operations_of_one_service_share_an_arrow(tmp_path: Path) -> None:
    more = "".join(f", p{number}: {{action: send, channel: {{$ref: '#/channels/c'}}}}" for number in range(4))
    text = one_channel("Shop", "send", "orders").rstrip().removesuffix("}") + more + "}\n"
    (tmp_path / "a.yaml").write_text(text, encoding="utf-8")
    catalog = load_catalog([tmp_path / "a.yaml"])
    assert drawn(catalog).splitlines() == [
        "flowchart LR",
        '  c0[/"orders"/]',
        '  s0["shop"]',
        '  s0 -- "o, p0, p1, +2" --> c0',
    ]


@given(st.text())
def test_no_text_ends_its_label_or_is_read_as_markup(text: str) -> None:
    label = _label(text)
    rest = label.replace("<br/>", "")
    assert not re.search(r'["<>\[\]()|`%*~\\\n\r&$]', rest)
    assert re.sub(r"#\d+;", "", rest).count("#") == 0
    assert re.sub(r"#\d+;", "", rest).count(";") == 0


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("", "#45;"),
        (" \n", "#45;"),
        ("1. Orders", "1#46; Orders"),
        ("- orders", "#45; orders"),
        ("_orders_", "#95;orders#95;"),
        ("snake_case.v1", "snake_case.v1"),
        ("orders.{region}", "orders.{region}"),
        ("#35;", "#35;35#59;"),
        ('x"]; click c0', "x#34;#93;#59; click c0"),
        ("%%{init: {}}%%", "#37;#37;{init: {}}#37;#37;"),
    ],
)
def test_what_mermaid_would_read_is_written_by_its_number(text: str, label: str) -> None:
    assert _label(text) == label
