"""Tracks: the boxes of a sequence with identities. What is learnt is which detections are true, the rest follows.

Read next: targets/tracks/head.py; targets/tracks/association.py, which gives identities; targets/tracks/metrics.py.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np

from noria.contract import Metric, Target
from noria.contract.capabilities import DecodesTarget, Exports, PostProcesses, Renders, ShowsPanels
from noria.contract.settings import named_input, settings_of, values_of
from noria.errors import UserError, raise_all
from noria.modalities.detections.mot import rows_of, truth_rows, write_mot
from noria.targets.tracks.association import Rules, associate
from noria.targets.tracks.metrics import Tracked, TrackingScores
from noria.types import Arrays, Batch, Encoded, Output, Panel, Prediction, Ragged, State, Values
from noria.vision.drawing import draw_tracks

if TYPE_CHECKING:
    from torch import Tensor, nn

NETWORK_ONLY = {"network_only": True}  # settings that preparation does not depend on
_DIGITS = 4  # of a chance that thresholds look at: a batch may differ in the last bits


def _rule(name: str) -> Any:
    return field(default=getattr(Rules, name), metadata=NETWORK_ONLY)


@dataclass(frozen=True)
class Tracks(Target, PostProcesses, DecodesTarget, Renders, Exports, ShowsPanels):
    """Boxes with identities: the bytes of a MOT file, or [{"frame": 1, "id": 7, "box": [l, t, r, b]}, ...].

    Arrays, Ragged, a row a box: `frames` int32, `identities` int32, `boxes` float32[n, 4]. Output: `logits`
    float[B, T, 1], whether a detection is true; settled: as the truth, and `chances` float32. Rows marked 0 in a MOT
    file are not scored, nor other classes than pedestrians where it tells classes.
    """

    kind: ClassVar[str] = "tracks"
    raw_type: ClassVar[Literal["file"]] = "file"

    sure: float = _rule("sure")
    """Minimum confidence of boxes that are matched first, 0 to 1. Raise it for a detector with false alarms."""
    unsure: float = _rule("unsure")
    """Minimum confidence of boxes that may still continue a track, 0 to 1. Lower it for half hidden things."""
    start: float = _rule("start")
    """Minimum confidence of a box that begins a track, 0 to 1. Raise it against false tracks."""
    overlap: float = _rule("overlap")
    """Minimum IoU of a box with where its track should be, in the first stage. Lower it for fast things."""
    unsure_overlap: float = _rule("unsure_overlap")
    """Minimum IoU in the second stage, of unsure boxes. Lower it where things are often half hidden."""
    new_overlap: float = _rule("new_overlap")
    """Minimum IoU with a track that was seen only once. Lower it for fast things that just appeared."""
    wait: int = _rule("wait")
    """Frames after which a track that is not seen ends. Raise it for long occlusions."""
    fill: int = _rule("fill")
    """Longest gap in a track that is filled in by interpolation, in frames."""
    least_seen: int = _rule("least_seen")
    """Tracks of fewer boxes are left out. Raise it against short false tracks."""
    detections: str = named_input("detections")  # the input that is associated

    def __post_init__(self) -> None:
        problems = []
        for one in settings_of(self):
            value, is_count = one.default, one.type is int
            if (is_count and value < 0) or (not is_count and not 0 <= value <= 1):
                expected = "0 or more" if is_count else "0 to 1"
                problems.append(
                    UserError("out of range", where=f"target.{one.name}", expected=expected, found=str(value))
                )
        raise_all(problems)

    def fit(self, values: Values) -> State:
        return {}

    def encode(self, values: Values, state: State) -> Encoded:
        tables, bad = [], {}
        for index, value in enumerate(values):
            try:
                table = _sorted(truth_rows(rows_of(value)))
                _check(table)
            except ValueError as error:
                table, bad[index] = np.zeros((0, 7)), str(error)
            tables.append(table[:, :7])
        return Encoded(_arrays(tables), bad)

    def head(self, state: State, width: int) -> nn.Module:
        from noria.targets.tracks.head import TrueOrNot

        return TrueOrNot(width)

    def loss(self, output: Output, batch: Batch) -> dict[str, Tensor]:
        from noria.targets.tracks.head import are_true, tracking_loss

        given = batch.inputs[self.detections]
        is_true = are_true(given, batch.target)
        return tracking_loss(output["logits"][:, :, 0], is_true, given["frames"] >= 0)

    def postprocess(self, output: Arrays, inputs: Mapping[str, Arrays], state: State) -> Arrays:
        """Turn how true each detection is into tracks."""
        given = inputs[self.detections]
        found = []
        for i in range(len(given["frames"])):
            frames = np.asarray(given["frames"][i])
            logits = np.asarray(output["logits"][i, : len(frames), 0], np.float64)
            chances = np.round(1 / (1 + np.exp(-logits)), _DIGITS)
            found.append(associate(frames, np.asarray(given["boxes"][i], np.float64), chances, self.rules))
        return _answer(found)

    def decode(self, output: Arrays, state: State) -> list[Prediction]:
        predictions = []
        for i, rows in enumerate(self.decode_target(output, state)):
            chances = np.asarray(output["chances"][i]).tolist()
            value = [{**row, "confidence": round(chance, 4)} for row, chance in zip(rows, chances, strict=True)]
            predictions.append(Prediction(value, round(float(np.mean(chances)), 6) if chances else None))
        return predictions

    def decode_target(self, truth: Arrays, state: State) -> list[Any]:
        found = []
        for i in range(len(truth["frames"])):
            columns = (truth["frames"][i].tolist(), truth["identities"][i].tolist(), truth["boxes"][i].tolist())
            found.append(
                [
                    {"frame": frame, "id": identity, "box": [round(side, 3) for side in box]}
                    for frame, identity, box in zip(*columns, strict=True)
                ]
            )
        return found

    def metrics(self, state: State) -> Sequence[Metric]:
        return TrackingScores().metrics()

    def panels(self, output: Arrays, truth: Arrays, state: State) -> list[Panel]:
        return TrackingScores().panels(output, truth)

    def render(self, picture: np.ndarray, answer: Any, state: State) -> np.ndarray | None:
        return draw_tracks(picture, answer)

    def export(self, answer: Prediction, suffix: str) -> bytes | None:
        return write_mot(answer.value) if suffix == ".txt" else None

    @property
    def rules(self) -> Rules:
        return Rules(**values_of(self))


def frame_by_frame(detections: Arrays) -> Arrays:
    """Return the tracks of one stage without waiting, from the detector's own chances: SORT (Bewley et al. 2016)."""
    rules = Rules(sure=0.5, unsure=1.0, start=0.5, overlap=0.3, wait=1, fill=0)
    rows = zip(*(detections[name][:] for name in ("frames", "boxes", "chances")), strict=True)
    return _answer([associate(frames, boxes.astype(np.float64), chances, rules) for frames, boxes, chances in rows])


