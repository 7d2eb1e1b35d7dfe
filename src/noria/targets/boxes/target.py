"""Things in a picture: each a label and a box around it. A picture may hold none.

Places of the picture's maps answer for what has its middle near them. Read next: targets/boxes/head.py, which says how;
targets/boxes/metrics.py.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from noria.contract import Metric, Target
from noria.contract.capabilities import (
    Calibrates,
    DecodesTarget,
    HasRivals,
    PostProcesses,
    PredictStep,
    Renders,
    ShowsPanels,
)
from noria.contract.settings import named_input
from noria.errors import UserError, did_you_mean, raise_all, shown_values
from noria.modalities.image.arrays import PIXELS, PLACES, SIZE, TILES
from noria.modalities.image.tiles import joined_boxes
from noria.targets.boxes.metrics import CROWD, DIFFICULT, best_threshold, detection_metrics
from noria.targets.boxes.panels import detection_panels
from noria.text.entity_spans import required_list
from noria.types import (
    Arrays,
    Batch,
    Dataset,
    Encoded,
    Output,
    Panel,
    Prediction,
    Ragged,
    State,
    Values,
    lengths_of,
    real_rows,
)
from noria.vision.boxes import distinct
from noria.vision.drawing import draw_boxes

if TYPE_CHECKING:
    from torch import Tensor, nn

    from noria.modalities.image.settings import ImageSettings

NETWORK_ONLY = {"network_only": True}  # settings that preparation does not depend on
LEAST_SCORE = 0.01  # of a box that is kept for the scores: precision is measured at every recall
THRESHOLD = 0.4  # where none is given or chosen
CANDIDATES = 300  # of a picture, before those that say the same are left out
LENGTHS = lengths_of("boxes")
OPTIONAL = {"crowd": CROWD, "difficult": DIFFICULT}  # marks of a box that is neither wanted nor wrong

_Found = tuple[np.ndarray, np.ndarray, np.ndarray]  # the boxes of a picture, their labels, their scores


@dataclass(frozen=True)
class Boxes(Target, PredictStep, PostProcesses, Calibrates, DecodesTarget, Renders, ShowsPanels, HasRivals):
    """Things in a picture. An answer is a list of {"label": ..., "box": [left, top, right, bottom]}, in pixels of the
    picture from its top left corner, right and bottom exclusive; one marked crowd or difficult is not scored.

    Arrays: `boxes` Ragged float32[n, 6]: left, top, right, bottom, label, 1 for a crowd or 2 for a difficult one.
    Output: `logits` float[B, T, labels], `sides` and `places` float[B, T, 4], as targets/boxes/head.py has them;
    settled: `boxes` Ragged float32[n, 4] in pixels of the picture, `labels` int32, `scores` float32, best first.
    """

    kind: ClassVar[str] = "boxes"
    has_closed_vocabulary: ClassVar[bool] = True

    threshold: float | None = field(default=None, metadata=NETWORK_ONLY)
    """Minimum score of a box that is answered, 0 to 1. Null picks the best F1 on validation pictures."""
    overlap: float = field(default=0.6, metadata=NETWORK_ONLY)
    """Non-maximum suppression: of two boxes of one class with a higher IoU, the better stays. Raise for crowds."""
    most: int = field(default=100, metadata=NETWORK_ONLY)
    """Most boxes answered per picture, or per tile. Raise it for pictures with more things."""
    mosaic: float = field(default=0.0, metadata=NETWORK_ONLY)
    """Augmentation: fraction of the training pictures that are put together of four, 0 to 1. For small data."""
    image: str = named_input("image")  # the input that boxes lie in; it keeps `size`

    def __post_init__(self) -> None:
        rules = {
            "threshold": (self.threshold is None or 0 <= self.threshold <= 1, "0 to 1", self.threshold),
            "overlap": (0 <= self.overlap <= 1, "0 to 1", self.overlap),
            "most": (self.most >= 1, "at least 1", self.most),
            "mosaic": (0 <= self.mosaic <= 1, "0 to 1", self.mosaic),
        }
        raise_all(
            [
                UserError(f"boxes cannot have this {name}", where=f"target.{name}", expected=rule, found=str(found))
                for name, (holds, rule, found) in rules.items()
                if not holds
            ]
        )

    def fit(self, values: Values) -> State:
        labels = {label for value in values for label, _, _ in _readable(value)}
        if not labels:
            raise UserError("no training picture has a box", found=shown_values(values))
        return {"labels": sorted(labels)}

    def encode(self, values: Values, state: State) -> Encoded:
        labels = {name: code for code, name in enumerate(state["labels"])}
        rows, bad = [], {}
        for index, value in enumerate(values):
            row: list[tuple[float, ...]] = []
            try:
                given = list(_boxes(value))
                if unknown := [label for label, _, _ in given if label not in labels]:
                    near = did_you_mean(unknown[0], labels)
                    raise ValueError(f"the label {unknown[0]!r} does not stand in the training records: {near}")
                row = [(*box, labels[label], optional) for label, box, optional in given]
            except ValueError as error:
                bad[index] = str(error)
            rows.append(row)
        return Encoded({"boxes": Ragged.of(rows, np.float32, (6,))}, bad)

    def head(self, state: State, width: int) -> nn.Module:
        from noria.targets.boxes.head import EachPlace

        return EachPlace(width, len(state["labels"]))

    def augment_with(self, batch: Batch, image: ImageSettings) -> Batch:
        """Return a training batch whose pictures are varied as the settings say, and their boxes with them."""
        from noria.targets.boxes.augment import augment_boxes, boxes_in, marked, packed

        given = batch.inputs[self.image]
        pixels, size, boxes = given[PIXELS], given[SIZE], marked(batch.target["boxes"], batch.target[LENGTHS])
        if TILES in given:
            from noria.modalities.image.tile_batches import drawn_tiles

            pixels, places = drawn_tiles(given)
            size, boxes = places[:, 2:], boxes_in(boxes, places)
        pixels, boxes = augment_boxes(pixels, size, boxes, image, self.mosaic)
        size = given[SIZE].new_tensor(pixels.shape[1:3]).expand(batch.size, 2)
        boxes, lengths = packed(boxes)
        target = {"boxes": boxes, LENGTHS: lengths}
        return Batch({**batch.inputs, self.image: {PIXELS: pixels, SIZE: size}}, target, batch.size)

    def loss(self, output: Output, batch: Batch) -> dict[str, Tensor]:
        from noria.targets.boxes.head import detection_loss

        _need_places(output)
        boxes, size = batch.target["boxes"], batch.inputs[self.image][SIZE]
        is_learnt = real_rows(batch.target[LENGTHS], boxes.shape[1]) & (boxes[:, :, 5] == 0)
        labels = boxes[:, :, 4].long().masked_fill(~is_learnt, -1)
        shares = boxes[:, :, :4] / size.flip(1).repeat(1, 2)[:, None]
        return detection_loss(output, shares, labels)

    def predict_step(self, model: nn.Module, batch: Batch, state: State, is_quick: bool = False) -> Output:
        """Return the likeliest boxes, in shares of the picture: see `best_candidates`. Of a picture in tiles, those of
        each tile, in shares of it: one axis more, after the first."""
        if TILES in batch.inputs[self.image]:
            return self._ask_tiles(model, batch.inputs[self.image])
        return self._ask_pictures(model, batch.inputs)

    def _ask_pictures(self, model: nn.Module, inputs: dict[str, dict[str, Tensor]]) -> Output:
        from noria.targets.boxes.head import best_candidates

        output = model(inputs)
        _need_places(output)
        return best_candidates(output, CANDIDATES)

    def _ask_tiles(self, model: nn.Module, given: dict[str, Tensor]) -> Output:
        from noria.modalities.image.tile_batches import all_tiles

        whole: Output = {}
        for pixels, record, tile in all_tiles(given):
            for name, values in self._ask_pictures(model, {self.image: {PIXELS: pixels}}).items():
                if name not in whole:  # where a picture has no more tiles, nothing is sure
                    whole[name] = values.new_zeros((*given[PLACES].shape[:2], *values.shape[1:]))
                whole[name][record, tile] = values
        return whole

    def postprocess(self, output: Arrays, inputs: Mapping[str, Arrays], state: State) -> Arrays:
        """Cut the boxes at the edge of the picture, in its own pixels, and leave out those that say the same."""
        found, given = [], inputs[self.image]
        for i, size in enumerate(np.asarray(given[SIZE])):
            own = {name: values[i] for name, values in output.items()}
            if PLACES in given:
                found.append(self._settle_tiles(own, given[PLACES][i]))
            else:
                found.append(self._settle_one(own, [0, 0, *size]))
        boxes, labels, scores = ([one[part] for one in found] for part in range(3))
        return {
            "boxes": Ragged.of(boxes, np.float32, (4,)),
            "labels": Ragged.of(labels, np.int32),
            "scores": Ragged.of(scores, np.float32),
        }

    def _settle_one(self, output: Arrays, place: Sequence[int] | np.ndarray) -> _Found:
        """Return the boxes of a picture or of a tile at this place, best first, in pixels of the picture."""
        boxes, labels, scores = (output[name] for name in ("boxes", "labels", "scores"))
        top, left, height, width = place
        found = np.clip(boxes.astype(np.float64), 0, 1) * [width, height, width, height] + [left, top, left, top]
        is_box = (found[:, 2] > found[:, 0]) & (found[:, 3] > found[:, 1]) & (scores >= LEAST_SCORE)
        good = np.flatnonzero(is_box)
        kept = good[distinct(found[good], labels[good], self.overlap)[: self.most]]
        return found[kept], labels[kept], scores[kept]

    def _settle_tiles(self, output: Arrays, places: np.ndarray) -> _Found:
        """Return the boxes of a picture in tiles, best first."""
        parts = [
            self._settle_one({name: values[tile] for name, values in output.items()}, place)
            for tile, place in enumerate(places)
        ]
        source = np.repeat(np.arange(len(parts)), [len(part[0]) for part in parts])
        boxes, labels, scores = (np.concatenate(one) for one in zip(*parts, strict=True))
        found = joined_boxes(boxes, labels, scores, source, places, self.overlap)
        most = self.most * len(places)
        return found[0][:most], found[1][:most], found[2][:most]

    def decode(self, output: Arrays, state: State) -> list[Prediction]:
        predictions = []
        for i in range(len(output["boxes"])):
            scores = output["scores"][i]
            shown = scores >= self._threshold(state)
            found = [
                {**one, "confidence": round(float(score), 6)}
                for one, score in zip(
                    _named(output["boxes"][i][shown], output["labels"][i][shown], state), scores[shown], strict=True
                )
            ]
            predictions.append(Prediction(found, min((one["confidence"] for one in found), default=None)))
        return predictions

    def decode_target(self, truth: Arrays, state: State) -> list[Any]:
        rows = (truth["boxes"][i] for i in range(len(truth["boxes"])))
        return [_named(row[:, :4], row[:, 4].astype(int), state) for row in rows]

    def render(self, picture: np.ndarray, answer: Any, state: State) -> np.ndarray | None:
        return draw_boxes(picture, answer, state["labels"])

    def metrics(self, state: State) -> Sequence[Metric]:
        return detection_metrics(len(state["labels"]), self._threshold(state))

    def panels(self, output: Arrays, truth: Arrays, state: State) -> list[Panel]:
        return detection_panels(output, truth, state["labels"], self._threshold(state))

    def rivals(self, train: Dataset, state: State) -> Iterator[tuple[str, Callable[[Dataset], Arrays]]]:
        from noria.targets.boxes.frequent import frequent_boxes

        yield "most frequent boxes", frequent_boxes(train, self.image)

    def calibrate(self, output: Arrays, truth: Arrays, state: State) -> State:
        """Choose the score from which boxes are shown: that of the best F1 over all of them."""
        threshold = best_threshold(output, truth, len(state["labels"]))
        return state if threshold is None else {**state, "threshold": threshold}

    def _threshold(self, state: State) -> float:
        """Return the job's own threshold, the chosen one, or, where nothing was held out, a usual one."""
        return float(state.get("threshold", THRESHOLD) if self.threshold is None else self.threshold)


