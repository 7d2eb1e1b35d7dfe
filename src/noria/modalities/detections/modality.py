"""Detections: the boxes that a detector found in the frames of a sequence, each with how sure it was.

A token is a box: how sure the detector was, and how much boxes of the frame before, of the frame after and of the same
frame overlap it, as what is there stays there. Read next: modalities/detections/mot.py, targets/tracks/target.py.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np

from noria.contract import Modality
from noria.contract.capabilities import Attributable, Displays, WarmStarts
from noria.errors import UserError, shown_values
from noria.modalities.detections.mot import rows_of
from noria.types import Arrays, Encoded, Ragged, Span, State, Values
from noria.vision.boxes import ious

if TYPE_CHECKING:
    from torch import nn

SURE = 1e-4  # no chance lies nearer to 0 or 1, so that its logarithm stays finite


@dataclass(frozen=True)
class Detections(Modality, WarmStarts, Displays, Attributable):
    """Boxes of a sequence, sorted by frame: the bytes of a MOT file, or [{"frame", "box", "confidence"}, ...].

    Arrays, Ragged, a row a box: `frames` int32, `boxes` float32[n, 4] as left, top, right, bottom, `chances` float32 in
    0 to 1, `overlaps` float32[n, 3] with the nearest box of the frame before, the frame after, and the same frame.
    Confidences that are no chances are taken as far as they lie from the mean of training.
    """

    kind: ClassVar[str] = "detections"
    raw_type: ClassVar[Literal["file"]] = "file"

    def fit(self, values: Values) -> State:
        tables = [table for value in values if (table := _readable(value)) is not None]
        if not tables:
            raise UserError("no detections can be read", found=shown_values(values))
        given = np.concatenate([table[:, 6] for table in tables])
        if given.min() >= 0 and given.max() <= 1:
            return {"is_chance": True}
        return {"is_chance": False, "mean": float(given.mean()), "spread": float(given.std()) or 1.0}

    def warm_start(self, state: State) -> State | None:
        return state

    def encode(self, values: Values, state: State) -> Encoded:
        tables, bad = [], {}
        for index, value in enumerate(values):
            table = np.zeros((0, 7))
            try:
                table = rows_of(value)
                table = table[np.argsort(table[:, 0], kind="stable")]
                table[:, 6] = _chances(table[:, 6], state)
            except ValueError as error:
                table, bad[index] = np.zeros((0, 7)), str(error)
            tables.append(table)
        offsets = np.cumsum([0, *map(len, tables)], dtype=np.int64)
        whole = np.concatenate([np.zeros((0, 7)), *(table[:, :7] for table in tables)])
        near = np.concatenate([np.zeros((0, 3)), *map(_overlaps, tables)])
        arrays = {
            "frames": Ragged(whole[:, 0].astype(np.int32), offsets),
            "boxes": Ragged(whole[:, 2:6].astype(np.float32), offsets),
            "chances": Ragged(whole[:, 6].astype(np.float32), offsets),
            "overlaps": Ragged(near.astype(np.float32), offsets),
        }
        return Encoded(dict(arrays), bad)

    def display(self, arrays: Arrays, state: State) -> dict[str, Any]:
        frames = np.asarray(arrays["frames"])
        return {"boxes": len(frames), "frames": len(np.unique(frames)), "last frame": int(frames.max(initial=0))}

    def embedder(self, state: State, width: int) -> nn.Module:
        from noria.modalities.detections.embedder import EachDetection

        return EachDetection()

    def spans(self, value: Any, state: State) -> list[Span]:
        table = rows_of(value)
        return [
            Span("pixels", (round(top), round(left)), (round(bottom), round(right)), f"frame {frame:.0f}")
            for frame, _, left, top, right, bottom in table[np.argsort(table[:, 0], kind="stable"), :6].tolist()
        ]


def _readable(value: Any) -> np.ndarray | None:
    try:
        return rows_of(value)
    except ValueError:
        return None  # `encode` meets it again and says why


def _chances(given: np.ndarray, state: State) -> np.ndarray:
    if state["is_chance"]:
        if given.min() < 0 or given.max() > 1:
            raise ValueError("a confidence lies outside 0 to 1, where all of training lie")
        return np.asarray(np.clip(given, SURE, 1 - SURE))
    chances = 1 / (1 + np.exp(-np.clip((given - state["mean"]) / state["spread"], -9, 9)))
    return np.asarray(np.clip(chances, SURE, 1 - SURE))


def _overlaps(table: np.ndarray) -> np.ndarray:
    """Return float[n, 3]: how much the nearest box of the frame before, after and of the same frame overlaps each."""
    near = np.zeros((len(table), 3))
    frames = table[:, 0]
    for frame in np.unique(frames):
        here = slice(*np.searchsorted(frames, [frame, frame + 1]))
        for column, other in enumerate((frame - 1, frame + 1, frame)):
            there = slice(*np.searchsorted(frames, [other, other + 1]))
            overlap = ious(table[here, 2:6], table[there, 2:6])
            if other == frame:
                np.fill_diagonal(overlap, 0)
            near[here, column] = overlap.max(1, initial=0)
    return near
