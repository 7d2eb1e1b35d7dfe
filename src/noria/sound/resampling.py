"""The same sound at another rate, by soxr."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from noria.errors import needs_extra
from noria.sound.sound import Sound


def resampled(sound: Sound, rate_hz: int) -> Sound:
    """Return the sound at another rate; as it is where it has that rate. At least one sample is left."""
    if sound.rate_hz == rate_hz:
        return sound
    try:
        import soxr
    except ImportError as error:
        raise needs_extra("soxr", "audio", "changing the rate of sounds") from error
    samples = np.asarray(soxr.resample(sound.samples, sound.rate_hz, rate_hz), np.float32)
    if not len(samples):
        samples = sound.samples[:1]
    return replace(sound, samples=np.clip(samples, -1, 1), rate_hz=rate_hz)  # its ripple can leave the scale
