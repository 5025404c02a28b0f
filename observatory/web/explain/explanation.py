"""What a drawer shows, as values; `drawer.py` sets them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from msgspec import Struct

from observatory.errors import Problem
from observatory.evaluate.status import State
from observatory.web.explain.reference import Reference

Content = Any
"""Text, a component, or a list of them."""


class Query(Struct, frozen=True, kw_only=True):
    """A query that gives a number, or comes near it.

    Attributes:
        name: What it counts: `good`, `total`, `consumer lag`.
        text: As it is sent or could be sent, whole.
        source: Name of the source that it is for.
        at_ms, seconds: The instant to ask for, and the length of the range that the text looks back.
    """

    name: str
    text: str
    language: Literal["PromQL", "SQL"] = "PromQL"
    source: str = ""
    at_ms: int = 0
    seconds: float = 3600.0


class Table(Struct, frozen=True, kw_only=True):
    """Numbers that the explained one is made of.

    Attributes:
        numeric: Columns that are set to the right.
        chosen: Row that was pressed; None for none.
    """

    title: str
    head: Sequence[str]
    rows: Sequence[Sequence[Content]]
    numeric: Sequence[int] = ()
    chosen: int | None = None


class Explanation(Struct, frozen=True, kw_only=True):
    """Everything behind one number.

    Attributes:
        title: What it is about: an objective, a domain, a consumer group.
        what: Which number of it.
        figure: The number as the page shows it.
        formula: The arithmetic with its operands, one line each.
        state, why: The state and, in sentences, what makes it so.
        facts: Good, total, coverage, window, counting and whatever else belongs to it.
        query_note: What a reader must know before comparing a query's answer.
        evidence: Series or spans by binding: a heading and the texts below it.
    """

    reference: Reference
    title: str
    what: str
    figure: str
    formula: Sequence[str] = ()
    state: State | None = None
    why: Sequence[str] = ()
    facts: Sequence[tuple[str, Content]] = ()
    tables: Sequence[Table] = ()
    queries: Sequence[Query] = ()
    query_note: str = ""
    evidence: Sequence[tuple[str, Sequence[str]]] = ()
    caveats: Sequence[str] = ()
    problems: Sequence[Problem] = ()
    subject: tuple[str, str] | None = None
    """A page about it: words and path."""
