"""The catalogue as a Mermaid flowchart: services as boxes, channels as pipes, messages flowing along the arrows.

Names come from documents and are written so that Mermaid reads nothing into them: no markup, no directive, no end of
the label.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from observatory.cli.catalog_text import Drawing
from observatory.cli.columns import wrapped
from observatory.errors import printable
from observatory.spec.catalog import Channel
from observatory.spec.participant import Participant

LABEL_CELLS = 40
MAX_OPERATIONS = 3
MAX_ARROWS = 500
"""What Mermaid draws unless it is told otherwise (`maxEdges`)."""
_SPECIAL = re.compile(r"[^\w ./:,+{}=@-]|(?<![^\W_])_|_(?![^\W_])|^(?=[-+=])[-+=]|(?<=\d)\.(?= )")


def mermaid(drawing: Drawing) -> str:
    """A flowchart of channels, and of who sends to them and receives from them, with operations along the arrows.

    Arrows of participants that no document declares are dotted, and so are ties between channels that overlap.
    """
    nodes = {channel.id: f"c{number}" for number, channel in enumerate(drawing.channels)}
    services: dict[str, str] = {}
    arrows: dict[tuple[str, str, bool], list[str]] = {}
    for channel in drawing.channels:
        for one in drawing.on(channel):
            name = one.service or f"group {one.consumer_group}"
            service = services.setdefault(name, f"s{len(services)}")
            ends = (service, nodes[channel.id]) if one.action == "send" else (nodes[channel.id], service)
            arrows.setdefault((*ends, one.declared), []).append(_along(one))
    lines = ["flowchart LR"]
    lines += [f'  {nodes[channel.id]}[/"{_label(_name(channel, drawing.channels))}"/]' for channel in drawing.channels]
    lines += [f'  {node}["{_label(name)}"]' for name, node in services.items()]
    lines += [_arrow(first, second, declared, names) for (first, second, declared), names in arrows.items()]
    for channel in drawing.channels:
        for other in channel.overlaps:
            if other in nodes and channel.id < other:
                lines.append(f"  {nodes[channel.id]} -.- {nodes[other]}")
    return "\n".join(lines)


def arrows_in(text: str) -> int:
    """How many arrows a flowchart has."""
    return len(re.findall(r"(?m)^  [sc]\d+ (?:--|-\.)", text))


def _name(channel: Channel, channels: Sequence[Channel]) -> str:
    """The label of a channel; its id where another one is labelled alike."""
    alike = sum(1 for other in channels if other.label == channel.label) if len(channels) <= MAX_ARROWS else 1
    return channel.label if alike == 1 else channel.id


def _along(one: Participant) -> str:
    return one.operation.name if one.operation else ""


def _arrow(first: str, second: str, declared: bool, names: Sequence[str]) -> str:
    if not declared:
        return f"  {first} -. undeclared .-> {second}"
    shown = list(dict.fromkeys(name for name in names if name))
    more = [f"+{len(shown) - MAX_OPERATIONS}"] if len(shown) > MAX_OPERATIONS else []
    text = ", ".join([*shown[:MAX_OPERATIONS], *more])
    return f'  {first} -- "{_label(text)}" --> {second}' if text else f"  {first} --> {second}"


def _label(text: str) -> str:
    """Text inside a quoted label; what Mermaid might read something into is written by its number."""
    # An empty label is no label to Mermaid.
    lines = wrapped(printable(text).strip() or "-", LABEL_CELLS)
    return "<br/>".join(_SPECIAL.sub(lambda match: f"#{ord(match[0])};", line) for line in lines)