def mean_box(truth: Arrays) -> Arrays:
    """Return the mean box of the label that most pictures' boxes have, `box` [1, 5]: its sides and its label."""
    boxes = np.asarray(truth["boxes"].values)
    label = np.bincount(boxes[:, 4].astype(int)).argmax()
    return {"box": np.append(boxes[boxes[:, 4] == label, :4].mean(0), label).astype(np.float32)[None]}


def same_box(learnt: Arrays, count: int) -> Arrays:
    """Return the settled outputs of an answer that finds the box of `mean_box` in every picture."""
    box = learnt["box"][0]
    return {
        "boxes": Ragged.of([box[None, :4]] * count, np.float32, (4,)),
        "labels": Ragged.of([[int(box[4])]] * count, np.int32),
        "scores": Ragged.of([[1.0]] * count, np.float32),
    }


def outside(answer: Arrays, picture: Arrays) -> dict[int, str]:
    """Return the pictures with a box of which less than half lies within, and why."""
    found = {}
    for index, (height, width) in enumerate(picture[SIZE]):
        row = answer["boxes"][index][:, :4].astype(np.float64)
        inner = np.clip(row, 0, [width, height, width, height])
        is_out = np.prod(inner[:, 2:] - inner[:, :2], 1) < 0.5 * np.prod(row[:, 2:] - row[:, :2], 1)
        if is_out.any():
            box = [round(float(side), 1) for side in row[is_out][0]]
            found[index] = f"the box {box} lies outside of its picture of {width} x {height} pixels"
    return found


