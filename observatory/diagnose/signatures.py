"""The signatures of the eight failure modes, one function each.

Every function looks at one channel's evidence, says whether the failure mode comes into question at all, and lists what
it checked. The checks tell neighbours apart: a schema mismatch and a registry outage both make consumers fail, and only
the registry's own series say which it is.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from msgspec import Struct

from observatory.diagnose.cause import TITLES, Cause, Evidence, FailureMode
from observatory.diagnose.course import Course, show
from observatory.diagnose.evidence import (
    BEHIND_FLOOR_SECONDS,
    LAG_FLOOR_MESSAGES,
    SIGNS,
    ChannelEvidence,
    Sign,
)
from observatory.units import number_of

BUSY = 0.8
"""Share of a broker's scarcest resource above which it is overloaded rather than well used."""
MANY = 0.5
"""Share of channels that must suffer together before their broker is suspected."""
SILENT = 1e-3
"""Messages per second that are none: fewer than four an hour."""
TIDE = 5.0
"""How many times a rate may rise or fall within hours and still be as usual."""


class Check(Struct, frozen=True, kw_only=True):
    """One observation; `agrees` None means that it could not be made."""

    words: str
    agrees: bool | None
    since_ms: int | None = None


def schema_mismatch(one: ChannelEvidence) -> Cause | None:
    """F1: consumers reject what a producer sends, or the registry its schema, while the broker is as usual."""
    validation, dead = _rise(one, "validation_errors"), _rise(one, "dead_letters")
    errors = _rise(one, "process_errors")
    telling = validation.agrees or (validation.agrees is None and errors.agrees) or (errors.agrees and dead.agrees)
    refused = _rise(one, "registry_refusals")
    around = one.surroundings
    checks = [
        validation,
        errors,
        dead,
        _usual(one, "publish_rate"),
        # A refused schema is an error of the registry as well, and no sign that it is down.
        refused if refused.agrees else _calm(one, "registry_errors"),
        _calm(one, "broker_load", level=BUSY),
        _calm(one, "refusals"),
        _calm(one, "redeliveries"),
        Check(
            words=f"errors rose on {around.errors_up} of {number_of(around.errors_measured, 'channel')}, "
            "so it is no common cause",
            agrees=around.errors_up <= max(2, around.errors_measured * MANY) if around.errors_measured > 1 else None,
        ),
    ]
    who = _names(one.rising("validation_errors") or one.rising("process_errors"))
    title = f"messages rejected{' by ' + who if who else ''}" if telling else "the registry refuses schemas"
    step = (
        "Compare the newest schema version with what the rejecting consumer was built against; look at a dead letter."
    )
    return _weigh("F1", one, bool(telling or refused.agrees), title, checks, step)


def misnamed(one: ChannelEvidence) -> Cause | None:
    """F2: an undeclared destination with a similar name receives what this channel misses."""
    twin = max(one.strangers, key=lambda stranger: stranger.rate or 0.0, default=None)
    running = twin is not None and (twin.rate is None or twin.rate > 0)
    rate = show(twin.rate, "message/s") if twin and twin.rate else "messages"
    checks = [
        Check(
            words=f"{twin.name} is not declared and receives {rate}" if twin else "undeclared destinations",
            agrees=running if one.strangers_observable or twin else None,
            since_ms=twin.since_ms if twin else None,
        ),
        _silence(one, "consume_rate"),
        _silence(one, "publish_rate"),
        _calm(one, "process_errors"),
        _calm(one, "refusals"),
        _calm(one, "lag", level=LAG_FLOOR_MESSAGES),
    ]
    missed = bool(checks[1].agrees or checks[2].agrees)
    step = (
        "Compare the address in the producer's configuration with the document; messages of the other name may be lost."
    )
    return _weigh(
        "F2", one, running and missed, f"messages arrive at {twin.name} instead" if twin else "", checks, step
    )


