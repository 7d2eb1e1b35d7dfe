"""A sound as the bytes of a wav file of 16 bits and one channel: whole, or its head first and then its samples."""

from __future__ import annotations

import struct

import numpy as np

FULL_SCALE = 32_767
UNKNOWN = 2**32 - 1  # what stands for a length that is not known yet, or is too large to be said
HEAD_BYTES = 36  # of the head, that count as the file's
WHOLE_HEAD_BYTES = HEAD_BYTES + 8


def wav_bytes(samples: np.ndarray, rate_hz: int) -> bytes:
    """Return samples float[T] within [-1, 1] as a wav file; what lies beyond is clipped."""
    return wav_header(rate_hz, len(samples)) + pcm_bytes(samples)


def wav_header(rate_hz: int, num_samples: int | None = None) -> bytes:
    """Return what stands before so many samples; None: their number is not known yet, and they follow as they come."""
    size = UNKNOWN if num_samples is None else 2 * num_samples
    whole, data = (min(one, UNKNOWN) for one in (HEAD_BYTES + size, size))
    form = struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, 1, rate_hz, 2 * rate_hz, 2, 16)
    return struct.pack("<4sI4s", b"RIFF", whole, b"WAVE") + form + struct.pack("<4sI", b"data", data)


def rate_of(header: bytes) -> int:
    """Return the samples per second that a head made by `wav_header` says."""
    return int(struct.unpack_from("<I", header, 24)[0])


def pcm_bytes(samples: np.ndarray) -> bytes:
    """Return samples float[T] within [-1, 1] as they stand in the file; what lies beyond is clipped."""
    return np.round(np.clip(np.asarray(samples, np.float64), -1, 1) * FULL_SCALE).astype("<i2").tobytes()
