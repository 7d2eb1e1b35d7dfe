"""Answer token by token: one loop for greedy, sampled, streamed and constrained answers; beams stand in beams.py.

Knows no task and no trunk: a CausalLM reads the inputs once and is then given one token a row and step. Rows that have
ended are dropped once a quarter of the rows have. Read next: sampling.py, beams.py, constraint.py.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch

from noria.model.generation.beams import search
from noria.model.generation.constraint import Constraint
from noria.model.generation.protocols import CausalLM, End, Generated, TokenizerLike
from noria.model.generation.sampling import Chooser, Sampling
from noria.text.decoding import Decoder
from noria.types import Chunk

STILL_LIVE = 0.75  # share of rows below which the ended ones are dropped: dropping copies the cache


@torch.inference_mode()
def generate(
    model: CausalLM,
    inputs: Any,
    sampling: Sampling,
    tokenizer: TokenizerLike,
    seeds: Sequence[int] | None = None,
    with_texts: bool = True,
) -> Generated:
    """Answer every row of the inputs. `seeds`: one for each row, in place of sampling.seed for all."""
    if sampling.beams > 1:
        return search(model, inputs, sampling, tokenizer)
    rows: list[_Row] = []
    for _ in _spoken(model, inputs, sampling, tokenizer, seeds, with_texts or bool(sampling.stop), rows):
        pass
    return Generated(
        [row.ids for row in rows],
        [row.logprobs for row in rows],
        [row.ended or "length" for row in rows],
        [row.text for row in rows],
    )


def stream(
    model: CausalLM, inputs: Any, sampling: Sampling, tokenizer: TokenizerLike, seeds: Sequence[int] | None = None
) -> Iterator[Chunk]:
    """Yield the answers piece by piece as they come; text that may turn out to be a stop text is held back.

    The last piece of a row has `ended` and the logprobs. With beams nothing is known before the end: each answer then
    comes in one piece. Whoever stops asking for pieces stops the generation.
    """
    if sampling.beams > 1:
        found = generate(model, inputs, sampling, tokenizer)
        for i, text in enumerate(found.texts):
            spelled = tuple(map(tokenizer.decoder().push, found.ids[i]))
            yield Chunk(text, found.ended[i], tuple(found.logprobs[i]), i, spelled)
        return
    spoken = _spoken(model, inputs, sampling, tokenizer, seeds, True, [])
    while True:
        with torch.inference_mode():  # not around the yield: the caller's own code would run in it
            piece = next(spoken, None)
        if piece is None:
            return
        if piece.content or piece.ended:
            yield piece


@dataclass
class _Row:
    """One answer as it grows. `held` is text that may be the beginning of a stop text."""

    decoder: Decoder | None
    stop: tuple[str, ...]
    ids: list[int] = field(default_factory=list)
    logprobs: list[float] = field(default_factory=list)
    tokens: list[str] = field(default_factory=list)  # the text that each id makes certain
    lengths: list[float] = field(default_factory=list)  # characters after each id; infinite within a character
    text: str = ""
    held: str = ""
    ended: End | None = None

    def say(self, token: int, logprob: float, end: int, is_last: bool) -> str:
        """Take one token; return the text that is now certain."""
        if token == end:
            self.ended = "end"
            return self._release("")
        self.ids.append(token)
        self.logprobs.append(logprob)
        new = self._heard(self.decoder, token) if self.decoder else ""
        if is_last and self.ended is None:
            self.ended = "length"
            return new + self._release("")
        return new

    def piece(self, new: str, number: int) -> Chunk:
        """Return new text as a piece of the row of this number."""
        if self.ended is None:
            return Chunk(new, row=number)
        return Chunk(new, self.ended, tuple(self.logprobs), number, tuple(self.tokens))

    def _heard(self, decoder: Decoder, token: int) -> str:
        self.tokens.append(decoder.push(token))
        whole = self.held + self.tokens[-1]
        self.lengths.append(len(self.text) + len(whole) if decoder.is_whole else math.inf)
        # the one that ended first, so that it does not matter how the text was cut into tokens
        found = [(place + len(stop), place) for stop in self.stop if (place := whole.find(stop)) >= 0]
        if found:
            self.ended, self.held = "stop", ""
            certain = whole[: min(found)[1]]
            self.text += certain
            kept = max((i for i, length in enumerate(self.lengths, 1) if length <= len(self.text)), default=0)
            del self.ids[kept:], self.logprobs[kept:], self.tokens[kept:]
            return certain
        return self._release(whole[len(whole) - _held_back(whole, self.stop) :], whole)

    def _release(self, held: str, whole: str | None = None) -> str:
        whole = self.held if whole is None else whole
        certain = whole[: len(whole) - len(held)]
        self.text, self.held = self.text + certain, held
        return certain


def _held_back(text: str, stops: Sequence[str]) -> int:
    """Return the length of the longest end of the text that a stop text begins with."""
    longest = max((len(stop) for stop in stops), default=1) - 1
    for size in range(min(longest, len(text)), 0, -1):
        if any(stop.startswith(text[-size:]) for stop in stops):
            return size
    return 0


def _spoken(
    model: CausalLM, inputs: Any, sampling: Sampling, tokenizer: TokenizerLike, seeds: Sequence[int] | None,
    with_texts: bool, rows: list[_Row],
) -> Iterator[Chunk]:  # fmt: skip
    """Fill `rows`, one step after another; yield each row's piece of each step."""
    logits, cache = model.start(inputs, sampling.max_tokens)
    size = len(logits)
    seeds = [sampling.seed] * size if seeds is None else seeds
    if len(seeds) != size:
        raise ValueError(f"{len(seeds)} seeds for {size} rows")
    rows += [_Row(tokenizer.decoder() if with_texts else None, sampling.stop) for _ in range(size)]
    chooser, constraint = Chooser(sampling, seeds), Constraint.of(sampling, tokenizer, size, logits.shape[-1])
    live = list(range(size))
    for step in range(sampling.max_tokens):
        is_allowed = None if constraint is None else constraint.allowed(live).to(logits.device)
        ids, logprobs = chooser.choose(logits, step, is_allowed)
        is_last = step + 1 == sampling.max_tokens
        for i, token, logprob in zip(live, ids.tolist(), logprobs.tolist(), strict=True):
            row = rows[i]
            if row.ended is None:
                new = row.say(token, logprob, tokenizer.end, is_last)
                if constraint is not None:
                    constraint.take(i, token)
                yield row.piece(new, i)
        going = [place for place, i in enumerate(live) if rows[i].ended is None]
        if not going:
            return
        if len(going) <= STILL_LIVE * len(live):
            kept = torch.tensor(going, device=logits.device)
            cache.select(kept)
            chooser.select(kept)
            ids, live = ids[kept], [live[place] for place in going]
        logits = model.step(ids, cache)  # a row that has ended and is not dropped yet goes on unheard
