"""Images: decoded once into bytes of pixels, normalised in the network, embedded by a convolution stem or patches.

How a file becomes pixels stands in vision/pictures.py. Read next: modalities/image/embedder.py.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np

from noria.contract import Modality
from noria.contract.capabilities import (
    Attributable,
    Augments,
    CompletesState,
    DescribesValues,
    Displays,
    TellsCost,
    TellsReading,
    Vectorizes,
    WarmStarts,
)
from noria.errors import UserError, first_reason
from noria.modalities.image.arrays import PIXELS, PLACES, SIZE, TILES
from noria.modalities.image.by_data import MOST_SIDE, STAGES, size_by_data, size_notes, size_of, stages_by_data
from noria.modalities.image.resize import fitted
from noria.modalities.image.settings import ImageSettings
from noria.modalities.image.tiles import tiles_of
from noria.modalities.image.training_pictures import TrainingPictures, levels_of
from noria.sources.core.annotations import PICTURE_SUFFIXES
from noria.types import Arrays, Cost, Encoded, Panel, Ragged, Span, State, Values
from noria.vision.levels import LEVELS, level_notes
from noria.vision.pictures import NOTHING_LEARNT, pixels_of_file, read_picture, read_pixels

if TYPE_CHECKING:
    from torch import Tensor, nn


@dataclass(frozen=True)
class Image(
    ImageSettings,
    Modality,
    WarmStarts,
    CompletesState,
    Augments,
    Displays,
    Attributable,
    TellsReading,
    TellsCost,
    Vectorizes,
    DescribesValues,
):
    """A picture. Arrays: `pixels` uint8[n, height, width, channels], 0 to 255; with `keep` also `size` int32[n, 2], the
    picture's own height and width, for answers that lie in it; with `tile` also `tiles` Ragged uint8[k, height, width,
    channels] and `places` Ragged int32[k, 4], top, left, height and width of each in the picture.

    Each tile is resized to `size`, or keeps its own where that is null. Training that starts from a checkpoint of
    pictures has its backbone in the pyramid, or else as the stem, a token a picture or (pooling grid) a place; pixels
    are normalised as it was trained, and null for size makes squares of `side`, or of 128 pixels.
    """

    kind: ClassVar[str] = "image"
    file_suffixes: ClassVar[tuple[str, ...]] = PICTURE_SUFFIXES
    raw_type: ClassVar[Literal["file"]] = "file"
    num_fit_records: ClassVar[int] = 5_000
    has_templates: ClassVar[bool] = True

    def fit(self, values: Values) -> State:
        return self.fit_within(values, MOST_SIDE)

    def fit_within(self, values: Values, most_side: int) -> State:
        """Learn from training pictures; where nobody asked for a side, it is at most this one."""
        side = self.side or most_side
        seen = TrainingPictures.of(values, self.size or (side, side))
        if not (pictures := seen.pictures()):
            raise UserError("no training picture can be read", found=first_reason(values, read_picture))
        asked = self.size or self.tile
        size = size_by_data(seen.sizes, self.side, most_side) if asked is None else size_of(*asked)
        height, width = size["height"], size["width"]
        is_grey = self.colors == "grey" or (self.colors is None and not seen.is_colored)
        state: State = {**size, "channels": 1 if is_grey else 3, STAGES: stages_by_data(height, width)}
        pixels = np.stack([fitted(picture, state) for picture in pictures]).reshape(-1, state["channels"]) / 255.0
        spread = np.maximum(pixels.std(0), 1 / 255)
        mean = pixels.mean(0)
        state |= {"mean": [float(m) for m in mean], "spread": [float(s) for s in spread]}
        if seen.levels:
            state[LEVELS] = seen.levels
        if self.whiten:
            state["whitening"] = _whitening(((pixels - mean) / spread).reshape(len(pictures), height, width, -1))
        return state

    def warm_start(self, state: State) -> State:
        """Take over all of a model of ours; of a checkpoint what it is, while the size is that of these settings."""
        if "height" in state:
            return state
        if self.colors == "grey":
            raise UserError("the checkpoint sees colours", where="inputs.image.colors", expected="rgb", found="grey")
        side = self.side or MOST_SIDE
        height, width = self.size or self.tile or (side, side)
        return {"height": height, "width": width, **state}

    def complete_state(self, state: State, values: Values) -> State:
        """Add the scales of pixels that are no bytes, which the model that training starts from did not see."""
        levels = {**levels_of(values), **state.get(LEVELS, NOTHING_LEARNT)}
        return {**state, LEVELS: levels} if levels else state

    def encode(self, values: Values, state: State) -> Encoded:
        shape = (state["height"], state["width"], state["channels"])
        if isinstance(values, np.ndarray) and values.dtype == np.uint8 and values.ndim == 3 and shape[2] == 1:
            values = values[..., None]
        is_plain = isinstance(values, np.ndarray) and values.dtype == np.uint8 and self.tile is None
        if isinstance(values, np.ndarray) and is_plain and values.shape[1:] == shape:
            return self._encoded(values, np.tile(np.array(shape[:2], np.int32), (len(values), 1)), {})
        pixels, size = np.zeros((len(values), *shape), np.uint8), np.zeros((len(values), 2), np.int32)
        bad = {}
        tiles: list[np.ndarray] = []
        places = [np.zeros((0, 4), np.int32)] * len(values)
        for i, value in enumerate(values):
            try:
                picture = read_picture(value, state.get(LEVELS, NOTHING_LEARNT))
                pixels[i], size[i] = fitted(picture, state), picture.shape[:2]
                if self.tile is not None:
                    places[i] = tiles_of(picture.shape[0], picture.shape[1], self.tile, self.overlap)
                    tiles += [fitted(picture[y : y + h, x : x + w], state) for y, x, h, w in places[i].tolist()]
            except ValueError as error:
                bad[i] = str(error)
        encoded = self._encoded(pixels, size, bad)
        if self.tile is not None:
            offsets = np.cumsum([0, *map(len, places)], dtype=np.int64)
            cut = np.stack(tiles) if tiles else np.zeros((0, *shape), np.uint8)
            encoded.arrays[TILES] = Ragged(cut, offsets)
            encoded.arrays[PLACES] = Ragged(np.concatenate([np.zeros((0, 4), np.int32), *places]), offsets)
        return encoded

    def _encoded(self, pixels: np.ndarray, size: np.ndarray, bad: dict[int, str]) -> Encoded:
        return Encoded({PIXELS: pixels, SIZE: size} if self.keep else {PIXELS: pixels}, bad)

    def cost(self, value: Any) -> Cost:
        return Cost(pixels=pixels_of_file(value))

    def remarks(self, state: State) -> list[str]:
        return [*size_notes(state), *level_notes(state.get(LEVELS, NOTHING_LEARNT))]

    def display(self, arrays: Arrays, state: State) -> np.ndarray:
        pixels = np.asarray(arrays[PIXELS])
        return pixels[..., 0] if pixels.shape[-1] == 1 else pixels

    def augment(self, arrays: dict[str, Tensor]) -> dict[str, Tensor]:
        from noria.modalities.image.augment import augment

        return {**arrays, PIXELS: augment(arrays[PIXELS], self)}

    def embedder(self, state: State, width: int) -> nn.Module:
        from noria.modalities.image.embedder import ImageEmbedder

        return ImageEmbedder(self, state, width)

    def vectorizer(self, state: State) -> nn.Module:
        from noria.modalities.image.vectorizer import PictureVectorizer

        return PictureVectorizer(state)

    def spans(self, value: Any, state: State) -> list[Span]:
        from noria.modalities.image.embedder import grids

        spans = []
        whole = read_pixels(value).shape  # its own pixels, whatever the network sees of them
        for rows, columns in grids(self, state):
            height, width = whole[0] / rows, whole[1] / columns
            spans += [
                Span("pixels", (round(r * height), round(c * width)), (round((r + 1) * height), round((c + 1) * width)))
                for r in range(rows)
                for c in range(columns)
            ]
        return spans

    def value_facts(self, state: State) -> dict[str, Any]:
        """Return the size that the network sees, its channels, and how bright training pictures were, 0 to 1."""
        facts = {name: state[name] for name in ("height", "width", "channels") if name in state and self.tile is None}
        return facts | ({"brightness": round(float(np.mean(state["mean"])), 4)} if "mean" in state else {})

    def reading(self, state: State) -> Panel:
        from noria.modalities.image.reading import panel_of

        return panel_of(self, state)


def _whitening(pictures: np.ndarray) -> list[list[float]]:
    """Return filters that make the pictures' 2 x 2 patches white, and their negatives: [24][12] for RGB.

    pictures: float[n, H, W, C], normalised. The values of a filter are in the order channel, row, column.
    """
    rows, columns = slice(0, -1, 2), slice(0, -1, 2)
    corners = [pictures[:, rows, columns], pictures[:, rows, 1::2][:, :, : pictures[:, rows, columns].shape[2]]]
    below = pictures[:, 1::2]
    corners += [below[:, :, columns], below[:, :, 1::2][:, :, : below[:, :, columns].shape[2]]]
    height = min(corner.shape[1] for corner in corners)
    patches = np.stack([corner[:, :height] for corner in corners], -1).reshape(-1, pictures.shape[3] * 4)
    values, vectors = np.linalg.eigh(patches.T @ patches / len(patches))
    filters = (vectors / np.sqrt(values + 5e-4)).T[::-1]
    return [[float(f"{weight:.6g}") for weight in one] for one in np.concatenate([filters, -filters])]
