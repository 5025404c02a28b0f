"""The summary in sentences: numbered rules, each a pure function of the accounts.

A rule returns what it found or nothing; the order here is the order of the summary. Numbers that a sentence names are
those of the tables below it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

from msgspec import Struct

from observatory.errors import Problem
from observatory.objectives.budget import remaining_ratio, smaller_than_one_event
from observatory.review.account import ObjectiveAccount, Total
from observatory.review.report import Finding, Tone
from observatory.review.wording import (
    NAMED,
    count_words,
    ids_of,
    incident_words,
    listed,
    name_of,
    percent,
    spent_share,
    spent_words,
    target_of,
)
from observatory.spec.catalog import Catalog
from observatory.units import format_count, format_percentage

CONCENTRATED = 0.5
"""Share of a domain's bad events on one channel from which that channel is named."""
WORSE, BETTER = 2.0, 0.5
"""Change of the spent budget against the month before that is worth a sentence."""
UNUSED = 0.05
"""Share of the budget below which an objective asks less than the service gives."""
SEEN_ENOUGH = 0.98
LACKING = 0.001
"""Events that are not counted, of those that are, from which it is said."""
OFTEN = 3


class Seen(Struct, frozen=True, kw_only=True):
    """What the rules look at."""

    estate: Total
    domains: tuple[Total, ...]
    objectives: tuple[ObjectiveAccount, ...]
    catalog: Catalog


def findings(seen: Seen) -> tuple[Finding, ...]:
    """All findings, in the order of the rules."""
    return tuple(finding for rule in RULES for finding in rule(seen))


def r1_how_many_were_kept(seen: Seen) -> list[Finding]:
    """R1: how many objectives were kept, of those that could be judged."""
    judged = seen.estate.kept + seen.estate.missed
    if not judged:
        return [_say("R1", "gap", "No objective could be judged this month.")]
    sentence = f"{seen.estate.kept} of {judged} objectives that could be judged were kept."
    ratio = seen.estate.availability.ratio
    if ratio is not None:
        events = count_words(seen.estate.availability.total)
        sentence += f" {format_percentage(ratio, target=0.999)} of {events} events were good."
    return [_say("R1", "bad" if seen.estate.missed else "good", sentence)]


def r2_what_was_missed(seen: Seen) -> list[Finding]:
    """R2: each critical objective that was missed, by how much; the others that were missed by name."""
    found: list[Finding] = []
    others = [one for one in seen.objectives if one.verdict == "missed" and one.objective.criticality != "critical"]
    for one in seen.objectives:
        if one.verdict != "missed" or one.objective.criticality != "critical" or not one.budget:
            continue
        spent = spent_words(one)
        found.append(
            _say(
                "R2",
                "bad",
                f"{name_of(one)} (critical) missed its objective of {target_of(one)}: {spent}"
                f"{incident_words(len(one.incidents))}.",
                action="Freeze risky changes on this channel until its budget recovers.",
                subjects=(one.objective.id,),
            )
        )
    if others:
        names = listed([name_of(one) for one in others])
        found.append(_say("R2", "bad", f"{'Also missed' if found else 'Missed'}: {names}.", subjects=ids_of(others)))
    return found


def r3_where_the_errors_are(seen: Seen) -> list[Finding]:
    """R3: a channel that alone makes most of the bad events of a domain that overspent."""
    found: list[Finding] = []
    for domain in seen.domains:
        if domain.name is None or domain.spent_ratio is None or domain.spent_ratio <= 1:
            continue
        bad: Counter[str] = Counter()
        for one in seen.objectives:
            if one.objective.domain == domain.name and one.objective.sli == "availability" and one.budget:
                bad[one.objective.address or one.objective.channel_key] += round(one.budget.spent)
        total = sum(bad.values())
        for channel, count in bad.most_common(1):
            if total and count / total >= CONCENTRATED:
                found.append(
                    _say(
                        "R3",
                        "bad",
                        f"{domain.name} spent {percent(domain.spent_ratio)} of its error budget; {channel} "
                        f"alone had {format_count(count)} of its {format_count(total)} failed messages.",
                        subjects=(channel,),
                    )
                )
    return found


