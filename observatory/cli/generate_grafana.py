"""`observatory generate grafana`: the dashboards for teams that stay in Grafana, as files and, if asked, in place."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from observatory.cli import console, options
from observatory.cli.chosen import Choose, choosing
from observatory.cli.generated_files import Check, Folder, Found, Made, generate

if TYPE_CHECKING:
    from observatory.evaluate.estate import Estate

TOKEN_VARIABLE = "OBSERVATORY_GRAFANA_TOKEN"  # noqa: S105 - the name of a variable


@console.command
@choosing("observatory generate grafana PATH... -o DIR", needs_telemetry=False)
def grafana(
    choose: Choose,
    output: Folder,
    dashboards: options.Dashboards = None,
    observatory: Annotated[
        str, typer.Option("--observatory", metavar="URL", help="Where `serve` listens, for links back.")
    ] = "http://127.0.0.1:8050",
    push: Annotated[
        str | None, typer.Option("--push", metavar="URL", help="Put the dashboards into this Grafana too.")
    ] = None,
    token_file: Annotated[
        Path | None,
        typer.Option("--token-file", help=f"File with the token of a service account; else {TOKEN_VARIABLE} is read."),
    ] = None,
    folder: Annotated[
        str, typer.Option("--folder", help="Folder in Grafana, made when it is missing.")
    ] = "Observatory",
    at: options.At = None,
    check: Check = False,
    json: options.Json = False,
) -> None:
    """Grafana dashboards: the pages that `serve` shows, one JSON file per page.

    They read the series that `generate rules` records, and the exporters' own series for signals. Data source and
    filters are variables. With --push they are put into a Grafana by its API; a dashboard that is there already is
    replaced only when it differs.
    Exit codes: 0 fine, 1 --check found a difference, 3 documents or dashboards have errors, 4 a source or Grafana did
    not answer, 5 a source answered in part. Nothing is written with 3, nor when a source does not answer.
    """
    from observatory.export.grafana import ENDINGS, grafana_files
    from observatory.web.load import load_pages, shipped_folder
    from observatory.web.panels import KINDS

    for name, url in (("--observatory", observatory), ("--push", push)):
        if url is not None and not url.startswith(("http://", "https://")):
            raise typer.BadParameter(f"{url!r} is no URL; it begins with http:// or https://", param_hint=name)
    if check and push is not None:
        raise typer.BadParameter("--check writes nothing, so there is nothing to push", param_hint="--push")
    chosen = choose()
    own = [*([chosen.dashboards_dir] if chosen.dashboards_dir else []), *(dashboards or [])]
    pages = load_pages([shipped_folder(), *own], KINDS)

    def make(estate: Estate, found: Found) -> Made:
        measured = [one for one in estate.objectives if one.id in found.measurements]
        made = grafana_files(pages, measured, estate.mapping, observatory_url=observatory.rstrip("/"))
        return made.files, made.problems

    hand_on = _pushing(push, token_file, folder) if push is not None else None
    at_ms = options.instant(at, round(time.time() * 1000))
    generate(chosen, at_ms, make, output, ENDINGS, check=check, json=json, push=hand_on)


def _pushing(url: str, token_file: Path | None, folder: str) -> Callable[[Mapping[str, str]], Mapping[str, str]]:
    from observatory.cli.grafana_push import push_dashboards, read_token

    token = read_token(token_file, TOKEN_VARIABLE)
    return lambda files: push_dashboards(files, url=url, token=token, folder=folder)
