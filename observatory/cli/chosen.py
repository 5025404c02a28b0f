"""What the command line chose: settings from its shared options, and what a command cannot do without."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from functools import partial, wraps
from inspect import Parameter, Signature, signature
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, get_type_hints

from observatory.cli import options
from observatory.errors import UsageError

if TYPE_CHECKING:
    from observatory.settings import Settings


SHARED: dict[str, Any] = {
    "paths": options.Paths,
    "config": options.Config,
    "prometheus": options.Prometheus,
    "store": options.Store,
    "clickhouse": options.ClickHouse,
    "header": options.Header,
    "ownership": options.Ownership,
    "overlay": options.Overlay,
    "no_cache": options.NoCache,
}
"""Options by which every command is told what to read and whom to ask, in the order of `--help`."""


class Choose(Protocol):
    """What the shared options choose. A command asks once its own options are found to be right."""

    def __call__(self, *, needs_documents: bool = True) -> Settings:
        """Settings from file, environment and options.

        Raises:
            UsageError, InputInvalid: As `chosen_settings`.
        """
        ...


def choosing(
    usage: str, *, needs_telemetry: bool = True, clickhouse: bool = False, no_cache: bool = False
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Give a command the shared options in front of its own, and hand it `Choose` in their place.

    Args:
        usage: How the command is called with documents, for the message when none are named.
        needs_telemetry: Whether the command has nothing to say without a source.
        clickhouse: Whether it takes `--clickhouse`.
        no_cache: Whether it takes `--no-cache`.
    """
    asked_for = {"clickhouse": clickhouse, "no_cache": no_cache}
    names = [name for name in SHARED if asked_for.get(name, True)]

    def decorate(function: Callable[..., None]) -> Callable[..., None]:
        hints = get_type_hints(function, include_extras=True)
        own = [one.replace(annotation=hints[one.name]) for one in list(signature(function).parameters.values())[1:]]
        defaults: dict[str, Any] = {"no_cache": False}
        shared = [
            Parameter(name, Parameter.KEYWORD_ONLY, default=defaults.get(name), annotation=SHARED[name])
            for name in names
        ]

        @wraps(function)
        def command(**given: Any) -> None:
            chosen = {name: given.pop(name) for name in names}
            cache = not chosen.pop("no_cache", False)
            function(partial(chosen_settings, usage, needs_telemetry=needs_telemetry, cache=cache, **chosen), **given)

        every = [*shared, *(one.replace(kind=Parameter.KEYWORD_ONLY) for one in own)]
        command.__signature__ = Signature(every)  # type: ignore[attr-defined]
        command.__annotations__ = {one.name: one.annotation for one in every}
        return command

    return decorate


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
