"""Reading one large document, many small ones, and an estate with and without its cache, beside libyaml.

Each line is measured in a process of its own: CPU seconds of the work, without the start of Python, and the peak of
memory of that process.

python tests/bench/bench_documents.py [FOLDER]      FOLDER: documents of your own in place of the 727 written here
"""

from __future__ import annotations

import gc
import json
import resource
import subprocess
import sys
import tempfile
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import yaml

RUNS = 3
FIRST = """\
asyncapi: 2.0.0
info: {title: First, version: '1'}
channels:
  first: {publish: {message: {payload: {type: object}}, bindings: {kafka: {}}}}
"""
ESTATE = 500
SMALL = 727


def document(number: int, channels: int) -> dict[str, Any]:
    """A 3.0 document with a message, two operations and a binding per channel."""
    listed, operations, messages = {}, {}, {}
    for index in range(channels):
        key = f"orders{index}"
        listed[key] = {
            "address": f"shop{number}.orders.{index}.v1",
            "title": f"Orders {index}",
            "description": "Orders that were placed in the shop, one message each, in the order of their arrival.",
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
                    "id": {"type": "string", "format": "uuid", "description": "Unique in the shop."},
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


def older(number: int, channels: int) -> dict[str, Any]:
    """A 2.6 document with both sides of each channel, a referenced message and a message of its own."""
    listed = {}
    for index in range(channels):
        own = {"name": f"Paid{index}", "payload": {"type": "object", "properties": {"id": {"type": "string"}}}}
        listed[f"shop{number}/paid/{{country}}/{index}"] = {
            "parameters": {"country": {"schema": {"type": "string"}}},
            "publish": {
                "operationId": f"on{index}",
                "message": {"oneOf": [own, {"$ref": "#/components/messages/Late"}]},
            },
            "subscribe": {"operationId": f"pay{index}", "message": {"$ref": "#/components/messages/Late"}},
        }
    return {
        "asyncapi": "2.6.0",
        "info": {"title": f"Till {number}", "version": "1"},
        "servers": {"main": {"url": "mqtt://broker:1883", "protocol": "mqtt"}},
        "channels": listed,
        "components": {"messages": {"Late": {"payload": {"type": "string"}, "title": "Late"}}},
    }


def write(folder: Path) -> None:
    """All documents that are measured."""
    large = document(0, 1000)
    (folder / "large.yaml").write_text(yaml.dump(large, Dumper=yaml.CSafeDumper, sort_keys=False), encoding="utf-8")
    (folder / "large.json").write_text(json.dumps(large), encoding="utf-8")
    for name in ("small", "estate"):
        (folder / name).mkdir()
    for number in range(SMALL):
        made = (document if number % 2 else older)(number, 1 + number % 12)
        if number % 3:
            text = yaml.dump(made, Dumper=yaml.CSafeDumper, sort_keys=False)
            (folder / "small" / f"{number}.yaml").write_text(text, encoding="utf-8")
        else:
            (folder / "small" / f"{number}.json").write_text(json.dumps(made, indent=2), encoding="utf-8")
    for number in range(ESTATE):
        (folder / "estate" / f"{number}.json").write_text(json.dumps(document(number, 20)), encoding="utf-8")


def catalogue(path: Path, cache: Path | None = None) -> Callable[[], object]:
    """Load, resolve, validate and join; imports are made before the clock runs, by a document of another version."""
    from observatory.spec.load import load_catalog

    import_module("observatory.spec.asyncapi3")
    with tempfile.TemporaryDirectory() as name:
        for other, text in (("a.yaml", FIRST), ("b.json", json.dumps(yaml.safe_load(FIRST)))):
            (Path(name) / other).write_text(text, encoding="utf-8")
        load_catalog([Path(name)])
    return lambda: load_catalog([path], cache=cache)


def values(path: Path, *, collecting: bool) -> Callable[[], object]:
    """Plain values by PyYAML's loader on libyaml."""
    text = path.read_text(encoding="utf-8")
    if not collecting:
        gc.disable()
    return lambda: yaml.load(text, Loader=yaml.CSafeLoader)


def command(path: Path, cache: Path) -> Callable[[], object]:
    """`observatory catalog`, whose answer goes nowhere; its own process is the one that counts."""
    words = [sys.executable, "-m", "observatory", "catalog", str(path)]
    environment = {"PYTHONPATH": str(Path(__file__).parents[2]), "OBSERVATORY_CACHE_DIR": str(cache)}
    return lambda: subprocess.run(words, env=environment, stdout=subprocess.DEVNULL, check=True)


WORK: dict[str, Callable[[Path], Callable[[], object]]] = {
    "values": lambda folder: values(folder / "large.yaml", collecting=True),
    "values-paused": lambda folder: values(folder / "large.yaml", collecting=False),
    "yaml": lambda folder: catalogue(folder / "large.yaml"),
    "json": lambda folder: catalogue(folder / "large.json"),
    "small": lambda folder: catalogue(folder / "small"),
    "estate": lambda folder: catalogue(folder / "estate"),
    "estate-kept": lambda folder: catalogue(folder / "estate", folder / "cache"),
    "command": lambda folder: command(folder / "estate", folder / "cache-of-command"),
}


def spent() -> float:
    """CPU seconds of this process and of those that it started."""
    return sum(sum(resource.getrusage(who)[:2]) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))