def _named(boxes: np.ndarray, labels: np.ndarray, state: State) -> list[dict[str, Any]]:
    return [
        {"label": state["labels"][label], "box": [round(float(side), 4) for side in box]}
        for box, label in zip(boxes, labels.tolist(), strict=True)
    ]


def _boxes(value: Any) -> Iterator[tuple[str, tuple[float, ...], float]]:
    """Yield label, sides and 0, or the code of why it is not scored, of an answer's boxes; raise ValueError where it is
    none."""
    for one in required_list(value, "boxes", "label and box"):
        label, box = (one.get("label"), one.get("box")) if isinstance(one, Mapping) else (None, None)
        is_name = isinstance(label, str | int) and not isinstance(label, bool) and str(label).strip()
        if not is_name or not isinstance(box, Sequence) or isinstance(box, str | bytes) or len(box) != 4:
            raise ValueError(f"expected a label and a box of left, top, right, bottom, found {one!r}"[:200])
        try:
            left, top, right, bottom = sides = tuple(map(float, box))
        except (TypeError, ValueError):
            raise ValueError(f"the sides of a box are numbers, found {box!r}"[:200]) from None
        if not all(map(math.isfinite, sides)):
            raise ValueError(f"the sides of a box are finite numbers, found {box!r}"[:200])
        if left >= right or top >= bottom:
            why = "has no area" if left == right or top == bottom else "is inverted"
            raise ValueError(f"the box {list(box)} of {label!r} {why}: expected left < right and top < bottom")
        yield str(label).strip(), sides, float(next((code for mark, code in OPTIONAL.items() if one.get(mark)), 0))


def _readable(value: Any) -> list[tuple[str, tuple[float, ...], float]]:
    try:
        return list(_boxes(value))
    except ValueError:
        return []


def _need_places(output: Output) -> None:
    if "places" not in output:
        raise UserError(
            "boxes lie in maps, and these tokens lie in none",
            where="inputs.image.stem",
            expected="one picture as input, its stem pyramid, patches, or convolution with pooling: grid",
        )
