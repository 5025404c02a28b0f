"""Small documents for estates: one channel, one operation, whatever matters to the test."""

from __future__ import annotations

from typing import Any


def one_channel(
    title: str,
    action: str,
    address: str,
    *,
    protocol: str | None = "kafka",
    host: str = "kafka:9092",
    channel: str = "",
    operation: str = "",
    info: str = "",
) -> str:
    """A 3.0 document with one channel `c` and one operation `o`; `protocol=None` leaves the servers out."""
    servers = f"servers: {{main: {{host: '{host}', protocol: {protocol}}}}}\n" if protocol else ""
    return (
        f"asyncapi: 3.0.0\ninfo: {{title: {title}, version: '1'{info}}}\n{servers}"
        f"channels: {{c: {{address: '{address}'{channel}}}}}\n"
        f"operations: {{o: {{action: {action}, channel: {{$ref: '#/channels/c'}}{operation}}}}}\n"
    )


def everything(value: Any) -> Any:
    """A catalogue down to what equality leaves out: schemas, bindings, places. Equal only where nothing differs."""
    if isinstance(value, tuple | list):
        return [everything(one) for one in value]
    if isinstance(value, dict):
        return {key: everything(one) for key, one in value.items()}
    fields = getattr(type(value), "__dataclass_fields__", None)
    if fields is None:
        return type(value), value
    return type(value), [(name, everything(getattr(value, name))) for name in fields if not name.startswith("_")]
