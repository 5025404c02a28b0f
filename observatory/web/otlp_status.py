"""Refusals as OTLP over HTTP wants them: a `google.rpc.Status`, in the encoding of the request."""

from __future__ import annotations

import json

from flask import Response

from observatory.sources.otlp import PROTOBUF

_CODE, _MESSAGE = b"\x08", b"\x12"
"""Keys of the two fields: a number, and a text behind its length."""


def status_response(http_status: int, code: int, message: str, content_type: str) -> Response:
    """The answer to a request that is not taken.

    Args:
        code: Of gRPC, below 128.
        content_type: Of the request; all but protobuf are told in JSON.
    """
    if content_type.partition(";")[0].strip().lower() == PROTOBUF:
        text = message.encode()
        body = _CODE + bytes([code]) + _MESSAGE + _length(len(text)) + text
        return Response(body, http_status, content_type=PROTOBUF)
    told = json.dumps({"code": code, "message": message}, ensure_ascii=False)
    return Response(told, http_status, content_type="application/json")


def _length(size: int) -> bytes:
    """In groups of seven bits, the lowest first."""
    groups = bytearray()
    while size > 0x7F:
        groups.append(size & 0x7F | 0x80)
        size >>= 7
    return bytes([*groups, size])
