"""HTTP content encodings, both ways: gzip, deflate, zstd, and LZ4 frames as clickhouse-connect uses them."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from typing import Protocol

import lz4.frame  # type: ignore[import-untyped] # the library carries no type information
import zstandard

from embedded.errors import CANNOT_DECOMPRESS, NOT_IMPLEMENTED, refusal

_PIECE = 64 * 1024
_ZLIB, _GZIP = 15, 31  # zlib's "window bits" with its own header and trailer, and with those of gzip


class _Decoder(Protocol):
    """Decodes one frame; knows when it has ended and what came after it."""

    @property
    def eof(self) -> bool: ...

    @property
    def unused_data(self) -> bytes | None: ...

    def decompress(self, data: bytes, /) -> bytes: ...


class ResponseEncoder(Protocol):
    """Encodes one response, piece by piece."""

    def compress(self, data: bytes, /) -> bytes:
        """Take a piece; return what is ready to be sent."""

    def flush(self) -> bytes:
        """End the response; return what was held back."""


class _Lz4Encoder:
    """One LZ4 frame with the interface of the other encoders."""

    def __init__(self) -> None:
        self._frame = lz4.frame.LZ4FrameCompressor()
        self._header: bytes = self._frame.begin()

    def compress(self, data: bytes, /) -> bytes:
        return self._with_header(self._frame.compress(data))

    def flush(self) -> bytes:
        return self._with_header(self._frame.flush())

    def _with_header(self, data: bytes) -> bytes:
        header, self._header = self._header, b""
        return header + data


_DECODERS: dict[str, Callable[[], _Decoder]] = {
    "lz4": lz4.frame.LZ4FrameDecompressor,
    "zstd": lambda: zstandard.ZstdDecompressor().decompressobj(),
    "gzip": lambda: zlib.decompressobj(_GZIP),
    "deflate": lambda: zlib.decompressobj(_ZLIB),
}
_ENCODERS: dict[str, Callable[[], ResponseEncoder]] = {
    "lz4": _Lz4Encoder,
    "zstd": lambda: zstandard.ZstdCompressor().compressobj(),
    "gzip": lambda: zlib.compressobj(wbits=_GZIP),
    "deflate": lambda: zlib.compressobj(wbits=_ZLIB),
}
_FAULTS = (RuntimeError, EOFError, zlib.error, zstandard.ZstdError)


def decode(body: bytes, encoding: str) -> bytes:
    """Decode a request's body.

    Clients send several frames one after another (clickhouse-connect one per block), so every frame is decoded, and a
    body that ends within one is an error: dropping the rest would lose rows silently.

    Raises
    ------
    QueryFailed
        The encoding is unknown, or the body is damaged or cut short.
    """
    if encoding in ("", "identity"):
        return body
    if encoding not in _DECODERS:
        known = ", ".join(_DECODERS)
        raise refusal(NOT_IMPLEMENTED, "NOT_IMPLEMENTED", f"Unknown Content-Encoding {encoding}; use one of {known}")
    parts: list[bytes] = []
    decoder: _Decoder | None = None
    # In pieces, as what follows a frame is copied at the frame's end.
    for start in range(0, len(body), _PIECE):
        piece = body[start : start + _PIECE]
        while piece:
            decoder = decoder or _DECODERS[encoding]()
            try:
                parts.append(decoder.decompress(piece))
            except _FAULTS as error:
                raise refusal(CANNOT_DECOMPRESS, "CANNOT_DECOMPRESS", f"Damaged {encoding} body: {error}") from error
            if not decoder.eof:
                break
            piece = decoder.unused_data or b""
            decoder = None
    if decoder is not None:
        raise refusal(CANNOT_DECOMPRESS, "CANNOT_DECOMPRESS", f"The {encoding} body is cut short; nothing was inserted")
    return b"".join(parts)


def choose(accept_encoding: str) -> str:
    """Pick the encoding of the response from an ``Accept-Encoding`` header; empty when there is none in common."""
    wanted = {part.split(";")[0].strip().lower() for part in accept_encoding.split(",")}
    return next((encoding for encoding in _ENCODERS if encoding in wanted), "")


def encoder(encoding: str) -> ResponseEncoder:
    """Return a fresh encoder for one response."""
    return _ENCODERS[encoding]()
