"""Recordings of a batch put in a row and learnt as one: running speech for a network whose records are single words."""

from __future__ import annotations

import torch
from torch import Tensor

from noria.modalities.audio.arrays import LENGTHS, MEL
from noria.types import PAD, Batch

UNITS = "units"


def in_a_row(batch: Batch, audio: str, most: int, separator: int | None) -> Batch:
    """Return a batch in which each record is followed by up to `most` - 1 others, by torch's global seed.

    separator: the unit between words; None where none is written.
    """
    arrays, units = batch.inputs[audio], batch.target[UNITS]
    mel, lengths = arrays[MEL], arrays[LENGTHS]
    count = len(lengths)
    number = torch.randint(1, most + 1, (count,)).tolist()
    others = torch.randint(0, count, (count, most))
    others[:, 0] = torch.arange(count)
    rows = [others[row, : number[row]].tolist() for row in range(count)]
    sounds = [torch.cat([mel[one, : int(lengths[one])] for one in row]) for row in rows]
    said = [_joined([units[one][units[one] != PAD] for one in row], separator) for row in rows]
    found = {
        **arrays,
        MEL: torch.nn.utils.rnn.pad_sequence(sounds, batch_first=True),
        LENGTHS: lengths.new_tensor([len(one) for one in sounds]),
    }
    truth = {
        UNITS: torch.nn.utils.rnn.pad_sequence(said, batch_first=True, padding_value=PAD),
    }
    return Batch({**batch.inputs, audio: found}, {**batch.target, **truth}, batch.size)


def _joined(words: list[Tensor], separator: int | None) -> Tensor:
    """Return units of words as one row."""
    if separator is None:
        return torch.cat(words)
    between = words[0].new_tensor([separator])
    return torch.cat([part for word in words for part in (between, word)][1:])
