"""Content encodings of requests and responses."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Callable

import lz4.frame  # type: ignore[import-untyped] # the library carries no type information
import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from embedded.compression import choose, decode, encoder
from embedded.errors import QueryFailed

COMPRESS: dict[str, Callable[[bytes], bytes]] = {
    "lz4": lz4.frame.compress,
    "zstd": zstandard.ZstdCompressor().compress,
    "gzip": gzip.compress,
    "deflate": zlib.compress,
}
ENCODINGS = sorted(COMPRESS)


@given(st.lists(st.binary(max_size=200), max_size=20), st.sampled_from(ENCODINGS))
def test_every_frame_of_a_body_is_decoded(blocks: list[bytes], encoding: str) -> None:
    body = b"".join(COMPRESS[encoding](block) for block in blocks)

    assert decode(body, encoding) == b"".join(blocks)


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_many_frames_across_the_pieces_of_a_large_body_are_decoded(encoding: str) -> None:
    blocks = [number.to_bytes(4, "big") * 5_000 + bytes(range(256)) * number for number in range(100)]
    body = b"".join(COMPRESS[encoding](block) for block in blocks)

    assert decode(body, encoding) == b"".join(blocks)


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_a_body_cut_short_anywhere_within_a_frame_is_an_error(encoding: str) -> None:
    frame = COMPRESS[encoding](b"some rows " * 100)

    for cut in range(1, len(frame)):
        with pytest.raises(QueryFailed) as refused:
            decode(frame + frame[:cut], encoding)
        assert refused.value.code == 271


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_a_damaged_body_is_an_error(encoding: str) -> None:
    with pytest.raises(QueryFailed, match=f"Damaged {encoding} body"):
        decode(b"this is not compressed at all", encoding)


def test_an_unknown_encoding_names_those_that_are_known() -> None:
    with pytest.raises(QueryFailed, match="use one of lz4, zstd, gzip, deflate") as refused:
        decode(b"x", "br")

    assert refused.value.status == 501


def test_a_body_without_encoding_is_taken_as_it_is() -> None:
    assert decode(b"plain", "") == b"plain"
    assert decode(b"plain", "identity") == b"plain"


@given(st.lists(st.binary(max_size=2000), max_size=10), st.sampled_from(ENCODINGS))
def test_what_is_encoded_piece_by_piece_decodes_to_the_whole(pieces: list[bytes], encoding: str) -> None:
    response = encoder(encoding)

    body = b"".join(response.compress(piece) for piece in pieces) + response.flush()

    assert decode(body, encoding) == b"".join(pieces)


@pytest.mark.parametrize(
    ("header", "expected"),
    [("lz4,zstd,br,gzip,deflate", "lz4"), ("gzip", "gzip"), ("br;q=1.0, GZIP;q=0.5", "gzip"), ("br", ""), ("", "")],
)
def test_the_response_uses_an_encoding_both_sides_know(header: str, expected: str) -> None:
    assert choose(header) == expected
