"""The head of a model that Whisper answers for: the files of the model as bytes, and no weight that is learnt."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import nn

from noria.checkpoints.whisper.listener import Listener
from noria.errors import UserError
from noria.model.heads import NOTHING
from noria.types import Output, Tokens

PRECISION = {"cpu": "int8", "cuda": "float16"}  # what is fastest and as good; CTranslate2 converts the weights


class HeldFiles(nn.Module):
    """Files as buffers uint8. Output: `nothing` float[B], zeros: the answers come from `listener`."""

    def __init__(self, sizes: Mapping[str, int]) -> None:
        super().__init__()
        self.names = list(sizes)
        for index, size in enumerate(sizes.values()):
            self.register_buffer(f"file_{index}", torch.zeros(size, dtype=torch.uint8))
        self._listener: dict[str, Listener] = {}

    def fill(self, contents: Mapping[str, np.ndarray]) -> None:
        """Take the bytes of the files."""
        for index, name in enumerate(self.names):
            self.get_buffer(f"file_{index}").copy_(torch.from_numpy(contents[name]))

    def listener(self) -> Listener:
        """Return the loaded model: made once, where it is first asked."""
        if not self.names or not self.get_buffer("file_0").any():
            raise UserError("this model holds no files of Whisper", fix="train it first; a trace needs data.path")
        device = self.get_buffer("file_0").device.type
        if device not in self._listener:
            files = {name: self._bytes(index) for index, name in enumerate(self.names)}
            threads = torch.get_num_threads()
            self._listener[device] = Listener(files, device, PRECISION.get(device, "default"), threads)
        return self._listener[device]

    def __deepcopy__(self, known: dict[int, Any]) -> HeldFiles:
        """Return the same head: nothing of it is ever changed."""
        return self

    def _bytes(self, index: int) -> bytes:
        return self.get_buffer(f"file_{index}").cpu().numpy().tobytes()

    def forward(self, tokens: Tokens) -> Output:
        return {NOTHING: tokens.features.new_zeros(len(tokens.features))}
