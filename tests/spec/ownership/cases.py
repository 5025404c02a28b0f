"""Documents to be owned, and what tests ask of a catalogue."""

from __future__ import annotations

from observatory.spec.catalog import Catalog, Document, Owner


def document(
    title: str,
    action: str = "send",
    address: str = "orders.placed",
    *,
    info: str = "",
    protocol: str = "kafka",
    host: str = "broker:9092",
    channel: str = "",
    operation: str = "",
    message: str = "Order",
) -> str:
    """A document of one operation on one channel."""
    return f"""
asyncapi: 3.0.0
info: {{title: {title}, version: 1.0.0{info}}}
servers: {{main: {{host: '{host}', protocol: {protocol}}}}}
channels: {{c: {{address: '{address}', messages: {{{message}: {{payload: {{type: object}}}}}}{channel}}}}}
operations: {{o: {{action: {action}, channel: {{$ref: '#/channels/c'}}{operation}}}}}
"""


def only(catalog: Catalog) -> Document:
    """The only document of a catalogue."""
    (found,) = catalog.documents
    return found


def owner_of(catalog: Catalog, document: str | None = None) -> Owner:
    """The owner of a document, or of the only one."""
    found = only(catalog) if document is None else next(one for one in catalog.documents if one.name == document)
    assert found.owner is not None
    return found.owner


def findings(catalog: Catalog) -> list[tuple[str, str, str]]:
    """Severity, code and place of each problem."""
    return [(one.severity, one.code, str(one.location)) for one in catalog.problems]
