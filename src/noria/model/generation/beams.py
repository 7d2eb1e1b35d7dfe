"""Beam search, many records at once: keep the `beams` likeliest beginnings of each answer, not one alone.

A hypothesis is scored by the sum of its logprobs / length ** length_penalty, the end token counted. A record is done
when it has `beams` finished hypotheses and no living one would beat the worst of them if it ended now; then its rows
are dropped. Read next: generate.py.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from noria.model.generation.protocols import CausalLM, End, Generated, TokenizerLike
from noria.model.generation.sampling import UNSEEN, Sampling


@dataclass(order=True)
class _Hypothesis:
    score: float
    ids: list[int] = field(compare=False)
    logprobs: list[float] = field(compare=False)
    ended: End = field(compare=False)


def search(model: CausalLM, inputs: Any, sampling: Sampling, tokenizer: TokenizerLike) -> Generated:
    """Return the best hypothesis of every row of the inputs."""
    beams, end = sampling.beams, tokenizer.end
    logits, cache = model.start(inputs, sampling.max_tokens)
    size = len(logits)
    device = logits.device
    finished: list[list[_Hypothesis]] = [[] for _ in range(size)]
    live = list(range(size))
    cache.select(torch.arange(size, device=device).repeat_interleave(beams))
    logits = logits.repeat_interleave(beams, 0)
    sums = torch.full((size, beams), UNSEEN, device=device)
    sums[:, 0] = 0.0  # all beams are alike at first: only one of them may go on
    ids = torch.zeros(size, beams, 0, dtype=torch.long, device=device)
    logprobs = torch.zeros(size, beams, 0, device=device)
    for step in range(sampling.max_tokens):
        each = _penalised(logits, ids.flatten(0, 1), sampling.repetition_penalty).log_softmax(-1)
        width = each.shape[-1]
        totals = sums[:, :, None] + each.view(-1, beams, width)
        best = totals.flatten(1).topk(min(2 * beams, beams * width), dim=-1)
        source, token = best.indices // width, best.indices % width
        grown = torch.cat((_of(ids, source), token[:, :, None]), -1)
        chances = each.view(-1, beams * width).gather(1, best.indices)
        said = torch.cat((_of(logprobs, source), chances[:, :, None]), -1)
        is_end = token == end
        _finish(finished, live, best.values, grown, said, is_end, sampling)
        # the likeliest that have not ended go on: candidates come in falling order, so a stable sort keeps it
        going = is_end.to(torch.uint8).argsort(dim=1, stable=True)[:, :beams]
        sums = best.values.masked_fill(is_end, UNSEEN).gather(1, going)
        ids, logprobs, source = _of(grown, going), _of(said, going), source.gather(1, going)
        is_last = step + 1 == sampling.max_tokens
        if is_last:
            _finish(finished, live, sums, ids, logprobs, torch.ones_like(sums, dtype=torch.bool), sampling, "length")
            break
        kept = [place for place, i in enumerate(live) if not _is_done(finished[i], sums[place, 0], step + 1, sampling)]
        if not kept:
            break
        rows = torch.tensor(kept, device=device)
        cache.select((rows[:, None] * beams + source[rows]).flatten())
        sums, ids, logprobs, live = sums[rows], ids[rows], logprobs[rows], [live[place] for place in kept]
        logits = model.step(ids[:, :, -1].flatten(), cache)
    return _best(finished, tokenizer)


def _of(tensor: Tensor, source: Tensor) -> Tensor:
    """Return [N, K', t] whose hypotheses come from the places [N, K'] of [N, K, t]."""
    return tensor.gather(1, source[:, :, None].expand(-1, -1, tensor.shape[2]))


def _penalised(logits: Tensor, ids: Tensor, penalty: float) -> Tensor:
    logits = logits.float()
    if penalty == 1.0 or not ids.shape[1]:
        return logits
    said = logits.gather(1, ids)
    return logits.scatter(1, ids, torch.where(said > 0, said / penalty, said * penalty))


def _finish(
    finished: list[list[_Hypothesis]], live: list[int], sums: Tensor, ids: Tensor, logprobs: Tensor, is_end: Tensor,
    sampling: Sampling, why: End = "end",
) -> None:  # fmt: skip
    """Put candidates that have ended among the finished ones, if they are among the best `beams` of their record."""
    length = ids.shape[2]
    for place, rank in is_end[:, : sampling.beams].nonzero().tolist():
        total = float(sums[place, rank])
        if total == UNSEEN:
            continue
        cut = length - 1 if why == "end" else length
        found = finished[live[place]]
        score = total / length**sampling.length_penalty
        row, chances = ids[place, rank, :cut].tolist(), logprobs[place, rank, :cut].tolist()
        found.append(_Hypothesis(score, row, chances, why))
        found.sort(reverse=True)
        del found[sampling.beams :]


def _is_done(finished: list[_Hypothesis], best: Tensor, length: int, sampling: Sampling) -> bool:
    if len(finished) < sampling.beams:
        return False
    return finished[-1].score >= float(best / length**sampling.length_penalty)


def _best(finished: list[list[_Hypothesis]], tokenizer: TokenizerLike) -> Generated:
    best = [found[0] for found in finished]
    texts = []
    for one in best:
        decoder = tokenizer.decoder()
        texts.append("".join(decoder.push(token) for token in one.ids))
    return Generated([one.ids for one in best], [one.logprobs for one in best], [one.ended for one in best], texts)
