"""Answers that are being written, each in its own way, and the rows of a memory that several of them share.

Read next: continuous.py, row.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import torch
from torch import Tensor

from noria.model.generation.constraint import Constraint
from noria.model.generation.row import Row
from noria.model.generation.sampling import Chooser, Sampling
from noria.types import Chunk

Pieces: TypeAlias = list[tuple[int, Chunk | Exception]]  # by the number of the answer, what is new or what broke it


@dataclass
class LiveAnswer:
    """One answer and how it is written; has_failed: reading its inputs beside others came to nothing."""

    number: int
    inputs: Any
    sampling: Sampling
    row: Row
    chooser: Chooser
    constraint: Constraint | None
    has_failed: bool = False

    @property
    def length(self) -> int:
        """Return about how many tokens its inputs have."""
        arrays = [one for part in self.inputs.values() for one in part.values() if one.ndim > 1]
        return max((one.shape[1] for one in arrays), default=1)

    def take(self, logits: Tensor, end: int) -> Chunk:
        """Choose the next token by its logits float[1, V]; return the text that is now certain."""
        step, only = len(self.row.ids), [0]
        is_allowed = None if self.constraint is None else self.constraint.allowed(only).to(logits.device)
        ids, logprobs = self.chooser.choose(logits, step, is_allowed)
        token = int(ids)
        new = self.row.say(token, float(logprobs), end, step + 1 == self.sampling.max_tokens)
        if self.constraint is not None:
            self.constraint.take(0, token)
        return self.piece(new)

    def piece(self, new: str) -> Chunk:
        """Return new text as a piece; the last one has the logprobs."""
        return self.row.piece(new)


@dataclass
class LiveRows:
    """Answers that share a memory, in the order of its rows."""

    answers: list[LiveAnswer]
    memory: Any
    device: torch.device

    def take(self, logits: Tensor, end: int) -> Pieces:
        """Choose the next token of each by logits float[B, V]; let those go that have ended or broken."""
        logits = logits.float()
        said: Pieces = []
        for place, one in enumerate(self.answers):
            if one.row.ended is not None:  # by someone else, while its inputs were read
                continue
            try:
                said.append((one.number, one.take(logits[place : place + 1], end)))
            except Exception as error:  # noqa: BLE001  # whatever it is, it is of this answer alone
                said.append((one.number, error))
                one.row.cut()
        self.drop_ended()
        return said

    def drop_ended(self) -> None:
        """Let go of the rows that have ended. The last ones take their places, so that few are moved."""
        live = [place for place, one in enumerate(self.answers) if one.row.ended is None]
        if len(live) == len(self.answers):
            return
        order = list(range(len(live)))
        moved: Sequence[int] = [place for place in live if place >= len(live)]
        holes = [place for place in order if self.answers[place].row.ended is not None]
        for hole, place in zip(holes, moved, strict=True):
            order[hole] = place
        self.answers = [self.answers[place] for place in order]
        if order:
            self.memory.select(torch.tensor(order, device=self.device))
