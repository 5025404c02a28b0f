"""Ways to a signal: each recipe on each source, and the order in which what they find is preferred."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from functools import partial

from msgspec import Struct

from observatory.telemetry.binding import Resolution
from observatory.telemetry.inventory import Inventory
from observatory.telemetry.matching import Candidate, Matching
from observatory.telemetry.plan import Plan
from observatory.telemetry.recipe import Profile, Recipe, SpanRecipe
from observatory.telemetry.span_matching import span_candidate
from observatory.telemetry.span_rows import SpanRows
from observatory.telemetry.subject import Subject

_LATER = (
    "another profile is asked for",
    "no live series",
    "stands in for what the signal means",
    "holds others' messages too",
    "a later profile by rank",
    "a naming variant that is not in use",
    "a later recipe or naming variant of its profile",
    "a later source",
)
"""Why a binding came after another, by the first part of the order in which they differ."""
MOST_NAMED = 4
"""Exporters whose labels are named where documents have no word for them."""
Key = tuple[int | bool, ...]


class Source(Struct, frozen=True):
    """One source, ready to be matched.

    Attributes:
        used: Naming variants that it shows, by profile.
    """

    inventory: Inventory | None
    matching: Matching
    spans: SpanRows | None
    used: Mapping[str, Collection[str]]

    def spans_of(self, recipe: SpanRecipe, subject: Subject) -> Candidate | None:
        """What its spans show for a subject."""
        return span_candidate(recipe, subject, self.matching.source, self.spans)


def _in_use(recipe: Recipe, used: Mapping[str, Collection[str]]) -> bool:
    """Whether the source uses the recipe's naming variant, or none of its exporter at all."""
    seen = used.get(recipe.profile)
    return not seen or not recipe.variant or recipe.variant in seen


def _other_type(recipe: Recipe, inventory: Inventory | None) -> bool:
    """Whether a recipe that goes by the TYPE line is known not to fit; what the server does not know it may."""
    if not recipe.typed or inventory is None:
        return False
    told = (inventory.metadata.get(term.metric) for term in recipe.all)
    return any(one is not None and one.type not in ("unknown", recipe.type) for one in told)


class Way(Struct, frozen=True):
    """One recipe on one source, for subjects of one kind.

    Attributes:
        finds: What it finds for a subject.
        not_asked: Another profile is asked for.
        last: The part of the order that is the same for all subjects: rank, variant not in use, place, source.
        naming: Profile and label by which its series name channels, and what the profile says to write where documents
            have no such name; None where they need no word of the documents.
    """

    finds: Callable[[Subject], Candidate | None]
    not_asked: bool
    last: Key
    naming: tuple[str, str, str] | None = None

    def place(self, found: Candidate) -> Key:
        """The place of what it finds in the order."""
        return (self.not_asked, found.liveness != "live", found.proxy, found.coarseness, *self.last)


class Ways(Struct, frozen=True):
    """All ways to a signal for subjects of one protocol and asked profile.

    Attributes:
        present: Recipes whose series a source has for anybody; all of them where a profile is asked for, for it wins
            even when its series are missing.
        hopeful: Those of `present` that are live for somebody; where one is live here, the rest need no look.
        absent: The others, best first: one of them says what would be looked for.
        not_provided: What is said where nothing measures it: why, and the switches.
        name_unknown: What is said of channels that nobody named.
        unnamed: What is said of channels that have names, and none by which the series that are there name channels.
    """

    signal: str
    present: tuple[Way, ...]
    hopeful: tuple[Way, ...]
    absent: tuple[Way, ...]
    not_provided: Resolution
    name_unknown: Resolution
    unnamed: Resolution | None


def _plans(
    source: Source, recipes: Sequence[tuple[Profile, Recipe]], *, everything: bool
) -> tuple[list[tuple[Profile, Plan]], list[tuple[Profile, Plan]]]:
    """Plans of recipes whose series the source has for anybody, and of the others; everything among the first where
    all must be weighed."""
    if everything:
        return [(profile, source.matching.plan(recipe)) for profile, recipe in recipes], []
    fitting = [pair for pair in recipes if not _other_type(pair[1], source.inventory)]
    plans = [(profile, source.matching.plan(recipe)) for profile, recipe in fitting]
    lacking = [pair for pair in plans if not pair[1].tables]
    # What is missing is looked for under the names that the exporter is seen to use.
    lacking.sort(key=lambda pair: (pair[1].recipe.proxy, pair[0].rank, not _in_use(pair[1].recipe, source.used)))
    return [pair for pair in plans if pair[1].tables], lacking