def broker_overload(one: ChannelEvidence) -> Cause | None:
    """F3: the broker is saturated and many of its channels slow down at once."""
    load = one.worst("broker_load")
    around = one.surroundings
    saturated = None
    if load is not None and load.now is not None:
        saturated = load.now >= BUSY or bool(load.rose(factor=1.5, floor=0.6))
    checks = [
        Check(
            words=f"broker saturation {load.change()}" if load else SIGNS["broker_load"],
            agrees=saturated,
            since_ms=load.since() if load and saturated else None,
        ),
        Check(
            words=f"{around.broker_slow} of {number_of(around.broker_measured, 'channel')} of this broker slowed down",
            agrees=around.broker_slow >= 2 and around.broker_slow >= around.broker_measured * MANY
            if around.broker_measured > 1
            else None,
        ),
        _rise(one, "latency", name_unit=True),
        _rise(one, "lag", floor=LAG_FLOOR_MESSAGES),
        _rise(one, "publish_errors"),
        _calm(one, "refusals"),
        _calm(one, "validation_errors"),
    ]
    step = (
        "Look at the broker's alarms, disk and memory; shed or throttle the largest producer before adding consumers."
    )
    return _weigh(
        "F3",
        one,
        bool(saturated),
        f"{one.channel.broker or one.channel.protocol or 'broker'} is saturated",
        checks,
        step,
    )


def authorization_failure(one: ChannelEvidence) -> Cause | None:
    """F4: refusals rose from one moment on and the refused side fell silent."""
    refused = _rise(one, "refusals", factor=3.0)
    published, consumed = _fall(one, "publish_rate"), _fall(one, "consume_rate")
    quiet = published if published.agrees else consumed
    both_unknown = published.agrees is None and consumed.agrees is None
    checks = [
        refused,
        Check(words=quiet.words, agrees=None if both_unknown else bool(quiet.agrees), since_ms=quiet.since_ms),
        _calm(one, "broker_load", level=BUSY),
        _calm(one, "validation_errors"),
        _calm(one, "registry_errors"),
        _calm(one, "unroutable"),
    ]
    who = _names(one.rising("refusals", factor=3.0))
    step = "Look for a change of ACLs, secrets or certificates just before the refusals began."
    return _weigh("F4", one, bool(refused.agrees), f"attempts refused{' for ' + who if who else ''}", checks, step)


def duplicate_delivery(one: ChannelEvidence) -> Cause | None:
    """F5: messages are delivered again, more is consumed than published, and nothing fails to be processed."""
    again, twice = _rise(one, "redeliveries"), _rise(one, "duplicates")
    published = one.sum_now("publish_rate")
    ahead = next(
        (c for c in one.of("consume_rate") if published and c.now is not None and c.now > 1.1 * published), None
    )
    checks = [
        again,
        twice,
        Check(
            words=f"{ahead.name} consumes {_flow(ahead.now)} of {_flow(published)} published"
            if ahead
            else "no group consumes more than is published",
            agrees=None if published is None or not one.of("consume_rate") else ahead is not None,
        ),
        _usual(one, "publish_rate"),
        _calm(one, "process_errors"),
        _calm(one, "validation_errors"),
        _calm(one, "refusals"),
    ]
    who = _names(one.rising("redeliveries") or one.rising("duplicates"))
    step = "Compare processing time with the acknowledgement timeout, and look for rebalances or producer retries."
    return _weigh(
        "F5", one, bool(again.agrees or twice.agrees), f"deliveries repeated{' to ' + who if who else ''}", checks, step
    )


def registry_outage(one: ChannelEvidence) -> Cause | None:
    """F6: the schema registry fails or is slow, and channels that need it fail together."""
    errors = _rise(one, "registry_errors")
    slow = _rise(one, "registry_latency", factor=3.0)
    around = one.surroundings
    checks = [
        errors,
        slow,
        Check(
            words=f"errors rose on {around.errors_up} of {number_of(around.errors_measured, 'channel')}",
            agrees=around.errors_up >= 2 if around.errors_measured > 1 else None,
        ),
        _rise(one, "process_errors"),
        _calm(one, "registry_refusals"),
        _calm(one, "broker_load", level=BUSY),
        _calm(one, "refusals"),
    ]
    step = "Look at the registry itself; running processes live on their cache, so do not restart consumers now."
    return _weigh("F6", one, bool(errors.agrees or slow.agrees), "the registry does not answer as usual", checks, step)


