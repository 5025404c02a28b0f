"""The structural verdict on a document, ours and the official parser's, on equal terms.

A document is accepted when its text can be read, its version is a known one, its references lead somewhere, it fits
the schema of its version, and what must agree in it does: parameters with addresses, variables with servers, ids and
tags that stand once, servers, channels, messages and security schemes that are declared. These are the rules that
decide what is mapped to telemetry.

Left out on the official side are judgements about the contents of payloads: whether examples and defaults fit their
schemas, and whether schemas in other languages can be translated.

Faults of bindings are warnings here, since a name can be read beside them; the official parser refuses a 3.x document
for them. The same holds for channel keys with wildcards. On equal terms both count as refusals, so a difference that
is only one of severity is no disagreement; `plain` is the verdict by severity alone.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from observatory.errors import InputInvalid, Problem
from observatory.spec import asyncapi2, asyncapi3
from observatory.spec.declared import DeclaredDocument
from observatory.spec.files import Library
from observatory.spec.load import load_catalog
from observatory.spec.references import References
from observatory.spec.versions import KNOWN, version_of

STRUCTURE = {"asyncapi-key", "asyncapi-required", "asyncapi-type", "asyncapi-value", "reference-misplaced"}
VERSIONS = {"asyncapi-version", "not-asyncapi"}
REFERENCES = {
    "reference-cycle",
    "reference-file-missing",
    "reference-missing",
    "reference-outside-roots",
    "reference-remote",
    "reference-too-deep",
}
RULES = {
    "channel-server",
    "message-duplicate",
    "operation-channel",
    "operation-duplicate",
    "operation-message",
    "parameter-undeclared",
    "parameter-unused",
    "security-scheme",
    "security-scope",
    "server-variable",
    "tag-duplicate",
}
TEXT = {
    "alias-cycle",
    "alias-expansion",
    "control-character",
    "document-empty",
    "document-too-large",
    "file-unreadable",
    "json-syntax",
    "key-duplicate",
    "key-not-text",
    "nesting-too-deep",
    "not-utf8",
    "scalar-too-long",
    "yaml-many-documents",
    "yaml-syntax",
    "yaml-tag",
}
KINDS = {
    code: kind
    for kind, codes in (
        ("text", TEXT),
        ("version", VERSIONS),
        ("references", REFERENCES),
        ("structure", STRUCTURE),
        ("rules", RULES),
    )
    for code in codes
}
SOFTENED = dict.fromkeys(("binding-key", "binding-required", "binding-type", "binding-value"), "structure") | {
    "channel-key": "structure"
}
"""Warnings of ours that are errors there, bindings in 3.x only."""
ABOUT_PAYLOADS = {
    "asyncapi2-message-examples",
    "asyncapi2-message-examples-custom-format",
    "asyncapi2-schema-default",
    "asyncapi2-schema-examples",
    "asyncapi2-schemas",
    "asyncapi3-schemas",
}
"""Codes of the official parser that are no part of the verdict."""


@dataclass(frozen=True, slots=True)
class Operation:
    """An operation with its traits merged, without what it refers to."""

    action: str
    address: str | None
    merged: dict[str, Any]
    messages: tuple[dict[str, Any], ...]


OFFICIAL_KINDS = {
    "parser": "text",
    "uncaught-error": "text",
    "asyncapi-is-asyncapi": "version",
    "invalid-ref": "references",
    "asyncapi-document-resolved": "structure",
    "asyncapi-document-unresolved": "structure",
}
"""Kinds of the official parser's codes; the others are rules."""
DEFINITIONS = {
    "structure and rules": frozenset({"text", "version", "references", "structure", "rules"}),
    "structure": frozenset({"text", "version", "references", "structure"}),
    "structure without references": frozenset({"text", "version", "structure"}),
    "everything, payloads too": frozenset({"text", "version", "references", "structure", "rules", "payload"}),
}
"""Which kinds of fault make a verdict. The first is what is meant here; a record may mean another."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """One side's answer.

    Attributes:
        kinds: The kinds of fault that were found, on equal terms.
        plain: Whether it is accepted by severity alone, as a person sees it.
        codes: What it was refused for.
    """

    kinds: frozenset[str]
    plain: bool
    codes: tuple[str, ...]
    operations: tuple[Operation, ...] = ()
    problems: tuple[Problem, ...] = field(default=(), compare=False)

    def accepted_as(self, definition: str) -> bool:
        """The verdict, where faults of certain kinds make it."""
        return not self.kinds & DEFINITIONS[definition]

    @property
    def accepted(self) -> bool:
        return self.accepted_as("structure and rules")


def official(answer: dict[str, Any]) -> Verdict:
    """The verdict that an answer of the official parser means."""
    codes = tuple(code for code in answer["codes"] if code not in ABOUT_PAYLOADS)
    kinds = {OFFICIAL_KINDS.get(code, "rules") for code in codes}
    if len(codes) < len(answer["codes"]):
        kinds.add("payload")
    operations = tuple(
        Operation(one["action"], one["address"], one["merged"], tuple(one["messages"]))
        for one in answer.get("operations", ())
    )
    return Verdict(frozenset(kinds), not codes, codes, operations)


def ours(path: Path, roots: Sequence[Path]) -> Verdict:
    """Our verdict on a file."""
    problems = load_catalog([path], roots=roots).problems
    document = read_document(path, roots)
    softened = SOFTENED if document is not None and document.family == 3 else {"channel-key": SOFTENED["channel-key"]}
    refused = {problem.code for problem in problems if problem.severity == "error" and problem.code in KINDS}
    codes = refused | {problem.code for problem in problems if problem.code in softened}
    kinds = frozenset((KINDS | SOFTENED)[code] for code in codes)
    operations = tuple(operations_of(document)) if document is not None else ()
    return Verdict(kinds, not refused, tuple(sorted(codes)), operations, problems)


def read_document(path: Path, roots: Sequence[Path]) -> DeclaredDocument | None:
    """A document as it declares itself, None where it cannot be read."""
    library = Library(roots=tuple(root.resolve() for root in roots))
    try:
        root = References(library).root(library.document(path, str(path)))
    except InputInvalid:
        return None
    version, _ = version_of(root)
    if version.family is None:
        return None
    return (asyncapi2 if version.family == 2 else asyncapi3).read_document(root, version.text)


def operations_of(document: DeclaredDocument) -> Iterable[Operation]:
    """Operations in the shape in which both sides are compared."""
    dropped = ("traits", "message", "messages", "channel", "reply", "payload", "examples")

    def merged(value: Any) -> dict[str, Any]:
        return {key: part for key, part in _unmarked(value).items() if key not in dropped}

    for operation in document.operations:
        messages = tuple(merged(message.cursor.plain()) for message in operation.messages)
        yield Operation(operation.action, operation.channel.address, merged(operation.cursor.plain()), messages)


def _unmarked(value: Any) -> Any:
    """A value without the marks of the official parser, which documents that it wrote carry as well."""
    if isinstance(value, dict):
        return {key: _unmarked(part) for key, part in value.items() if not key.startswith("x-parser-")}
    return [_unmarked(part) for part in value] if isinstance(value, list) else value


def is_supported(version: object) -> bool:
    """Whether verdicts on documents of a version are compared."""
    return version in KNOWN


def directions(verdict: Verdict) -> Counter[str]:
    """How many operations send and how many receive."""
    return Counter(operation.action for operation in verdict.operations)
