"""Subtitles of a transcript whose words have times: SubRip (.srt) and WebVTT (.vtt)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

MOST_CHARACTERS = 42  # of a line, as broadcasters have it; twice as wide signs count twice
MOST_S = 6.0  # that one line stays
MOST_WORD_S = 5.0  # that one word stays: no word is longer, but the network may take a noise into it
PAUSE_S = 0.7  # of silence that ends a line


def lines_of(text: str, words: Sequence[Mapping[str, Any]]) -> list[tuple[float, float, str]]:
    """Return first second, last second and text of each line. words: `text`, `start_s`, `end_s` each, in order."""
    lines: list[tuple[float, float, str]] = []
    place = 0  # in the text, whose spaces are kept
    for word in words:
        start = text.index(word["text"], place)
        gap, place = text[place:start], start + len(word["text"])
        word_end = min(word["end_s"], word["start_s"] + MOST_WORD_S)
        if lines:
            first, end, said = lines[-1]
            longer = f"{said}{gap}{word['text']}"
            is_near = word["start_s"] - end < PAUSE_S and word_end - first <= MOST_S
            if is_near and _width(longer) <= MOST_CHARACTERS:
                lines[-1] = (first, word_end, longer)
                continue
        lines.append((word["start_s"], word_end, word["text"]))
    return lines


def srt(lines: Sequence[tuple[float, float, str]]) -> str:
    """Return lines as a .srt file."""
    parts = [
        f"{number}\n{_clock(first, ',')} --> {_clock(end, ',')}\n{text}\n"
        for number, (first, end, text) in enumerate(lines, 1)
    ]
    return "\n".join(parts)


def vtt(lines: Sequence[tuple[float, float, str]]) -> str:
    """Return lines as a .vtt file."""
    escaped = [(first, end, text.replace("&", "&amp;").replace("<", "&lt;")) for first, end, text in lines]
    parts = [f"{_clock(first, '.')} --> {_clock(end, '.')}\n{text}\n" for first, end, text in escaped]
    return "\n".join(["WEBVTT\n", *parts])


def _clock(seconds: float, mark: str) -> str:
    thousandths = round(seconds * 1000)
    minutes, rest = divmod(thousandths, 60_000)
    return f"{minutes // 60:02}:{minutes % 60:02}:{rest // 1000:02}{mark}{rest % 1000:03}"


def _width(text: str) -> int:
    return sum(1 + (ord(one) >= 0x2E80) for one in text)