def r4_what_got_worse(seen: Seen) -> list[Finding]:
    """R4: the objective whose spending grew most against the month before, where it now spends a quarter or more."""
    grown = [
        (now / max(then, 0.01), one)
        for one in seen.objectives
        if (now := spent_share(one.budget)) is not None
        and (then := spent_share(one.budget_before)) is not None
        and now >= 0.25
        and now >= WORSE * max(then, 0.01)
    ]
    if not grown:
        return []
    _, worst = max(grown, key=lambda pair: (pair[0], pair[1].objective.id))
    return [
        _say(
            "R4",
            "watch",
            f"{name_of(worst)} got worse: it spent {percent(spent_share(worst.budget) or 0)} of its budget, after "
            f"{percent(spent_share(worst.budget_before) or 0)} the month before"
            + (f"; {len(grown) - 1} more at least doubled theirs." if len(grown) > 1 else "."),
            subjects=(worst.objective.id,),
        )
    ]


def r5_what_got_better(seen: Seen) -> list[Finding]:
    """R5: objectives missed the month before and kept in this one."""
    back = [
        one
        for one in seen.objectives
        if one.verdict == "kept" and (then := spent_share(one.budget_before)) is not None and then > 1
    ]
    if not back:
        return []
    return [
        _say(
            "R5",
            "good",
            f"{listed([name_of(one) for one in back])} {'was' if len(back) == 1 else 'were'} missed the month before "
            "and kept in this one.",
            subjects=tuple(one.objective.id for one in back),
        )
    ]


def r6_what_keeps_happening(seen: Seen) -> list[Finding]:
    """R6: objectives with three incidents or more."""
    often = sorted((one for one in seen.objectives if len(one.incidents) >= OFTEN), key=lambda one: -len(one.incidents))
    return [
        _say(
            "R6",
            "watch",
            f"{name_of(one)} had {len(one.incidents)} incidents this month.",
            action="Look for a common cause before the next one.",
            subjects=(one.objective.id,),
        )
        for one in often[:NAMED]
    ]


def r7_where_there_is_room(seen: Seen) -> list[Finding]:
    """R7: objectives that spent almost nothing in two months running: room to ship, or to ask for more."""
    quiet = [
        one
        for one in seen.objectives
        if one.verdict == "kept"
        and (now := spent_share(one.budget)) is not None
        and (then := spent_share(one.budget_before)) is not None
        and now < UNUSED
        and then < UNUSED
    ]
    if not quiet:
        return []
    count = len(quiet)
    return [
        _say(
            "R7",
            "good",
            f"{count} {'objective' if count == 1 else 'objectives'} spent under {UNUSED * 100:g} % of the budget in "
            "two months running: there is room to ship faster, or to promise more.",
            subjects=tuple(one.objective.id for one in quiet),
        )
    ]


def r8_what_is_not_known(seen: Seen) -> list[Finding]:
    """R8: objectives without data or without telemetry, which are neither kept nor missed."""
    found: list[Finding] = []
    for verdict, words, action in (
        ("unmapped", "measured by nothing", "observatory map tells which series would measure them."),
        ("no_data", "without any data this month", "Check that their targets are scraped."),
    ):
        lost = [one for one in seen.objectives if one.verdict == verdict]
        if lost:
            count = len(lost)
            found.append(
                _say(
                    "R8",
                    "gap",
                    f"{count} {'objective is' if count == 1 else 'objectives are'} {words}: "
                    f"{listed([one.objective.id for one in lost])}.",
                    action=action,
                    subjects=tuple(one.objective.id for one in lost),
                )
            )
    return found


def r9_what_was_seen_in_part(seen: Seen) -> list[Finding]:
    """R9: numbers that rest on part of the month."""
    part = [
        (one.counts.coverage, one)
        for one in seen.objectives
        if one.counts and one.verdict in ("kept", "missed") and one.counts.coverage is not None
    ]
    holes = sorted(((share, one) for share, one in part if share < SEEN_ENOUGH), key=lambda pair: pair[0])
    if not holes:
        return []
    least, worst = holes[0]
    return [
        _say(
            "R9",
            "gap",
            f"{len(holes)} {'objective was' if len(holes) == 1 else 'objectives were'} seen for less than "
            f"{SEEN_ENOUGH * 100:g} % of the time; {name_of(worst)} for {percent(least)}.",
            subjects=tuple(one.objective.id for _, one in holes),
        )
    ]


def r10_what_is_too_small_to_judge(seen: Seen) -> list[Finding]:
    """R10: objectives whose whole budget is less than one event."""
    small = [one for one in seen.objectives if one.counts and smaller_than_one_event(one.counts, one.objective.target)]
    if not small:
        return []
    return [
        _say(
            "R10",
            "watch",
            f"{listed([name_of(one) for one in small])}: one bad event spends more than the whole budget.",
            action="Lower the target, lengthen the window, or add synthetic traffic.",
            subjects=tuple(one.objective.id for one in small),
        )
    ]


