"""How well identities are kept: MOTA, IDF1 and HOTA of boxes with identities, frame by frame, in one sequence or many.

MOTA: Bernardin and Stiefelhagen 2008, IDF1: Ristani et al. 2016, both with boxes that overlap by half; HOTA, DetA and
AssA: Luiten et al. 2020, the mean over overlaps 0.05, 0.1, ..., 0.95. Several sequences are added up as TrackEval does
it: counts over all of them, AssA weighted by matches.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from noria.contract import Metric
from noria.types import Arrays, Panel
from noria.vision.boxes import ious

LEAST_OVERLAP = 0.5
ALPHAS = np.arange(0.05, 0.99, 0.05)
SHARES = ("mota", "idf1", "hota", "deta", "assa")
COUNTS = ("id_switches", "false_positives", "misses")
_NEAR = np.finfo(float).eps  # an overlap of just alpha counts
_KEEP = 1000.0  # what an identity that goes on is worth beside any overlap


@dataclass(frozen=True)
class Tracked:
    """Boxes with identities: frames int[n], identities int[n], boxes float[n, 4] as left, top, right, bottom."""

    frames: np.ndarray
    identities: np.ndarray
    boxes: np.ndarray


@dataclass(frozen=True)
class _Frame:
    """The true and the given identities of one frame, from 0, and how much their boxes overlap, float[true, given]."""

    true: np.ndarray
    given: np.ndarray
    overlap: np.ndarray


def counted(truth: Tracked, given: Tracked) -> np.ndarray:
    """Return what all scores are made of, so that sequences add up: float64[5 + 2 * len(ALPHAS)].

    True boxes, given boxes, matches, switches, matches of identities; then for each alpha the matches, and the sum over
    them of how well their two identities agree.
    """
    frames = list(_frames(truth, given))
    kept = _identities_kept(frames, truth, given)
    matches, switches = _clear(frames)
    return np.concatenate(
        [[len(truth.frames), len(given.frames), matches, switches, kept], *_associations(frames, truth, given)]
    )


def scores(sums: np.ndarray) -> dict[str, np.ndarray]:
    """Return every score of sums of counts, float[..., counts] -> float[...] each; NaN where there is nothing true."""
    true, given, matches, switches, kept = np.moveaxis(sums[..., :5], -1, 0)
    hits, agreed = np.split(sums[..., 5:], 2, -1)
    with np.errstate(divide="ignore", invalid="ignore"):
        detection = hits / (true[..., None] + given[..., None] - hits)
        association = np.where(hits > 0, agreed / np.maximum(hits, 1), 0.0)
        found = {
            "mota": (2 * matches - given - switches) / true,  # 1 - (misses + false positives + switches) / true
            "idf1": 2 * kept / (true + given),
            "hota": np.sqrt(detection * association).mean(-1),
            "deta": detection.mean(-1),
            "assa": association.mean(-1),
        }
    nothing = true == 0
    found = {name: np.where(nothing, np.nan, value) for name, value in found.items()}
    return {**found, "id_switches": switches, "false_positives": given - matches, "misses": true - matches}


class TrackingScores:
    """The scores of sequences, each counted once for all metrics that ask about the same output and truth."""

    def __init__(self) -> None:
        self._known: tuple[Arrays, Arrays, np.ndarray] | None = None

    def metrics(self) -> list[Metric]:
        """Return every score; `output` and `truth` hold Ragged `frames`, `identities` and `boxes`, a row a sequence."""

        def metric(name: str) -> Metric:
            def value(output: Arrays, truth: Arrays, weights: np.ndarray) -> np.ndarray:
                return np.asarray(scores(weights.astype(np.float64) @ self.counts(output, truth))[name], np.float64)

            is_count = name in COUNTS
            return Metric(name, "count" if is_count else "fraction", "lower" if is_count else "higher", value)

        return [metric(name) for name in (*SHARES, *COUNTS)]

    def panels(self, output: Arrays, truth: Arrays) -> list[Panel]:
        """Return how well boxes and identities hold as their boxes must overlap more."""
        true, given, *_ = sums = self.counts(output, truth).sum(0)
        hits, agreed = np.split(sums[5:], 2)
        detection = hits / np.maximum(true + given - hits, 1)
        association = agreed / np.maximum(hits, 1)
        curves = {"HOTA": np.sqrt(detection * association), "DetA": detection, "AssA": association}
        lines = {
            name: [[round(float(x), 2), round(float(y), 4)] for x, y in zip(ALPHAS, values, strict=True)]
            for name, values in curves.items()
        }
        data = {"x": "least overlap of a match", "y": "score", "lines": lines, "diagonal": False}
        note = "DetA says whether boxes are found, AssA whether they keep their identity, HOTA is between the two."
        return [Panel("curve", "Boxes and identities", data, note)]

    def counts(self, output: Arrays, truth: Arrays) -> np.ndarray:
        """Return what is counted of each sequence, float64[n, counts]."""
        if self._known is None or self._known[0] is not output or self._known[1] is not truth:
            rows = [counted(_row(truth, i), _row(output, i)) for i in range(len(truth["frames"]))]
            self._known = output, truth, np.array(rows)
        return self._known[2]


def _row(arrays: Arrays, index: int) -> Tracked:
    return Tracked(arrays["frames"][index], arrays["identities"][index], arrays["boxes"][index].reshape(-1, 4))


def _frames(truth: Tracked, given: Tracked) -> Iterator[_Frame]:
    """Yield the frames in which there is anything, in order."""
    (true_order, true_ids), (given_order, given_ids) = _sorted(truth), _sorted(given)
    true_frames, given_frames = truth.frames[true_order], given.frames[given_order]
    for frame in np.union1d(true_frames, given_frames):
        true = np.arange(*np.searchsorted(true_frames, [frame, frame + 1]))
        here = np.arange(*np.searchsorted(given_frames, [frame, frame + 1]))
        overlap = ious(truth.boxes[true_order[true]], given.boxes[given_order[here]])
        yield _Frame(true_ids[true], given_ids[here], overlap)


def _sorted(tracked: Tracked) -> tuple[np.ndarray, np.ndarray]:
    order = np.argsort(tracked.frames, kind="stable")
    identities = np.unique(tracked.identities, return_inverse=True)[1]
    return order, identities[order]


def _clear(frames: Sequence[_Frame]) -> tuple[int, int]:
    """Return matches and switches of identity: a pair that matched in the frame before goes on where it can."""
    last: dict[int, int] = {}  # true identity -> the one given to it when it was last matched
    before: dict[int, int] = {}  # the same, of the last frame that has both
    num_matches = switches = 0
    for frame in frames:
        if not frame.overlap.size:
            continue
        kept = np.array([before.get(one, -1) for one in frame.true.tolist()]).reshape(-1, 1) == frame.given
        worth = np.where(frame.overlap >= LEAST_OVERLAP - _NEAR, frame.overlap + _KEEP * kept, 0.0)
        rows, columns = _matched(worth)
        pairs = dict(zip(frame.true[rows].tolist(), frame.given[columns].tolist(), strict=True))
        switches += sum(last.get(one, other) != other for one, other in pairs.items())
        num_matches += len(pairs)
        before = pairs
        last |= pairs
    return num_matches, switches


def _identities_kept(frames: Sequence[_Frame], truth: Tracked, given: Tracked) -> float:
    """Return the most matches that one given identity for each true one can have over the whole sequence."""
    together = np.zeros((len(np.unique(truth.identities)), len(np.unique(given.identities))))
    for frame in frames:
        rows, columns = np.nonzero(frame.overlap >= LEAST_OVERLAP)
        np.add.at(together, (frame.true[rows], frame.given[columns]), 1)
    rows, columns = _matched(together)
    return float(together[rows, columns].sum())


def _associations(frames: Sequence[_Frame], truth: Tracked, given: Tracked) -> tuple[np.ndarray, np.ndarray]:
    """Return for each alpha the matches, and the sum over them of their identities' agreement."""
    true_count = np.unique(truth.identities, return_counts=True)[1]
    given_count = np.unique(given.identities, return_counts=True)[1]
    alike = np.zeros((len(true_count), len(given_count)))  # how much two identities overlap, in frames
    for frame in frames:
        total = frame.overlap.sum(0) + frame.overlap.sum(1, keepdims=True) - frame.overlap
        share = np.where(total > _NEAR, frame.overlap / np.maximum(total, _NEAR), 0.0)
        alike[np.ix_(frame.true, frame.given)] += share
    both = true_count[:, None] + given_count
    alike /= np.maximum(both - alike, _NEAR)
    matches = np.zeros((len(ALPHAS), *alike.shape))
    for frame in frames:
        rows, columns = _matched(alike[np.ix_(frame.true, frame.given)] * frame.overlap)
        is_hit = frame.overlap[rows, columns] >= ALPHAS[:, None] - _NEAR
        matches[:, frame.true[rows], frame.given[columns]] += is_hit
    agreement = matches / np.maximum(1, both - matches)
    return matches.sum((1, 2)), (matches * agreement).sum((1, 2))


def _matched(worth: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return rows and columns of the pairs that are worth most together, without those worth nothing."""
    from scipy.optimize import linear_sum_assignment

    rows, columns = linear_sum_assignment(worth, maximize=True)
    is_worth = worth[rows, columns] > 0
    return rows[is_worth], columns[is_worth]