def measure(name: str, folder: Path) -> tuple[float, int]:
    """CPU seconds of one run in a process of its own, and its peak of memory in MiB."""
    words = [sys.executable, __file__, "--one", name, str(folder)]
    seconds, peak = subprocess.run(words, capture_output=True, text=True, check=True).stdout.split()
    return float(seconds), int(peak)


def best(name: str, folder: Path) -> tuple[float, int]:
    """The best of several runs."""
    return min(measure(name, folder) for _ in range(RUNS))


def one(name: str, folder: Path) -> None:
    """Run one piece of work and print what it took."""
    work = WORK[name](folder)
    start = spent()
    work()
    seconds = spent() - start
    print(seconds, max(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, 0) // 1024)


def main(own: Path | None) -> None:
    """Write the documents, measure, print both sides."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write(folder)
        if own is not None:
            for path in (folder / "small").iterdir():
                path.unlink()
            (folder / "small").rmdir()
            (folder / "small").symlink_to(own.resolve())
        size = (folder / "large.yaml").stat().st_size / 1e6
        plain, _ = best("values", folder)
        paused, _ = best("values-paused", folder)
        ours, peak = best("yaml", folder)
        print(f"1,000 channels in one document, {size:.1f} MB of YAML")
        print(f"  yaml.CSafeLoader, values only           {plain:6.2f} s")
        print(f"  the same without cycle collection       {paused:6.2f} s")
        print(
            f"  load, resolve, validate, catalogue      {ours:6.2f} s   {ours / plain:.2f} x and {ours / paused:.2f} x"
        )
        print(f"  peak memory                             {peak:6} MiB")
        seconds, peak = best("json", folder)
        print(f"  the same document as JSON               {seconds:6.2f} s   {peak} MiB")
        what = f"{SMALL} documents" if own is None else f"documents of {own}"
        print(f"{what}, load to catalogue         {best('small', folder)[0]:6.2f} s")
        print(f"{ESTATE} documents, {ESTATE * 20:,} channels")
        seconds, peak = best("estate", folder)
        print(f"  without a cache                         {seconds:6.2f} s   {peak} MiB")
        print(f"  first run, everything kept              {measure('estate-kept', folder)[0]:6.2f} s")
        seconds, peak = best("estate-kept", folder)
        print(f"  second run, nothing changed             {seconds:6.2f} s   {peak} MiB")
        changed = []
        for number in range(RUNS):
            text = json.dumps(document(number, 20) | {"x-changed": number})
            (folder / "estate" / f"{number}.json").write_text(text, encoding="utf-8")
            changed.append(measure("estate-kept", folder)[0])
        print(f"  one document changed                    {min(changed):6.2f} s")
        measure("command", folder)
        print(f"  observatory catalog, second run         {best('command', folder)[0]:6.2f} s with the start of Python")
        kept = [path.stat().st_size for path in (folder / "cache").rglob("*") if path.is_file()]
        print(f"  the cache                               {sum(kept) / 1e6:6.1f} MB in {len(kept)} files")


if __name__ == "__main__":
    if sys.argv[1:2] == ["--one"]:
        one(sys.argv[2], Path(sys.argv[3]))
    else:
        main(Path(sys.argv[1]) if sys.argv[1:] else None)
