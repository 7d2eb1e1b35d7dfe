"""Which records are the same to a model: a hash of each record's encoded inputs, whatever chunk it came in.

Knows no task. Read next: store/hashing.py, preparation/data_checks.py.
"""

from __future__ import annotations

from collections.abc import Collection

import numpy as np

from noria.store.hashing import hash_values
from noria.types import Arrays


def record_hashes(arrays: Arrays, filled: Collection[str]) -> np.ndarray:
    """Return uint64[n], equal where a model sees the same; arrays as a store names them: inputs/image/pixels.

    Only `filled` inputs count; where no input is, as in running text, the answer does.
    """
    prefixes = tuple(f"inputs/{name}/" for name in filled) or ("target/",)
    return hash_values(
        {
            name: values
            for name, values in arrays.items()
            if name.startswith(prefixes) and not name.rpartition("/")[2].startswith("_")  # what a model sees
        }
    )
