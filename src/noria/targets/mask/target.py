"""A class for every place of a picture: a mask, as a file beside it.

A mask has a size of its own, that of the training masks; the picture may enter the network in another one, as both show
the same whole. Read next: vision/masks.py, targets/mask/head.py, targets/mask/metrics.py.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np

from noria.contract import Metric, Target
from noria.contract.capabilities import DecodesTarget, PredictStep, Renders, ShowsPanels, TellsReading
from noria.contract.settings import named_input
from noria.errors import UserError, raise_all
from noria.modalities.image.arrays import PIXELS, SIZE, TILES
from noria.modalities.image.settings import MAX_SIDE, is_size
from noria.targets.mask.classes import (
    Annotation,
    check_palettes,
    class_notes,
    coded,
    divided,
    levels_with_edges,
    parts_of,
    table_of,
    void_of,
)
from noria.targets.mask.metrics import VOID, region_metrics
from noria.targets.mask.numbers import CUSTOM, MaskNumbers
from noria.targets.mask.panels import region_panels
from noria.types import Arrays, Batch, Encoded, Output, Panel, Prediction, State, Values
from noria.vision.drawing import draw_mask
from noria.vision.masks import as_png, has_colours, nearest, number_of, palette_of, read_mask

if TYPE_CHECKING:
    from torch import Tensor, nn

    from noria.modalities.image.settings import ImageSettings

NETWORK_ONLY = {"network_only": True}  # settings that preparation does not depend on
PLACES = 32  # rows and columns at most of the map that the trivial answer knows


@dataclass(frozen=True)
class Mask(Target, PredictStep, DecodesTarget, Renders, ShowsPanels, TellsReading):
    """A class for each place. A mask is a PNG or another lossless picture of class numbers or colours, or an array.

    Arrays: `mask` uint8[n, H, W], codes of classes, 255 where there is none; `_size` int32[n, 2], the mask's own height
    and width. Output: `logits` float[n, classes, H, W]; asked: `classes` uint8[n, H, W], `confidence` float[n]. An
    answer has a `png` of codes with a palette, base64, which covers the whole picture (vision.masks.from_png), and the
    `classes` that the codes count.

    Of pictures in tiles (inputs.image.tile) `size` is that of the whole. Without `classes`, a file beside the masks
    names them, or else they are the numbers that stand in training masks.
    """

    kind: ClassVar[str] = "mask"
    raw_type: ClassVar[Literal["file"]] = "file"

    size: tuple[int, int] | None = None
    """Height and width of the masks learnt from, in pixels. Null: their own if all agree, else squares of `side`."""
    side: int = 256
    """Side in pixels of the squares, where `size` is null and masks differ or are larger. Raise for fine outlines."""
    classes: dict[str, Annotation] | tuple[str, ...] = ()
    """Names of the classes by number, or {name: number or [red, green, blue]}. Empty: as the data says."""
    void: tuple[Annotation | str, ...] | None = None
    """Numbers, colours or names of places neither learnt nor scored. Null: 255 after small numbers; void, ignore."""
    balance: float = field(default=0.0, metadata=NETWORK_ONLY)
    """How much more places of rare classes count, 0 to 1. Raise it where small classes are missed."""
    overlap: float = field(default=0.0, metadata=NETWORK_ONLY)
    """Weight of Dice loss beside cross-entropy, 0 or more. Raise it for small regions."""
    image: str = named_input("image")  # the input that the mask lies over

    def __post_init__(self) -> None:
        marks = list(self._said().values())
        is_alike = len({isinstance(mark, int) for mark in marks}) < 2 and len(set(marks)) == len(marks)
        rules = {
            "size": (is_size(self.size), f"two whole numbers from 1 to {MAX_SIDE}", self.size),
            "side": (is_size([self.side]), f"a whole number from 1 to {MAX_SIDE}", self.side),
            "classes": (is_alike, "numbers or colours, each once", self.classes),
            "balance": (0 <= self.balance <= 1, "0 to 1", self.balance),
            "overlap": (self.overlap >= 0, "0 or more", self.overlap),
        }
        raise_all(
            [
                UserError(f"a mask cannot have this {name}", where=f"target.{name}", expected=rule, found=str(found))
                for name, (holds, rule, found) in rules.items()
                if not holds
            ]
        )

    def fit(self, values: Values) -> State:
        """Learn the classes, their shares of the places, and the size, from training masks one by one."""
        numbers, reason = MaskNumbers(), ""
        sizes: Counter[tuple[int, ...]] = Counter()
        known: dict[str, Any] = self._said()
        void_beside: set[int] = set()
        for value in values:
            file, beside = parts_of(value)
            known = known or dict(beside)
            void_beside |= set() if self.classes else void_of(value)
            try:
                mask = read_mask(file, self._said() or beside)
            except ValueError as error:
                reason = reason or str(error)
                continue  # `encode` meets it again and says why
            sizes[mask.shape] += 1
            numbers.see(mask, palette_of(file))
        if not sizes:
            raise UserError("no training mask can be read", found=reason)
        if not known:
            check_palettes(numbers)
        edged = levels_with_edges(known, numbers)
        counts = numbers.snapped_counts(edged) if edged else numbers.counts
        named, void = divided(known, counts, self.void, void_beside)
        total = max(1, sum(counts[number] for number in named.values()))
        (height, width), count = sizes.most_common(1)[0]
        if count < sizes.total() or max(height, width) > self.side:
            height, width = self.side, self.side
        height, width = self.size or (height, width)
        state: State = {
            "classes": list(named),
            "numbers": list(named.values()),
            "void": sorted(void),
            "is_colour": has_colours(known),
            "shares": [float(f"{counts[number] / total:.6g}") for number in named.values()],
            "height": height,
            "width": width,
        }
        is_custom = self.void is None and CUSTOM not in {*map(number_of, known.values()), *void_beside}
        if is_custom and CUSTOM in void and counts[CUSTOM]:
            state["void_share"] = float(f"{counts[CUSTOM] / counts.total():.6g}")
        if edged:
            state["edge_share"] = float(f"{numbers.edge_share(edged):.6g}")
        return state

    def reading(self, state: State) -> None:
        return None

    def remarks(self, state: State) -> list[str]:
        return class_notes(state)

    def encode(self, values: Values, state: State) -> Encoded:
        shape = (state["height"], state["width"])
        masks, size = np.zeros((len(values), *shape), np.uint8), np.zeros((len(values), 2), np.int32)
        bad = {}
        for i, value in enumerate(values):
            try:
                file, beside = parts_of(value)
                table = self._said() or table_of(state, beside)
                mask = read_mask(file, table)
                masks[i], size[i] = nearest(coded(mask, table, state), *shape), mask.shape
            except ValueError as error:
                bad[i] = str(error)
        return Encoded({"mask": masks, "_size": size}, bad)

    def head(self, state: State, width: int) -> nn.Module:
        from noria.targets.mask.head import MaskHead

        shares = np.array(state["shares"])
        weights = np.maximum(shares, shares[shares > 0].min(initial=1)) ** -self.balance
        weights /= (weights * shares).sum() or 1  # a place counts one in the mean
        return MaskHead(width, (state["height"], state["width"]), weights.tolist())

    def augment_with(self, batch: Batch, image: ImageSettings) -> Batch:
        """Return a training batch with picture and mask varied together, as the settings of the picture say."""
        from noria.targets.mask.augment import augment_masks

        given, mask = batch.inputs[self.image], batch.target["mask"]
        pixels = given[PIXELS]
        if TILES in given:
            from noria.modalities.image.tile_batches import drawn_tiles
            from noria.targets.mask.head import mask_in

            pixels, places = drawn_tiles(given)
            mask = mask_in(mask, given[SIZE], places, (pixels.shape[1], pixels.shape[2]))
        pixels, mask = augment_masks(pixels, mask, image, VOID)
        return Batch({**batch.inputs, self.image: {PIXELS: pixels}}, {**batch.target, "mask": mask}, batch.size)

    def loss(self, output: Output, batch: Batch) -> dict[str, Tensor]:
        from noria.targets.mask.head import in_size, mask_loss

        mask = batch.target["mask"]
        weights = output["weights"][0] if "weights" in output and self.balance else None
        logits = in_size(output["logits"].float(), mask.shape[1:])
        return mask_loss(logits, mask, VOID, weights, self.overlap)

    def predict_step(self, model: nn.Module, batch: Batch, state: State, is_quick: bool = False) -> Output:
        """Return the likeliest class of each place, and the mean of their chances."""
        import torch

        from noria.targets.mask.head import whole_of_tiles

        image = batch.inputs[self.image]
        if TILES in image:
            parts = list(whole_of_tiles(model, self.image, image, model.head.size))  # type: ignore
            return dict(zip(("classes", "confidence"), map(torch.stack, zip(*parts, strict=True)), strict=True))
        logits = model(batch.inputs)["logits"].float()
        most, classes = logits.max(1)
        sure = (most - logits.logsumexp(1)).exp().mean((1, 2))
        return {"classes": classes.to(torch.uint8), "confidence": sure}

    def decode(self, output: Arrays, state: State) -> list[Prediction]:
        predictions = []
        for codes, sure in zip(output["classes"], output["confidence"], strict=True):
            codes = np.asarray(codes, np.uint8)
            counts = np.bincount(codes.ravel(), minlength=len(state["classes"]))
            order = [int(code) for code in np.argsort(-counts, kind="stable") if counts[code]]
            shares = {state["classes"][code]: round(float(counts[code] / codes.size), 6) for code in order}
            predictions.append(Prediction(_shown(codes, state), round(float(sure), 6), {"shares": shares}))
        return predictions

    def decode_target(self, truth: Arrays, state: State) -> list[Any]:
        return [_shown(np.asarray(codes), state) for codes in truth["mask"]]

    def render(self, picture: np.ndarray, answer: Any, state: State) -> np.ndarray | None:
        return draw_mask(picture, answer)

    def metrics(self, state: State) -> Sequence[Metric]:
        return region_metrics(state["classes"])

    def panels(self, output: Arrays, truth: Arrays, state: State) -> list[Panel]:
        return region_panels(output["classes"], truth["mask"], state["classes"])

    def _said(self) -> dict[str, Annotation]:
        """Return the classes that the setting names."""
        if isinstance(self.classes, Mapping):
            return dict(self.classes)
        return {name: number for number, name in enumerate(self.classes)}


def majority_places(train: Arrays) -> Arrays:
    """Return the most frequent class of each place of a coarse map, uint8[1, h, w], and how often it is right."""
    masks = train["mask"]
    rows, columns = (min(side, PLACES) for side in masks.shape[1:])
    counts = np.zeros((rows * columns, VOID + 1), np.int64)
    for mask in masks:
        codes = nearest(np.asarray(mask), rows, columns).ravel()
        counts[np.arange(len(codes)), codes] += 1
    counts = counts[:, :VOID]
    overall = int(counts.sum(0).argmax())
    most = np.where(counts.any(1), counts.argmax(1), overall)
    sure = counts.max(1).sum() / max(1, counts.sum())
    return {"classes": most.reshape(1, rows, columns).astype(np.uint8), "confidence": np.array([sure], np.float32)}


def everywhere_alike(learnt: Arrays, truth: Arrays) -> Arrays:
    """Return the same map for every record, at the size of its mask."""
    count, height, width = truth["mask"].shape
    classes = nearest(np.asarray(learnt["classes"][0], np.uint8), height, width)
    return {
        "classes": np.broadcast_to(classes, (count, height, width)),
        "confidence": np.repeat(learnt["confidence"], count),
    }


def of_other_size(answer: Arrays, picture: Arrays) -> dict[int, str]:
    """Return which masks are of another size than their pictures, where that is kept, and why they cannot be used."""
    found: dict[int, str] = {}
    if SIZE not in picture:
        return found
    for i, (own, of_picture) in enumerate(zip(answer["_size"].tolist(), picture[SIZE].tolist(), strict=True)):
        if own != of_picture:
            sizes = [f"{width} x {height}" for height, width in (own, of_picture)]
            found[i] = f"the mask is of {sizes[0]} pixels, its picture of {sizes[1]}"
    return found


def _shown(codes: np.ndarray, state: State) -> dict[str, Any]:
    classes = list(state["classes"])
    return {"size": list(codes.shape), "classes": classes, "png": as_png(codes, len(classes))}
