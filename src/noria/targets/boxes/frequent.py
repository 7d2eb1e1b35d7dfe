"""The places where training pictures have boxes most often, as the answer to every picture: what a fixed camera shows.

Read next: target.py.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from noria.modalities.image.arrays import SIZE
from noria.types import Arrays, Dataset, Ragged
from noria.vision.boxes import distinct, ious

MOST_BOXES = 2_000  # of a label that are held against one another, drawn at random
SAME = 0.5  # overlap of boxes that say the same
MOST = 100  # that are answered


def frequent_boxes(train: Dataset, image: str, seed: int = 0) -> Callable[[Dataset], Arrays]:
    """Return what gives the settled outputs of the same boxes for every picture, in shares of its size.

    The score of a box is the share of the training pictures that have one of its label there.
    """
    given = train.target["boxes"][:]
    sizes = np.asarray(train.inputs[image][SIZE][:], np.float64)
    pictures = np.repeat(np.arange(len(given)), given.lengths)
    rows = np.asarray(given.values[given.offsets[0] : given.offsets[-1]], np.float64)
    is_learnt = rows[:, 5] == 0  # neither a crowd nor a difficult one
    rows, pictures = rows[is_learnt], pictures[is_learnt]
    shares = rows[:, :4] / sizes[pictures][:, [1, 0, 1, 0]]
    generator = np.random.default_rng(seed)
    found = [(np.zeros((0, 4)), np.zeros(0, np.int32), np.zeros(0))]
    for label in np.unique(rows[:, 4]):
        own = np.flatnonzero(rows[:, 4] == label)
        drawn = np.sort(generator.permutation(own)[:MOST_BOXES])
        is_there = ious(shares[drawn], shares[drawn]) >= SAME
        begins = np.flatnonzero(np.diff(pictures[drawn], prepend=-1))  # the first box of each picture
        often = np.logical_or.reduceat(is_there, begins, axis=1).mean(1)
        share = len(np.unique(pictures[own])) / len(given)
        found.append((shares[drawn], np.full(len(drawn), int(label), np.int32), often * share))
    boxes, labels, scores = (np.concatenate(one) for one in zip(*found, strict=True))
    best = np.argsort(-scores, kind="stable")
    best = best[distinct(boxes[best], labels[best], SAME)][:MOST]

    def answered(dataset: Dataset) -> Arrays:
        sides = np.asarray(dataset.inputs[image][SIZE][:], np.float64)[:, [1, 0, 1, 0]]
        count = len(dataset)
        return {
            "boxes": Ragged.of([boxes[best] * one for one in sides], np.float32, (4,)),
            "labels": Ragged.of([labels[best]] * count, np.int32),
            "scores": Ragged.of([scores[best].astype(np.float32)] * count, np.float32),
        }

    return answered
