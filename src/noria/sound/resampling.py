"""The same sound at another rate, by soxr: whole, or while it comes in."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from noria.errors import needs_extra
from noria.sound.sound import Sound


def resampled(sound: Sound, rate_hz: int) -> Sound:
    """Return the sound at another rate; as it is where it has that rate. At least one sample is left."""
    if sound.rate_hz == rate_hz:
        return sound
    samples = np.asarray(_soxr().resample(sound.samples, sound.rate_hz, rate_hz), np.float32)
    if not len(samples):
        samples = sound.samples[:1]
    return replace(sound, samples=np.clip(samples, -1, 1), rate_hz=rate_hz)  # its ripple can leave the scale


class ResampledStream:
    """A sound at another rate, piece by piece: together the pieces are the whole, some milliseconds later."""

    def __init__(self, rate_hz: int, wanted_hz: int) -> None:
        self._stream = None if rate_hz == wanted_hz else _soxr().ResampleStream(rate_hz, wanted_hz, 1, dtype="float32")

    def push(self, samples: np.ndarray) -> np.ndarray:
        """Take in samples float[T]; return those at the other rate that are known now, float32[U]."""
        return self._changed(samples, is_end=False)

    def finish(self) -> np.ndarray:
        """Say that the sound has ended; return its last samples."""
        return self._changed(np.zeros(0, np.float32), is_end=True)

    def _changed(self, samples: np.ndarray, is_end: bool) -> np.ndarray:
        given = np.asarray(samples, np.float32)
        if self._stream is None:
            return given
        return np.asarray(np.clip(self._stream.resample_chunk(given, is_end), -1, 1), np.float32)


def _soxr() -> Any:
    try:
        import soxr
    except ImportError as error:
        raise needs_extra("soxr", "audio", "changing the rate of sounds") from error
    return soxr
