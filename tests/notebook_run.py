"""Notebooks as people run them: from top to bottom, in a kernel of their own."""

from __future__ import annotations

from pathlib import Path

import nbformat
from nbclient import NotebookClient

NOTEBOOKS = Path(__file__).parents[1] / "notebooks"


def executed(name: str) -> nbformat.NotebookNode:
    """A notebook with its outputs."""
    notebook = nbformat.read(NOTEBOOKS / name, as_version=4)
    return NotebookClient(notebook, timeout=240, kernel_name="python3").execute()


def text_of(notebook: nbformat.NotebookNode, starts: str) -> str:
    """Everything that the cell with this beginning printed or showed as text."""
    cell = next(cell for cell in notebook.cells if cell.source.startswith(starts))
    return "\n".join(
        output.get("text") or output.get("data", {}).get("text/plain", "") for output in cell.get("outputs", [])
    )
