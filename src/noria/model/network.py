"""Put a model together: an embedder per input, one trunk, one head. Knows no task by name."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

import torch
from torch import Tensor, nn
from torch.nn import functional

from noria.contract import Attention
from noria.contract.capabilities import IDS, LOGITS
from noria.errors import UserError
from noria.model.mixture import Mixture
from noria.model.reading import Reading, stack_rows
from noria.model.transformer import Transformer
from noria.types import IS_PRESENT, PAD, Output, Tokens

Inputs: TypeAlias = dict[str, dict[str, Tensor]]
ANSWER = -1  # where the cache keeps the last tokens of the answer, beside the states of its layers


class Model(nn.Module):
    """Inputs -> tokens -> trunk -> output. The tokens of several inputs stand one after another.

    forward takes `Batch.inputs`, {field: {array: tensor [B, ...]}}, and for an answer that is given token by token the
    target's arrays: the trunk then sees the answer too, each token of which is predicted from those before it. Where
    there is nothing to learn, there is no embedder, and the head sees one empty token a record.

        inputs   A B C .   answer  x y end      trunk sees  . A B C x y      head sees  C x y
                 D E . .           z end .                  . . D E z .                 E z .
                                                                             predicts   x y end / z end .
    """

    def __init__(
        self,
        embedders: dict[str, nn.Module],
        trunk: Transformer,
        head: nn.Module,
        attention: Attention,
        answer: nn.Module | None = None,
        pair_features: nn.Module | None = None,
        mixture: Mixture | None = None,
    ) -> None:
        super().__init__()
        self.embedders = nn.ModuleDict(embedders)
        self.pair_features = pair_features
        self.trunk = trunk
        self.head = head
        self.attention = attention
        self.answer = answer
        self.mixture = mixture
        self.begins = ""  # what was taken over from an origin, in one sentence

    def forward(self, inputs: Inputs, target: dict[str, Tensor] | None = None) -> Output:
        output: Output = self.head(self.mixed(inputs, target))
        return output if self.mixture is None or self.training else self.mixture(output, inputs)

    def mixed(self, inputs: Inputs, target: dict[str, Tensor] | None = None) -> Tokens:
        """Return the tokens that the head sees."""
        tokens = self.tokens(inputs)
        if self.answer is not None and target:
            return self._with_answer(tokens, target[IDS], self._before(inputs))
        if not self.embedders:
            return tokens
        mixed: Tokens = self.trunk(tokens, self.attention, self._is_prefix(tokens))
        return mixed

    def tokens(self, inputs: Inputs) -> Tokens:
        """Return the tokens of all inputs, before the trunk."""
        if not self.embedders:
            first = next(one for arrays in inputs.values() for one in arrays.values())
            return Tokens(torch.zeros(len(first), 1, 1, device=first.device))
        tokens = {
            name: _seen(embed(inputs[name]), inputs[name].get(IS_PRESENT)) for name, embed in self.embedders.items()
        }
        if self.pair_features is not None:
            for name, vectors in self.pair_features(inputs).items():
                tokens[name] = tokens[name]._replace(features=tokens[name].features + vectors)
        return concatenate_tokens(list(tokens.values()))

    def start(self, inputs: Inputs, capacity: int) -> tuple[Tensor, Any]:
        """Read the inputs; return logits float[B, V] of the answer's first token, and the cache for `capacity` more."""
        reading = self.read([inputs], capacity)
        reading.go_on()
        assert reading.logits is not None
        return reading.logits, reading.cache

    def read(self, batches: Sequence[Inputs], capacity: int) -> Reading:
        """Do as `start` does with the rows of all batches, part by part, unless tokens look ahead, as in a prefix."""
        tokens = stack_rows([right_align(self.tokens(inputs)) for inputs in batches])
        size, length = tokens.features.shape[:2]
        cache = self.trunk.new_cache(size, length + capacity)
        if self._reach:
            cache.states[ANSWER] = (torch.cat([self._before(inputs) for inputs in batches]),)
        return Reading(tokens, cache, self._read, self.attention == "causal")

    def _read(self, tokens: Tokens, cache: Any) -> Tensor:
        return self._logits(self.trunk(tokens, self.attention, self._is_prefix(tokens), cache))

    def step(self, ids: Tensor, cache: Any, is_live: Tensor | None = None) -> Tensor:
        """Append one token int[B] to each live row; return the logits float[B, V] of the next."""
        assert self.answer is not None
        given = {IDS: ids[:, None]}
        if self._reach:  # an embedder that looks back is shown the last tokens again
            (given["before"],) = cache.states[ANSWER]
            cache.states[ANSWER] = (torch.cat((given["before"], given[IDS]), 1)[:, 1:],)
        tokens = Tokens(self.answer(given).features, None if is_live is None else is_live[:, None])
        return self._logits(self.trunk(tokens, self.attention, None, cache))

    def _logits(self, mixed: Tokens) -> Tensor:
        last = Tokens(mixed.features[:, -1:])
        logits: Tensor = self.head(last)[LOGITS][:, 0]
        return logits

    @property
    def _reach(self) -> int:
        """Return how many tokens the answer's embedder looks back."""
        return 0 if self.answer is None else int(self.answer.reach)  # type: ignore[arg-type]

    def _before(self, inputs: Inputs) -> Tensor:
        """Return the ids that the answer continues, as far as its embedder looks back: int[B, reach], or PAD."""
        name, embedder = list(self.embedders.items())[-1]
        arrays, reach = inputs[name], self._reach
        if not reach or embedder is not self.answer:  # no continuation: what stands before the answer has other ids
            first = next(iter(arrays.values()))
            return torch.full((len(first), reach), PAD, device=first.device)
        ids = arrays[IDS].long()
        ids = ids.gather(1, (ids != PAD).int().argsort(dim=1, stable=True))
        return functional.pad(ids, (reach, 0), value=PAD)[:, ids.shape[1] :]

    def _with_answer(self, tokens: Tokens, ids: Tensor, before: Tensor) -> Tokens:
        assert self.answer is not None
        prefix = right_align(tokens)
        length = prefix.features.shape[1]
        given = {IDS: ids[:, :-1], "before": before}
        stream = concatenate_tokens([prefix, self.answer(given)]) if ids.shape[1] > 1 else prefix
        is_prefix = None
        if self.attention == "prefix":
            is_prefix = torch.arange(stream.features.shape[1], device=ids.device).expand(len(ids), -1) < length
        mixed = self.trunk(stream, self.attention, is_prefix)
        return Tokens(mixed.features[:, length - 1 :], ids >= 0)

    def _is_prefix(self, tokens: Tokens) -> Tensor | None:
        if self.attention != "prefix":
            return None
        return torch.ones(tokens.features.shape[:2], dtype=torch.bool, device=tokens.features.device)