def slow_consumer(one: ChannelEvidence) -> Cause | None:
    """F7: one group falls behind while publishing, the broker and the other groups are as usual."""
    lag = _rise(one, "lag", floor=LAG_FLOOR_MESSAGES)
    behind = _rise(one, "behind", floor=BEHIND_FLOOR_SECONDS)
    late = one.rising("lag", floor=LAG_FLOOR_MESSAGES) or one.rising("behind", floor=BEHIND_FLOOR_SECONDS)
    groups = one.of("lag") or one.of("behind")
    published = one.sum_now("publish_rate")
    slow = next((c for c in one.of("consume_rate") if late and c.subject == late[0].subject), None)
    checks = [
        lag,
        behind,
        Check(
            words=f"behind: {len(late)} of {number_of(len(groups), 'group')}",
            agrees=len(late) < len(groups) if len(groups) > 1 else None,
        ),
        Check(
            words=f"{slow.name} consumes {_flow(slow.now)} of {_flow(published)} published"
            if slow and published is not None
            else "consume rate against publish rate",
            agrees=None if slow is None or slow.now is None or published is None else slow.now < 0.98 * published,
        ),
        _usual(one, "publish_rate"),
        _calm(one, "broker_load", level=BUSY),
        _calm(one, "process_errors"),
        _calm(one, "refusals"),
        _calm(one, "registry_errors"),
        _calm(one, "redeliveries"),
    ]
    stopped = slow is not None and slow.now is not None and slow.now <= SILENT
    who = _names(late)
    step = "Look at the group's members, processing time and downstream calls; add consumers only up to the partitions."
    return _weigh(
        "F7",
        one,
        bool(lag.agrees or behind.agrees),
        f"{who or 'a consumer'} {'stopped' if stopped else 'falls behind'}",
        checks,
        step,
    )


def binding_mismatch(one: ChannelEvidence) -> Cause | None:
    """F8: the broker's object differs from the declared binding, or messages find no route."""
    lost = _rise(one, "unroutable")
    declared, found = one.channel.partitions, one.worst("partitions")
    differs = None if declared is None or found is None else round(found.now or 0) != declared
    checks = [
        lost,
        Check(
            words=f"{declared} partitions declared, {round(found.now or 0)} found"
            if declared is not None and found is not None
            else SIGNS["partitions"],
            agrees=differs,
            since_ms=found.since() if found is not None and differs else None,
        ),
        _usual(one, "publish_rate"),
        _calm(one, "refusals"),
        _calm(one, "broker_load", level=BUSY),
        _calm(one, "validation_errors"),
    ]
    title = "messages find no route" if lost.agrees else "the broker's layout is not the declared one"
    step = "Compare exchange, queue, routing key and partition count on the broker with the document's binding."
    return _weigh("F8", one, bool(lost.agrees or differs), title, checks, step)


SIGNATURES: tuple[tuple[Callable[[ChannelEvidence], Cause | None], tuple[Sign, ...]], ...] = (
    (registry_outage, ("registry_errors", "registry_latency", "process_errors", "broker_load", "refusals")),
    (broker_overload, ("broker_load", "latency", "lag", "publish_errors", "refusals", "validation_errors")),
    (authorization_failure, ("refusals", "publish_rate", "consume_rate", "broker_load", "validation_errors")),
    (misnamed, ("consume_rate", "publish_rate", "process_errors", "refusals", "lag")),
    (binding_mismatch, ("unroutable", "partitions", "publish_rate", "refusals", "broker_load")),
    (schema_mismatch, ("validation_errors", "process_errors", "dead_letters", "publish_rate", "registry_errors")),
    (duplicate_delivery, ("redeliveries", "duplicates", "consume_rate", "publish_rate", "process_errors")),
    (slow_consumer, ("lag", "behind", "consume_rate", "publish_rate", "broker_load", "process_errors")),
)
"""The functions in decision order, each with the signs that it would like to see."""
_WANTED: dict[FailureMode, tuple[Sign, ...]] = dict(
    zip(("F6", "F3", "F4", "F2", "F8", "F1", "F5", "F7"), (signs for _, signs in SIGNATURES), strict=True)
)


def unobservable(one: ChannelEvidence, mode: FailureMode) -> tuple[str, ...]:
    """What the signature of a failure mode would look at and no telemetry shows here, in words."""
    missing = [SIGNS[sign] for sign in _WANTED[mode] if not one.of(sign)]
    if mode == "F2" and not one.strangers_observable:
        missing.append("undeclared destinations")
    return tuple(missing)


