"""`observatory explain`: what a code means, and what to do about it."""

from __future__ import annotations

from difflib import get_close_matches
from importlib import resources
from typing import Annotated

import typer

from observatory.cli import console, options
from observatory.cli.findings import headline
from observatory.errors import UsageError

Code = Annotated[str | None, typer.Argument(help="A code as messages show it in brackets; none lists them all.")]


def explanations() -> dict[str, str]:
    """Every explained code with its text, by name."""
    folder = resources.files("observatory") / "explanations"
    found = {
        entry.name.removesuffix(".md"): entry.read_text(encoding="utf-8").strip()
        for entry in folder.iterdir()
        if entry.name.endswith(".md")
    }
    return dict(sorted(found.items()))


@console.command
def explain(code: Code = None, json: options.Json = False) -> None:
    """Explain a code that a message shows in brackets."""
    texts = explanations()
    if code is None:
        if json:
            console.answer_json({"schema": "observatory.explanations/1", "codes": [*texts]})
            return
        width = max(map(len, texts))
        for name, text in texts.items():
            console.answer(f"{name:<{width}}  {headline(text)}")
        return
    wanted = code.strip().strip("[]").lower()
    if wanted not in texts:
        near = get_close_matches(wanted, texts, 3, 0.5)
        hint = f"did you mean {', '.join(near)}?" if near else "`observatory explain` lists them all"
        raise UsageError(f"there is no code {code!r}; {hint}")
    if json:
        console.answer_json({"schema": "observatory.explanation/1", "code": wanted, "text": texts[wanted]})
    else:
        console.answer(texts[wanted])


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("explain")(explain)
