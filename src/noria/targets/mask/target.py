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
from noria.contract.capabilities import DecodesTarget, PredictStep, Renders, ShowsPanels
from noria.contract.settings import named_input
from noria.errors import UserError, did_you_mean, first_reason, raise_all
from noria.modalities.image.arrays import PIXELS, SIZE, TILES
from noria.targets.mask.metrics import VOID, region_metrics
from noria.targets.mask.panels import region_panels
from noria.types import Arrays, Batch, Encoded, Output, Panel, Prediction, State, Values
from noria.vision.drawing import draw_mask
from noria.vision.masks import Classes, as_png, has_colours, nearest, number_of, read_mask, shown_number

if TYPE_CHECKING:
    from torch import Tensor, nn

    from noria.modalities.image.settings import ImageSettings

NETWORK_ONLY = {"network_only": True}  # settings that preparation does not depend on
NO_CLASS = ("void", "unlabelled", "unlabeled", "ignore", "ignored")  # names that say it themselves
CUSTOM = 255  # the number that by custom belongs to no class; in a mask of 0 and 255 it is the class
MOST_CLASSES = 255
PLACES = 32  # rows and columns at most of the map that the trivial answer knows

Annotation = int | tuple[int, int, int]  # a class's number in masks, or its colour


@dataclass(frozen=True)
class Mask(Target, PredictStep, DecodesTarget, Renders, ShowsPanels):
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
    """Numbers, colours or names of places neither learnt nor scored. Null: 255 and a class called void or ignore."""
    balance: float = field(default=0.0, metadata=NETWORK_ONLY)
    """How much more places of rare classes count, 0 to 1. Raise it where small classes are missed."""
    overlap: float = field(default=0.0, metadata=NETWORK_ONLY)
    """Weight of Dice loss beside cross-entropy, 0 or more. Raise it for small regions."""
    image: str = named_input("image")  # the input that the mask lies over

    def __post_init__(self) -> None:
        marks = list(self._said().values())
        is_alike = len({isinstance(mark, int) for mark in marks}) < 2 and len(set(marks)) == len(marks)
        rules = {
            "size": (self.size is None or min(self.size) > 0, "two whole numbers above 0", self.size),
            "side": (self.side > 0, "a whole number above 0", self.side),
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
        counts: Counter[int] = Counter()
        sizes: Counter[tuple[int, ...]] = Counter()
        known: dict[str, Any] = self._said()
        for value in values:
            file, beside = _parts(value)
            known = known or dict(beside)
            try:
                mask = read_mask(file, self._said() or beside)
            except ValueError:
                continue  # `encode` meets it again and says why
            sizes[mask.shape] += 1
            numbers, places = np.unique(mask, return_counts=True)
            counts.update(dict(zip(numbers.tolist(), places.tolist(), strict=True)))
        if not sizes:
            reason = first_reason(values, lambda one: read_mask(_parts(one)[0], self._said() or _parts(one)[1]))
            raise UserError("no training mask can be read", found=reason)
        named, void = self._divided(known, counts)
        total = max(1, sum(counts[number] for number in named.values()))
        (height, width), count = sizes.most_common(1)[0]
        if count < sizes.total() or max(height, width) > self.side:
            height, width = self.side, self.side
        height, width = self.size or (height, width)
        return {
            "classes": list(named),
            "numbers": list(named.values()),
            "void": sorted(void),
            "is_colour": has_colours(known),
            "shares": [float(f"{counts[number] / total:.6g}") for number in named.values()],
            "height": height,
            "width": width,
        }

    def encode(self, values: Values, state: State) -> Encoded:
        shape = (state["height"], state["width"])
        masks, size = np.zeros((len(values), *shape), np.uint8), np.zeros((len(values), 2), np.int32)
        bad = {}
        for i, value in enumerate(values):
            try:
                file, beside = _parts(value)
                table = self._said() or _of_state(state, beside)
                mask = read_mask(file, table)
                masks[i], size[i] = nearest(_coded(mask, table, state), *shape), mask.shape
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

    def _divided(self, known: Classes, counts: Counter[int]) -> tuple[dict[str, int], set[int]]:
        """Return the number of each class, by name, and the numbers that belong to none."""
        named = {name: number_of(mark) for name, mark in known.items()}
        if self.void is None:
            void = {number for name, number in named.items() if name.lower() in NO_CLASS}
            if (
                not has_colours(known)
                and CUSTOM not in named.values()
                and (named or len(counts) > 2 or CUSTOM not in counts)
            ):
                void.add(CUSTOM)
        else:
            unknown = [one for one in self.void if isinstance(one, str) and one not in named]
            if unknown:
                raise UserError(
                    f"no class is called {unknown[0]!r}", where="target.void", fix=did_you_mean(unknown[0], named)
                )
            void = {named[one] if isinstance(one, str) else number_of(one) for one in self.void}
        named = named or {str(number): number for number in sorted(counts)}
        named = {name: number for name, number in named.items() if number not in void}
        if not 2 <= len(named) <= MOST_CLASSES:
            raise UserError(
                f"a mask needs at least two classes, and at most {MOST_CLASSES}",
                found=f"{len(named)}: {', '.join(list(named)[:10])}",
                fix="name them: target.classes=[sky, road]; target.void says which numbers are none",
            )
        return named, void


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


def _parts(value: Any) -> tuple[Any, Classes]:
    """Return what a mask is read from, and the classes that it brings with it."""
    if isinstance(value, Mapping) and "mask" in value and isinstance(value.get("classes", {}), Mapping):
        return value["mask"], value.get("classes", {})
    return value, {}


def _of_state(state: State, beside: Classes) -> Classes:
    """Return the classes by which a mask is read: those that it brings if training knows any of them, else its own."""
    if set(beside) & set(state["classes"]):
        return beside
    numbers = state["numbers"]
    if state["is_colour"]:
        numbers = [[number >> 16, number >> 8 & 255, number & 255] for number in numbers]
    return dict(zip(state["classes"], numbers, strict=True))


def _coded(mask: np.ndarray, table: Classes, state: State) -> np.ndarray:
    """Return a mask's codes uint8[h, w]; raise ValueError for a number that is no class."""
    place = {name: code for code, name in enumerate(state["classes"])}
    codes = dict.fromkeys(state["void"], VOID)
    codes |= {number_of(mark): place.get(name, VOID) for name, mark in table.items() if name in place}
    codes |= {number_of(mark): VOID for name, mark in table.items() if name.lower() in NO_CLASS and name not in place}
    numbers, places = np.unique(mask, return_inverse=True)
    if unknown := [number for number in numbers.tolist() if number not in codes]:
        shown = shown_number(unknown[0], state["is_colour"])
        count = int((mask == unknown[0]).sum())
        names = [name for name, mark in table.items() if number_of(mark) == unknown[0]]
        raise ValueError(
            f"the mask has {shown}{f' ({names[0]})' if names else ''} in {count} places, which is no class of the"
            " training masks: target.classes names classes, target.void what is none"
        )
    return np.array([codes[number] for number in numbers.tolist()], np.uint8)[places.reshape(mask.shape)]


def _shown(codes: np.ndarray, state: State) -> dict[str, Any]:
    classes = list(state["classes"])
    return {"size": list(codes.shape), "classes": classes, "png": as_png(codes, len(classes))}
