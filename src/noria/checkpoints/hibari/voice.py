"""The voice itself: a package that reads English aloud, sentence by sentence.

The weights stay in the package, 8 MB, beside the code that they need: a bundle keeps their sha256, and speaks only with
the same ones. Read next: target.py.
"""

from __future__ import annotations

import functools
import hashlib
import re
import unicodedata
from collections.abc import Iterator, Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from noria.errors import UserError, needs_extra
from noria.text.read_out import MOST_DIGITS, en_digits

NAME = "heart"  # the voice that the package holds; others would be downloaded
RATE_HZ = 24_000
SEED = 0  # of the breath in the voice, so that a text always sounds the same
MOST_CHARACTERS = 200  # said at once: time and memory grow faster than the text, 3,000 took 19 s and 1.4 GB
MOST_PHONEMES = 400  # what the package itself says at once where it finds a comma
_PAUSE = re.compile(r"[,;:—]\s+")
_DIGITS = re.compile(r"\d[\d,]*\d")


@functools.cache
def described() -> dict[str, Any]:
    """Return which voice is installed: its name, version and sha256."""
    path = Path(_package().voices.voice_path(NAME, download_missing=False))
    return {"voice": NAME, "version": version("hibari-tts"), "sha256": hashlib.sha256(path.read_bytes()).hexdigest()}


def check(state: Mapping[str, Any]) -> None:
    """Raise UserError where another voice is installed than the one that a bundle was made with."""
    if described()["sha256"] != state["sha256"]:
        raise UserError(
            "another voice is installed than this model was made with",
            expected=f"hibari-tts {state['version']}, sha256 {state['sha256'][:16]}",
            found=f"hibari-tts {described()['version']}, sha256 {described()['sha256'][:16]}",
            fix=f"pip install hibari-tts=={state['version']}",
        )


def sentences(text: str, speed: float) -> Iterator[np.ndarray]:
    """Yield samples float32[T] of each sentence within [-1, 1], RATE_HZ a second, as soon as it is spoken."""
    speaker, breath = _speaker(), np.random.default_rng(SEED)
    for sounds in phonemes(text):
        yield np.clip(speaker.from_ids(speaker.ids(sounds), speed, breath), -1, 1)


def phonemes(text: str) -> list[str]:
    """Return how a text is pronounced, sentence by sentence; raise UserError where the package cannot say."""
    speaker = _speaker()
    try:
        sentences = speaker.split_sentences(_with_read_digits(text))
        found = [one for sentence in sentences for part in pieces(sentence) for one in speaker.phonemize(part)]
    except Exception as error:  # noqa: BLE001  # of rules that others wrote, and that know not every text
        reason = f"{type(error).__name__}: {error}"
        fix = "write its figures and symbols as words"
        raise UserError("the English voice cannot read this text", found=reason, fix=fix) from None
    return [part for one in found for part in pieces(one, MOST_PHONEMES)]


def pieces(text: str, most: int = MOST_CHARACTERS) -> list[str]:
    """Return a text in pieces of so many characters at most, cut after a comma, else between words, else anywhere."""
    found = []
    while len(text) > most:
        head = text[: most + 1]
        ends = [one.end() for one in _PAUSE.finditer(head)]
        cut = ends[-1] if ends else head.rfind(" ") + 1 or most
        found.append(text[:cut].rstrip())
        text = text[cut:].lstrip()
    return [one for one in [*found, text] if one]


def unspoken(text: str) -> str:
    """Return the different letters and symbols of a text that the voice passes over: of other scripts, emoji, 5€."""
    places = [place for place, one in enumerate(text) if _may_be_silent(one)]
    return "".join(dict.fromkeys(text[place] for place in places if not _is_said(text, place)))


def is_spoken(text: str) -> bool:
    """Say whether a text holds anything that the voice can say: a letter or a figure."""
    return any(_is_latin(one) or one.isdecimal() for one in text)


def _with_read_digits(text: str) -> str:
    """Return a text whose long numbers are written digit by digit: the package knows no name for them."""

    def said(found: re.Match[str]) -> str:
        digits = found[0].replace(",", "")
        return en_digits(digits) if len(digits) > MOST_DIGITS else found[0]

    return _DIGITS.sub(said, text)


def _may_be_silent(one: str) -> bool:
    """Say whether a character is a letter of another script or a symbol; points and brackets are pauses."""
    return (unicodedata.category(one)[0] in "LNS" and not _is_latin(one) and not one.isdecimal()) or one in "*\\•†‡‰"


def _is_said(text: str, place: int) -> bool:
    """Say whether a symbol is heard: $ before a figure, but not alone."""
    before, after = (one if one.isdecimal() else "" for one in (text[:place][-1:], text[place + 1 :][:1]))
    return _heard(f"{before}{text[place]}{after}") != _heard(f"{before} {after}")


@functools.lru_cache(1024)
def _heard(text: str) -> str:
    """Return how a few signs are pronounced, without pauses; nothing where the package cannot read them."""
    try:
        return "".join(one for sounds in phonemes(text) for one in sounds if one.isalpha())
    except UserError:
        return ""


def _is_latin(one: str) -> bool:
    return one.isalpha() and unicodedata.name(one, "").startswith("LATIN")


@functools.cache
def _speaker() -> Any:
    return _package().Hibari(NAME)


def _package() -> Any:
    try:
        import hibari
        import hibari.voices
    except ImportError as error:
        raise needs_extra("hibari-tts", "voice", "the English voice") from error
    return hibari
