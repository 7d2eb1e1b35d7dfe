"""A sound as the bytes of a wav file."""

from __future__ import annotations

import io
import wave

import numpy as np


def wav_bytes(samples: np.ndarray, rate_hz: int) -> bytes:
    """Return samples float[T] within [-1, 1] as a wav file of 16 bits; what lies beyond is clipped."""
    whole = np.round(np.clip(np.asarray(samples, np.float64), -1, 1) * 32_767).astype("<i2")
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate_hz)
        file.writeframes(whole.tobytes())
    return buffer.getvalue()


def wav_header(rate_hz: int) -> bytes:
    """Return the head of a wav file of 16 bits whose end is not known yet: samples follow as they come."""
    head = wav_bytes(np.zeros(0), rate_hz)
    unknown = (0xFFFFFFFF).to_bytes(4, "little")
    return head[:4] + unknown + head[8:-4] + unknown
