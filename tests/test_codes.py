"""Every code of a finding is explained, and every explanation belongs to a code."""

from __future__ import annotations

import ast
from pathlib import Path

import observatory

PACKAGE = Path(observatory.__file__).parent


def explained() -> set[str]:
    return {path.stem for path in (PACKAGE / "explanations").glob("*.md")}


def literal_codes() -> dict[str, str]:
    """Codes written as `code="..."`, or as either branch of a choice."""
    found: dict[str, str] = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.Call):
                continue
            for keyword in node.keywords:
                if keyword.arg == "code":
                    found |= dict.fromkeys(_texts(keyword.value), f"{path.name}:{node.lineno}")
    return found


def _texts(node: ast.expr) -> list[str]:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return [node.value]
    if isinstance(node, ast.IfExp):
        return [*_texts(node.body), *_texts(node.orelse)]
    return []


def all_texts() -> set[str]:
    """Every text constant of the package, for codes that reach `Problem` by way of a variable."""
    texts: set[str] = set()
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                texts.add(node.value)
    return texts


def test_every_code_is_explained() -> None:
    missing = {code: place for code, place in literal_codes().items() if code not in explained()}
    assert missing == {}


def test_every_explanation_belongs_to_a_code() -> None:
    built = {f"{prefix}-{kind}" for prefix in ("asyncapi", "binding") for kind in ("key", "required", "type", "value")}
    built |= {f"slo-{key}" for key in ("timezone", "policy", "measure")}
    assert explained() - all_texts() - built == set()


def test_every_explanation_says_more_than_its_name() -> None:
    texts = {path.name: path.read_text(encoding="utf-8") for path in (PACKAGE / "explanations").glob("*.md")}
    assert {name for name, text in texts.items() if len(text.split()) < 15 or text.count("\n") > 40} == set()


def test_explanations_of_documents_show_the_fault_and_what_to_write_instead() -> None:
    rooms = (
        "alias-",
        "asyncapi-",
        "binding-",
        "document-",
        "extension-",
        "file-",
        "json-",
        "key-",
        "not-",
        "reference-",
    )
    rooms += ("scalar-", "secret-", "settings-", "slo-", "yaml-")
    thin = []
    for path in sorted((PACKAGE / "explanations").glob("*.md")):
        text = path.read_text(encoding="utf-8")
        if path.name.startswith(rooms) and not ("Example" in text and "What to do:" in text):
            thin.append(path.name)
    assert thin == []
