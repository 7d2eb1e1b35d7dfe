"""Run a model over encoded records: the one way in which validation, evaluate, predict, serve and batch get outputs."""

from __future__ import annotations

import os
from functools import partial
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from torch import nn

from noria.contract import Target, dispatch, streaming
from noria.pipeline.out_of_memory import told_out_of_memory
from noria.pipeline.pooling import POOLED, Pooling
from noria.types import Arrays, Dataset, Output, State, concatenated, rows_of
from noria.types.when_read import WhenRead

# Padding is work for nothing, and so is what each batch costs beside its tokens: as much as so many tokens of padding
# (models of 0.1 to 23 million weights); where a batch is a loop over tokens to be written, many times more.
PADDING, PADDING_SHARE, PADDING_OF_WRITTEN = 80, 0.05, 5000
MOST_TOKENS, MOST_BYTES = 2**16, 2**28  # of a batch whose records are of unequal length, padding included
EQUAL_BYTES = 2**25  # of the inputs of a batch whose records are all as large: 223 pictures of 224 x 224 in colour


@torch.inference_mode()
def outputs(
    model: nn.Module, target: Target, state: State, dataset: Dataset, batch_size: int, device: torch.device | str,
    is_quick: bool = False, pooling: Pooling | None = None,
) -> Arrays:  # fmt: skip
    """Return the settled outputs of all records, in their order; records of like length are asked together.

    `is_quick` is for validation within training. `pooling`, where it was entered, adds POOLED if the network shows it.
    The model's training mode is left as it was.
    """
    was_training = model.training
    if was_training:  # for one small record, to say so to every module takes longer than to answer
        model.eval()
    parts: dict[str, list[Any]] = {}
    padding = PADDING_OF_WRITTEN if streaming.can_generate(target) else PADDING
    order, sizes = batches_of(dataset, batch_size, padding)
    for indices in np.split(order, np.cumsum(sizes)[:-1]):
        fix = f"ask for fewer records at once: evaluate.batch_size={max(1, len(indices) // 2)}"
        with told_out_of_memory(f"{len(indices)} records at once", fix):
            batch = dataset.batch(indices, device)
            output = model_output(dispatch.predict_step(target, model, batch, state, is_quick))
        kept = dispatch.postprocess(target, output, WhenRead(partial(dataset.raw_inputs, indices)), state)
        if pooling is not None and (vectors := pooling.take(len(indices))) is not None:
            kept = {**kept, POOLED: vectors}
        for name, values in kept.items():
            parts.setdefault(name, []).append(values)
    if was_training:
        model.train()
    back = np.argsort(order)
    joined = {name: concatenated(values) for name, values in parts.items() if len(values) == len(sizes)}
    return joined if dataset.lengths is None else rows_of(joined, back)


def model_output(output: Output) -> Arrays:
    """Return a model's output as arrays."""
    return {
        name: (value.float() if value.is_floating_point() else value).cpu().numpy() for name, value in output.items()
    }


def batches_of(dataset: Dataset, batch_size: int, padding: int = PADDING) -> tuple[np.ndarray, list[int]]:
    """Return the order in which records are asked, shortest first, and how many of them make up each batch.

    padding: how many places of a batch may be filled up for nothing, beside a small share of them.
    """
    count, lengths = len(dataset), dataset.lengths
    if lengths is None:
        batch_size = max(1, min(batch_size, EQUAL_BYTES // max(1, record_bytes(dataset))))
        full, rest = divmod(count, batch_size)
        return np.arange(count), [batch_size] * full + [rest] * (rest > 0)
    order = np.argsort(lengths, kind="stable")
    ordered = lengths[order]
    most = min(MOST_TOKENS, MOST_BYTES // max(1, dataset.place_bytes))
    sizes: list[int] = []
    start = 0
    while start < count:
        size, filled = 1, 0
        for length, longer in pairwise(ordered[start : start + batch_size].tolist()):
            filled += size * (longer - length)
            size += 1
            if filled > padding + PADDING_SHARE * size * longer or size * longer > most:
                size -= 1
                break
        sizes.append(size)
        start += size
    return order, sizes


def record_bytes(dataset: Dataset) -> int:
    """Return the memory that the encoded inputs of one record take, where all are as large."""
    arrays = [one for part in dataset.inputs.values() for name, one in part.items() if name[0] != "_"]
    return sum(one[:1].nbytes for one in arrays) if len(dataset) else 0


def pick_device() -> torch.device:
    """Return the GPU where there is one, else the CPU."""
    if torch.cuda.is_available():
        return torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0")))
    if torch.backends.mps.is_available():
        return torch.device("mps")
    return torch.device("cpu")