class Projected(nn.Module):
    """An embedder whose tokens are brought to the trunk's width by a linear layer."""

    def __init__(self, embedder: nn.Module, width: int) -> None:
        super().__init__()
        self.embedder = embedder
        self.linear = nn.Linear(int(embedder.width), width, bias=False)  # type: ignore[arg-type]
        self.width = width

    def forward(self, arrays: dict[str, Tensor]) -> Tokens:
        tokens: Tokens = self.embedder(arrays)
        return tokens._replace(features=self.linear(tokens.features))


def parts_of(model: Model) -> dict[str, nn.Module]:
    """Return the parts of a model besides its trunk, by name of module."""
    parts: dict[str, nn.Module] = {f"embedders.{name}": part for name, part in model.embedders.items()}
    optional = {"pair_features": model.pair_features, "answer": model.answer}
    return {**parts, **{name: part for name, part in optional.items() if part is not None}, "head": model.head}


def concatenate_tokens(parts: list[Tokens]) -> Tokens:
    """Put the tokens of several inputs one after another.

    Positions are counted anew over all of them, unless every part says its own; maps do not go on beside others. Pairs
    of tokens of different inputs have no bias.
    """
    if len(parts) == 1:
        return parts[0]
    features = torch.cat([part.features for part in parts], 1)
    segments = [torch.full(part.features.shape[:2], i, device=features.device) for i, part in enumerate(parts)]
    is_real = None
    if any(part.is_real is not None for part in parts):
        is_real = torch.cat([_mask_of(part) for part in parts], 1)
    positions = [part.positions for part in parts]
    if any(one is not None for one in positions) and any(one is None for one in positions):
        raise UserError("inputs of which only some say where their tokens are cannot stand one after another")
    whole = None if positions[0] is None else torch.cat([one for one in positions if one is not None], 1)
    return Tokens(features, is_real, whole, torch.cat(segments, 1), None, _block_diagonal(parts))


def _seen(tokens: Tokens, is_present: Tensor | None) -> Tokens:
    """Return the tokens of an optional input; of a record that comes without it nobody sees any."""
    if is_present is None:
        return tokens
    return tokens._replace(is_real=_mask_of(tokens) & is_present.bool()[:, None])


def _mask_of(part: Tokens) -> Tensor:
    return part.features.new_ones(part.features.shape[:2], dtype=torch.bool) if part.is_real is None else part.is_real


def _block_diagonal(parts: list[Tokens]) -> Tensor | None:
    """Return the biases of the parts as one, zero between them; None where no part has one."""
    if all(part.pair_bias is None for part in parts):
        return None
    size = sum(part.features.shape[1] for part in parts)
    whole = parts[0].features.new_zeros(len(parts[0].features), 1, size, size)
    start = 0
    for part in parts:
        end = start + part.features.shape[1]
        if part.pair_bias is not None:
            whole[:, :, start:end, start:end] = part.pair_bias
        start = end
    return whole


def right_align(tokens: Tokens) -> Tokens:
    """Return the tokens with the real ones of each row at its right end, in their order.

    Tokens of maps cannot be moved: raises UserError.
    """
    if tokens.is_real is None:
        return tokens
    if tokens.grids is not None:
        raise UserError("tokens that lie in maps have no order to be moved in", where="inputs")
    order = tokens.is_real.int().argsort(dim=1, stable=True)

    def moved(part: Tensor | None) -> Tensor | None:
        return None if part is None else part.gather(1, order)

    features = tokens.features.gather(1, order[:, :, None].expand_as(tokens.features))
    bias = tokens.pair_bias
    if bias is not None:
        bias = bias.take_along_dim(order[:, None, :, None], 2).take_along_dim(order[:, None, None, :], 3)
    is_real = tokens.is_real.gather(1, order)
    return Tokens(features, is_real, moved(tokens.positions), moved(tokens.segments), None, bias)
