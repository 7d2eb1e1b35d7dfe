"""The voice itself: a package that reads English aloud, sentence by sentence.

The weights stay in the package, 8 MB, beside the code that they need: a bundle keeps their sha256, and speaks only with
the same ones. Read next: target.py.
"""

from __future__ import annotations

import functools
import hashlib
import unicodedata
from collections.abc import Iterator, Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from noria.errors import UserError, needs_extra

NAME = "heart"  # the voice that the package holds; others would be downloaded
RATE_HZ = 24_000
SEED = 0  # of the breath in the voice, so that a text always sounds the same


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
    yield from (np.clip(samples, -1, 1) for samples in _speaker().stream(text, speed, SEED))


def unspoken(text: str) -> str:
    """Return the different letters of a text that an English voice cannot say: those of other scripts."""
    return "".join(dict.fromkeys(one for one in text if one.isalpha() and not _is_latin(one)))


def is_spoken(text: str) -> bool:
    """Say whether a text holds anything that the voice can say: a letter or a figure."""
    return any(_is_latin(one) or one.isdecimal() for one in text)


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
