"""64-bit hashes of raw and encoded values, a whole column at a time: splits, samples and duplicates rest on them."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

import numpy as np

from noria.types import Ragged

BLOCK_WORDS = 2**15  # hashed at once: small enough for the processor's cache
_ODD = np.uint64(0x9E3779B97F4A7C15)  # 2^64 / golden ratio, as in splitmix64


def hash_values(values: Any, seed: int = 0) -> np.ndarray:
    """Return uint64[n], equal for equal values (nouns.Values or Ragged) whatever chunk they come in."""
    start = mixed(np.array([seed], np.uint64) + _ODD)[0]
    if isinstance(values, Mapping):
        total = np.full(len(next(iter(values.values()))), start)
        for name in sorted(values):
            total = mixed(total * _ODD + hash_values(values[name]) + _of_object(name))
        return total
    if isinstance(values, Ragged):
        return mixed(_of_ragged(values) ^ start)
    if isinstance(values, np.ndarray) and values.ndim == 1:
        values = values.tolist()  # a reader gives an array where no cell of a chunk is missing, else a list
    if isinstance(values, np.ndarray) and values.dtype != object:
        return mixed(_of_rows(values) ^ start)
    cells: list[Any] = list(values)
    if cells and isinstance(cells[0], str):  # of a table: few different ones
        different = list(set(cells))
        if len(different) < len(cells):
            place = dict(zip(different, range(len(different)), strict=True))
            places = np.fromiter(map(place.__getitem__, cells), np.int64, len(cells))
            return mixed(_of_objects(different)[places] ^ start)
    return mixed(_of_objects(cells) ^ start)


def share(hashes: np.ndarray) -> np.ndarray:
    """Return float64[n] in [0, 1): a number for each record that looks random and never changes."""
    return np.asarray((hashes >> np.uint64(11)) * 2.0**-53)


def _of_object(value: object) -> np.uint64:
    return np.uint64(_of_objects([value])[0])


def _of_objects(values: list[Any]) -> np.ndarray:
    digests = [
        hashlib.blake2b(
            value if isinstance(value, bytes) else repr(value).encode("utf-8", "surrogatepass"), digest_size=8
        ).digest()
        for value in values
    ]
    return np.frombuffer(b"".join(digests), "<u8").astype(np.uint64)


def _of_rows(values: np.ndarray) -> np.ndarray:
    """Hash each row's bytes as a sum of words times odd random constants, modulo 2^64."""
    if not values.size:
        return np.zeros(len(values), np.uint64)
    rows = np.ascontiguousarray(values).reshape(len(values), -1)
    data = rows.view(np.uint8).reshape(len(values), -1)
    if pad := -data.shape[1] % 8:
        data = np.pad(data, ((0, 0), (0, pad)))
    words = np.ascontiguousarray(data).view(np.uint64)
    constants = np.random.default_rng(20240229).integers(0, 2**63, words.shape[1], np.uint64) * 2 + 1
    total = np.zeros(len(values), np.uint64)
    rows_at_once = max(1, BLOCK_WORDS // words.shape[1])
    for start in range(0, len(words), rows_at_once):
        block = words[start : start + rows_at_once]
        total[start : start + rows_at_once] = (mixed(block * constants)).sum(1, dtype=np.uint64)
    return total


def _of_ragged(values: Ragged) -> np.ndarray:
    """Hash each row as the sum of its values' hashes, each mixed with its place, modulo 2^64."""
    starts, ends = (values.offsets[part] - values.offsets[0] for part in (slice(-1), slice(1, None)))
    places = np.arange(ends[-1] if len(ends) else 0) - np.repeat(starts, values.lengths)
    own = _of_rows(values.values[values.offsets[0] : values.offsets[-1]])
    sums = np.append(np.uint64(0), np.cumsum(mixed(own + places.astype(np.uint64) * _ODD), dtype=np.uint64))
    return mixed(sums[ends] - sums[starts] + values.lengths.astype(np.uint64))


def mixed(x: np.ndarray) -> np.ndarray:
    """Return each word with its bits mixed: the finaliser of splitmix64 (Steele, Lea, Flood 2014)."""
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return np.asarray(x ^ (x >> np.uint64(31)))
