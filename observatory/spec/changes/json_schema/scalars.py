"""Numbers and strings: bounds, steps, lengths, patterns and remarks of one branch against those of a reader."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction

from observatory.spec.changes.json_schema.branches import INFINITY, Branch
from observatory.spec.changes.json_schema.cleaning import NotDecidable
from observatory.spec.changes.json_schema.effort import Effort
from observatory.spec.changes.json_schema.obstacles import Obstacle
from observatory.spec.changes.json_schema.patterns import beyond, shortest
from observatory.spec.changes.json_schema.samples import MAX_SAMPLE_LENGTH, numbers, step_of, strings

WIDER_FORMATS = frozenset({
    ("'int32'", "'int64'"), ("'float'", "'double'"), ("'email'", "'idn-email'"), ("'hostname'", "'idn-hostname'"),
    ("'uri'", "'uri-reference'"), ("'uri'", "'iri'"),
})  # fmt: skip
"""Formats whose values are all values of another one."""


def remarks_between(branch: Branch, kind: str, option: Branch) -> Iterator[Obstacle]:
    """Remarks that the reader adds and some readers hold to."""
    for keyword, value in sorted(option.remarks - branch.remarks):
        own = next((known for word, known in sorted(branch.remarks) if word == keyword), None)
        concerns = kind == "object" if keyword == "discriminator" else kind in ("string", "number")
        if not concerns or (keyword == "format" and (own, value) in WIDER_FORMATS):
            continue
        before = f"{own} before it" if own else "none in the writer"
        message = f"{keyword} is {value} for the reader, {before}: a remark that some readers hold to"
        yield Obstacle(keyword=keyword, message=message, open=True)


def numbers_between(branch: Branch, option: Branch) -> Iterator[Obstacle]:
    """Where a number may lie outside what the reader takes."""
    near = tuple(numbers(branch, (option.low, option.high)))
    if (option.low, option.low_open) > (branch.low, branch.low_open):
        low = "have no lower bound" if branch.low == -INFINITY else f"be as low as {branch.low:g}"
        bound = f"{'more than' if option.low_open else 'at least'} {option.low:g}"
        word = "exclusiveMinimum" if option.low_open else "minimum"
        yield Obstacle(keyword=word, message=f"may {low}; the reader wants {bound}", candidates=near)
    if (option.high, not option.high_open) < (branch.high, not branch.high_open):
        high = "have no upper bound" if branch.high == INFINITY else f"be as high as {branch.high:g}"
        bound = f"{'less than' if option.high_open else 'at most'} {option.high:g}"
        word = "exclusiveMaximum" if option.high_open else "maximum"
        yield Obstacle(keyword=word, message=f"may {high}; the reader wants {bound}", candidates=near)
    own, wanted = step_of(branch), step_of(option)
    if wanted and (own is None or (own / wanted).denominator != 1):
        if option.integer and wanted == Fraction(1):
            message = "may have a fraction; the reader takes integers"
            yield Obstacle(keyword="type", message=message, candidates=near)
        else:
            message = f"may be no multiple of {float(wanted):g}"
            yield Obstacle(keyword="multipleOf", message=message, candidates=near)


def strings_between(branch: Branch, option: Branch, effort: Effort) -> Iterator[Obstacle]:
    """Where a string may be too short, too long, or match no pattern of the reader."""
    samples = tuple(strings(branch))
    if option.min_length > branch.min_length:
        least = f"may have {branch.min_length} characters" if not branch.patterns else "may be shorter"
        message = f"{least}; the reader wants at least {option.min_length}"
        yield from _length(branch, branch.min_length, option.min_length - 1, "minLength", message, effort)
    if option.max_length < branch.max_length:
        most = f"may have {branch.max_length} characters" if branch.max_length != INFINITY else "may be of any length"
        message = f"{most if not branch.patterns else 'may be longer'}; the reader wants at most {option.max_length}"
        yield from _length(branch, int(option.max_length) + 1, branch.max_length, "maxLength", message, effort)
    for pattern in option.patterns:
        if pattern in branch.patterns:
            continue
        try:
            outside = beyond(branch.patterns, branch.min_length, branch.max_length, pattern, effort)
        except NotDecidable as reason:
            message = f"whether all values match {pattern!r} is not known: {reason.message}"
            yield Obstacle(keyword="pattern", message=message, candidates=samples, open=True)
            continue
        if outside is not None:
            message = f"may be a text that does not match {pattern!r}"
            yield Obstacle(keyword="pattern", message=message, candidates=(outside, *samples))


def _length(branch: Branch, least: int, most: float, keyword: str, message: str, effort: Effort) -> Iterator[Obstacle]:
    """An obstacle where a text of some lengths matches all patterns of the writer."""
    if not branch.patterns:
        texts = ("a" * least, *strings(branch)) if least <= MAX_SAMPLE_LENGTH else ()
        yield Obstacle(keyword=keyword, message=message, candidates=texts)
        return
    try:
        text = shortest(branch.patterns, least, most, effort)
    except NotDecidable:
        yield Obstacle(keyword=keyword, message=message, candidates=tuple(strings(branch)), open=True)
        return
    if text is not None:
        yield Obstacle(keyword=keyword, message=message, candidates=(text,))
