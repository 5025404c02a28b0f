"""Who owns 500 documents with 10,000 channels: the time ownership files add to the time that reading documents takes.

Every document has a Backstage descriptor (an API, a component that consumes two others, a group), an EventCatalog
service and channel page, and a rule in CODEOWNERS. CPU time of one run, in seconds.
Run: python tests/bench/bench_ownership.py [documents]
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from pathlib import Path

from observatory.spec.load import load_catalog

CHANNELS = 20


def estate(number: int, count: int) -> dict[str, str]:
    topics = range(CHANNELS)
    channels = "\n".join(
        f"  c{one}: {{address: 's{number}.t{one}', messages: {{M{number}x{one}: {{payload: {{type: object}}}}}}}}"
        for one in topics
    )
    operations = "\n".join(f"  o{one}: {{action: send, channel: {{$ref: '#/channels/c{one}'}}}}" for one in topics)
    others = f"api{(number + 1) % count}, api{(number + 7) % count}"
    team = f"t{number % 20}"
    return {
        f"services/s{number}/asyncapi.yaml": f"asyncapi: 3.0.0\ninfo: {{title: S{number}, version: '1'}}\n"
        f"servers: {{m: {{host: k, protocol: kafka}}}}\nchannels:\n{channels}\noperations:\n{operations}\n",
        f"services/s{number}/catalog-info.yaml": f"kind: API\nmetadata: {{name: api{number}}}\n"
        f"spec: {{type: asyncapi, owner: {team}, definition: {{$text: ./asyncapi.yaml}}}}\n---\n"
        f"kind: Component\nmetadata: {{name: svc{number}}}\n"
        f"spec: {{type: service, owner: {team}, providesApis: [api{number}], consumesApis: [{others}]}}\n---\n"
        f"kind: Group\nmetadata: {{name: g{number}}}\nspec: {{profile: {{email: a@b.example}}}}\n",
        f"ec/services/S{number}/index.mdx": f"---\nid: S{number}\nowners: [{team}]\nsends: [{{id: M{number}x1}}]\n"
        f"receives: [{{id: M{(number + 3) % count}x2}}]\n---\n",
        f"ec/channels/c{number}/index.mdx": f"---\nid: s{number}.t0\nowners: [{team}]\n---\n",
    }


def main(count: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        rules = ["* @acme/all"]
        for number in range(count):
            rules.append(f"/services/s{number}/ @acme/t{number % 20}")
            for name, text in estate(number, count).items():
                path = Path(name)
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text)
        for path in Path("services").rglob("catalog-info.yaml"):
            path.rename(path.with_suffix(".off"))
        begin = time.process_time()
        load_catalog([Path("services")])
        alone = time.process_time() - begin
        for path in Path("services").rglob("catalog-info.off"):
            path.rename(path.with_suffix(".yaml"))
        Path("CODEOWNERS").write_text("\n".join(rules) + "\n")
        begin = time.process_time()
        found = load_catalog([Path("services")], roots=[Path()], ownership=[Path("ec")])
        together = time.process_time() - begin
        os.chdir("/")
    assert all(one.owner is not None for one in found.channels)
    print(f"{len(found.documents)} documents, {len(found.channels)} channels, {len(found.named)} named participants")
    print(f"documents alone {alone:.2f} s, with ownership files {together:.2f} s: x{together / alone:.2f}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 500)
