"""Parameters in addresses, and the names that the listed values of parameters make."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from itertools import islice, product
from math import prod

PARAMETER = re.compile(r"\{([^{}]+)\}")
MAX_EXPANSION = 1000
"""Names that are listed of one template, and values of one parameter that its expression spells out."""

Enums = Mapping[str, Sequence[str]]


def parameters_in(address: str) -> list[str]:
    """Names of the parameters of an address, in order, without repeats."""
    return list(dict.fromkeys(PARAMETER.findall(address)))


def filled(address: str, values: Mapping[str, str]) -> str:
    """An address with the values of some of its parameters; what a value holds is not read again."""
    return PARAMETER.sub(lambda match: values.get(match[1], match[0]), address)


def expansions(address: str, enums: Enums) -> tuple[tuple[str, ...], int]:
    """Every name that the listed values of the parameters make, and how many there are; none where one is open.

    The names are at most `MAX_EXPANSION`, so that several long lists do not multiply without end; the count is whole.
    """
    names = parameters_in(address)
    if not names or any(not enums.get(name) for name in names):
        return (), 0
    choices = [enums[name] for name in names]
    found = (
        filled(address, dict(zip(names, chosen, strict=True))) for chosen in islice(product(*choices), MAX_EXPANSION)
    )
    return tuple(found), prod(len(values) for values in choices)
