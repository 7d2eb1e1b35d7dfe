"""Video: frames spread evenly over a clip's time, decoded once into bytes of pixels, each embedded as a picture is.

What a frame becomes, and how training clips are varied, is said by the settings of images; a clip is varied as a whole.
Read next: modalities/video/files.py, modalities/video/embedder.py, modalities/image/modality.py.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, fields
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np

from noria.columns.array_file import MARK
from noria.contract import Modality
from noria.contract.capabilities import (
    Attributable,
    Augments,
    CompletesState,
    Displays,
    TellsCost,
    TellsReading,
    WarmStarts,
)
from noria.errors import raise_unmet
from noria.modalities.image.by_data import STAGES
from noria.modalities.image.modality import Image
from noria.modalities.image.settings import NETWORK_ONLY, PictureSettings, picture_rules
from noria.modalities.video.files import cost_of_clip, read_clip
from noria.sources.formats.clips import VIDEO_SUFFIXES
from noria.types import Arrays, Cost, Encoded, Span, State, Values
from noria.vision.levels import LEVELS
from noria.vision.pictures import NOTHING_LEARNT, read_picture, read_pixels

if TYPE_CHECKING:
    from torch import Tensor, nn

MAX_FRAMES = 10_000  # taken from a clip
MOST_SIDE = 64  # of frames that nobody asked for a side of: a clip has many of them
BLOCKS = 1  # convolutions in a stage, for the same reason
SHOWN = 4  # frames that a person sees


@dataclass(frozen=True)
class Video(
    PictureSettings, Modality, WarmStarts, CompletesState, Augments, Displays, Attributable, TellsReading, TellsCost
):
    """A clip. Arrays: `pixels` uint8[n, frames, height, width, channels], 0 to 255.

    The settings of pictures hold for every frame; all frames of a clip are augmented alike. With `max`, `mean` and
    `flat` a frame becomes one token, with `grid` one a place.
    """

    kind: ClassVar[str] = "video"
    file_suffixes: ClassVar[tuple[str, ...]] = VIDEO_SUFFIXES
    raw_type: ClassVar[Literal["file"]] = "file"
    num_fit_records: ClassVar[int] = 500

    frames: int = 8
    """Frames taken from each clip, evenly spaced. Raise it where short events decide; time grows with it."""
    rate_hz: float | None = field(default=None, metadata=NETWORK_ONLY)
    """Frames per second of clips that come as single pictures. Explanations then speak of seconds."""
    motion: bool = field(default=True, metadata=NETWORK_ONLY)
    """Show each frame beside its difference to the next one. Turn off where only the look decides."""
    side: int | None = None
    """Side in pixels of the squares that frames become. Null: by the frames in the middle, at most 64."""
    stem: Literal["convolution", "patches"] = field(default="convolution", metadata=NETWORK_ONLY)
    """Layers from the pixels of a frame to tokens: `convolution`, or `patches` for a deep trunk."""
    patch: int = field(default=8, metadata=NETWORK_ONLY)
    """Side of a patch in pixels, for the stem `patches`. Smaller sees more of each frame and costs more tokens."""

    def __post_init__(self) -> None:
        rules = picture_rules(self) | {
            "frames": (1 <= self.frames <= MAX_FRAMES, f"a whole number from 1 to {MAX_FRAMES}", self.frames),
            "rate_hz": (self.rate_hz is None or 0 < self.rate_hz < float("inf"), "more than 0", self.rate_hz),
        }
        raise_unmet("a video", rules, "inputs.video.")

    @property
    def picture(self) -> Image:
        """Return the settings of one frame."""
        return Image(**{one.name: getattr(self, one.name) for one in fields(PictureSettings)})

    def fit(self, values: Values) -> State:
        state = self.picture.fit_within(self._frames(values), MOST_SIDE)  # type: ignore[arg-type]  # one after another
        return {**state, STAGES: {**state[STAGES], "blocks": BLOCKS}}

    def warm_start(self, state: State) -> State | None:
        return state

    def complete_state(self, state: State, values: Values) -> State:
        pictures = [clip for clip in values if not isinstance(clip, bytes) or clip.startswith(MARK)]  # no film of bytes
        return self.picture.complete_state(state, self._frames(pictures))  # type: ignore[arg-type]

    def encode(self, values: Values, state: State) -> Encoded:
        pixels = np.zeros((len(values), self.frames, state["height"], state["width"], state["channels"]), np.uint8)
        bad = {}
        read = partial(read_picture, levels=state.get(LEVELS, NOTHING_LEARNT))
        for i, value in enumerate(values):
            try:
                frames = self.picture.encode(read_clip(value, self.frames, read).frames, state)
            except ValueError as error:
                bad[i] = str(error)
                continue
            pixels[i] = frames.arrays["pixels"]
            if frames.bad:
                bad[i] = next(iter(frames.bad.values()))
        return Encoded({"pixels": pixels}, bad)

    def cost(self, value: Any) -> Cost:
        return cost_of_clip(value)

    def reading(self, state: State) -> None:
        return None

    def remarks(self, state: State) -> list[str]:
        return self.picture.remarks(state)

    def display(self, arrays: Arrays, state: State) -> np.ndarray:
        """Return a few of the frames side by side."""
        pixels = np.asarray(arrays["pixels"])
        chosen = np.unique(np.linspace(0, len(pixels) - 1, SHOWN).round().astype(int))
        strip = np.concatenate(list(pixels[chosen]), axis=1)
        return strip[..., 0] if strip.shape[-1] == 1 else strip

    def augment(self, arrays: dict[str, Tensor]) -> dict[str, Tensor]:
        from noria.modalities.video.embedder import augment

        return {"pixels": augment(arrays["pixels"], self.picture)}

    def embedder(self, state: State, width: int) -> nn.Module:
        from noria.modalities.video.embedder import VideoEmbedder

        return VideoEmbedder(self.picture, self.motion, state, width)

    def spans(self, value: Any, state: State) -> list[Span]:
        """Return the stretch of time of each token, in its name the part of the picture where it has one."""
        clip = read_clip(value, self.frames)
        unit, whole = ("frames", float(clip.count)) if clip.seconds is None else ("seconds", clip.seconds)
        if clip.seconds is None and self.rate_hz is not None:
            unit, whole = "seconds", clip.count / self.rate_hz
        parts = self.picture.spans(clip.frames[0], state)
        names = [f"pixels {part.start} to {part.end}" if len(parts) > 1 else "" for part in parts]
        return [
            Span(unit, whole * place / self.frames, whole * (place + 1) / self.frames, name)
            for place in range(self.frames)
            for name in names
        ]

    def _frames(self, values: Values) -> Iterator[np.ndarray]:
        for value in values:
            try:
                yield from read_clip(value, self.frames, read_pixels).frames
            except ValueError:
                continue  # `encode` meets it again and says why
