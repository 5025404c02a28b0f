"""Names that exporters write alike: Kafka's Java clients write `orders.v1` as `orders_v1`, and so does `orders_v1`."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from msgspec import Struct

from observatory.spec.catalog import Catalog, NameKind
from observatory.telemetry.label_matchers import ways_written
from observatory.telemetry.label_table import TableNames
from observatory.telemetry.recipe import ChannelLabel, NameTransform
from observatory.telemetry.subject import WrittenName


class Rewriting(Struct, frozen=True):
    """What follows from a name that exporters write in more than one way.

    Attributes:
        taken_for: Other names that the counted series may just as well belong to.
        caveats: What is counted besides, or left out.
    """

    taken_for: tuple[str, ...] = ()
    caveats: tuple[str, ...] = ()


NOT_REWRITTEN = Rewriting()


class NamesAlike:
    """Every runtime name of a catalogue, found by what exporters make of it."""

    def __init__(self, names: Mapping[NameKind, frozenset[str]]) -> None:
        self._names = names
        self._written: dict[tuple[NameKind, tuple[NameTransform, ...]], dict[str, list[str]]] = {}

    @classmethod
    def of(cls, catalog: Catalog) -> NamesAlike:
        """The exact names of all channels, by kind."""
        names: dict[NameKind, set[str]] = {}
        for channel in catalog.channels:
            for name in channel.names:
                if name.value and name.pattern is None:
                    names.setdefault(name.kind, set()).add(name.value)
        return cls({kind: frozenset(values) for kind, values in names.items()})

    def rewriting(
        self, label: ChannelLabel, options: Sequence[WrittenName], shown: Collection[TableNames]
    ) -> Rewriting:
        """Whose series those of a rewritten name may be as well, and what must be said of them.

        Args:
            shown: What each table shows in the label.
        """
        if label.of_template or label.transforms == ("none",):
            return NOT_REWRITTEN
        indexes = [names.exact for names in shown]
        taken_for: dict[str, None] = {}
        caveats: dict[str, None] = {}
        for option in options:
            ways = ways_written(option.text, label.transforms) if option.pattern is None else []
            written = [text for text in ways if any(text in index for index in indexes)]
            if not written:
                continue
            used, *left = written
            taken_for |= dict.fromkeys(name for name in self._written_as(used, label) if name != option.text)
            if used != option.text:
                caveats[f"{label.label} {used} stands for {option.text}, and for any other name that is written so"] = (
                    None
                )
            for text in left:
                caveats[f"{label.label} {text} is there too and left out: clients write {option.text} both ways"] = None
        return Rewriting(tuple(taken_for), tuple(caveats))

    def _written_as(self, text: str, label: ChannelLabel) -> list[str]:
        """Names of the kinds that the label shows which may be written as a text, sorted."""
        found: dict[str, None] = {}
        for kind in dict.fromkeys(kind for spelling in label.spellings for kind in spelling.kinds):
            key = (kind, label.transforms)
            if key not in self._written:
                index: dict[str, list[str]] = {}
                for name in sorted(self._names.get(kind, ())):
                    for way in ways_written(name, label.transforms):
                        index.setdefault(way, []).append(name)
                self._written[key] = index
            found |= dict.fromkeys(self._written[key].get(text, ()))
        return sorted(found)
