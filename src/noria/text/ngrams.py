"""Runs of words and of characters in texts, as numbers: what a reading that knows no order counts.

Words and pairs of them, and runs of 3 and 4 characters inside of words, where a space stands for the ends of a word. A
sign of a script without spaces is a word, so that of Chinese there are runs of 1 to 4 signs. Learns no tokens: a run is
known by a hash. Source: Wang and Manning 2012, "Baselines and Bigrams". Read next: modalities/table/texts.py.
"""

from __future__ import annotations

import functools
import itertools
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from noria.text.scripts import is_unspaced
from noria.types import Ragged

RUNS = (3, 4)  # characters of a run
KEY_BITS, KIND_BITS = 40, 2  # of a hash with the kind of its run; what is left numbers the texts of a chunk
WORD, PAIR, RUN = 0, 1, 2
CHUNK = 2**20  # characters that are looked at together: about 200 MB
LEAST = 2  # texts that a run must stand in to be learnt
MOST_COUNTED = 2**22  # different runs; what was seen in one text is forgotten beyond
SPACE, LETTER, SIGN, MARK = range(4)  # kinds of characters; each SIGN and each MARK is a word, a MARK is in no run
_BASE, _MIX = np.uint64(0x9E3779B97F4A7C15), np.uint64(0xFF51AFD7ED558CCD)


@dataclass(frozen=True)
class Ngrams:
    """The runs that training texts have in common: keys uint64[k], sorted, and in how many of `texts` each stands."""

    keys: np.ndarray
    counts: np.ndarray
    texts: int

    @classmethod
    def learn(cls, texts: Sequence[str], most: int) -> Ngrams:
        """Return the runs that stand in the most texts, and in LEAST of them."""
        keys, counts = np.zeros(0, np.uint64), np.zeros(0, np.int64)
        for chunk in _chunks(texts):
            keys, counts = _counted(keys, counts, keys_of(chunk).values)
            if len(keys) > MOST_COUNTED:
                keys, counts = keys[counts > 1], counts[counts > 1]
        is_shared = counts >= LEAST
        keys, counts = keys[is_shared], counts[is_shared]
        kept = np.sort(np.argsort(-counts, kind="stable")[:most])
        return cls(keys[kept], counts[kept].astype(np.int32), len(texts))

    def encode(self, texts: Sequence[str]) -> Ragged:
        """Return the places among `keys` of each text's runs, each once, int32 in ascending order."""
        rows = [found for chunk in _chunks(texts) for found in self._encoded(chunk)]
        return Ragged.of(rows, np.int32)

    @property
    def weights(self) -> np.ndarray:
        """Return the inverse document frequency of each run, smoothed, float32[k]."""
        return np.asarray(np.log((1 + self.texts) / (1 + self.counts)) + 1, np.float32)

    @property
    def num_words(self) -> int:
        """Return how many of the runs are single words."""
        return int((self.keys & np.uint64(2**KIND_BITS - 1) == WORD).sum())

    def _encoded(self, texts: Sequence[str]) -> Iterator[np.ndarray]:
        runs = keys_of(texts)
        places = np.searchsorted(self.keys, runs.values)
        is_known = np.append(self.keys, np.uint64(0))[places] == runs.values
        ends = np.append(0, np.cumsum(is_known))[runs.offsets]
        known = places[is_known].astype(np.int32)
        return (known[start:end] for start, end in itertools.pairwise(ends))


def keys_of(texts: Sequence[str]) -> Ragged:
    """Return the hashes of each text's runs, each once, uint64 in ascending order."""
    lowered = [unicodedata.normalize("NFKC", text).lower() for text in texts]
    lengths = np.array([len(text) for text in lowered], np.int64)
    joined = "".join(lowered)
    points = np.frombuffer(joined.encode("utf-32-le", "surrogatepass"), np.uint32)
    kinds = _kinds(joined)[points]
    number = np.repeat(np.arange(len(texts), dtype=np.uint64), lengths)
    parts = [*_words(points, kinds, number), *_runs(points, kinds, number)]
    found = np.sort(np.concatenate([np.zeros(0, np.uint64), *parts]))
    found = found[~_like_the_one_before(found)]
    starts = np.searchsorted(found, np.arange(len(texts) + 1, dtype=np.uint64) << np.uint64(KEY_BITS))
    return Ragged(found & np.uint64(2**KEY_BITS - 1), starts.astype(np.int64))


