"""What a page of a thousand channels puts on the wire; bytes do not depend on the machine, so they are asserted."""

from __future__ import annotations

import json
from pathlib import Path

from web.factories import AT_MS
from web.large_estate import FIGURES, PAGE, LargeEstate
from web.test_shared_answers import CALLBACK, question

from observatory.web.server import build_site


def test_a_thousand_channels_and_forty_lines_take_at_most_350_kilobytes(tmp_path: Path) -> None:
    (tmp_path / "large.yaml").write_text(PAGE, encoding="utf-8")
    site = build_site(LargeEstate(1000), clock=lambda: AT_MS, dashboards=[tmp_path])  # type: ignore[arg-type]
    site.service.refresh()
    client = site.server.test_client()
    sizes: dict[str, int] = {}
    for panel in ("channels", *(f"figure-{number}" for number in range(len(FIGURES)))):
        answer = client.post(CALLBACK, json=question(panel, page="large"), headers={"Accept-Encoding": "br"})
        assert answer.status_code == 200
        assert len(answer.get_data()) > 4_000, "the panel drew nothing"
        sizes[panel] = len(answer.get_data())
    assert sum(sizes.values()) <= 350_000, sizes
    plain = client.post(CALLBACK, json=question("channels", page="large")).get_json()
    assert json.dumps(plain).count('"href": "/channel/') == 1000
