"""Put a model together: an embedder per input, one trunk, one head. Knows no task by name."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from noria.contract import Attention, Task
from noria.job import Job
from noria.model.transformer import Transformer, TransformerSettings, settings_of_size
from noria.nouns import Output, Tokens


class Model(nn.Module):
    """Inputs -> tokens -> trunk -> output. The tokens of several inputs stand one after another.

    forward takes `Batch.inputs`: {field: {array: tensor [B, ...]}}.
    """

    def __init__(
        self, embedders: dict[str, nn.Module], trunk: Transformer, head: nn.Module, attention: Attention
    ) -> None:
        super().__init__()
        self.embedders = nn.ModuleDict(embedders)
        self.trunk = trunk
        self.head = head
        self.attention = attention

    def forward(self, inputs: dict[str, dict[str, Tensor]]) -> Output:
        tokens = joined([embed(inputs[name]) for name, embed in self.embedders.items()])
        output: Output = self.head(self.trunk(tokens, self.attention))
        return output


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


def build(job: Job, task: Task, states: dict[str, Any]) -> Model:
    """Build the model of a job for data whose states are known; the weights follow torch's global seed."""
    settings = trunk_settings(job)
    embedders = {
        name: modality.embedder(states["inputs"][name], settings.width) for name, modality in task.inputs.items()
    }
    if settings.depth > 0 or len(embedders) > 1:
        embedders = {
            name: embedder if embedder.width == settings.width else Projected(embedder, settings.width)
            for name, embedder in embedders.items()
        }
    width = int(next(iter(embedders.values())).width)  # type: ignore[arg-type]
    head = task.target.head(states["target"], width)
    return Model(embedders, Transformer(settings), head, task.attention)


def place(model: nn.Module, device: torch.device) -> nn.Module:
    """Move a model to its device; convolution weights get the channels-last layout, faster everywhere here."""
    placed: nn.Module = model.to(device).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return placed


def trunk_settings(job: Job) -> TransformerSettings:
    """Return the settings of the job's size, with what the job itself sets on top."""
    own = job.model.model_dump(exclude={"size"}, exclude_none=True)
    return TransformerSettings(**{**settings_of_size(job.model.size), **own})


def joined(parts: list[Tokens]) -> Tokens:
    """Put the tokens of several inputs one after another."""
    if len(parts) == 1:
        return parts[0]
    features = torch.cat([part.features for part in parts], 1)
    masks = [
        part.features.new_ones(part.features.shape[:2], dtype=torch.bool) if part.is_real is None else part.is_real
        for part in parts
    ]
    is_real = None if all(part.is_real is None for part in parts) else torch.cat(masks, 1)
    return Tokens(features, is_real)
