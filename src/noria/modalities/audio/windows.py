"""A long sound in windows that overlap: where they lie depends on the sound alone, not on what else is in the batch."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from noria.contract.windows import beside, combined
from noria.modalities.audio.arrays import LENGTHS, MEL
from noria.types import Batch, Output

AT_ONCE = 8  # windows that are asked about together: memory is that of so many, however long the sound

Inputs = Mapping[str, Any]


def record_of(inputs: Inputs, audio: str, index: int) -> dict[str, dict[str, Tensor]]:
    """Return one record of the inputs of a batch, its sound without padding."""
    own = {name: {key: value[index : index + 1] for key, value in arrays.items()} for name, arrays in inputs.items()}
    own[audio][MEL] = own[audio][MEL][:, : int(own[audio][LENGTHS][0])]
    return own


def starts_of(length: int, size: int, overlap: int) -> range:
    """Return where the windows of a sound begin, in frames: the last one ends where the sound does, or later."""
    return range(0, max(1, length - overlap), size - overlap)


@dataclass(frozen=True)
class SoundWindows:
    """Windows of `size` frames, each `overlap` of them after the start of the one before, of the input `audio`."""

    audio: str
    size: int
    overlap: int
    hop_s: float

    def answers(self, model: Any, batch: Batch) -> Output:
        """Return the logits of each sound, of all its windows, and where these lie, in seconds."""
        lengths = batch.inputs[self.audio][LENGTHS]
        if int(lengths.max()) <= self.size:
            output = dict(model(batch.inputs))
            each = list(output["logits"][:, None])
            spans = torch.stack([torch.zeros_like(lengths), lengths], 1)[:, None] * self.hop_s
            return {**output, **beside(each, list(spans.cpu()))}
        rows = [self._row(model, record_of(batch.inputs, self.audio, index)) for index in range(len(lengths))]
        logits = torch.stack([row[0] if len(row) == 1 else combined(row) for row, _ in rows])
        return {"logits": logits, **beside([row for row, _ in rows], [spans for _, spans in rows])}

    def _row(self, model: Any, inputs: dict[str, dict[str, Tensor]]) -> tuple[Tensor, Tensor]:
        """Return the logits float[W, C] of a sound's windows, and their edges float[W, 2] in seconds."""
        length = inputs[self.audio][MEL].shape[1]
        starts = starts_of(length, self.size, self.overlap)
        logits = [model(piece)["logits"] for piece in self._pieces(inputs, list(starts))]
        edges = [(start, min(start + self.size, length)) for start in starts]
        return torch.cat(logits), torch.tensor(edges) * self.hop_s

    def _pieces(self, inputs: dict[str, dict[str, Tensor]], starts: list[int]) -> Iterator[Inputs]:
        """Yield windows as records, some at once."""
        mel = inputs[self.audio][MEL][0]
        for first in range(0, len(starts), AT_ONCE):
            pieces = [mel[start : start + self.size] for start in starts[first : first + AT_ONCE]]
            lengths = torch.tensor([len(piece) for piece in pieces], device=mel.device)
            padded = torch.nn.utils.rnn.pad_sequence(pieces, batch_first=True)
            others = {
                name: {key: value.expand(len(pieces), *value.shape[1:]) for key, value in arrays.items()}
                for name, arrays in inputs.items()
                if name != self.audio
            }
            yield {**others, self.audio: {MEL: padded, LENGTHS: lengths}}

    def drawn(self, arrays: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Return sounds for training, of long ones a window anywhere, by torch's global seed."""
        mel, lengths = arrays[MEL], arrays[LENGTHS]
        if int(lengths.max()) <= self.size:
            return dict(arrays)
        room = (lengths - self.size).clamp_min(0)
        starts = (room * torch.rand(len(lengths), device=mel.device)).round().long()
        place = (starts[:, None] + torch.arange(self.size, device=mel.device)).clamp_max(mel.shape[1] - 1)
        row = torch.arange(len(mel), device=mel.device)[:, None]
        return {**arrays, MEL: mel[row, place], LENGTHS: lengths.clamp_max(self.size)}
