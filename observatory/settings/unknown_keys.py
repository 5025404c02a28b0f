"""Keys of the settings file that nobody reads: most are slips, so the nearest known one is offered."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from difflib import get_close_matches

from observatory.errors import Problem
from observatory.reading import Reading


def unknown_keys(
    told: Iterable[object],
    known: Sequence[str],
    at: tuple[str, ...],
    reading: Reading,
    *,
    code: str = "settings-key",
    whose: str | None = None,
) -> Iterator[Problem]:
    """A problem for each key that is not known, at its place.

    Args:
        told: Keys as they are written.
        at: The path of the mapping that holds them; its first part names it in the message.
        whose: What holds them, such as `an exclusion`, where it is more than a setting.
    """
    part = f" of {at[0]}" if at else ""
    for key in told:
        if key not in known:
            near = get_close_matches(str(key).lower().replace("-", "_"), known, 1, 0.6)
            yield Problem(
                code=code,
                message=f"{whose} has no {key!r}" if whose else f"there is no setting {key!r}{part}",
                location=reading.at((*at, str(key)), key=True),
                hint=f"did you mean {near[0]!r}?" if near else f"known are {', '.join(known)}",
            )
