"""Whether the bytes of a sound file are all there, and what kind of file it is that no decoder here knows.

The decoder takes a WAV, AIFF, AU or OGG file that was cut off for a shorter one: their headers say how long they are.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

UNKNOWN = 0x7FFF_0000  # from here on a length is what programs write that do not know it yet
PAGE = b"OggS"
KINDS = (  # where the signature stands, the signature, and what it is of
    (4, b"ftyp", "an MP4 file (m4a, aac)"),
    (0, b"\x1a\x45\xdf\xa3", "a WebM or Matroska file"),
    (0, b"#!AMR", "an AMR file"),
    (0, b"\x30\x26\xb2\x75", "a WMA file"),
    (0, b"\xff\xf1", "an AAC stream"),
    (0, b"\xff\xf9", "an AAC stream"),
)


def missing_bytes(data: bytes) -> int:
    """Return how many bytes a WAV, AIFF, AU or OGG file lacks by its own headers; 0 for any other."""
    if data[:4] in (b"RIFF", b"RIFX") and data[8:12] == b"WAVE":
        order = "<" if data[:4] == b"RIFF" else ">"
        end = next((start + size for name, start, size in _chunks(data, order) if name == b"data"), 0)
    elif data[:4] == b"FORM" and data[8:12] in (b"AIFF", b"AIFC"):
        end = next((start + size for name, start, size in _chunks(data, ">") if name == b"SSND"), 0)
    elif data[:4] == b".snd" and len(data) >= 12:
        start, size = struct.unpack(">II", data[4:12])
        end = start + size if size < UNKNOWN else 0
    elif data[:4] == PAGE:
        end = _end_of_page(data, data.rfind(PAGE))
    else:
        return 0
    return max(0, end - len(data))


def other_kind(data: bytes) -> str:
    """Return what the bytes are where they are a sound in a container that is not decoded here; empty otherwise."""
    return next((what for place, mark, what in KINDS if data[place : place + len(mark)] == mark), "")


def _end_of_page(data: bytes, start: int) -> int:
    """Return where a page of OGG ends: its header counts segments, then says how long each is."""
    segments = data[start + 27 : start + 27 + data[start + 26]] if len(data) > start + 26 else b""
    return start + 27 + len(segments) + sum(segments)


def _chunks(data: bytes, order: str) -> Iterator[tuple[bytes, int, int]]:
    """Yield name, start and length of each chunk; a length that is not known is 0."""
    place = 12
    while place + 8 <= len(data):
        name, size = struct.unpack(f"{order}4sI", data[place : place + 8])
        yield name, place + 8, size if size < UNKNOWN else 0
        place += 8 + size + size % 2
