"""`observatory review`: the monthly SLO review as HTML, Markdown or JSON."""

from __future__ import annotations

import time
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from observatory.cli import console, options
from observatory.cli.chosen import Choose, choosing
from observatory.errors import ExitCode, InputInvalid, Problem, UsageError

if TYPE_CHECKING:
    from observatory.review.report import Review


class Form(StrEnum):
    """How the review is written."""

    HTML = "html"
    JSON = "json"
    MARKDOWN = "md"


MonthOption = Annotated[str, typer.Option("--month", help="The month, as 2026-10.")]
Output = Annotated[Path | None, typer.Option("-o", "--output", help="File to write; stdout when left out.")]
Shape = Annotated[Form | None, typer.Option("--format", help="Else by the file's ending: .html, .md, .json.")]
Zone = Annotated[str | None, typer.Option("--timezone", help="One clock for all, as Europe/London; else each its own.")]
SUFFIXES = {".html": Form.HTML, ".htm": Form.HTML, ".md": Form.MARKDOWN, ".markdown": Form.MARKDOWN, ".json": Form.JSON}


@console.command
@console.without_collection
@choosing("observatory review PATH... --month 2026-10", clickhouse=True)
def review(
    choose: Choose,
    month: MonthOption,
    output: Output = None,
    form: Shape = None,
    timezone: Zone = None,
    at: options.At = None,
    json: options.Json = False,
) -> None:
    """Every objective's month beside the month before: counts, budget, incidents, and what to say about it.

    Exit codes: 0 fine, 3 documents have errors, 4 no source answered, 5 a source answered in part.
    """
    at_ms = options.instant(at, round(time.time() * 1000))
    chosen = _form(output, form, json)

    from observatory.evaluate.estate import Estate
    from observatory.review.month import make_review
    from observatory.sources.opening import open_sources

    settings = choose()
    with open_sources(settings, read_only_store=True) as sources:
        made = make_review(Estate(settings, sources, keeper=sources.keeper), month, at_ms, timezone=timezone)
        states = {state.state for state in sources.states()}
    if states == {"failed"}:
        console.report(made.problems)
        console.finish(ExitCode.SOURCE_FAILED)
    text = _text(made, chosen)
    if output is None:
        console.answer(text.rstrip("\n"))
    else:
        from observatory.rules.writing import write_text

        try:
            write_text(output, text)
        except OSError as error:
            reason = error.strerror or str(error)
            raise InputInvalid(
                Problem(code="output-unwritable", message=f"{output} cannot be written: {reason}")
            ) from None
        if json:
            console.answer(_text(made, Form.JSON).rstrip("\n"))
        else:
            console.answer(str(output))
    console.report(made.problems)
    if any(problem.severity == "error" and problem.location for problem in made.problems):
        console.finish(ExitCode.INPUT_INVALID)
    console.finish(ExitCode.FINE if states <= {"ok"} else ExitCode.PARTIAL_DATA)


def _form(output: Path | None, form: Form | None, json: bool) -> Form:
    """What was asked for, else what the file's ending says."""
    if form is not None:
        return form
    if output is None:
        return Form.JSON if json else Form.MARKDOWN
    if output.suffix.lower() not in SUFFIXES:
        raise UsageError(f"{output}: the ending says no format; use .html, .md or .json, or --format")
    return SUFFIXES[output.suffix.lower()]


def _text(made: Review, form: Form) -> str:
    match form:
        case Form.HTML:
            from observatory.review.html import html

            return html(made)
        case Form.MARKDOWN:
            from observatory.review.markdown import markdown

            return markdown(made)
        case Form.JSON:
            return console.as_json(made.to_json()) + "\n"


def register(app: typer.Typer) -> None:
    """Attach the command."""
    app.command("review")(review)
