"""Packed bodies are read as what they hold, within the same limits."""

from __future__ import annotations

import gzip
import tracemalloc
import zlib

import pytest

from noria.service.door.packed import MOST_MEMBERS, unpacked
from noria.service.request.http_error import HTTPError
from noria.service.request.limits import Limits
from service.door.raw import Answer, raw

BODY = b'{"image": "AAAA"}'


def post(app, packing: bytes, body: bytes) -> Answer:
    return raw(app, "POST", "/predict", [(b"content-encoding", packing)], body)


@pytest.mark.parametrize(
    ("packing", "packed"),
    [
        (b"gzip", gzip.compress(BODY, mtime=0)),
        (b"GZIP", gzip.compress(BODY, mtime=0)),
        (b"gzip", gzip.compress(BODY[:5], mtime=0) + gzip.compress(BODY[5:], mtime=0)),
        (b"deflate", zlib.compress(BODY)),
        (b"identity", BODY),
        (b"", BODY),
    ],
)
def test_a_packed_body_is_what_it_holds(small, packing, packed) -> None:
    app = small()
    assert post(app, packing, packed).body == BODY
    assert app.state.held.num_bytes == 0


@pytest.mark.parametrize(
    ("packing", "packed", "status", "code"),
    [
        (b"br", BODY, 415, "unsupported_type"),
        (b"gzip, gzip", BODY, 415, "unsupported_type"),
        (b"gzip", BODY, 400, "not_packed"),
        (b"gzip", gzip.compress(BODY, mtime=0)[:-5], 400, "not_packed"),
        (b"gzip", gzip.compress(BODY, mtime=0) + b"more", 400, "not_packed"),
        (b"deflate", gzip.compress(BODY, mtime=0), 400, "not_packed"),
        (b"gzip", gzip.compress(bytes(100_000), mtime=0), 413, "too_large"),
        (b"gzip", gzip.compress(bytes(900), mtime=0) * 3, 413, "too_large"),
        (b"deflate", zlib.compress(bytes(100_000)), 413, "too_large"),
    ],
)
def test_a_body_that_is_not_packed_right_is_refused(small, packing, packed, status, code) -> None:
    app = small(limits=Limits(body_bytes=1000))
    answer = post(app, packing, packed)
    assert (answer.status, answer.error["code"]) == (status, code)
    assert app.state.held.num_bytes == 0


def test_a_bomb_is_not_unpacked_further_than_a_body_may_be() -> None:
    bomb = bytearray(gzip.compress(bytes(20_000_000)))
    tracemalloc.start()
    try:
        with pytest.raises(HTTPError):
            unpacked(bomb, "gzip", Limits(body_bytes=1000))
        assert tracemalloc.get_traced_memory()[1] < 1_000_000
    finally:
        tracemalloc.stop()


def test_a_body_is_packed_in_some_pieces_and_not_in_thousands() -> None:
    """Each piece costs a copy of all that follow."""
    empty = gzip.compress(b"", mtime=0)
    assert unpacked(bytearray(empty * (MOST_MEMBERS - 1) + gzip.compress(BODY)), "gzip", Limits()) == BODY
    with pytest.raises(HTTPError, match=f"more than {MOST_MEMBERS} pieces"):
        unpacked(bytearray(empty * (MOST_MEMBERS + 1)), "gzip", Limits())
