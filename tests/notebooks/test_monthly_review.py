"""The notebook runs from top to bottom and is kept without outputs."""

from __future__ import annotations

from pathlib import Path

import nbformat
import pytest
from notebook_run import NOTEBOOKS, executed, text_of

NAME = "monthly_review.ipynb"


@pytest.fixture(scope="module")
def review() -> nbformat.NotebookNode:
    return executed(NAME)


@pytest.mark.parametrize("path", sorted(NOTEBOOKS.glob("*.ipynb")), ids=lambda path: path.stem)
def test_a_notebook_is_kept_without_outputs(path: Path) -> None:
    cells = nbformat.read(path, as_version=4).cells

    assert [cell for cell in cells if cell.cell_type == "code" and (cell.outputs or cell.execution_count)] == []


def test_every_step_runs_and_the_last_one_has_written_a_document(review: nbformat.NotebookNode) -> None:
    assert text_of(review, "document = html(review)").strip("'\n").endswith("KiB")


def test_the_summary_names_how_many_objectives_were_kept(review: nbformat.NotebookNode) -> None:
    assert "objectives that could be judged were kept" in text_of(review, "for finding in")


def test_the_incidents_of_the_simulated_month_are_found(review: nbformat.NotebookNode) -> None:
    assert "inventory-service/onStockAdjusted" in text_of(review, "incidents = ")
