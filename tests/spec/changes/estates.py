"""Documents of one channel each, to be compared with what became of them."""

from __future__ import annotations

from collections.abc import Callable

from observatory.spec.changes import Changes

Compare = Callable[[dict[str, str], dict[str, str]], Changes]

ID = "{type: object, properties: {id: {type: string}}}"


def doc(
    title: str,
    action: str,
    payload: str = ID,
    *,
    address: str = "orders",
    message: str = "Placed",
    channel: str = "",
    operation: str = "",
    host: str = "kafka:9092",
    info: str = "",
    more: str = "",
    name: str = "o",
    key: str = "c",
) -> str:
    """A document with one channel, one operation and one message."""
    return f"""
asyncapi: 3.0.0
info: {{title: {title}, version: '1'{info}}}
servers: {{main: {{host: '{host}', protocol: kafka}}}}
channels:
  {key}: {{address: {address}, messages: {{{message}: {{payload: {payload}{more}}}}}{channel}}}
operations:
  {name}: {{action: {action}, channel: {{$ref: '#/channels/{key}'}}{operation}}}
"""
