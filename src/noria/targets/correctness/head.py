"""The head of a history that is asked: each question says how likely it is answered right."""

from __future__ import annotations

from torch import nn

from noria.types import Output, Tokens


class JudgesQuestions(nn.Module):
    """Tokens of who it is, then of question and answer in turn -> `logits` float[B, T, 1], one a question."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.linear = nn.Linear(width, 1)

    def forward(self, tokens: Tokens) -> Output:
        return {"logits": self.linear(tokens.features[:, 1::2])}
