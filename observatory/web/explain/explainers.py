"""Words of references and who explains them. A further word is one function and one entry here."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from observatory.dashboards import PageDeclaration
from observatory.web.board import Board
from observatory.web.explain.cause import explain_cause
from observatory.web.explain.change import with_changes
from observatory.web.explain.channel import explain_channel
from observatory.web.explain.explanation import Explanation
from observatory.web.explain.figure import explain_panel
from observatory.web.explain.hop import explain_hop
from observatory.web.explain.journey import explain_objective
from observatory.web.explain.lag import explain_lag
from observatory.web.explain.participant import explain_participant
from observatory.web.explain.rate import explain_rate
from observatory.web.explain.reference import Reference
from observatory.web.explain.rollup import explain_domain, explain_estate

EXPLAINERS: Mapping[str, Callable[[Board, Reference], Explanation | None]] = {
    "objective": with_changes(explain_objective),
    "channel": explain_channel,
    "estate": with_changes(explain_estate),
    "domain": with_changes(explain_domain),
    "lag": explain_lag,
    "cause": explain_cause,
    "hop": explain_hop,
    "participant": explain_participant,
    "rate": explain_rate,
}


def explain(board: Board, text: str, pages: Mapping[str, PageDeclaration]) -> Explanation | None:
    """What a reference's text means on this board; None where nothing is called so (any more).

    Raises:
        SourceFailed: What has to be asked for it did not answer.
    """
    reference = Reference.parse(text)
    if reference is None:
        return None
    if reference.word == "panel":
        return explain_panel(board, reference, pages)
    explainer = EXPLAINERS.get(reference.word)
    return explainer(board, reference) if explainer else None
