"""A wav file in pieces: its header, whose length is known before its samples are, and then these."""

from __future__ import annotations

import struct

import numpy as np

FULL_SCALE = 32_767
MOST_BYTES = 2**32 - 1


def wav_header(num_samples: int, rate_hz: int) -> bytes:
    """Return what stands before so many samples of 16 bits, one channel."""
    size = min(2 * num_samples, MOST_BYTES - 36)
    return struct.pack(
        "<4sI4s4sIHHIIHH4sI", b"RIFF", 36 + size, b"WAVE", b"fmt ", 16, 1, 1, rate_hz, 2 * rate_hz, 2, 16, b"data", size
    )


def pcm_bytes(samples: np.ndarray) -> bytes:
    """Return samples float[T] within [-1, 1] as they stand in the file; what lies beyond is clipped."""
    return np.round(np.clip(np.asarray(samples, np.float64), -1, 1) * FULL_SCALE).astype("<i2").tobytes()
