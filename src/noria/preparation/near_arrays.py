"""Which rows, texts and pictures are nearly the same: cheap measures that chance alone does not meet.

Read next: near_duplicates.py.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from noria.store.hashing import mixed
from noria.types import Ragged

# Rows
CHANCE_BITS = 20  # what two rows have in common is a million times less likely than that any two would by chance
ROUNDED = 0.02  # of a column's standard deviation
MOST_COLUMNS = 64  # of which each in turn may differ
# Texts (Broder 1997): so many smallest hashes of runs of three tokens stand for a text
HASHES, BAND, RUN = 32, 4, 3
LEAST_RUNS, MOST_TOKENS = 8, 256
LEAST_COMMON = 0.6  # of the runs of two texts
# Pictures, as 16 x 16 places without mean and contrast. Of the test pictures of MNIST, CIFAR-10, BCCD and chest X-rays
# less than one in a thousand is so much nearer to its neighbour than to the fiftieth; of CamVid's frames one in five.
SIDE, COARSE = 16, 64
NEIGHBOUR, RATIO, LEAST_COSINE = 50, 0.3, 0.9
LEAST_CONTRAST = 2.0  # of 255: flat pictures are all alike
BLOCK = 256  # pictures compared at once


def near_rows(asked: np.ndarray, known: np.ndarray, is_code: np.ndarray) -> Iterator[tuple[int, int]]:
    """Yield pairs of rows, float64[n, columns], that are equal but for rounding, or but for one cell.

    is_code bool[columns]: where a number is the code of a category, which is not rounded.
    """
    columns = asked.shape[1]
    need = np.log2(float(len(asked)) * len(known) * columns) + CHANCE_BITS
    cell = np.where(is_code, 1.0, ROUNDED * _spread(known))
    for offset in (0.0, 0.5):
        codes = [np.nan_to_num(np.floor(one / cell + offset), nan=-1e9) for one in (asked, known)]
        ours, theirs, rare = (one.sum(1) for one in _hashed(*codes))
        yield from _equal_rows(ours, theirs, rare, need)
    if columns > MOST_COLUMNS:
        return
    asked_cells, known_cells, bits = _hashed(*(np.nan_to_num(one, nan=-1e9) for one in (asked, known)))
    sums, others, rare = (one.sum(1) for one in (asked_cells, known_cells, bits))
    for column in range(columns):
        cells = sums - asked_cells[:, column], others - known_cells[:, column]
        yield from _equal_rows(*cells, rare - bits[:, column], need)


def _spread(values: np.ndarray) -> np.ndarray:
    """Return the standard deviation of each column's cells that are there; 1 where they do not differ."""
    is_there = np.isfinite(values)
    counts = np.maximum(is_there.sum(0), 1)
    means = np.where(is_there, values, 0).sum(0) / counts
    spread = np.sqrt((np.where(is_there, values - means, 0) ** 2).sum(0) / counts)
    return np.where(spread > 0, spread, 1.0)


