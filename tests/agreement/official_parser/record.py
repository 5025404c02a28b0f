"""Ask the official parser about the documents of the table, and write down what it says.

PYTHONPATH=tests python tests/agreement/official_parser/record.py [--new]

With --new only documents that have no answer yet are asked about, and answers to documents that are gone are dropped.
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path
from typing import Any

from agreement.official_parser.documents import documents
from agreement.official_parser.official import VERSION, ask, missing

RECORD = Path(__file__).with_name("recorded.jsonl")


def write_documents(folder: Path) -> dict[str, Path]:
    """Each document of the table as a file, by its name."""
    written: dict[str, Path] = {}
    for name, document in documents().items():
        path = folder / f"{name}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(document, indent=1), encoding="utf-8")
        written[name] = path
    return written


def recorded() -> dict[str, dict[str, Any]]:
    """What the official parser said, by the name of the document."""
    lines = RECORD.read_text(encoding="utf-8").splitlines()
    return {one.pop("document"): one for one in map(json.loads, lines[1:])}


def entry(name: str, answer: dict[str, Any]) -> dict[str, Any]:
    """What is kept of an answer: merged objects of documents about traits only, numbers of operations of all."""
    kept = {"document": name, "codes": answer["codes"], "accepted": answer["accepted"]}
    if answer["accepted"]:
        actions = [one["action"] for one in answer["operations"]]
        kept["send"], kept["receive"] = actions.count("send"), actions.count("receive")
        if "/traits/" in name or name.endswith("/whole"):
            kept["operations"] = [{key: one[key] for key in one if key != "id"} for one in answer["operations"]]
    return kept


def main() -> None:
    """Write the record anew."""
    if why := missing():
        sys.exit(f"the official parser cannot be asked: {why}")
    kept = recorded() if "--new" in sys.argv[1:] else {}
    with tempfile.TemporaryDirectory() as name:
        written = write_documents(Path(name))
        asked = [key for key in written if key not in kept]
        answers = ask([written[key] for key in asked])
    found = {key: {"document": key, **answer} for key, answer in kept.items()}
    found |= {key: entry(key, answer) for key, answer in zip(asked, answers, strict=True)}
    lines = [json.dumps({"parser": VERSION, "documents": len(written)})]
    lines += [json.dumps(found[key], sort_keys=True) for key in written]
    RECORD.write_text("\n".join(lines) + "\n", encoding="utf-8")
    print(
        f"{len(written)} documents, {sum(one['accepted'] for one in found.values())} accepted, {len(asked)} asked about"
    )


if __name__ == "__main__":
    main()
