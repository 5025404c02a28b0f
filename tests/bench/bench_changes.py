"""Changes between two documents of 1,000 channels: time of the comparison against the time of reading the two.

Once with nothing changed, once with one payload in a hundred, once with every payload: each has names of its own, so
that no verdict can be used twice. One thread, CPU time. Run: python tests/bench/bench_changes.py [channels]
"""

from __future__ import annotations

import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from observatory.spec.catalog import Catalog
from observatory.spec.changes import changes_between
from observatory.spec.load import load_catalog

FIELDS = 15


def document(channels: int, changed_every: int) -> str:
    """Channels with a payload of twenty properties; every nth has one of another type than in the document before."""
    lines = ["asyncapi: 3.0.0", "info: {title: Big, version: '1'}"]
    lines += ["servers: {k: {host: 'kafka:9092', protocol: kafka}}", "channels:"]
    for number in range(channels):
        kind = "number" if changed_every and number % changed_every == 0 else "integer"
        lines += [f"  c{number}:", f"    address: topic.{number}", "    messages:", "      m:", "        payload:"]
        lines += ["          type: object", "          required: [id]", "          properties:"]
        lines += ["            id: {type: string, format: uuid}", f"            amount{number}: {{type: {kind}}}"]
        lines += [f"            f{field}: {{type: string, description: a field}}" for field in range(FIELDS)]
        items = f"{{type: object, properties: {{sku: {{type: string}}, n{number}: {{type: integer}}}}}}"
        lines.append(f"            lines: {{type: array, items: {items}}}")
    lines.append("operations:")
    for number in range(channels):
        action = "send" if number % 2 else "receive"
        lines.append(f"  o{number}: {{action: {action}, channel: {{$ref: '#/channels/c{number}'}}}}")
    return "\n".join(lines)


def read(folder: Path, name: str, text: str) -> tuple[Catalog, float]:
    path = folder / f"{name}.yaml"
    path.write_text(text, encoding="utf-8")
    start = time.process_time()
    return load_catalog([path]), time.process_time() - start


def main() -> None:
    channels = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000
    with TemporaryDirectory() as folder:
        old, reading = read(Path(folder), "old", document(channels, 0))
        for every in (0, 100, 1):
            new, more = read(Path(folder), f"new{every}", document(channels, every))
            start = time.process_time()
            changes = changes_between(old, new)
            spent = time.process_time() - start
            found = len(list(changes))
            assert found == (len(range(0, channels, every)) if every else 0)
            ratio = spent / (reading + more)
            print(f"{found:>5} of {channels} payloads changed: {spent:.2f} s, {ratio:.2f}x of reading both documents")


if __name__ == "__main__":
    main()
