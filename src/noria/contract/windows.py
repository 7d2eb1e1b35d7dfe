"""Answers to an input that is too long to be seen at once: window by window, and one for the whole of them.

A task whose inputs can be so long gives its target the Windows that ask the model; the target combines nothing by
itself. Read next: modalities/audio/windows.py.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from noria.types import Arrays, Batch, Output, Ragged

if TYPE_CHECKING:
    from torch import Tensor, nn

WINDOW_LOGITS, WINDOW_SPANS, WINDOW_COUNTS = "window_logits", "window_spans", "window_counts"


class Windows(Protocol):
    """Asks a model about the records of a batch, long ones in windows that overlap."""

    def answers(self, model: nn.Module, batch: Batch) -> Output:
        """Return the model's output for each record, and what `beside` makes of the windows."""


def combined(logits: Tensor) -> Tensor:
    """Return the logits float[C] of a whole of windows float[W, C]: their probabilities are averaged."""
    chances = logits.float().softmax(-1)
    return chances.mean(0).clamp_min(1e-12).log()


def beside(logits: list[Tensor], spans: list[Tensor]) -> Output:
    """Return the answers of windows as outputs: of each record float[W, C], and float[W, 2], where windows lie."""
    import torch

    return {
        WINDOW_LOGITS: torch.nn.utils.rnn.pad_sequence(logits, batch_first=True),
        WINDOW_SPANS: torch.nn.utils.rnn.pad_sequence(spans, batch_first=True),
        WINDOW_COUNTS: torch.tensor([len(one) for one in logits]),
    }


def settled_windows(output: Arrays) -> Arrays:
    """Return what is kept of outputs, those of windows without padding; as they are where nothing came in windows."""
    if WINDOW_COUNTS not in output:
        return output
    kept = {name: values for name, values in output.items() if name not in (WINDOW_LOGITS, WINDOW_SPANS, WINDOW_COUNTS)}
    for name in (WINDOW_LOGITS, WINDOW_SPANS):
        rows = [row[:count] for row, count in zip(output[name], output[WINDOW_COUNTS], strict=True)]
        kept[name] = Ragged.of(rows, np.float32, rows[0].shape[1:])
    return kept


def told_windows(output: Arrays, row: int, classes: list[str]) -> dict[str, Any]:
    """Return the classes of a record's windows as details of its answer; nothing where it came in one."""
    if WINDOW_LOGITS not in output or len(output[WINDOW_LOGITS][row]) < 2:
        return {}
    logits = np.asarray(output[WINDOW_LOGITS][row], np.float64)
    chances = np.exp(logits - logits.max(1, keepdims=True))
    chances /= chances.sum(1, keepdims=True)
    found = [
        {
            "start_s": round(float(start), 3),
            "end_s": round(float(end), 3),
            "value": classes[int(own.argmax())],
            "confidence": round(float(own.max()), 6),
        }
        for (start, end), own in zip(output[WINDOW_SPANS][row], chances, strict=True)
    ]
    return {"windows": found}