def _way_by_plan(source: Source, order: int, profile: Profile, plan: Plan, asked: str | None) -> Way:
    unused = not _in_use(plan.recipe, source.used)
    last = (profile.rank, unused, plan.recipe.place, order)
    named_by = next((shown.label.label for shown in plan.labels if not shown.label.optional), None)
    identity = plan.recipe.identity
    # A profile of any protocol has its words for every channel that has a name, and a channel has no consumer group.
    tells = profile.protocols and not identity.dead_letter and (plan.per_consumer or not identity.consumer_group)
    return Way(
        partial(source.matching.candidate, plan),
        asked is not None and not profile.goes_by(asked),
        last,
        (profile.id, named_by, _told_to_write(plan.recipe, named_by)) if tells and named_by else None,
    )


def _told_to_write(recipe: Recipe, label: str) -> str:
    """What to write for a channel that no document names so: the profile's own words, where they are about that."""
    return (
        recipe.switch
        if "x-telemetry" in recipe.switch
        else f"say which it is: x-telemetry {{labels: {{{label}: ...}}}}"
    )


def _way_by_spans(source: Source, order: int, profile: Profile, recipe: SpanRecipe, asked: str | None) -> Way:
    last = (profile.rank, False, recipe.place, order)
    return Way(partial(source.spans_of, recipe), asked is not None and not profile.goes_by(asked), last)


def ways_by(
    sources: Sequence[Source],
    recipes: Sequence[tuple[Profile, Recipe]],
    span_recipes: Sequence[tuple[Profile, SpanRecipe]],
    asked: str | None,
) -> tuple[list[Way], list[Way], list[Way]]:
    """Ways that recipes open: present, hopeful and absent ones, see `Ways`.

    Args:
        asked: The profile that `x-telemetry` asks for.
    """
    present: list[Way] = []
    hopeless: list[Way] = []
    absent: list[Way] = []
    for order, source in enumerate(sources):
        there, lacking = _plans(source, recipes, everything=asked is not None)
        by_plan = [_way_by_plan(source, order, *pair, asked) for pair in there]
        present += by_plan
        if asked is None:
            hopeless += [way for way, (_, plan) in zip(by_plan, there, strict=True) if not plan.hopeful]
        absent += [_way_by_plan(source, order, *pair, asked) for pair in lacking]
        if source.spans is None or source.spans.rows or len(sources) == 1:
            present += [_way_by_spans(source, order, *pair, asked) for pair in span_recipes]
    return present, [way for way in present if way not in hopeless], absent


Found = tuple[Way, Candidate]


def found_by(ways: Sequence[Way], subject: Subject) -> list[Found]:
    """What each way finds that has a name to go by."""
    return [(way, one) for way in ways if (one := way.finds(subject)) is not None]


def first_found(ways: Sequence[Way], subject: Subject) -> list[Found]:
    for way in ways:
        if (one := way.finds(subject)) is not None:
            return [(way, one)]
    return []


def unnamed(signal: str, present: Sequence[Way]) -> Resolution | None:
    """What to write where series are there and the documents have no word of the kind that names channels in them.

    None where no series are there that name channels by a label.
    """
    namings = dict.fromkeys(way.naming for way in present if way.naming is not None)
    if not namings:
        return None
    by = [f"{profile} names channels by {label}" for profile, label, _ in list(namings)[:MOST_NAMED]]
    switches = tuple(dict.fromkeys(switch for *_, switch in namings))
    return Resolution(
        signal=signal,
        code="name-unknown",
        reason=f"{', '.join(by)}, and the documents have no such name for this one; {'; '.join(switches)}",
        switches=switches,
    )


def by_place(found: Found) -> Key:
    return found[0].place(found[1])


def why_later(first: Found, other: Found) -> str:
    pairs = zip(_LATER, by_place(first), by_place(other), strict=True)
    return next((why for why, one, two in pairs if one != two), _LATER[-2])
