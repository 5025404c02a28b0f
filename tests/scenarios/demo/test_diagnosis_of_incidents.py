"""While an incident of the demo estate goes on, the diagnosis names its failure mode on the channel that it hits.

Every failure mode is looked for in tests/diagnose; here nothing is known of what came after.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from observatory.diagnose.causes import causes

if TYPE_CHECKING:
    from .conftest import Demo


@pytest.mark.parametrize("mode", ["F4", "F7"])
def test_the_failure_mode_of_an_incident_ranks_first_on_its_channel(demo: Demo, mode: str) -> None:
    past = [one for one in demo.truth.incidents if one.start_ms < demo.truth.end_ms]
    incident = next(one for one in reversed(past) if one.mode == mode)
    middle = incident.start_ms + (min(incident.end_ms, demo.truth.end_ms) - incident.start_ms) * 3 // 4
    at_ms = demo.truth.end_ms if incident.under_way else middle - middle % 60_000
    snapshot = demo.estate.snapshot(at_ms, length_seconds=3 * 86_400)
    channel = next(one.id for one in snapshot.catalog.channels if one.address == incident.channel)

    found = causes(demo.estate, snapshot, channels=[channel])

    assert found, incident.title
    assert (found[0].failure_mode, found[0].channel_id) == (incident.mode, channel)
    assert found[0].owner is not None
    assert found[0].runbook
