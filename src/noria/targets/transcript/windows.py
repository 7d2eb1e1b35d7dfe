"""A long recording in windows that overlap: what the network says of each window's middle is put together.

    frames    |=============|
                       |=============|            of each overlap the first half is the left window's, the second
                                  |=============| half the right one's: no word is said twice

Where windows lie depends on the recording alone, not on what else is in the batch. Memory is that of one window and of
the log-probabilities of the whole.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from noria.modalities.audio.arrays import LENGTHS, MEL
from noria.modalities.audio.windows import record_of, starts_of
from noria.types import Batch, Output

WINDOW, OVERLAP = 3200, 640  # frames of log-mel: 32 and 6.4 seconds at 100 a second; multiples of all strides


def heard(model: Any, batch: Batch, audio: str) -> Output:
    """Return `logits` and `frames` of the sounds of a batch, `audio` is their field; long ones window by window."""
    lengths = batch.inputs[audio][LENGTHS]
    if int(lengths.max()) <= WINDOW:
        return dict(model(batch.inputs))
    rows = [_whole(model, record_of(batch.inputs, audio, index), audio) for index in range(len(lengths))]
    frames = torch.tensor([len(row) for row in rows], device=lengths.device)
    return {"logits": torch.nn.utils.rnn.pad_sequence(rows, batch_first=True), "frames": frames}


def _whole(model: Any, inputs: dict[str, dict[str, Tensor]], audio: str) -> Tensor:
    """Return the logits float[T, units] of one sound."""
    mel = inputs[audio][MEL]
    length = mel.shape[1]
    parts: list[Tensor] = []
    for start in starts_of(length, WINDOW, OVERLAP):
        piece = mel[:, start : start + WINDOW]
        size = torch.tensor([piece.shape[1]], device=mel.device)
        arrays = {**inputs[audio], MEL: piece, LENGTHS: size}
        logits = model({**inputs, audio: arrays})["logits"][0]
        stride = round(piece.shape[1] / len(logits))
        left = 0 if start == 0 else OVERLAP // 2 // stride
        is_last = start + WINDOW >= length
        parts.append(logits[left:] if is_last else logits[left : (WINDOW - OVERLAP // 2) // stride])
    return torch.cat(parts)
