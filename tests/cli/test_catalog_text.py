"""The catalogue on terminals of 80 and 200 columns."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from document_estates import one_channel
from rich.cells import cell_len

from observatory.cli.catalog_text import Drawing, side, table, tree
from observatory.spec.load import load_catalog
from observatory.spec.orphans import orphans, replies
from observatory.spec.topology import find_channels, with_overlaps

Golden = Callable[[str, str], None]


@pytest.fixture
def estate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[int | None], Drawing]:
    """An estate with a name of 200 characters, right-to-left text, overlaps and a misspelt name, for a width."""
    monkeypatch.chdir(tmp_path)
    long = "events." + ".".join(["department"] * 17) + ".billed"
    for name, text in {
        "a.yaml": one_channel("Shop", "send", "orders.{region}", channel=", parameters: {region: {}}, x-owner: pay"),
        "b.yaml": one_channel("Billing", "receive", "orders.eu", operation=", x-consumer-group: billing-v1"),
        "c.yaml": one_channel("Long Name Service Of The North", "send", long, channel=", x-criticality: critical"),
        "d.yaml": one_channel("متجر", "send", "طلبات.جديدة"),
        "e.yaml": one_channel("Audit", "receive", "طلبات-جديدة"),
    }.items():
        Path(name).write_text(text, encoding="utf-8")
    catalog = load_catalog([Path()])
    assert max(len(channel.address or "") for channel in catalog.channels) == 200

    def draw(width: int | None) -> Drawing:
        return Drawing(
            catalog=catalog,
            channels=catalog.channels,
            alone={one.channel.id: one for one in orphans(catalog)},
            replies=replies(catalog),
            width=width,
        )

    return draw


@pytest.mark.parametrize("width", [80, 200])
def test_the_tree_and_the_table_fit_the_terminal(
    estate: Callable[[int | None], Drawing], golden: Golden, width: int
) -> None:
    drawing = estate(width)
    for name, text in (("tree", tree(drawing)), ("table", table(drawing))):
        golden(text + "\n", f"documents/estate-{name}-{width}.txt")
        shown = text.replace("\u2066", "").replace("\u2069", "").splitlines()
        assert max(map(cell_len, shown)) <= width


def test_consumers_of_an_address_are_those_of_its_patterns_too(estate: Callable[[int | None], Drawing]) -> None:
    drawing = estate(None)
    found = with_overlaps(drawing.catalog, find_channels(drawing.catalog, "orders.eu"))
    chosen = Drawing(catalog=drawing.catalog, channels=found, alone=drawing.alone)
    assert side(chosen, receiving=False).splitlines() == [
        "kafka:orders.eu: produced by nobody, as far as the documents say",
        "kafka:orders.{region}: produced by shop (shop/o), owner pay",
    ]


def test_who_is_missing_may_have_been_misnamed(estate: Callable[[int | None], Drawing]) -> None:
    drawing = estate(None)
    found = find_channels(drawing.catalog, "طلبات-جديدة")
    chosen = Drawing(catalog=drawing.catalog, channels=found, alone=drawing.alone)
    assert side(chosen, receiving=False) == (
        "\u2066kafka:طلبات-جديدة\u2069: produced by nobody, as far as the documents say; "
        "did you mean kafka:طلبات.جديدة?"
    )
