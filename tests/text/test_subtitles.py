"""Subtitles break at pauses and at the end of a line, and lose no word."""

from __future__ import annotations

from noria.text.subtitles import lines_of, srt, vtt


def said(*words: tuple[str, float, float]) -> list[dict[str, object]]:
    return [{"text": text, "start_s": start, "end_s": end} for text, start, end in words]


def test_a_pause_ends_a_line() -> None:
    words = said(("hello", 0.0, 0.4), ("there", 0.5, 0.9), ("friend", 2.0, 2.5))
    assert lines_of("hello there friend", words) == [(0.0, 0.9, "hello there"), (2.0, 2.5, "friend")]


def test_long_lines_are_broken_and_keep_every_word() -> None:
    words = said(*((f"word{index}", index * 0.3, index * 0.3 + 0.2) for index in range(60)))
    text = " ".join(str(one["text"]) for one in words)
    lines = lines_of(text, words)
    assert all(len(line) <= 42 and end - start <= 6 for start, end, line in lines)
    assert " ".join(line for *_, line in lines) == text


def test_a_word_of_minutes_is_shown_for_seconds() -> None:
    words = said(("hello", 0.0, 140.0), ("there", 140.1, 140.5))
    assert lines_of("hello there", words) == [(0.0, 5.0, "hello"), (140.1, 140.5, "there")]


def test_the_files_are_as_players_read_them() -> None:
    lines = [(0.0, 1.25, "a < b"), (3725.5, 3726.0, "世界")]
    assert srt(lines) == "1\n00:00:00,000 --> 00:00:01,250\na < b\n\n2\n01:02:05,500 --> 01:02:06,000\n世界\n"
    assert vtt(lines).startswith("WEBVTT\n\n00:00:00.000 --> 00:00:01.250\na &lt; b\n")
    assert srt([]) == ""
