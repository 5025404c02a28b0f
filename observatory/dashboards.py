"""What `dashboards/*.yaml` declare: pages and their panels, as values."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from msgspec import field

from observatory.location import Location, Placed

Subject = Literal["estate", "channel", "group"]
"""What a page is about: everything, the channel or the consumer group that its address names."""


class PanelDeclaration(Placed, frozen=True, kw_only=True):
    """A panel as it was written.

    Attributes:
        id: Unique on its page; part of the panel's anchor in the page.
        kind: Name of a panel kind.
        title, question: What it is called, and the question it answers, for the person who reads it.
        width: Columns of twelve.
        height: Pixels that the body takes at least; 0 leaves it to the content.
        options: What else the kind understands, checked against its fields.
    """

    id: str
    kind: str
    title: str
    question: str = ""
    width: int = 12
    height: int = 0
    options: Mapping[str, object] = field(default_factory=dict)
    location: Location | None = None

    def text(self, name: str, default: str = "") -> str:
        """A text option."""
        value = self.options.get(name, default)
        return value if isinstance(value, str) else default

    def number(self, name: str, default: int) -> int:
        """A whole-number option."""
        value = self.options.get(name, default)
        return value if isinstance(value, int) else default

    def flag(self, name: str) -> bool:
        """A yes-or-no option; no where it is not written."""
        return self.options.get(name) is True

    def words(self, name: str, default: tuple[str, ...] = ()) -> tuple[str, ...]:
        """A list-of-texts option."""
        value = self.options.get(name)
        return tuple(str(one) for one in value) if isinstance(value, (list, tuple)) else default


class PageDeclaration(Placed, frozen=True, kw_only=True):
    """A page as it was written.

    Attributes:
        id: File name without its ending, or `id:` in the file.
        path: Where it is served, such as `/on-call`; `/channel/<id>` for a page about one channel.
        key: Letter that opens it after `g`; empty for pages that are reached through links.
        order: Place in the navigation.
        range: Range that it opens with.
    """

    id: str
    title: str
    path: str
    subject: Subject = "estate"
    question: str = ""
    key: str = ""
    order: int = 100
    range: str = "24h"
    panels: tuple[PanelDeclaration, ...] = ()
    location: Location | None = None
