"""The notebook runs from top to bottom and is kept without outputs."""

from __future__ import annotations

from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

NOTEBOOK = Path(__file__).parents[2] / "notebooks" / "monthly_review.ipynb"


@pytest.fixture(scope="module")
def executed() -> nbformat.NotebookNode:
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    return NotebookClient(notebook, timeout=240, kernel_name="python3").execute()


def text_of(notebook: nbformat.NotebookNode, starts: str) -> str:
    """Everything that the cell with this beginning printed or showed as text."""
    cell = next(cell for cell in notebook.cells if cell.source.startswith(starts))
    return "\n".join(
        output.get("text") or output.get("data", {}).get("text/plain", "") for output in cell.get("outputs", [])
    )


def test_the_notebook_is_kept_without_outputs() -> None:
    cells = nbformat.read(NOTEBOOK, as_version=4).cells

    assert [cell for cell in cells if cell.cell_type == "code" and (cell.outputs or cell.execution_count)] == []


def test_every_step_runs_and_the_last_one_has_written_a_document(executed: nbformat.NotebookNode) -> None:
    assert text_of(executed, "document = html(review)").strip("'\n").endswith("KiB")


def test_the_summary_names_how_many_objectives_were_kept(executed: nbformat.NotebookNode) -> None:
    assert "objectives that could be judged were kept" in text_of(executed, "for finding in")


def test_the_incidents_of_the_simulated_month_are_found(executed: nbformat.NotebookNode) -> None:
    assert "inventory-service/onStockAdjusted" in text_of(executed, "incidents = ")