def _answer(found: Sequence[tuple[Tracked, np.ndarray]]) -> Arrays:
    tables = [np.column_stack([one.frames, one.identities, one.boxes, chances]) for one, chances in found]
    chances = Ragged.of([table[:, 6] for table in tables], np.float32)
    return {**_arrays(tables), "chances": chances}


def _arrays(tables: Sequence[np.ndarray]) -> Arrays:
    offsets = np.cumsum([0, *map(len, tables)], dtype=np.int64)
    whole = np.concatenate([np.zeros((0, 7)), *tables])
    return {
        "frames": Ragged(whole[:, 0].astype(np.int32), offsets),
        "identities": Ragged(whole[:, 1].astype(np.int32), offsets),
        "boxes": Ragged(whole[:, 2:6].astype(np.float32), offsets),
    }


def _sorted(table: np.ndarray) -> np.ndarray:
    return table[np.lexsort((table[:, 1], table[:, 0]))]


def _check(table: np.ndarray) -> None:
    """Raise where true boxes are no tracks."""
    identities = table[:, 1]
    if (identities < 0).any() or (identities % 1 != 0).any() or (identities > 2**31 - 1).any():
        raise ValueError("a true box has no identity: they are whole numbers from 0")
    is_twice = (np.diff(table[:, :2], axis=0) == 0).all(1)
    if is_twice.any():
        frame, identity = table[int(np.argmax(is_twice)), :2]
        raise ValueError(f"identity {identity:.0f} stands twice in frame {frame:.0f}")
