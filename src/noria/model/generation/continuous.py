"""Answers that begin and end at different times, written side by side: continuous batching.

            step 1   2   3   4   5   6
    answer 1   read  a   a   end              one product of the weights with the tokens of all rows costs little more
    answer 2         read    a   a   a        than with one: on a CPU both wait for the weights to come from memory
    answer 3             read a  a   a

A row joins the memory of the others once its inputs are read, and leaves it when it has ended. Each has settings,
random numbers and a grammar of its own, and says what it would say alone. Read next: row.py, model/layers/cache.py.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from noria.model.generation.constraint import Constraint
from noria.model.generation.protocols import CausalLM, Reading, TokenizerLike
from noria.model.generation.row import Row
from noria.model.generation.sampling import Chooser, Sampling
from noria.types import Batch, Chunk

# Tokens of inputs that are read in one step, so that those who are being written wait no longer: SmolLM2-135M reads so
# many in half a second on one core of an AMD Zen 4.
MOST_READ = 256
FIRST_ROOM = 64  # tokens of an answer that memory is made for at first; more as it grows


@dataclass
class _Answer:
    """One answer and how it is written."""

    number: int
    inputs: Any
    sampling: Sampling
    row: Row
    chooser: Chooser
    constraint: Constraint | None
    reading: Reading | None = None

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
        return Chunk(new, self.row.ended, tuple(self.row.logprobs) if self.row.ended else ())


@dataclass
class _Group:
    """Answers that share a memory, in the order of its rows."""

    memory: Any
    device: torch.device
    answers: list[_Answer] = field(default_factory=list)

    def keep(self, are_kept: Sequence[bool]) -> None:
        """Let the other rows go. The last ones take their places, so that few are moved."""
        kept = [place for place, is_kept in enumerate(are_kept) if is_kept]
        if len(kept) == len(are_kept):
            return
        moved = [place for place in kept if place >= len(kept)]
        order = [place if are_kept[place] else moved.pop() for place in range(len(kept))]
        self.answers = [self.answers[place] for place in order]
        if order:
            self.memory.select(torch.tensor(order, device=self.device))


class ContinuousBatch:
    """The answers of one model that are being written, by numbers that the caller gives them.

    What breaks one answer (a grammar that cannot be followed, inputs that are too long) ends that one alone, what
    breaks a step of the model those that share its memory. Where memories cannot be joined (Memory.join) each answer
    has a step of its own.
    """

    def __init__(self, model: CausalLM, tokenizer: TokenizerLike, sampling: Sampling, vocabulary: int) -> None:
        self._model, self._tokenizer, self._usual, self._vocabulary = model, tokenizer, sampling, vocabulary
        self._waiting: dict[int, _Answer] = {}  # in the order in which they came
        self._groups: list[_Group] = []

    def begin(self, number: int, batch: Batch, settings: Mapping[str, Any]) -> None:
        """Take up one record; raise UserError for a setting that cannot be used. Nothing is computed yet."""
        sampling = self._usual.overridden(settings)
        constraint = Constraint.of(sampling, self._tokenizer, 1, self._vocabulary)
        row = Row(self._tokenizer.decoder(), sampling.stop)
        chooser = Chooser(sampling, [sampling.seed])
        self._waiting[number] = _Answer(number, batch.inputs, sampling, row, chooser, constraint)

    @torch.inference_mode()
    def step(self) -> list[tuple[int, Chunk | Exception]]:
        """Write one token more of each answer; return what is new, or what broke it.

        Of inputs that wait so many are read as MOST_READ allows: these answers then have their first token.
        """
        said = [piece for group in self._groups for piece in self._continued(group)]
        self._groups = [group for group in self._groups if group.answers]
        left = MOST_READ
        while self._waiting and left > 0:
            answer = next(iter(self._waiting.values()))
            try:
                left -= self._read(answer, left)
                if answer.reading is None or answer.reading.logits is None:
                    continue
                piece: Chunk | Exception = answer.take(answer.reading.logits, self._tokenizer.end)
                if answer.row.ended is None:
                    self._join(answer)
            except Exception as error:  # noqa: BLE001  # whatever it is, it is of this answer alone
                piece = error
            del self._waiting[answer.number]
            said.append((answer.number, piece))
        return said

    def end(self, number: int) -> Chunk:
        """End an answer before its end; return its last piece."""
        answer = self._waiting.pop(number, None)
        for group in self._groups:
            answer = next((one for one in group.answers if one.number == number), answer)
            with torch.inference_mode():
                group.keep([one.number != number for one in group.answers])
        self._groups = [group for group in self._groups if group.answers]
        assert answer is not None
        return answer.piece(answer.row.cut())

    def _read(self, answer: _Answer, most: int) -> int:
        """Read so much of the inputs of an answer; return how many tokens that was."""
        if answer.reading is None:
            answer.reading = self._model.read(answer.inputs, min(answer.sampling.max_tokens, FIRST_ROOM))
            answer.inputs = None
        return answer.reading.go_on(most)

    def _join(self, answer: _Answer) -> None:
        """Let an answer whose inputs are read go on beside the others."""
        assert answer.reading is not None
        assert answer.reading.logits is not None
        memory, device, answer.reading = answer.reading.cache, answer.reading.logits.device, None
        group = next((one for one in self._groups if one.memory.join(memory)), None)
        if group is None:
            group = _Group(memory, device)
            self._groups.append(group)
        group.answers.append(answer)

    def _continued(self, group: _Group) -> list[tuple[int, Chunk | Exception]]:
        """Write one token more of each answer of a group."""
        ids = torch.tensor([one.row.ids[-1] for one in group.answers], device=group.device)
        try:
            logits = self._model.step(ids, group.memory).float()
        except Exception as error:  # noqa: BLE001  # the memory is spoilt, and with it all who share it
            broken = [one.number for one in group.answers]
            group.answers = []
            return [(number, error) for number in broken]
        said: list[tuple[int, Chunk | Exception]] = []
        for place, one in enumerate(group.answers):
            try:
                said.append((one.number, one.take(logits[place : place + 1], self._tokenizer.end)))
            except Exception as error:  # noqa: BLE001  # whatever it is, it is of this answer alone
                said.append((one.number, error))
        group.keep([isinstance(piece, Chunk) and piece.ended is None for _, piece in said])
        return said
