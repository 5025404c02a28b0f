"""Bodies of OTLP requests, and their compression: what collectors offer, each opened no further than a limit."""

from __future__ import annotations

import gzip
import io
import zlib
from collections.abc import Callable

import cramjam

from observatory.errors import InputInvalid, Problem
from observatory.sources.otlp_raw import undecodable


def inflated(body: bytes, encoding: str, max_bytes: int, shown_as: str) -> bytes:
    """The body without its compression, refused before it grows beyond the limit.

    Args:
        encoding: The `Content-Encoding`: gzip, zstd, deflate or zlib, identity or nothing.

    Raises:
        InputInvalid: `otlp-type-unknown`, `otlp-too-large` or `otlp-undecodable`.
    """
    word = encoding.strip().lower()
    if word in _OPENED:
        try:
            body = _OPENED[word](body, max_bytes + 1)
        except (OSError, EOFError, zlib.error, cramjam.DecompressionError) as error:
            raise undecodable(shown_as, f"the body is not {word}, or is cut off") from error
    elif word not in ("", "identity"):
        raise InputInvalid(
            Problem(
                code="otlp-type-unknown",
                message=f"{shown_as}: the content encoding {word[:80]!r} is not known",
                hint="send gzip, zstd, deflate, or no content encoding",
            )
        )
    if len(body) > max_bytes:
        raise InputInvalid(
            Problem(
                code="otlp-too-large",
                message=f"{shown_as}: more than {max_bytes // 2**20} MiB in one request",
                hint="let the exporter send smaller batches",
            )
        )
    return body


def _gzip(body: bytes, most: int) -> bytes:
    with gzip.GzipFile(fileobj=io.BytesIO(body)) as stream:
        return stream.read(most)


def _zlib(body: bytes, most: int) -> bytes:
    stream = zlib.decompressobj()
    plain = stream.decompress(body, most)
    if len(plain) < most and (not stream.eof or stream.unused_data):
        raise EOFError
    return plain


def _zstd(body: bytes, most: int) -> bytes:
    room = bytearray(most)
    try:
        return bytes(memoryview(room)[: cramjam.zstd.decompress_into(body, room)])
    except cramjam.DecompressionError as error:
        if "whole buffer" in str(error):
            return bytes(room)  # There is more than there is room for.
        raise


_OPENED: dict[str, Callable[[bytes, int], bytes]] = {"gzip": _gzip, "zstd": _zstd, "deflate": _zlib, "zlib": _zlib}
