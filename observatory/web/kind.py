"""A panel kind: which options it understands and how it is drawn. One file under `panels/` each."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

from msgspec import Struct, field

from observatory.dashboards import PanelDeclaration
from observatory.web.board import Board

Skeleton = Literal["table", "figure", "tiles", "line"]
Evidence = Literal["objectives", "journeys", "signals", "spans"]


class Field(Struct, frozen=True):
    """One option of a kind.

    Attributes:
        meaning: What it does, for messages and the handbook.
        type: `text`, `count`, `texts` (a list) or `flag`.
        words: The only texts allowed; empty for any.
    """

    meaning: str
    type: Literal["text", "count", "texts", "flag"] = "text"
    words: tuple[str, ...] = ()
    required: bool = False

    def strange(self, value: object) -> list[tuple[int, str]]:
        """Texts of a list that are none of its words, with their places in it."""
        if self.type != "texts" or not self.words or not isinstance(value, list):
            return []
        return [(index, one) for index, one in enumerate(value) if isinstance(one, str) and one not in self.words]

    def fault(self, value: object) -> str | None:
        """What is wrong with a value as a whole, None when it fits."""
        match self.type:
            case "flag":
                return None if isinstance(value, bool) else "is true or false"
            case "count":
                fits = isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= 10_000
                return None if fits else "is a whole number from 1 to 10000"
            case "texts":
                fits = isinstance(value, list) and bool(value) and all(isinstance(one, str) for one in value)
                return None if fits else "is a list of texts"
            case "text":
                if not isinstance(value, str):
                    return "is a text"
                return (
                    f"is {value!r}; it is one of {', '.join(self.words)}"
                    if self.words and value not in self.words
                    else None
                )


class Drawn(Struct, frozen=True, kw_only=True):
    """A panel's content.

    Attributes:
        body: Dash components.
        note: A few words behind the title: what is shown, how it is sorted.
        aside: Components at the right end of the title line: a legend, a link.
        warnings: What is missing from the picture although there is a picture.
        bare: Draw the body without frame and title; an empty bare body takes no room.
        calm: The body begins with the words that all is well. Where nothing was measured, that is not known, and what
            is missing is shown instead.
    """

    body: Sequence[Any]
    note: str = ""
    aside: Sequence[Any] = ()
    warnings: Sequence[str] = ()
    bare: bool = False
    calm: bool = False


class Kind(Struct, frozen=True, kw_only=True):
    """A kind of panel.

    Attributes:
        draw: From what the board knows to content. It may raise SourceFailed: the frame shows that.
        skeleton: What is shown while it loads.
        bare: Whether the frame draws no border and no title.
        evidence: What its numbers rest on. Of `objectives` and of `journeys` the frame says which have no data or no
            traffic; panels of `signals` and of `spans` say themselves what is missing.
        early: What of it can be shown while it loads: from the snapshot alone, for no source is asked before a page
            stands. None where there is nothing.
        check: What is wrong between options that are right each by itself: the option, and what it is to be.
    """

    name: str
    meaning: str
    draw: Callable[[Board, PanelDeclaration], Drawn]
    fields: Mapping[str, Field] = field(default_factory=dict)
    skeleton: Skeleton = "figure"
    bare: bool = False
    evidence: Evidence = "signals"
    early: Callable[[Board, PanelDeclaration], Any | None] | None = None
    check: Callable[[PanelDeclaration], tuple[str, str] | None] | None = None
