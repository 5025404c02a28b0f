"""What the command line chose: settings from its shared options, and what a command cannot do without."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from observatory.errors import UsageError

if TYPE_CHECKING:
    from observatory.settings import Settings


def chosen_settings(
    usage: str,
    *,
    paths: Sequence[Path] | None,
    config: Path | None,
    prometheus: str | None,
    store: Path | None,
    header: Sequence[str] | None,
    ownership: Sequence[Path] | None,
    overlay: Sequence[Path] | None,
    clickhouse: str | None = None,
    needs_documents: bool = True,
    needs_telemetry: bool = True,
    cache: bool = True,
) -> Settings:
    """Settings from file, environment and shared options, the options winning.

    Args:
        usage: How the command is called with documents, for the message when none are named.
        needs_documents: Whether the command has nothing to read without documents.
        needs_telemetry: Whether the command has nothing to say without a source.
        cache: Whether what documents gave may be kept between runs.

    Raises:
        UsageError: No documents, or no source where one is needed.
        InputInvalid: The settings file or a value in it cannot be used.
    """
    from observatory.settings import load_settings

    settings = load_settings(
        config,
        os.environ,
        documents=tuple(paths or ()),
        prometheus_url=prometheus,
        clickhouse_url=clickhouse,
        store=store,
        headers=tuple(header or ()),
        ownership=tuple(ownership or ()),
        overlays=tuple(overlay or ()),
        cache=cache,
    )
    if needs_documents and not settings.documents:
        raise UsageError(f"say which documents: {usage}, or `documents` in observatory.yaml")
    if needs_telemetry and not settings.prometheus and settings.store is None:
        raise UsageError("say where telemetry is: --prometheus URL or --store PATH, or the same in observatory.yaml")
    return settings
