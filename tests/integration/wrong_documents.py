"""Documents that describe a living server wrongly on purpose, and what `observatory drift` says of them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import prometheus_server
from observatory_process import observatory

Answer = dict[str, Any]


def unowned(protocol: str, bindings: Mapping[str, object] | None = None) -> str:
    """A document whose only channel, `loose.ends`, has no owner."""
    channel: dict[str, object] = {"address": "loose.ends", "messages": {"one": {"payload": {"type": "object"}}}}
    return json.dumps(
        {
            "asyncapi": "3.0.0",
            "info": {"title": "Loose", "version": "1.0.0", "x-service-name": "loose"},
            "servers": {protocol: {"host": f"{protocol}.example", "protocol": protocol}},
            "channels": {"ends": channel | ({"bindings": bindings} if bindings else {})},
            "operations": {"sendEnd": {"action": "send", "channel": {"$ref": "#/channels/ends"}}},
        }
    )


@contextmanager
def scraping(folder: Path, *jobs: Mapping[str, object]) -> Iterator[prometheus_server.PrometheusServer]:
    """A Prometheus that scrapes every second.

    Args:
        jobs: Scrape configurations, see `job`.
    """
    folder.mkdir(parents=True, exist_ok=True)
    config = {"global": {"scrape_interval": "1s"}, "scrape_configs": list(jobs)}
    with prometheus_server.start(folder, config=json.dumps(config)) as server:
        yield server


def job(name: str, port: int, **more: object) -> dict[str, object]:
    """A scrape configuration of one port on loopback."""
    return {"job_name": name, "static_configs": [{"targets": [f"127.0.0.1:{port}"]}], **more}


def drift(folder: Path, documents: Mapping[str, str], url: str, at_ms: int) -> Answer:
    """The answer of `drift --json` on documents by the names of their files."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in documents.items():
        (folder / name).write_text(text)
    done = observatory("drift", folder, "--prometheus", url, "--at", at_ms / 1000, "--since", "10m", "--json")
    assert done.returncode == 0, done.stderr
    answer: Answer = json.loads(done.stdout)
    return answer


def faults(answer: Answer) -> set[tuple[str, str]]:
    """Kind and subject of every finding, each of which must be there once."""
    found: Sequence[tuple[str, str]] = [(one["kind"], one["subject"]) for one in answer["findings"]]
    assert len(found) == len(set(found))
    return set(found)


def only(answer: Answer, kind: str) -> dict[str, Any]:
    """The only finding of a kind."""
    (one,) = [one for one in answer["findings"] if one["kind"] == kind]
    return dict(one)
