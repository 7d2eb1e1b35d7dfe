"""Answer token by token: one loop for greedy, sampled, streamed and constrained answers; beams stand in beams.py.

Knows no task and no trunk: a CausalLM reads the inputs once and is then given one token a row and step. Rows that have
ended are dropped once a quarter of the rows have. Read next: row.py, sampling.py, beams.py, constraint.py;
continuous.py, for answers that begin at different times.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import torch

from noria.model.generation.beams import search
from noria.model.generation.constraint import Constraint
from noria.model.generation.protocols import CausalLM, Generated, Rules, TokenizerLike
from noria.model.generation.row import Row
from noria.model.generation.sampling import Chooser, Sampling
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
    rules: Rules | None = None,
) -> Generated:
    """Answer every row of the inputs. `seeds`: one for each row, in place of sampling.seed for all.

    rules: what the answers keep to, in place of the schema or expression of `sampling`; not with beams.
    """
    if sampling.beams > 1:
        return search(model, inputs, sampling, tokenizer)
    rows: list[Row] = []
    for _ in _spoken(model, inputs, sampling, tokenizer, seeds, with_texts or bool(sampling.stop), rows, rules):
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


def _spoken(
    model: CausalLM, inputs: Any, sampling: Sampling, tokenizer: TokenizerLike, seeds: Sequence[int] | None,
    with_texts: bool, rows: list[Row], rules: Rules | None = None,
) -> Iterator[Chunk]:  # fmt: skip
    """Fill `rows`, one step after another; yield each row's piece of each step."""
    logits, cache = model.start(inputs, sampling.max_tokens)
    size = len(logits)
    seeds = [sampling.seed] * size if seeds is None else seeds
    if len(seeds) != size:
        raise ValueError(f"{len(seeds)} seeds for {size} rows")
    rows += [Row(tokenizer.decoder() if with_texts else None, sampling.stop) for _ in range(size)]
    chooser = Chooser(sampling, seeds)
    constraint = rules or Constraint.of(sampling, tokenizer, size, logits.shape[-1])
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
