"""What a number is, as text that fits into an attribute and into the address bar."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import unquote

from dash import html
from msgspec import Struct

from observatory.diagnose.cause import Cause
from observatory.spec.participant import Participant

LONGEST = 1200
CHANGE = "change-"
"""What an aspect begins with that is meant as the difference of now and before."""
_ESCAPED = str.maketrans({mark: f"%{ord(mark):02X}" for mark in '%|"\\'})
BEFORE = "before-"
"""What an aspect begins with that is meant in the window before the present one."""
_FORM = re.compile(r"([a-z_]{1,24})(?:\.([A-Za-z0-9_-]{1,60}))?(?::(.*))?", re.DOTALL)


class Reference(Struct, frozen=True):
    """Which number is meant; the table in the package's docstring lists words and aspects."""

    word: str
    key: str = ""
    aspect: str = ""

    @classmethod
    def parse(cls, text: str) -> Reference | None:
        """The reference that a text holds; None where it holds none."""
        found = _FORM.fullmatch(text) if len(text) <= LONGEST else None
        return cls(found[1], found[3] or "", found[2] or "") if found else None

    def __str__(self) -> str:
        return f"{self.word}{'.' if self.aspect else ''}{self.aspect}{':' if self.key else ''}{self.key}"


def cause_reference(one: Cause) -> Reference:
    """The reference of a cause's score."""
    return Reference("cause", f"{one.failure_mode} {one.channel_id}", "score")


def panel_reference(page: str, panel: str, argument: str = "") -> Reference:
    """The reference of a panel as a whole."""
    return Reference("panel", f"{page}/{panel}{f'/{argument}' if argument else ''}")


def hop_reference(place: int, journey_id: str, aspect: str) -> Reference:
    """The reference of a number of a journey's hop, the first hop being 1."""
    return Reference("hop", f"{place} {journey_id}", aspect)


def participant_reference(channel_id: str, one: Participant) -> Reference:
    """The reference of what is seen of one side of a channel."""
    parts = (one.action, one.service or "", one.consumer_group or "", channel_id)
    return Reference("participant", "|".join(part.translate(_ESCAPED) for part in parts), "messages")


def participant_key(key: str) -> tuple[str, ...]:
    """Side, service, group and channel of such a reference's key."""
    return tuple(unquote(part) for part in key.split("|"))


SPOKEN = {"heat": "Burn rate over time", "spark": "Course over time", "budget": "Error budget left"}


def number(content: Any, reference: Reference, *, value: float | None = None, name: str = "") -> html.Button:
    """A number, or a drawing of numbers, that opens to its explanation.

    Args:
        content: Text or components, as the panel would show them by themselves.
        value: The number in its base unit and unrounded, for exports; None where it is not known.
        name: Further classes.
    """
    exact = {} if value is None else {"data-value": repr(float(value))}
    return html.Button(
        content,
        type="button",
        className=f"explained {name}".strip(),
        **{"aria-haspopup": "dialog", "data-explain": str(reference), **exact, **_spoken(content)},
    )


def _spoken(content: Any) -> dict[str, str]:
    """A name for a drawing, which has no text of its own to be read out."""
    drawing = getattr(content, "data-draw", None)
    return {"aria-label": getattr(content, "title", "") or SPOKEN[drawing]} if drawing in SPOKEN else {}
