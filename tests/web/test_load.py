"""Dashboards as data: faults have a place, a code and a suggestion."""

from __future__ import annotations

from pathlib import Path

import pytest

from observatory.errors import InputInvalid
from observatory.web.load import load_pages, shipped_folder
from observatory.web.panels import KINDS

PAGE = """title: Mine
path: /mine
panels:
  - id: lag
    kind: lag
    title: Lag
    width: 6
"""


def faults(folder: Path, text: str) -> list[str]:
    (folder / "mine.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(InputInvalid) as caught:
        load_pages([folder], KINDS)
    assert all(problem.location for problem in caught.value.problems)
    return [
        f"{problem.location.line}:{problem.location.column} {problem.code}: {problem.message}; {problem.hint}"
        for problem in caught.value.problems
        if problem.location
    ]


def test_the_shipped_pages_load_in_their_order() -> None:
    assert [page.id for page in load_pages([shipped_folder()], KINDS)] == [
        "executive",
        "on-call",
        "debug",
        "journey",
        "map",
        "channel",
        "group",
    ]


def test_a_team_layers_its_own_page_over_the_shipped_ones(tmp_path: Path) -> None:
    (tmp_path / "on_call.yaml").write_text(PAGE.replace("title: Mine", "id: on-call\ntitle: Ours"), encoding="utf-8")
    pages = {page.id: page for page in load_pages([shipped_folder(), tmp_path], KINDS)}
    assert pages["on-call"].title == "Ours"
    assert len(pages) == 7


def test_an_unknown_kind_is_placed_and_a_near_one_suggested(tmp_path: Path) -> None:
    assert faults(tmp_path, PAGE.replace("kind: lag", "kind: lagg")) == [
        "5:11 panel-kind-unknown: there is no panel kind 'lagg'; did you mean 'lag'?"
    ]


def test_an_unknown_key_is_placed_and_a_near_one_suggested(tmp_path: Path) -> None:
    assert faults(tmp_path, PAGE.replace("width: 6", "widht: 6")) == [
        "7:5 dashboard-key-unknown: a panel of kind 'lag' has no key 'widht'; did you mean 'width'?"
    ]


def test_an_unknown_signal_is_placed(tmp_path: Path) -> None:
    text = PAGE.replace("kind: lag", "kind: lines").replace(
        "width: 6", "signals: [consumer_lagg]\n    statistic: level"
    )
    found = faults(tmp_path, text)
    assert found == ["7:15 dashboard-invalid: `signals` has 'consumer_lagg'; did you mean 'consumer_lag'?"]


def test_a_unit_that_a_signal_cannot_be_written_in_is_refused_where_it_stands(tmp_path: Path) -> None:
    lines = PAGE.replace("kind: lag", "kind: lines")
    latency = "signals: [process_duration]\n    statistic: p99\n    unit: "
    (found,) = faults(tmp_path, lines.replace("width: 6", latency + "GiB"))
    assert found.startswith("9:11 dashboard-invalid: `unit` is 'GiB', and that is no unit of process_duration as p99; ")
    assert "it takes d, h, min, s, ms, µs" in found
    counted = "signals: [consumer_lag]\n    statistic: level\n    unit: s"
    assert "consumer_lag as level, which is a bare number" in faults(tmp_path, lines.replace("width: 6", counted))[0]
    (tmp_path / "mine.yaml").write_text(lines.replace("width: 6", latency + "ms"), encoding="utf-8")
    assert load_pages([tmp_path], KINDS)[0].panels[0].text("unit") == "ms"


def test_an_indicator_is_one_of_the_slis(tmp_path: Path) -> None:
    found = faults(tmp_path, PAGE.replace("kind: lag", "kind: indicator").replace("width: 6", "indicator: latancy"))
    assert found[0].startswith("7:16 dashboard-invalid: `indicator` is 'latancy'; it is one of availability, ")
    assert found[0].endswith("; did you mean 'latency'?")


def test_a_missing_option_is_explained(tmp_path: Path) -> None:
    found = faults(tmp_path, PAGE.replace("kind: lag", "kind: lines"))
    assert [one.split(";")[0] for one in found] == [
        "4:5 dashboard-invalid: a panel of kind 'lines' needs `signals`: signals of the vocabulary, the first that is measured is shown",  # noqa: E501
        "4:5 dashboard-invalid: a panel of kind 'lines' needs `statistic`: how values are shown",
    ]


def test_two_panels_of_one_id_clash(tmp_path: Path) -> None:
    found = faults(tmp_path, PAGE + "  - {id: lag, kind: lag, title: Again}\n")
    assert found == ["8:10 dashboard-clash: a second panel has the id 'lag'; None"]


def test_a_path_that_is_taken_clashes(tmp_path: Path) -> None:
    (tmp_path / "other.yaml").write_text(PAGE, encoding="utf-8")
    assert "path '/mine' is already taken by page 'mine'" in faults(tmp_path, PAGE)[0]


def test_a_width_beyond_the_grid_is_refused(tmp_path: Path) -> None:
    assert "`width` is a whole number from 1 to 12" in faults(tmp_path, PAGE.replace("width: 6", "width: 13"))[0]


def test_a_folder_that_is_missing_is_said(tmp_path: Path) -> None:
    with pytest.raises(InputInvalid) as caught:
        load_pages([tmp_path / "none"], KINDS)
    assert caught.value.problems[0].code == "dashboards-missing"


def test_every_option_of_every_kind_is_explained() -> None:
    assert all(field.meaning for kind in KINDS.values() for field in kind.fields.values())
    assert all(kind.meaning for kind in KINDS.values())


def test_the_handbook_lists_every_kind_and_its_options() -> None:
    handbook = (shipped_folder() / "README.md").read_text(encoding="utf-8")
    rows = [row for row in handbook.splitlines() if row.startswith("| `")]
    for kind in KINDS.values():
        row = next(row for row in rows if f"`{kind.name}`" in row.split("|")[1])
        assert all(f"`{option}`" in row.split("|")[3] for option in kind.fields), row
