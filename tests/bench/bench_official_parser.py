"""Our time beside the official parser's for the same files: CPU seconds for reading, resolving and validating.

python tests/bench/bench_official_parser.py
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from pathlib import Path

import yaml
from bench_documents import document

from observatory.spec.load import load_catalog

sys.path.insert(0, str(Path(__file__).parents[1]))
from agreement.official_parser.documents import documents
from agreement.official_parser.official import VERSION, ask, missing


def main() -> None:
    """Write the files, ask both sides, print both times."""
    if why := missing():
        print(f"not run here: {why}")
        return
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        sets: dict[str, list[Path]] = {}
        for channels in (20, 200):
            path = folder / f"{channels}.yaml"
            text = yaml.dump(document(0, channels), Dumper=yaml.CSafeDumper, sort_keys=False)
            path.write_text(text, encoding="utf-8")
            sets[f"{channels} channels, {len(text) / 1000:.0f} kB of YAML"] = [path]
        small = {key: one for key, one in documents().items() if "/traits/" in key}
        for number, one in enumerate(small.values()):
            (folder / f"small-{number}.json").write_text(json.dumps(one), encoding="utf-8")
        sets[f"{len(small)} small documents"] = sorted(folder.glob("small-*.json"))
        warm = folder / "warm.json"
        warm.write_text(json.dumps(document(0, 1)), encoding="utf-8")
        load_catalog([warm])
        for title, files in sets.items():
            theirs = sum(answer["seconds"] for answer in ask([warm, *files])[1:])
            start = time.process_time()
            for path in files:
                load_catalog([path])
            mine = time.process_time() - start
            print(
                f"{title}: {mine:.3f} s here, {theirs:.3f} s in {VERSION} of the official parser, {theirs / mine:.0f} x"
            )


if __name__ == "__main__":
    main()
