"""Answers that begin and end at different times, written side by side: continuous batching.

            step 1   2   3   4   5   6
    answer 1   read  a   a   end              one product of the weights with the tokens of all rows costs little more
    answer 2         read    a   a   a        than with one: on a CPU both wait for the weights to come from memory
    answer 3             read a  a   a

A row joins the memory of the others once its inputs are read, and leaves it when it has ended. Each has settings,
random numbers and a grammar of its own, and says what it would say alone. Read next: live.py, model/layers/cache.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch

from noria.model.generation.constraint import Constraint
from noria.model.generation.live import LiveAnswer, LiveRows, Pieces
from noria.model.generation.protocols import CausalLM, Reading, TokenizerLike
from noria.model.generation.row import Row
from noria.model.generation.sampling import Chooser, Sampling
from noria.types import Batch, Chunk

# Tokens of inputs that are read in one step, padding included, so that those who are being written wait no longer:
# SmolLM2-135M reads so many in 0.4 s on one core of an AMD Zen 4. Read one by one, 16 short prompts take 1.7 times as
# long as at once, and six by six 1.1 times.
MOST_READ = 256
FIRST_ROOM = 64  # tokens of an answer that memory is made for at first; more as it grows


class ContinuousBatch:
    """The answers of one model that are being written, by numbers that the caller gives them.

    What breaks one answer (a grammar that cannot be followed, inputs that are too long) ends that one alone, what
    breaks a step of the model those that share its memory. Where memories cannot be joined (Memory.join) answers that
    begin at different times have steps of their own.
    """

    def __init__(self, model: CausalLM, tokenizer: TokenizerLike, sampling: Sampling, vocabulary: int) -> None:
        self._model, self._tokenizer, self._usual, self._vocabulary = model, tokenizer, sampling, vocabulary
        self._waiting: list[LiveAnswer] = []
        self._reading: tuple[list[LiveAnswer], Reading] | None = None
        self._groups: list[LiveRows] = []

    def begin(self, number: int, batch: Batch, settings: Mapping[str, Any]) -> None:
        """Take up one record; raise UserError for a setting that cannot be used. Nothing is computed yet."""
        sampling = self._usual.overridden(settings)
        constraint = Constraint.of(sampling, self._tokenizer, 1, self._vocabulary)
        row, chooser = Row(self._tokenizer.decoder(), sampling.stop), Chooser(sampling, [sampling.seed])
        self._waiting.append(LiveAnswer(number, batch.inputs, sampling, row, chooser, constraint))

    @torch.inference_mode()
    def step(self) -> Pieces:
        """Write one token more of each answer; return what is new, or what broke it.

        Of inputs that wait so many are read as MOST_READ allows: these answers then have their first token.
        """
        said = [piece for group in self._groups for piece in self._continued(group)]
        self._groups = [group for group in self._groups if group.answers]
        left = MOST_READ
        while left > 0 and (self._reading is not None or self._waiting):
            answers = self._next(left) if self._reading is None else self._reading[0]
            try:
                num_read, pieces = self._read(answers, left)
            except Exception as error:  # noqa: BLE001  # whatever it is, it is of these inputs
                num_read, pieces = 0, self._unread(answers, error)
            left -= max(1, num_read)
            said += pieces
        return said

    @torch.inference_mode()
    def end(self, number: int) -> Chunk:
        """End an answer before its end; return its last piece."""
        being_read = [] if self._reading is None else self._reading[0]
        everywhere = [*self._waiting, *being_read, *(one for group in self._groups for one in group.answers)]
        (answer,) = (one for one in everywhere if one.number == number)
        piece = answer.piece(answer.row.cut())
        self._waiting = [one for one in self._waiting if one is not answer]
        if all(one.row.ended for one in being_read):  # others are read to their end, and this one's row then dropped
            self._reading = None
        for group in self._groups:
            group.drop_ended()
        self._groups = [group for group in self._groups if group.answers]
        return piece

    def _continued(self, group: LiveRows) -> Pieces:
        """Write one token more of each answer of a group."""
        ids = torch.tensor([one.row.ids[-1] for one in group.answers], device=group.device)
        try:
            logits = self._model.step(ids, group.memory)
        except Exception as error:  # noqa: BLE001  # the memory is spoilt, and with it all who share it
            broken, group.answers = group.answers, []
            return [(one.number, error) for one in broken]
        return group.take(logits, self._tokenizer.end)

    def _next(self, most: int) -> list[LiveAnswer]:
        """Take the waiting answers that are read next: the first, and as many more as make so many tokens, padded."""
        count, longest = 0, 0
        for answer in self._waiting:
            longest = max(longest, answer.length)
            if count and (longest * (count + 1) > most or answer.has_failed or self._waiting[0].has_failed):
                break
            count += 1
        chosen, self._waiting = self._waiting[:count], self._waiting[count:]
        return chosen

    def _read(self, answers: list[LiveAnswer], most: int) -> tuple[int, Pieces]:
        """Read on; return how many tokens that was, and the first pieces of answers whose inputs are read now."""
        if self._reading is None:
            room = min(FIRST_ROOM, max(one.sampling.max_tokens for one in answers))
            self._reading = answers, self._model.read([one.inputs for one in answers], room)
        reading = self._reading[1]
        num_read = reading.go_on(max(1, most // len(answers))) * len(answers)
        if reading.logits is None:
            return num_read, []
        self._reading = None
        group = LiveRows(answers, reading.cache, reading.logits.device)
        said = group.take(reading.logits, self._tokenizer.end)
        if group.answers:
            self._join(group)
        return num_read, said

    def _join(self, group: LiveRows) -> None:
        """Let answers go on beside the others."""
        for one in group.answers:
            one.inputs = None  # which are read
        other = next((one for one in self._groups if one.memory.join(group.memory)), None)
        if other is None:
            self._groups.append(group)
        else:
            other.answers += group.answers

    def _unread(self, answers: list[LiveAnswer], error: Exception) -> Pieces:
        """Say that inputs could not be read; of several each is tried alone first, as one may be the fault."""
        self._reading = None
        answers = [one for one in answers if one.row.ended is None]
        if len(answers) <= 1:
            return [(one.number, error) for one in answers]
        for one in answers:
            one.has_failed = True
        self._waiting = [*answers, *self._waiting]
        return []