def r11_who_is_missing(seen: Seen) -> list[Finding]:
    """R11: channels with objectives that nobody owns, and critical ones without a runbook."""
    operations = {operation.key: operation for operation in seen.catalog.operations}
    orphaned: dict[str, None] = {}
    unprepared: dict[str, None] = {}
    for one in seen.objectives:
        operation = operations.get(one.objective.operation_key)
        owner = one.objective.owner or (operation.owner if operation else None)
        name = one.objective.address or one.objective.channel_key
        if owner is None:
            orphaned[name] = None
        elif owner.runbook is None and one.objective.criticality == "critical":
            unprepared[name] = None
    found: list[Finding] = []
    if orphaned:
        found.append(_say("R11", "gap", f"Nobody owns {listed(list(orphaned))}.", action="Add x-owner."))
    if unprepared:
        found.append(
            _say(
                "R11", "gap", f"Critical without a runbook: {listed(list(unprepared))}.", action="Add x-owner.runbook."
            )
        )
    return found


def r12_what_the_documents_get_wrong(seen: Seen) -> list[Finding]:
    """R12: what is wrong in the documents themselves."""
    told: list[Problem] = [problem for problem in seen.catalog.problems if problem.severity != "info"]
    if not told:
        return []
    codes = Counter(problem.code for problem in told)
    listed = ", ".join(
        f"{code} ({count})" for code, count in sorted(codes.items(), key=lambda pair: (-pair[1], pair[0]))
    )
    count = len(told)
    return [
        _say(
            "R12",
            "gap",
            f"The documents have {count} {'finding' if count == 1 else 'findings'}: {listed}.",
            action="observatory validate shows them in place.",
        )
    ]


def r13_what_was_planned(seen: Seen) -> list[Finding]:
    """R13: objectives that planned work kept, which would have been missed with everything counted."""
    saved = [
        one
        for one in seen.objectives
        if one.verdict == "kept"
        and one.left_out is not None
        and (left := remaining_ratio(one.left_out.all.counts, one.objective.target)) is not None
        and left < 0
    ]
    if not saved:
        return []
    approvers = sorted({each.exclusion.approver for one in saved if one.left_out for each in one.left_out.work})
    return [
        _say(
            "R13",
            "watch",
            f"{listed([name_of(one) for one in saved])} {'was' if len(saved) == 1 else 'were'} kept because planned "
            f"work, approved by {listed(approvers)}, is not counted; with everything counted "
            f"{'it' if len(saved) == 1 else 'they'} would have been missed.",
            subjects=ids_of(saved),
        )
    ]


def r14_what_was_not_counted(seen: Seen) -> list[Finding]:
    """R14: objectives that may lack events, because nothing tells when the counters of new processes began."""
    lacking = [
        (one.not_counted.new.events / one.counts.total, one, one.not_counted.new)
        for one in seen.objectives
        if one.counts and one.counts.total > 0 and one.not_counted
    ]
    many = sorted((entry for entry in lacking if entry[0] >= LACKING), key=lambda entry: -entry[0])
    if not many:
        return []
    most, worst, missing = many[0]
    events, bad = count_words(missing.events), count_words(missing.bad)
    return [
        _say(
            "R14",
            "gap",
            f"{len(many)} {'objective' if len(many) == 1 else 'objectives'} may lack first values of counters, for "
            f"nothing tells when these began; {name_of(worst)} at most {events} events, {bad} of them bad, which is "
            f"{percent(most)} of those that are counted.",
            action="Let the targets export process_start_time_seconds, or when each counter was created.",
            subjects=tuple(one.objective.id for _, one, _ in many),
        )
    ]


RULES: tuple[Callable[[Seen], list[Finding]], ...] = (
    r1_how_many_were_kept,
    r2_what_was_missed,
    r3_where_the_errors_are,
    r4_what_got_worse,
    r5_what_got_better,
    r6_what_keeps_happening,
    r7_where_there_is_room,
    r8_what_is_not_known,
    r9_what_was_seen_in_part,
    r10_what_is_too_small_to_judge,
    r11_who_is_missing,
    r12_what_the_documents_get_wrong,
    r13_what_was_planned,
    r14_what_was_not_counted,
)


def _say(rule: str, tone: Tone, sentence: str, *, action: str = "", subjects: tuple[str, ...] = ()) -> Finding:
    return Finding(rule=rule, tone=tone, sentence=sentence, action=action, subjects=subjects)
