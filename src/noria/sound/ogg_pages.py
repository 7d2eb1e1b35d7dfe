"""The pages of an Ogg file: whether all are there and hold what was written, by their checksums.

A decoder passes over a page that is damaged or missing, and the sound is then shorter or silent there. A page (RFC
3533) is 27 bytes of head, one byte for each of its segments that says how long this is, and the segments.
"""

from __future__ import annotations

import struct
import zlib

PAGE = b"OggS"
HEAD = 27  # bytes; of them 5 is the kind of page, 14 to 17 the stream, 18 to 21 the number, 22 to 25 the checksum
IS_FIRST, IS_LAST = 2, 4  # bits of the kind
ALL = 0xFFFF_FFFF
_REVERSED = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))


def flaw_of_pages(data: bytes) -> str:
    """Return what is wrong with the pages of an Ogg file, in words; empty where all are whole."""
    place, number, is_ended = 0, 0, False
    next_of: dict[int, int] = {}  # stream -> the number that its next page has
    while place < len(data):
        number += 1
        end = end_of_page(data, place)
        if not PAGE.startswith(data[place : place + len(PAGE)]):
            return "" if is_ended and data.find(PAGE, place) < 0 else _damaged(number, "does not begin where it should")
        if end > len(data):
            return f"the file breaks off: {end - len(data):,} bytes are missing at its end"
        kind, stream, sequence, checksum = struct.unpack("<5xB8xIII", data[place : place + 26])
        if checksum_of(data[place : place + 22] + bytes(4) + data[place + 26 : end]) != checksum:
            return _damaged(number, "does not match its checksum")
        if not kind & IS_FIRST and sequence != next_of.get(stream, sequence):
            return _damaged(number, "does not follow the one before: pages are missing")
        next_of[stream], is_ended, place = sequence + 1, bool(kind & IS_LAST), end
    return ""


def end_of_page(data: bytes, start: int) -> int:
    """Return where a page ends by its own head, which may be beyond the end of the file."""
    count = data[start + 26] if len(data) > start + 26 else 0
    segments = data[start + HEAD : start + HEAD + count]
    return start + HEAD + count + sum(segments)


def checksum_of(page: bytes) -> int:
    """Return the CRC-32 of Ogg: that of zlib with the bits of each byte and of the sum in reverse, and no inversion."""
    reversed_sum = zlib.crc32(page.translate(_REVERSED), ALL) ^ ALL
    return int(f"{reversed_sum:032b}"[::-1], 2)


def _damaged(number: int, what: str) -> str:
    return f"the file is damaged: page {number} of its Ogg stream {what}"
