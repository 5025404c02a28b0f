"""Probable causes: evidence gathered, signatures asked, answers ranked."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from observatory.diagnose.cause import DECISION_ORDER, Cause, FailureMode, ranked
from observatory.diagnose.evidence import ChannelEvidence
from observatory.diagnose.gather import SPAN_SECONDS, gather
from observatory.diagnose.signatures import SIGNATURES, unobservable
from observatory.errors import Problem
from observatory.evaluate.estate import Estate
from observatory.evaluate.snapshot import Snapshot


class Diagnosis(Struct, frozen=True, kw_only=True):
    """What was found, and what could not be looked at.

    Attributes:
        causes: Ranked over all channels.
        not_observable: Per channel id and failure mode what its signature would need and is not measured.
        problems: Sources that did not answer.
    """

    causes: tuple[Cause, ...]
    not_observable: dict[str, dict[FailureMode, tuple[str, ...]]]
    problems: tuple[Problem, ...] = ()


def diagnose(
    estate: Estate,
    snapshot: Snapshot,
    *,
    channels: Sequence[str] | None = None,
    span_seconds: float = SPAN_SECONDS,
) -> Diagnosis:
    """Ranked causes for the channels asked for; all of them when None.

    All channels of the catalogue are looked at in any case, for what hits many at once is told by the others.

    Raises:
        KeyError: A channel id is not in the catalogue.
    """
    wanted = None if channels is None else {snapshot.catalog.channel(one).id for one in channels}
    evidence, problems = gather(estate, snapshot, snapshot.catalog.channels, span_seconds=span_seconds)
    shown = [one for one in evidence if wanted is None or one.channel.id in wanted]
    return Diagnosis(
        causes=judge(shown),
        not_observable={
            one.channel.id: {mode: missing for mode in DECISION_ORDER if (missing := unobservable(one, mode))}
            for one in shown
        },
        problems=problems,
    )


def causes(estate: Estate, snapshot: Snapshot, *, channels: Sequence[str] | None = None) -> tuple[Cause, ...]:
    """The ranked causes alone; see `diagnose`."""
    return diagnose(estate, snapshot, channels=channels).causes


def judge(evidence: Sequence[ChannelEvidence]) -> tuple[Cause, ...]:
    """Every signature asked about every channel; pure."""
    return ranked([cause for one in evidence for sign, _ in SIGNATURES if (cause := sign(one)) is not None])
