"""Whether the bytes of a sound file are all there, and what kind of file it is that no decoder here knows.

The decoder takes most files that were cut off for shorter ones, but their headers say how long they are. Read next:
ogg_pages.py.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator

from noria.sound.ogg_pages import PAGE, flaw_of_pages

UNKNOWN = 0x7FFF_0000  # from here on a length of 32 bits is what programs write that do not know it yet
UNKNOWN_LONG = 2**62  # and one of 64 bits
# Kinds whose end is known: by what stands below, or since the decoder itself finds that a FLAC or an MP3 breaks off.
WITH_END = {"WAV", "WAVEX", "RF64", "W64", "CAF", "AIFF", "AU", "SVX", "NIST", "OGG", "FLAC", "MP3"}
KINDS = (  # where the signature stands, the signature, and what it is of
    (4, b"ftyp", "an MP4 file (m4a, aac)"),
    (0, b"\x1a\x45\xdf\xa3", "a WebM or Matroska file"),
    (0, b"#!AMR", "an AMR file"),
    (0, b"\x30\x26\xb2\x75", "a WMA file"),
    (0, b"\xff\xf1", "an AAC stream"),
    (0, b"\xff\xf9", "an AAC stream"),
)
READ_KINDS = (  # likewise of those that are read
    (8, b"WAVE", "a WAV file"),
    (0, b"fLaC", "a FLAC file"),
    (0, PAGE, "an Ogg file"),
    (0, b"caff", "a CAF file"),
    (0, b"riff\x2e\x91", "a W64 file"),
    (8, b"AIF", "an AIFF file"),
    (0, b".snd", "an AU file"),
    (0, b"ID3", "an MP3 file"),
)


def flaw_of_file(data: bytes) -> str:
    """Return in words that a file breaks off or is damaged, by its own headers; empty where they say nothing."""
    if data[:4] == PAGE:
        return flaw_of_pages(data)
    missing = max(0, _end_of_sound(data) - len(data))
    return f"the file breaks off: {missing:,} bytes are missing at its end" if missing else ""


def other_kind(data: bytes) -> str:
    """Return what the bytes are where they are a sound in a container that is not decoded here; empty otherwise."""
    return _kind(data, KINDS)


def read_kind(data: bytes) -> str:
    """Return what the bytes begin as where files of this kind are read; empty otherwise."""
    return _kind(data, READ_KINDS)


def _kind(data: bytes, kinds: tuple[tuple[int, bytes, str], ...]) -> str:
    return next((what for place, mark, what in kinds if data[place : place + len(mark)] == mark), "")


def _end_of_sound(data: bytes) -> int:
    """Return where the samples end by the headers; 0 where these do not say it."""
    mark, form = data[:4], data[8:12]
    if mark in (b"RIFF", b"RIFX") and form == b"WAVE":
        return _end_of(b"data", _chunks(data, "<" if mark == b"RIFF" else ">"))
    if mark == b"RF64" and form == b"WAVE" and len(data) >= 36:
        (size,) = struct.unpack("<Q", data[28:36])  # in the first chunk, since that of the samples is too short for it
        start = next((start for name, start, _ in _chunks(data, "<") if name == b"data"), 0)
        return start + size if start and size < UNKNOWN_LONG else 0
    if mark == b"FORM":
        return _end_of(b"BODY" if form in (b"8SVX", b"16SV") else b"SSND", _chunks(data, ">"))
    if mark == b".snd" and len(data) >= 12:
        start, size = struct.unpack(">II", data[4:12])
        return int(start + size) if size < UNKNOWN else 0
    if data[:16].startswith(b"riff\x2e\x91"):
        return _end_of(b"data", _chunks_of_w64(data))
    if mark == b"caff":
        return max((start + size for _, start, size in _chunks_of_caf(data)), default=0)
    return _end_of_nist(data) if data.startswith(b"NIST_1A") else 0


def _end_of(wanted: bytes, chunks: Iterator[tuple[bytes, int, int]]) -> int:
    return next((start + size for name, start, size in chunks if name == wanted), 0)


def _chunks(data: bytes, order: str) -> Iterator[tuple[bytes, int, int]]:
    """Yield name, start and length of each chunk; a length that is not known is 0."""
    place = 12
    while place + 8 <= len(data):
        name, size = struct.unpack(f"{order}4sI", data[place : place + 8])
        yield name, place + 8, size if size < UNKNOWN else 0
        place += 8 + size + size % 2


def _chunks_of_w64(data: bytes) -> Iterator[tuple[bytes, int, int]]:
    """Yield the same of a W64 file: names are of 16 bytes, lengths hold the head, and each begins at an eighth byte."""
    place = 40
    while place + 24 <= len(data):
        name, size = struct.unpack("<4s12xQ", data[place : place + 24])
        yield name, place + 24, size - 24 if 24 <= size < UNKNOWN_LONG else 0
        place += max(24, size + -size % 8)


def _chunks_of_caf(data: bytes) -> Iterator[tuple[bytes, int, int]]:
    place = 8
    while place + 12 <= len(data):
        name, size = struct.unpack(">4sq", data[place : place + 12])
        if size < 0:  # not known: it goes to the end of the file
            return
        yield name, place + 12, size
        place += 12 + size


def _end_of_nist(data: bytes) -> int:
    """Return where the samples of a NIST SPHERE file end: its head is lines of text."""
    head = data[:1024]
    found = {name: int(value) for name, value in re.findall(rb"(\w+) -i (\d+)", head)}
    size = found.get(b"sample_count", 0) * found.get(b"sample_n_bytes", 0) * found.get(b"channel_count", 1)
    first = re.match(rb"NIST_1A\n\s*(\d+)", head)
    return int(first[1]) + size if first and size and b"shorten" not in head else 0
