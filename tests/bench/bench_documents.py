"""Reading one large document, and an estate of many, beside libyaml's own loader on the same text.

python tests/bench/bench_documents.py
"""

from __future__ import annotations

import json
import resource
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import yaml

from observatory.reading import read
from observatory.spec.load import load_catalog


def document(number: int, channels: int) -> dict[str, object]:
    """A 3.0 document with a message, two operations and a binding per channel."""
    listed, operations, messages = {}, {}, {}
    for index in range(channels):
        key = f"orders{index}"
        listed[key] = {
            "address": f"shop{number}.orders.{index}.v1",
            "title": f"Orders {index}",
            "description": "Orders that were placed in the shop, one message each.",
            "messages": {"placed": {"$ref": f"#/components/messages/Placed{index}"}},
            "bindings": {"kafka": {"partitions": 12, "topicConfiguration": {"retention.ms": 604800000}}},
        }
        for action in ("send", "receive"):
            operations[f"{action}{index}"] = {
                "action": action,
                "channel": {"$ref": f"#/channels/{key}"},
                "traits": [{"$ref": "#/components/operationTraits/common"}],
                "bindings": {"kafka": {"groupId": {"type": "string", "enum": [f"billing-{index}"]}}},
                "x-slo": [{"sli": "availability", "target": "99.9%"}],
            }
        messages[f"Placed{index}"] = {
            "title": "Order placed",
            "contentType": "application/json",
            "headers": {"type": "object", "properties": {"trace": {"type": "string"}}},
            "payload": {
                "type": "object",
                "required": ["id"],
                "properties": {
                    "id": {"type": "string", "format": "uuid"},
                    "amount": {"type": "number", "minimum": 0},
                    "items": {"type": "array", "items": {"type": "object", "properties": {"sku": {"type": "string"}}}},
                },
            },
        }
    return {
        "asyncapi": "3.0.0",
        "info": {"title": f"Shop {number}", "version": "1"},
        "servers": {"main": {"host": "kafka:9092", "protocol": "kafka"}},
        "channels": listed,
        "operations": operations,
        "components": {"messages": messages, "operationTraits": {"common": {"description": "A trait"}}},
    }


def cpu_seconds(work: Callable[[], object]) -> float:
    """CPU time of the best of two runs."""
    best = float("inf")
    for _ in range(2):
        start = time.process_time()
        work()
        best = min(best, time.process_time() - start)
    return best


def main() -> None:
    """Write the documents, measure, print both sides."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        large = document(0, 1000)
        as_yaml, as_json = folder / "large.yaml", folder / "large.json"
        as_yaml.write_text(yaml.dump(large, Dumper=yaml.CSafeDumper, sort_keys=False), encoding="utf-8")
        as_json.write_text(json.dumps(large), encoding="utf-8")
        text = as_yaml.read_text(encoding="utf-8")
        assert len(load_catalog([as_yaml]).channels) == 1000
        libyaml = cpu_seconds(lambda: yaml.load(text, Loader=yaml.CSafeLoader))
        ours = cpu_seconds(lambda: load_catalog([as_yaml]))
        only_reading = cpu_seconds(lambda: read(as_yaml))
        print(f"1,000 channels, {len(text) / 1e6:.1f} MB of YAML")
        print(f"  yaml.CSafeLoader, values only     {libyaml:6.2f} s")
        print(f"  reading with places               {only_reading:6.2f} s   {only_reading / libyaml:.2f} x")
        print(f"  load, resolve, validate, catalogue{ours:6.2f} s   {ours / libyaml:.2f} x")
        print(f"  the same as JSON                  {cpu_seconds(lambda: load_catalog([as_json])):6.2f} s")
        estate = folder / "estate"
        estate.mkdir()
        for number in range(500):
            (estate / f"{number}.json").write_text(json.dumps(document(number, 20)), encoding="utf-8")
        start = time.process_time()
        catalog = load_catalog([estate])
        print(f"500 documents, {len(catalog.channels):,} channels: {time.process_time() - start:.2f} s of CPU")
        print(f"peak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MiB")


if __name__ == "__main__":
    main()
