"""What EfficientNet-Lite0 sees in pictures with its published weights as they are: features for a linear model.

Read next: efficientnet.py; training/rivals/beside.py, where that model stands beside a network.
"""

from __future__ import annotations

import numpy as np
import torch
from torch.nn import functional

from noria.modalities.image.arrays import PIXELS
from noria.modalities.image.checkpoint_files import PictureFiles
from noria.modalities.image.efficientnet import MEAN, SPREAD, EfficientNetLite0
from noria.types import Arrays

LEAST_SIDE = 96  # pixels of the shorter side that a picture is enlarged to: of fewer it sees little
AT_ONCE = 64


class FrozenLite0:
    """The backbone, read when it is first asked."""

    def __init__(self, files: PictureFiles) -> None:
        self._files = files
        self._backbone: EfficientNetLite0 | None = None

    @torch.inference_mode()
    def __call__(self, arrays: Arrays) -> np.ndarray:
        """Return float32[n, 320], the mean of the coarsest map of each picture."""
        if self._backbone is None:
            self._backbone = EfficientNetLite0(has_head=False).eval()
            self._files.fill(self._backbone)
        given, parts = arrays[PIXELS], []
        for start in range(0, len(given), AT_ONCE):
            pixels = torch.from_numpy(np.array(given[start : start + AT_ONCE])).permute(0, 3, 1, 2).float()
            pixels = (pixels.expand(-1, 3, -1, -1) / 255 - MEAN) / SPREAD
            times = LEAST_SIDE / min(pixels.shape[2:])
            if times > 1:
                pixels = functional.interpolate(pixels, scale_factor=times, mode="bilinear", antialias=True)
            parts.append(self._backbone(pixels)[-1].mean((2, 3)).numpy())
        return np.concatenate(parts)
