"""Heads: what stands between the tokens and an output. Knows no task."""

from __future__ import annotations

from torch import Tensor, nn

from noria.contract.capabilities import LOGITS
from noria.model.vocabulary import PredictsVocabulary
from noria.types import Output, Tokens

NOTHING = "nothing"  # the output of a head that has nothing to say
LEAST_CHANCE = 1e-30  # of a class, so that its logarithm is finite


def pooled(tokens: Tokens) -> Tensor:
    """Return the mean over the real tokens, float[B, D]."""
    features, is_real = tokens.features, tokens.is_real
    if features.shape[1] == 1:
        return features[:, 0]
    if is_real is None:
        return features.mean(1)
    weights = is_real.to(features.dtype).unsqueeze(-1)
    return (features * weights).sum(1) / weights.sum(1).clamp_min(1)


class PooledLinear(nn.Module):
    """Give one vector a record: the mean of its tokens through a linear layer. Output: `name` float[B, outputs]."""

    def __init__(self, width: int, outputs: int, name: str) -> None:
        super().__init__()
        self.name = name
        self.linear = nn.Linear(width, outputs)

    def forward(self, tokens: Tokens) -> Output:
        return {self.name: self.linear(pooled(tokens))}


class UnitVector(nn.Module):
    """Give one vector of length one a record: the mean of its tokens, or `dimensions` numbers made of it by a layer.

    Output: `vector` float[B, dimensions or width].
    """

    def __init__(self, width: int, dimensions: int | None) -> None:
        super().__init__()
        self.linear = nn.Identity() if dimensions is None else nn.Linear(width, dimensions, bias=False)

    def forward(self, tokens: Tokens) -> Output:
        return {"vector": nn.functional.normalize(self.linear(pooled(tokens)).float(), dim=-1)}


class VotingLinear(nn.Module):
    """Let every token answer by itself; the record's answer is the mean, of probabilities where the answer is logits.

    Padding does not vote. Output: `name` float[B, outputs]; in training also `votes` float[B, T, outputs], so that each
    vote is taught, and `weights` float[B, T, 1], which add up to one.
    """

    def __init__(self, width: int, outputs: int, name: str) -> None:
        super().__init__()
        self.name = name
        self.linear = nn.Linear(width, outputs)

    def forward(self, tokens: Tokens) -> Output:
        votes = self.linear(tokens.features).float()
        shape = votes.shape[:2]
        is_vote = votes.new_ones(shape) if tokens.is_real is None else tokens.is_real.to(votes.dtype)
        weights = (is_vote / is_vote.sum(1, keepdim=True).clamp_min(1)).unsqueeze(-1)
        if self.name == "logits":
            answer = (votes.softmax(-1) * weights).sum(1).clamp_min(LEAST_CHANCE).log()
        else:
            answer = (votes * weights).sum(1)
        return {self.name: answer, "votes": votes, "weights": weights} if self.training else {self.name: answer}


class NextToken(nn.Module, PredictsVocabulary):
    """Say which token comes next. Output: `logits` float[B, T, vocabulary]. Starts at zero: every token as likely.

    `epsilon`: as in BERT, features go through a dense layer, GELU and a norm of that epsilon first, and every token has
    a bias.
    """

    def __init__(self, width: int, vocabulary: int, epsilon: float | None = None) -> None:
        super().__init__()
        self.before: nn.Module = nn.Identity()
        self.fills_masks = epsilon is not None
        if epsilon is not None:
            self.before = nn.Sequential(nn.Linear(width, width), nn.GELU(), nn.LayerNorm(width, eps=epsilon))
        self.linear = nn.Linear(width, vocabulary, bias=epsilon is not None)
        for weight in self.linear.parameters():
            nn.init.zeros_(weight)

    def get_output_embeddings(self) -> nn.Linear:
        return self.linear

    def mask_filler(self) -> tuple[nn.Module, nn.Module] | None:
        if not self.fills_masks:
            return None
        dense, _, norm = self.before.children()
        return dense, norm

    def forward(self, tokens: Tokens) -> Output:
        return {LOGITS: self.linear(self.before(tokens.features))}


class EachTokenLinear(nn.Module):
    """Let every token answer by itself. Output: `logits` float[B, T, outputs]."""

    def __init__(self, width: int, outputs: int) -> None:
        super().__init__()
        self.linear = nn.Linear(width, outputs)

    def forward(self, tokens: Tokens) -> Output:
        return {"logits": self.linear(tokens.features)}


class NoWeights(nn.Module):
    """The head of an answer for which there is nothing to learn. Output: `nothing` float[B], zeros."""

    def forward(self, tokens: Tokens) -> Output:
        return {NOTHING: tokens.features.new_zeros(len(tokens.features))}


def no_loss(output: Output) -> dict[str, Tensor]:
    """Return the loss of such an answer: zero for each record."""
    each = 0.0 * output[NOTHING]
    return {"loss": each.mean(), "each": each}
