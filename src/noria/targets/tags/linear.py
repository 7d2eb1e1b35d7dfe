"""Each token's tag by logistic regression: by the tokens around it, and how its word begins, ends and is written.

What a practitioner tries before a network; each token answers alone. Read next: model/regression.py; target.py, which
turns tags into stretches.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from zlib import crc32

import numpy as np
from scipy import sparse

from noria.modalities.text.arrays import ENDS, RAW, STARTS
from noria.model.regression import Answers, fit_linear, log_shares
from noria.types import PAD, Arrays, Dataset, Ragged

PLACES = 2**17  # that features are hashed to
MOST_TOKENS = 50_000  # that are learnt from, of records drawn at random: some seconds
NEIGHBOURS = 2  # tokens that are seen on either side
AFFIX = 3  # letters of a word's beginning and end


def linear_tagger(
    train: Dataset, text: str, tags: Sequence[np.ndarray], classes: int, seed: int = 0
) -> Callable[[Dataset], Arrays]:
    """Return what gives each token's likeliest tag, `tags`, and its chance, `sure`: Ragged[n], 0 and 1 of special ones.

    tags: of each training record int[tokens], without the special ones.
    """
    order = np.random.default_rng(seed).permutation(len(train))
    count = int(np.searchsorted(np.cumsum([len(tags[i]) for i in order]), MOST_TOKENS, "right"))
    chosen = np.sort(order[: max(1, count)])
    groups = (np.arange(len(train)) if train.groups is None else np.asarray(train.groups[:]))[chosen]
    answers = Answers(np.concatenate([tags[i] for i in chosen]).astype(np.int64), classes)
    of_tokens = np.repeat(groups, [len(tags[i]) for i in chosen])
    model = fit_linear(_features(train.inputs[text], chosen), answers, False, [slice(0, PLACES)], of_tokens)

    def answered(dataset: Dataset) -> Arrays:
        starts = dataset.inputs[text][STARTS][:]
        logs = log_shares(model(_features(dataset.inputs[text], np.arange(len(dataset)))))
        is_own = starts.values != PAD
        found, sure = np.zeros(len(is_own), np.int64), np.ones(len(is_own), np.float32)
        found[is_own], sure[is_own] = logs.argmax(1), np.exp(logs.max(1))
        return {"tags": Ragged(found, starts.offsets), "sure": Ragged(sure, starts.offsets)}

    return answered


def _features(arrays: Arrays, chosen: np.ndarray) -> sparse.csr_matrix:
    """Return float32[tokens, PLACES] of all tokens of these records, special ones apart."""
    columns: list[int] = []
    ends = [0]
    for i, text in zip(chosen, arrays[RAW][chosen].texts(), strict=True):
        starts, stops = arrays[STARTS][i], arrays[ENDS][i]
        is_own = starts != PAD
        for told in _told(text, starts[is_own].tolist(), stops[is_own].tolist()):
            columns += {crc32(one.encode("utf-8", "replace")) % PLACES for one in told}
            ends.append(len(columns))
    values = np.ones(len(columns), np.float32)
    return sparse.csr_matrix((values, np.array(columns, np.int64), np.array(ends)), shape=(len(ends) - 1, PLACES))


def _told(text: str, starts: Sequence[int], stops: Sequence[int]) -> Iterator[list[str]]:
    """Yield what is told of each token, each with what it is before it."""
    words = [(found.start(), found.group()) for found in re.finditer(r"\S+", text)] or [(0, "")]
    firsts = [first for first, _ in words]
    tokens = [text[start:stop].strip() for start, stop in zip(starts, stops, strict=True)]
    around = [""] * NEIGHBOURS + tokens + [""] * NEIGHBOURS
    for place, stop in enumerate(stops):
        near = around[place : place + 2 * NEIGHBOURS + 1]
        word = words[max(0, bisect_right(firsts, stop - 1) - 1)][1]  # a token may begin with the blank before its word
        told = [f"{offset}={one}" for offset, one in enumerate(near)]
        told += [f"{offset}+={one} {other}" for offset, (one, other) in enumerate(pairwise(near))]
        told += [f"word={word}", f"lower={word.lower()}", f"begins={word[:AFFIX]}", f"ends={word[-AFFIX:]}"]
        yield told + [f"is {kind}" for kind in ("title", "upper", "numeric") if getattr(word, f"is{kind}")()]
