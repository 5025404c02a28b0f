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
WARNED_OF = {"channel-key"}
BINDINGS = {"binding-key", "binding-required", "binding-type", "binding-value"}
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


@dataclass(frozen=True, slots=True)
class Verdict:
    """One side's answer.

    Attributes:
        accepted: On equal terms.
        plain: By severity alone, as a person sees it.
        codes: What it was refused for.
    """

    accepted: bool
    plain: bool
    codes: tuple[str, ...]
    operations: tuple[Operation, ...] = ()
    problems: tuple[Problem, ...] = field(default=(), compare=False)


def official(answer: dict[str, Any]) -> Verdict:
    """The verdict that an answer of the official parser means."""
    codes = tuple(code for code in answer["codes"] if code not in ABOUT_PAYLOADS)
    operations = tuple(
        Operation(one["action"], one["address"], one["merged"], tuple(one["messages"])) for one in answer["operations"]
    )
    return Verdict(not codes, not codes, codes, operations)


def ours(path: Path, roots: Sequence[Path]) -> Verdict:
    """Our verdict on a file."""
    problems = load_catalog([path], roots=roots).problems
    refused = {problem.code for problem in problems if problem.severity == "error"}
    refused &= STRUCTURE | VERSIONS | REFERENCES | RULES | TEXT
    document = read_document(path, roots)
    warned = WARNED_OF | (BINDINGS if document is not None and document.family == 3 else set())
    on_equal_terms = refused | {problem.code for problem in problems if problem.code in warned}
    operations = tuple(operations_of(document)) if document is not None else ()
    return Verdict(not on_equal_terms, not refused, tuple(sorted(on_equal_terms)), operations, problems)


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
        return {key: part for key, part in value.items() if key not in dropped}

    for operation in document.operations:
        messages = tuple(merged(message.cursor.plain()) for message in operation.messages)
        yield Operation(operation.action, operation.channel.address, merged(operation.cursor.plain()), messages)


def is_supported(version: object) -> bool:
    """Whether verdicts on documents of a version are compared."""
    return version in KNOWN


def directions(verdict: Verdict) -> Counter[str]:
    """How many operations send and how many receive."""
    return Counter(operation.action for operation in verdict.operations)
