"""Opening the sources that settings name."""

from __future__ import annotations

from pathlib import Path

import pytest

from observatory.errors import InputInvalid
from observatory.settings import PrometheusSettings, Settings
from observatory.sources.opening import open_sources


def test_servers_and_the_store_are_opened_together(tmp_path: Path) -> None:
    servers = (PrometheusSettings(url="http://a:1", name="eu"), PrometheusSettings(url="http://b:2", name="us"))

    with open_sources(Settings(prometheus=servers, store=tmp_path / "store.duckdb")) as sources:
        names = [source.name for source in sources.metrics]
        kinds = [state.kind for state in sources.states()]

        assert names[:2] == ["eu", "us"]
        assert kinds[:2] == ["prometheus", "prometheus"]
        assert sources.store is sources.metrics[2]
        assert sources.spans == (sources.store,)
        assert sources.metric_source("us") is sources.metrics[1]
        assert sources.metric_source("mars") is None


def test_nothing_named_is_nothing_opened() -> None:
    with open_sources(Settings()) as sources:
        assert (sources.metrics, sources.spans, sources.store) == ((), (), None)


def test_opening_asks_no_server() -> None:
    with open_sources(Settings(prometheus=(PrometheusSettings(url="http://127.0.0.1:9"),))) as sources:
        assert sources.states()[0].state == "ok"


def test_two_servers_of_one_name_are_refused() -> None:
    servers = (PrometheusSettings(url="http://a:1"), PrometheusSettings(url="http://b:2"))

    with pytest.raises(InputInvalid) as raised:
        open_sources(Settings(prometheus=servers))

    assert raised.value.problems[0].code == "source-name-repeated"