def _counted(keys: np.ndarray, counts: np.ndarray, more: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the different keys in ascending order, and how often each was counted with those of more texts."""
    both = np.concatenate([keys, more])
    order = np.argsort(both, kind="stable")
    both, each = both[order], np.append(counts, np.ones(len(more), np.int64))[order]
    starts = np.flatnonzero(~_like_the_one_before(both))
    return both[starts], np.add.reduceat(each, starts) if len(starts) else counts


def _chunks(texts: Sequence[str]) -> Iterator[Sequence[str]]:
    """Cut texts into chunks of about CHUNK characters."""
    ends = np.cumsum([len(text) for text in texts])
    cuts = np.searchsorted(ends, np.arange(CHUNK, ends[-1] if len(ends) else 0, CHUNK), "right")
    for start, end in zip([0, *cuts], [*cuts, len(texts)], strict=True):
        if end > start:
            yield texts[start:end]


def _kinds(joined: str) -> np.ndarray:
    """Return the kind of each character by its code point, for those that occur."""
    signs = set(joined)
    kinds = np.zeros(max(map(ord, signs), default=0) + 1, np.uint8)
    for sign in signs:
        kinds[ord(sign)] = _kind(sign)
    return kinds


@functools.cache
def _kind(sign: str) -> int:
    if sign.isspace():
        return SPACE
    if sign.isalnum() or sign == "_" or unicodedata.category(sign)[0] == "M":
        return SIGN if is_unspaced(sign) else LETTER
    return MARK


def _words(points: np.ndarray, kinds: np.ndarray, number: np.ndarray) -> list[np.ndarray]:
    """Return keys of words and of pairs of them, with the number of their text above."""
    is_start = (kinds != SPACE) & ~((kinds == LETTER) & _like_the_one_before(kinds) & _like_the_one_before(number))
    starts = np.flatnonzero(is_start)
    if not len(starts):
        return []
    within = np.arange(len(points)) - np.maximum.accumulate(np.where(is_start, np.arange(len(points)), 0))
    signs = np.where(kinds == SPACE, 0, (points + np.uint64(1)) * _powers(int(within.max()) + 1)[within])
    words, texts = _mixed(np.add.reduceat(signs.astype(np.uint64), starts)), number[starts]
    is_pair = texts[1:] == texts[:-1]
    pairs = _mixed(words[:-1] * _BASE + words[1:])[is_pair]
    return [_key(words, WORD, texts), _key(pairs, PAIR, texts[1:][is_pair])]


def _runs(points: np.ndarray, kinds: np.ndarray, number: np.ndarray) -> list[np.ndarray]:
    """Return keys of runs of characters inside of stretches without spaces and marks, as `_words` does."""
    is_inside = (kinds == LETTER) | (kinds == SIGN)
    is_start = is_inside & ~(_like_the_one_before(is_inside) & _like_the_one_before(number))
    stretch = np.cumsum(is_start)[is_inside] - 1
    if not len(stretch):
        return []
    places = np.arange(len(stretch)) + 2 * stretch + 1  # a space before each stretch, and one after it
    spaced = np.full(len(stretch) + 2 * (int(stretch[-1]) + 1), ord(" "), np.uint64)
    spaced[places] = points[is_inside]
    lengths = np.bincount(stretch) + 2
    texts, owner = np.repeat(number[is_start], lengths), np.repeat(np.arange(len(lengths)), lengths)
    found = []
    for length in RUNS:
        count = len(spaced) - length + 1
        is_whole = owner[:count] == owner[length - 1 :]
        windows = np.full(count, length, np.uint64)
        for place, power in enumerate(_powers(length)):
            windows += spaced[place : place + count] * power
        found.append(_key(_mixed(windows)[is_whole], RUN, texts[:count][is_whole]))
    return found


def _like_the_one_before(values: np.ndarray) -> np.ndarray:
    is_like = np.zeros(len(values), bool)
    is_like[1:] = values[1:] == values[:-1]
    return is_like


def _powers(count: int) -> np.ndarray:
    return np.cumprod(np.full(count, _BASE))


def _mixed(hashes: np.ndarray) -> np.ndarray:
    """Spread hashes over all bits: the end of MurmurHash3."""
    hashes = (hashes ^ (hashes >> np.uint64(33))) * _MIX
    return np.asarray(hashes ^ (hashes >> np.uint64(33)))


def _key(hashes: np.ndarray, kind: int, texts: np.ndarray) -> np.ndarray:
    """Return the number of the text, the upper bits of the hash and the kind of its run in one number."""
    short = hashes >> np.uint64(64 - KEY_BITS + KIND_BITS)
    return np.asarray(texts << np.uint64(KEY_BITS) | short << np.uint64(KIND_BITS) | np.uint64(kind))
