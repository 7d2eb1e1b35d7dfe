"""Detections of a sequence to identities: a Kalman filter says where each track should be, boxes there go on with it.

Two stages as in ByteTrack (Zhang et al. 2022): sure boxes are matched first, then the unsure ones with what is left, so
that a half hidden thing is not lost; a track that is not seen waits. The filter is that of DeepSORT (Wojke et al.
2017). Numpy only; knows no file and no task.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np

from noria.targets.tracks.metrics import Tracked
from noria.vision.boxes import ious


@dataclass(frozen=True)
class Rules:
    """When a box goes on with a track: the settings of targets/tracks/target.py, where each has its line.

    The numbers are ByteTrack's own, `least_seen` is SORT's.
    """

    sure: float = 0.6
    unsure: float = 0.1
    start: float = 0.7
    overlap: float = 0.2
    unsure_overlap: float = 0.5
    new_overlap: float = 0.3
    wait: int = 30
    fill: int = 20
    least_seen: int = 3


def associate(frames: np.ndarray, boxes: np.ndarray, chances: np.ndarray, rules: Rules) -> tuple[Tracked, np.ndarray]:
    """Return the tracks, sorted by frame and identity from 1, and the chance of each of their boxes, float[n].

    frames int[n], boxes float[n, 4] as left, top, right, bottom, chances float[n].
    """
    tracks = _Tracks(rules)
    order = np.argsort(frames, kind="stable")
    ordered = frames[order]
    for frame in np.unique(ordered).tolist():
        here = order[slice(*np.searchsorted(ordered, [frame, frame + 1]))]
        tracks.step(frame, boxes[here], chances[here])
    return _rows([one for one in tracks.all if len(one.frames) >= rules.least_seen], rules.fill)


@dataclass
class _Track:
    """One identity: the boxes it was seen in."""

    frames: list[int] = field(default_factory=list)
    boxes: list[np.ndarray] = field(default_factory=list)
    chances: list[float] = field(default_factory=list)

    def see(self, frame: int, box: np.ndarray, chance: float) -> None:
        self.frames.append(frame)
        self.boxes.append(box)
        self.chances.append(chance)


class _Tracks:
    """The tracks so far, and the filter over those that have not ended."""

    def __init__(self, rules: Rules) -> None:
        self.rules = rules
        self.all: list[_Track] = []
        self.open: list[_Track] = []
        self.filter = _Filter()
        self.frame = 0

    def step(self, frame: int, boxes: np.ndarray, chances: np.ndarray) -> None:
        """Take the boxes of the next frame in which there are any."""
        rules = self.rules
        self._close(frame)
        for _ in range(min(frame - self.frame, rules.wait)):
            self.filter.predict()
        self.frame = frame
        where = self.filter.boxes()
        last = np.array([one.frames[-1] for one in self.open], int)
        is_new = np.array([len(one.frames) == 1 for one in self.open], bool)
        free, left = np.ones(len(self.open), bool), np.ones(len(boxes), bool)
        is_sure = chances >= rules.sure
        stages = (
            (~is_new, is_sure, rules.overlap),
            (~is_new & (last == frame - 1), ~is_sure & (chances >= rules.unsure), rules.unsure_overlap),
            (is_new, is_sure, rules.new_overlap),
        )
        pairs: list[tuple[int, int]] = []
        for of_tracks, of_boxes, least in stages:
            rows, columns = np.flatnonzero(of_tracks & free), np.flatnonzero(of_boxes & left)
            for row, column in _matched(ious(where[rows], boxes[columns]), least):
                pairs.append((int(rows[row]), int(columns[column])))
                free[rows[row]] = left[columns[column]] = False
        for row, column in pairs:
            self.open[row].see(frame, boxes[column], float(chances[column]))
        if pairs:
            rows, columns = np.array(pairs).T
            self.filter.correct(rows, columns, boxes)
        for column in np.flatnonzero(left & (chances >= rules.start)).tolist():
            track = _Track()
            track.see(frame, boxes[column], float(chances[column]))
            self.all.append(track)
            self.open.append(track)
            self.filter.add(boxes[column])

    def _close(self, frame: int) -> None:
        """End the tracks that were not seen for too long; one seen once must go on in the next frame."""
        keep = [
            row
            for row, one in enumerate(self.open)
            if frame - one.frames[-1] <= (1 if len(one.frames) == 1 else self.rules.wait)
        ]
        self.open = [self.open[row] for row in keep]
        self.filter.keep(keep)


class _Filter:
    """Where things are and how fast they move: centre, width by height, height, and the speed of each.

    mean float[n, 8], spread float[n, 8, 8]. What is not known of a place and a speed grows with the height of the box.
    """

    PLACE, SPEED = 1 / 20, 1 / 160  # shares of the height, as DeepSORT chose them

    def __init__(self) -> None:
        self.mean, self.spread = np.zeros((0, 8)), np.zeros((0, 8, 8))
        self.move = np.eye(8) + np.eye(8, k=4)

    def predict(self) -> None:
        noise = self._noise(self.mean[:, 3], 1e-2, 1e-5)
        self.mean = self.mean @ self.move.T
        self.spread = self.move @ self.spread @ self.move.T + noise

    def correct(self, rows: np.ndarray, columns: np.ndarray, boxes: np.ndarray) -> None:
        mean, spread = self.mean[rows], self.spread[rows]
        noise = self._noise(mean[:, 3], 1e-1, 0)[:, :4, :4]
        gain = spread[:, :, :4] @ np.linalg.inv(spread[:, :4, :4] + noise)
        self.mean[rows] = mean + (gain @ (_seen(boxes[columns]) - mean[:, :4])[:, :, None])[:, :, 0]
        self.spread[rows] = spread - gain @ spread[:, :4]

    def add(self, box: np.ndarray) -> None:
        seen = _seen(box[None])
        height = seen[:, 3]
        first = self._noise(2 * height, 1e-2, 1e-5)
        first[:, range(4, 8), range(4, 8)] *= 25  # ten times as unsure of the speed
        self.mean = np.concatenate([self.mean, np.concatenate([seen, np.zeros((1, 4))], 1)])
        self.spread = np.concatenate([self.spread, first])

    def keep(self, rows: list[int]) -> None:
        self.mean, self.spread = self.mean[rows], self.spread[rows]

    def boxes(self) -> np.ndarray:
        x, y, shape, height = self.mean[:, :4].T
        width = shape * height
        return np.stack([x - width / 2, y - height / 2, x + width / 2, y + height / 2], 1)

    def _noise(self, height: np.ndarray, shape: float, shape_speed: float) -> np.ndarray:
        place, speed = self.PLACE * height, self.SPEED * height
        one = np.ones_like(height)
        parts = [place, place, shape * one, place, speed, speed, shape_speed * one, speed]
        return np.asarray(np.square(np.stack(parts, 1))[:, :, None] * np.eye(8))


def _seen(boxes: np.ndarray) -> np.ndarray:
    """Return boxes as the filter sees them: centre, width by height, height."""
    left, top, right, bottom = np.asarray(boxes, np.float64).T
    height = np.maximum(bottom - top, 1e-6)
    return np.stack([(left + right) / 2, (top + bottom) / 2, (right - left) / height, height], 1)


def _matched(overlap: np.ndarray, least: float) -> list[tuple[int, int]]:
    """Return the pairs that overlap most together, each at least so much."""
    from scipy.optimize import linear_sum_assignment

    worth = np.where(overlap >= least, overlap, 0.0)
    rows, columns = linear_sum_assignment(worth, maximize=True)
    pairs = zip(rows.tolist(), columns.tolist(), strict=True)
    return [(row, column) for row, column in pairs if worth[row, column] > 0]


def _rows(tracks: list[_Track], fill: int) -> tuple[Tracked, np.ndarray]:
    """Return the boxes of all tracks, those between two that are near filled in."""
    parts = [np.zeros((0, 7))]
    for identity, one in enumerate(tracks, 1):
        known = np.array(one.frames)
        frames = np.concatenate(
            [np.arange(first, last) if last - first <= fill else [first] for first, last in pairwise(one.frames)]
            + [known[-1:]]
        )
        table = np.column_stack([np.array(one.boxes), one.chances])
        filled = np.stack([np.interp(frames, known, column) for column in table.T], 1)
        parts.append(np.column_stack([frames, np.full(len(frames), identity), filled]))
    found = np.concatenate(parts)
    found = found[np.lexsort((found[:, 1], found[:, 0]))]
    return Tracked(found[:, 0].astype(np.int64), found[:, 1].astype(np.int64), found[:, 2:6]), found[:, 6]