def _weigh(
    mode: FailureMode, one: ChannelEvidence, considered: bool, title: str, checks: Sequence[Check], step: str
) -> Cause | None:
    made = [check for check in checks if check.agrees is not None]
    if not considered or not made:
        return None
    agreed = sum(1 for check in made if check.agrees)
    begins = [check.since_ms for check in made if check.agrees and check.since_ms is not None]
    return Cause(
        failure_mode=mode,
        channel_id=one.channel.id,
        title=f"{TITLES[mode]}: {title}",
        evidence=tuple(
            Evidence(words=check.words, agrees=bool(check.agrees), since_ms=check.since_ms)
            for check in sorted(made, key=lambda check: not check.agrees)
        ),
        score=agreed / len(made),
        not_observable=unobservable(one, mode),
        since_ms=min(begins, default=None),
        owner=one.owner,
        runbook=one.runbook,
        first_step=step,
    )


def _rise(
    one: ChannelEvidence,
    sign: Sign,
    *,
    factor: float = 2.0,
    floor: float = 0.0,
    name_unit: bool = False,
) -> Check:
    """The sign rose on at least one subject; the highest is named."""
    if not one.of(sign):
        return Check(words=SIGNS[sign], agrees=None)
    risen = one.rising(sign, factor=factor, floor=floor)
    course = risen[0] if risen else one.worst(sign)
    assert course is not None
    where = f" of {course.name}" if course.name and not name_unit else ""
    return Check(
        words=f"{SIGNS[sign]}{where} {course.change()}",
        agrees=bool(risen),
        since_ms=course.since() if risen and course.rose() else None,
    )


def _fall(one: ChannelEvidence, sign: Sign) -> Check:
    """The sign halved, at least, on one subject."""
    known = [course for course in one.of(sign) if course.fell() is not None]
    fallen = [course for course in known if course.fell()]
    course = next(iter(fallen or known), None)
    if course is None:
        return Check(words=SIGNS[sign], agrees=None)
    return Check(
        words=f"{SIGNS[sign]} of {course.name} {course.change()}",
        agrees=bool(fallen),
        since_ms=course.since() if fallen else None,
    )


def _silence(one: ChannelEvidence, sign: Sign) -> Check:
    """Nothing at all comes through, on every subject."""
    courses = one.of(sign)
    if not courses:
        return Check(words=SIGNS[sign], agrees=None)
    loudest = max(courses, key=lambda course: course.now or 0.0)
    silent = (loudest.now or 0.0) <= SILENT
    return Check(words=f"{SIGNS[sign]} {loudest.change()}", agrees=silent, since_ms=loudest.since() if silent else None)


def _usual(one: ChannelEvidence, sign: Sign) -> Check:
    """The sign is of the order of what it usually is, on every subject whose past is known.

    A day's course alone moves a rate by several times within hours.
    """
    known = [(course, course.steady(factor=TIDE)) for course in one.of(sign)]
    judged = [(course, steady) for course, steady in known if steady is not None]
    if not judged:
        return Check(words=SIGNS[sign], agrees=None)
    odd = next((course for course, steady in judged if not steady), None)
    course = odd or judged[0][0]
    return Check(
        words=f"{SIGNS[sign]} {'as usual' if odd is None else 'changed'}: {course.change()}", agrees=odd is None
    )


def _calm(one: ChannelEvidence, sign: Sign, *, level: float | None = None) -> Check:
    """The sign did not rise; with a level, it is under that level."""
    course = one.worst(sign)
    if course is None or course.now is None:
        return Check(words=SIGNS[sign], agrees=None)
    loud = course.now >= level if level is not None else bool(one.rising(sign))
    if course.now == 0 and not course.usual:
        return Check(words=f"no {SIGNS[sign]}", agrees=True)
    return Check(words=f"{SIGNS[sign]} {'up' if loud else 'as usual'}: {course.change()}", agrees=not loud)


def _flow(rate: float | None) -> str:
    return show(rate or 0.0, "message/s")


def _names(courses: Sequence[Course]) -> str:
    names = list(dict.fromkeys(course.name for course in courses if course.name))
    return names[0] if len(names) == 1 else f"{names[0]} and {len(names) - 1} more" if names else ""
