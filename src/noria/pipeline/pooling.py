"""The pooled embedding of each record, as it passes a model's head while it is answered: no second pass is needed."""

from __future__ import annotations

from types import TracebackType
from typing import Any

import numpy as np
import torch
from torch import nn

from noria.types import Tokens

POOLED = "pooled"  # the array of these vectors beside a model's outputs, float32[n, D]


class Pooling:
    """While it is entered, keeps the mean of the real tokens that the head of a network is shown.

    Of a network that answers in several passes (token by token) the first counts. One that is no module of torch, as
    that of another engine, shows nothing.
    """

    def __init__(self, network: object) -> None:
        self._head = getattr(network, "_modules", {}).get("head")  # an engine's network refuses other names
        self._vectors: torch.Tensor | None = None

    def __enter__(self) -> Pooling:
        self._hook = self._head.register_forward_pre_hook(self._see) if isinstance(self._head, nn.Module) else None
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        if self._hook is not None:
            self._hook.remove()

    def _see(self, _: nn.Module, given: tuple[Any, ...]) -> None:
        from noria.model.heads import pooled

        if self._vectors is None and given and isinstance(given[0], Tokens):
            self._vectors = pooled(given[0])

    def take(self, count: int) -> np.ndarray | None:
        """Return the vectors of the batch of `count` records that has just passed, float32[count, D]; None: unseen."""
        vectors, self._vectors = self._vectors, None
        return None if vectors is None or len(vectors) != count else vectors.detach().float().cpu().numpy()
