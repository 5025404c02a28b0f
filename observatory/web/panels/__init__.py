"""Panel kinds by name. A new kind is one file here and one entry below."""

from __future__ import annotations

from collections.abc import Mapping

from observatory.web.kind import Kind
from observatory.web.panels.bars import BARS_KIND
from observatory.web.panels.burndown import BURNDOWN
from observatory.web.panels.causes import CAUSES
from observatory.web.panels.channels import CHANNELS
from observatory.web.panels.decisions import DECISIONS
from observatory.web.panels.domains import DOMAINS
from observatory.web.panels.errors import ERRORS
from observatory.web.panels.facts import FACTS
from observatory.web.panels.firing import FIRING
from observatory.web.panels.hop_course import HOP_COURSE
from observatory.web.panels.hops import HOPS
from observatory.web.panels.indicator import INDICATOR
from observatory.web.panels.journeys import JOURNEYS
from observatory.web.panels.kpis import KPIS
from observatory.web.panels.lag import LAG
from observatory.web.panels.lines import LINES, STACKED
from observatory.web.panels.map import MAP
from observatory.web.panels.objectives import OBJECTIVES
from observatory.web.panels.participants import PARTICIPANTS
from observatory.web.panels.riskiest import RISKIEST
from observatory.web.panels.skew import SKEW
from observatory.web.panels.trend import TREND
from observatory.web.panels.waterfall import WATERFALL

KINDS: Mapping[str, Kind] = {
    kind.name: kind
    for kind in (
        FIRING,
        KPIS,
        CHANNELS,
        CAUSES,
        LAG,
        LINES,
        STACKED,
        BARS_KIND,
        INDICATOR,
        ERRORS,
        DOMAINS,
        TREND,
        BURNDOWN,
        RISKIEST,
        DECISIONS,
        SKEW,
        WATERFALL,
        FACTS,
        OBJECTIVES,
        PARTICIPANTS,
        JOURNEYS,
        HOPS,
        HOP_COURSE,
        MAP,
    )
}
