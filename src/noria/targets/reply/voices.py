"""An answer spoken sentence by sentence, so that the first one is heard while the next one is made."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from noria.contract import only_input
from noria.sound.reading import Sound, read_sound
from noria.sound.resampling import resampled

_END = re.compile(r"(?<=[.!?])\s+|(?<=[。！？])|\n+")


def sentences(pieces: Iterable[str]) -> Iterator[str]:
    """Yield whole sentences of a text that comes in pieces, each as soon as it has ended."""
    text = ""
    for piece in pieces:
        *whole, text = _END.split(text + piece)
        yield from (one.strip() for one in whole if one.strip())
    if text.strip():
        yield text.strip()


def spoken(voice: Any, texts: Iterable[str]) -> Iterator[Sound]:
    """Yield the sound of each text, all at the rate of the first."""
    name = only_input(voice.task, "speak")
    rate_hz = 0
    for text in texts:
        media = voice.predict([{name: text}])[0].media
        if media is not None:
            sound = read_sound(media.data)
            rate_hz = rate_hz or sound.rate_hz
            yield resampled(sound, rate_hz)


def joined(sounds: Iterable[Sound]) -> Sound | None:
    """Return sounds of one rate as one; None where there is none."""
    every = list(sounds)
    return Sound(np.concatenate([one.samples for one in every]), every[0].rate_hz) if every else None
