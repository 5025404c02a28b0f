"""Refusals as OTLP over HTTP wants them: a `google.rpc.Status`, in the encoding of the request."""

from __future__ import annotations

from flask import Response
from google.protobuf.json_format import MessageToJson
from google.rpc.status_pb2 import Status

from observatory.sources.otlp import PROTOBUF


def status_response(http_status: int, code: int, message: str, content_type: str) -> Response:
    """The answer to a request that is not taken.

    Args:
        code: Of gRPC.
        content_type: Of the request; all but protobuf are told in JSON.
    """
    status = Status(code=code, message=message)
    if content_type.partition(";")[0].strip().lower() == PROTOBUF:
        return Response(status.SerializeToString(), http_status, content_type=PROTOBUF)
    return Response(MessageToJson(status, indent=None), http_status, content_type="application/json")
