"""A simulated order-to-delivery estate: documents, known truth, and the series and spans that such an estate emits.

What it emits takes the path of real telemetry: samples under the names and labels of real exporters into a store,
spans as OTLP to a receiver. The truth behind them stays available, so that every number shown can be checked.
"""

from __future__ import annotations

from pathlib import Path

from observatory.sources.simulated.history import SEED, Simulation, prepare

__all__ = ["SEED", "Simulation", "documents_folder", "prepare"]


def documents_folder() -> Path:
    """The folder with the estate's AsyncAPI documents, part of the package."""
    return Path(__file__).parent / "documents"
