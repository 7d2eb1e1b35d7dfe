"""A sound as the bytes of a wav file."""

from __future__ import annotations

import io
import struct
import wave

import numpy as np

UNKNOWN_BYTES = 0xFFFF_FFFF  # the length of a file whose end is not there yet


def pcm(samples: np.ndarray) -> bytes:
    """Return samples float[T] within [-1, 1] as 16 bits each; what lies beyond is clipped."""
    return np.round(np.clip(np.asarray(samples, np.float64), -1, 1) * 32_767).astype("<i2").tobytes()


def streamed_header(rate_hz: int) -> bytes:
    """Return how a wav file of 16 bits begins that is sent while it is made: players play on until it ends."""
    kind = struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, 1, rate_hz, 2 * rate_hz, 2, 16)
    return struct.pack("<4sI4s", b"RIFF", UNKNOWN_BYTES, b"WAVE") + kind + struct.pack("<4sI", b"data", UNKNOWN_BYTES)


def wav_bytes(samples: np.ndarray, rate_hz: int) -> bytes:
    """Return samples float[T] within [-1, 1] as a wav file of 16 bits; what lies beyond is clipped."""
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate_hz)
        file.writeframes(pcm(samples))
    return buffer.getvalue()
