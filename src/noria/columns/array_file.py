"""An array from the bytes of an .npy file, never larger than these bytes are: its head may claim anything."""

from __future__ import annotations

import io
import math

import numpy as np
from numpy.lib import format as npy

MARK = b"\x93NUMPY"  # what such a file begins with
_HEADS = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}


def read_array(data: bytes | bytearray) -> np.ndarray:
    """Return the array; raise ValueError with a plain reason, before memory is taken for what is not there."""
    file = io.BytesIO(data)
    try:
        version = npy.read_magic(file)
        if version not in _HEADS:  # 3.0 is for names of fields that are not Latin-1, which no array of numbers has
            raise ValueError(f"it is of version {version[0]}.{version[1]}")
        shape, _, kind = _HEADS[version](file)
        claimed, there = math.prod(shape) * kind.itemsize, len(data) - file.tell()
        if claimed > there:
            raise ValueError(f"its head says {claimed} bytes, and {there} are there")
        file.seek(0)
        return np.asarray(npy.read_array(file, allow_pickle=False))
    except (ValueError, EOFError, OSError, MemoryError, OverflowError, TypeError) as error:
        raise ValueError(f"the .npy file is broken: {error}") from None
