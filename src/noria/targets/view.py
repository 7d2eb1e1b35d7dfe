"""A vector that says what a picture shows, learnt from two views of it: close to each other, far from those of others.

The answer is the other view, a picture that goes through the model as the input does; where a picture is its own, both
are varied in training, and told apart from it by a window of its middle, mirrored, in use. The loss is InfoNCE over the
batch, as in Chen et al. 2020, "SimCLR". Read next: embedding.py, metrics/retrieval.py, stages/search.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np

from noria.contract import Metric
from noria.contract.capabilities import DecodesTarget
from noria.contract.settings import named_input
from noria.errors import UserError, first_reason
from noria.metrics.retrieval import retrieval_metrics
from noria.modalities.image.arrays import PIXELS
from noria.modalities.image.resize import fitted
from noria.targets.embedding import Matched, info_nce
from noria.types import Arrays, Batch, Encoded, Output, State, Values
from noria.vision.levels import LEVELS, LevelRange
from noria.vision.pictures import NOTHING_LEARNT, read_picture, read_pixels

if TYPE_CHECKING:
    from torch import Tensor, nn

    from noria.modalities.image.modality import Image

WINDOW = 0.75  # of each side, where a picture is looked for by a part of itself
SIDE = 32  # pixels at most, and so many rows and columns, that the trivial answer compares


@dataclass(frozen=True)
class View(Matched, DecodesTarget):
    """Another view of a picture. Arrays: `pixels` uint8[n, H, W, C]. Output: `vector`, and where the view is known
    `match`, float[n, D], of length one.
    """

    kind: ClassVar[str] = "view"
    raw_type: ClassVar[Literal["file"]] = "file"

    temperature: float = field(default=0.2, metadata={"network_only": True})
    """Similarities are divided by it before the softmax. Lower it to set similar pictures further apart."""
    image: str = named_input("image")  # the input that goes through the model as its other view does

    def fit(self, values: Values) -> State:
        seen = LevelRange()
        state: State = {}
        for value in values:
            try:
                picture = read_pixels(value)
            except ValueError:
                continue  # `encode` meets it again and says why
            height, width = picture.shape[:2]
            state = state or {"height": height, "width": width, "channels": 3 if picture.ndim == 3 else 1}
            seen.see(picture)
            if not seen.extents:
                return state  # pictures of bytes have nothing more to be learnt
        if not state:
            raise UserError("no training picture can be read", found=first_reason(values, read_picture))
        return {**state, LEVELS: seen.levels()}

    def encode(self, values: Values, state: State) -> Encoded:
        pixels = np.zeros((len(values), state["height"], state["width"], state["channels"]), np.uint8)
        bad = {}
        for i, value in enumerate(values):
            try:
                pixels[i] = fitted(read_picture(value, state.get(LEVELS, NOTHING_LEARNT)), state)
            except ValueError as error:
                bad[i] = str(error)
        return Encoded({"pixels": pixels}, bad)

    def both(self, model: nn.Module, batch: Batch) -> Output:
        """Return `vector` of the inputs and `match` of the other views."""
        arrays = batch.inputs[self.image]
        view = other_view(arrays[PIXELS], batch.target["pixels"])
        return {**model(batch.inputs), "match": model({self.image: {**arrays, PIXELS: view}})["vector"]}

    def augment_with(self, batch: Batch, image: Image) -> Batch:
        """Return a training batch with both views varied as the modality varies pictures, each by its own."""
        other = image.augment({PIXELS: batch.target["pixels"]})
        varied = {**batch.inputs, self.image: image.augment(batch.inputs[self.image])}
        return Batch(varied, {**batch.target, "pixels": other[PIXELS]}, batch.size)

    def loss(self, output: Output, batch: Batch) -> dict[str, Tensor]:
        return info_nce(output["vector"], output["match"], self.temperature)

    def decode_target(self, truth: Arrays, state: State) -> list[Any]:
        return ["another view"] * len(truth["pixels"])

    def metrics(self, state: State) -> Sequence[Metric]:
        return retrieval_metrics("vector", "match", truth="pixels")


def other_view(pixels: Tensor, view: Tensor) -> Tensor:
    """Return the views [B, H, W, C]; of one that is the picture itself, the middle of it, mirrored, as large as it."""
    import torch
    from torch.nn import functional

    is_own = (pixels == view).flatten(1).all(1)
    height, width = view.shape[1:3]
    rows, columns = max(1, round(height * WINDOW)), max(1, round(width * WINDOW))
    top, left = (height - rows) // 2, (width - columns) // 2
    middle = view[:, top : top + rows, left : left + columns].flip(2).permute(0, 3, 1, 2).float()
    large = functional.interpolate(middle, size=(height, width), mode="bilinear", align_corners=False)
    return torch.where(is_own[:, None, None, None], large.permute(0, 2, 3, 1), view.float())


def mean_color(train: Arrays) -> Arrays:
    """Return what the trivial answer knows: the mean of each channel, `mean` [1, C]."""
    return {"mean": np.asarray(train["pixels"][:1000], np.float32).mean((0, 1, 2))[None]}


def raw_vectors(picture: Arrays, truth: Arrays, learnt: Arrays) -> Arrays:
    """Return the trivial answer: pictures and views as rows of pixels, of length one."""
    import torch

    pixels, view = picture[PIXELS], truth["pixels"]
    other = other_view(torch.from_numpy(np.array(pixels)), torch.from_numpy(np.array(view))).numpy()
    return {"vector": _rows(pixels, learnt["mean"]), "match": _rows(other, learnt["mean"])}


def _rows(pixels: np.ndarray, mean: np.ndarray) -> np.ndarray:
    down, right = (-(-side // SIDE) for side in pixels.shape[1:3])
    rows = (np.asarray(pixels[:, ::down, ::right], np.float32) - mean).reshape(len(pixels), -1)
    return np.asarray(rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12))