def _hashed(asked: np.ndarray, known: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the hashes of the cells of both, uint64, and how rare those asked are among those known, in bits."""
    bits = np.zeros(asked.shape)
    for column in range(asked.shape[1]):
        values, counts = np.unique(known[:, column], return_counts=True)
        places = np.minimum(np.searchsorted(values, asked[:, column]), len(values) - 1)
        bits[:, column] = np.log2(len(known) / counts[places])  # of one that is not there: it meets nothing
    salt = mixed(np.arange(asked.shape[1], dtype=np.uint64) + np.uint64(1))
    return mixed(_words(asked) ^ salt), mixed(_words(known) ^ salt), bits


def _words(values: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(values + 0.0, np.float64).view(np.uint64)  # + 0.0: minus nothing is nothing


def _equal_rows(asked: np.ndarray, known: np.ndarray, bits: np.ndarray, need: float) -> Iterator[tuple[int, int]]:
    """Yield the rows of equal sums of hashes, uint64[n], whose cells are together rare enough."""
    rare = np.flatnonzero(bits >= need)
    met = rare[np.isin(asked[rare], known)]
    if not len(met):
        return
    order = np.argsort(known)
    places = order[np.searchsorted(known[order], asked[met])]
    yield from zip(met.tolist(), places.tolist(), strict=True)


def near_texts(asked: Ragged, known: Ragged) -> Iterator[tuple[int, int]]:
    """Yield pairs of texts, rows of token ids, that have most runs of three tokens in common, and these are rare.

    So texts in which every run is usual, as those of a template, are not like one another.
    """
    ours, theirs = _runs(asked), _runs(known)
    is_ours, there = ours.lengths > 0, np.flatnonzero(theirs.lengths)
    if not is_ours.any() or not len(there):
        return
    bits = _Bits(theirs)
    need = np.log2(float(len(asked)) * len(known)) + CHANCE_BITS
    own, others = _signatures(ours), _signatures(theirs)
    for start in range(0, HASHES, BAND):
        bands = [mixed(one[:, start : start + BAND]).sum(1, dtype=np.uint64) for one in (own, others[there])]
        order = np.argsort(bands[1])
        places = np.minimum(np.searchsorted(bands[1][order], bands[0]), len(order) - 1)
        for index in np.flatnonzero(is_ours & (bands[1][order[places]] == bands[0])):
            other = there[order[places[index]]]
            is_like = (own[index] == others[other]).mean() >= LEAST_COMMON
            if is_like and bits.of(np.intersect1d(ours[index], theirs[other])) >= need:
                yield int(index), int(other)


class _Bits:
    """How rare runs are among texts: a run that one in so many texts has is worth so many bits."""

    def __init__(self, texts: Ragged) -> None:
        of_text = np.repeat(np.arange(len(texts), dtype=np.uint64), texts.lengths)
        _, once = np.unique(mixed(texts.values ^ mixed(of_text)), return_index=True)  # a run counts once a text
        self._known, counts = np.unique(texts.values[once], return_counts=True)
        self._bits = np.log2(len(texts) / counts) / RUN  # each token stands in so many

    def of(self, runs: np.ndarray) -> float:
        """Return the bits of different runs, all of which some text has."""
        return float(self._bits[np.searchsorted(self._known, runs)].sum())


def _runs(texts: Ragged) -> Ragged:
    """Return hashes of each text's runs of three tokens, uint64; none of a text that is too short."""
    texts = texts.cut(MOST_TOKENS)
    counts = np.where(texts.lengths >= LEAST_RUNS + RUN - 1, texts.lengths - RUN + 1, 0)
    tokens = np.asarray(texts.values, np.int64).astype(np.uint64)
    starts = np.repeat(texts.offsets[:-1], counts) + _places(counts)
    found = tokens[starts]
    for place in range(1, RUN):
        found = mixed(found) + tokens[starts + place]
    return Ragged(found, np.concatenate([[0], counts.cumsum()]))


def _places(counts: np.ndarray) -> np.ndarray:
    """Return 0, 1, ... for each of so many rows, one after another."""
    return np.asarray(np.arange(counts.sum()) - np.repeat(counts.cumsum() - counts, counts))


def _signatures(runs: Ragged) -> np.ndarray:
    """Return the smallest hashes of the runs of each row, uint64[n, HASHES]; of one without runs nothing."""
    is_there = runs.lengths > 0
    found = np.zeros((len(runs), HASHES), np.uint64)
    for index in range(HASHES if is_there.any() else 0):
        luck = mixed(runs.values + np.uint64(index * 0x9E3779B9 + 1))
        found[is_there, index] = np.minimum.reduceat(luck, runs.offsets[:-1][is_there])
    return found


def near_pictures(asked: np.ndarray, known: np.ndarray) -> Iterator[tuple[int, int]]:
    """Yield pairs of pictures uint8[n, H, W(, C)] much nearer to one another than to most that are near to them."""
    ours, theirs = _small(asked), _small(known)
    for start in range(0, len(ours), BLOCK):
        cosines = ours[start : start + BLOCK] @ theirs.T
        best = cosines.max(1)
        usual = 1 - (1 - best) / RATIO**2  # the square of a distance is two less two cosines
        is_near = (best >= LEAST_COSINE) & ((cosines > usual[:, None]).sum(1) <= NEIGHBOUR)
        for index in np.flatnonzero(is_near):
            yield start + int(index), int(cosines[index].argmax())


def _small(pictures: np.ndarray) -> np.ndarray:
    """Return float32[n, places] of mean 0 and length 1; flat pictures are nothing."""
    down, right = (max(1, side // COARSE) for side in pictures.shape[1:3])
    found = []
    for start in range(0, len(pictures), BLOCK):
        block: np.ndarray = np.asarray(pictures[start : start + BLOCK, ::down, ::right], np.float32)
        block = block.mean(3) if block.ndim == 4 else block
        for axis in (1, 2):
            side = block.shape[axis]
            edges = np.arange(min(SIDE, side)) * side // min(SIDE, side)
            block = np.add.reduceat(block, edges, axis) / np.diff([*edges, side]).reshape([-1, 1][: 3 - axis])
        rows = block.reshape(len(block), -1)
        rows = rows - rows.mean(1, keepdims=True)
        length = np.linalg.norm(rows, axis=1, keepdims=True)
        is_flat = length < LEAST_CONTRAST * np.sqrt(rows.shape[1])
        found.append(np.where(is_flat, 0, rows / np.maximum(length, 1e-6)))
    return np.concatenate(found)
