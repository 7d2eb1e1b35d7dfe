"""From clips to tokens: every frame through the stem of pictures, beside what changes until the next frame.

The tokens of a clip stand frame after frame; what lies between them in time is the trunk's affair.
Read next: modalities/image/embedder.py.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from noria.modalities.image.augment import augment as augment_pictures
from noria.modalities.image.embedder import ImageEmbedder
from noria.types import State, Tokens

if TYPE_CHECKING:
    from noria.modalities.image.settings import ImageSettings


class VideoEmbedder(nn.Module):
    """`pixels` uint8 or float[B, frames, H, W, C], 0 to 255 -> Tokens, those of the first frame first.

    frame: the settings of one picture. motion: whether each frame is seen beside what changes until the next one.
    """

    def __init__(self, frame: ImageSettings, motion: bool, state: State, width: int) -> None:
        super().__init__()
        self.motion = motion
        if self.motion:
            still = [0.0] * state["channels"]
            state = state | {"channels": 2 * state["channels"], "mean": [*state["mean"], *still]}
            state = state | {"spread": [*state["spread"], *state["spread"]]}
        self.picture = ImageEmbedder(frame, state, width)
        self.width = self.picture.width

    def forward(self, arrays: dict[str, Tensor]) -> Tokens:
        pixels = arrays["pixels"].float()
        if self.motion:
            steps = torch.cat([pixels[:, 1:] - pixels[:, :-1], torch.zeros_like(pixels[:, :1])], 1)
            pixels = torch.cat([pixels, steps], 4)
        tokens: Tokens = self.picture({"pixels": pixels.flatten(0, 1)})
        return Tokens(tokens.features.reshape(pixels.shape[0], -1, self.width))


def augment(pixels: Tensor, settings: ImageSettings) -> Tensor:
    """Return clips [B, frames, H, W, C] varied as pictures are, all frames of one alike: as channels of one picture."""
    count, frames, height, width, channels = pixels.shape
    together = pixels.permute(0, 2, 3, 1, 4).reshape(count, height, width, frames * channels)
    varied = augment_pictures(together, settings)
    return varied.reshape(count, height, width, frames, channels).permute(0, 3, 1, 2, 4)
