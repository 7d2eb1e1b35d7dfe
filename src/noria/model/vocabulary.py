"""What an embedder and a head declare where a language model's checkpoint may bring their weights.

The names are those of `transformers`. Read next: token_embedder.py, heads.py, pretrained/fill.py.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

from torch import nn

from noria.contract.capabilities import declared


class EmbedsVocabulary(ABC):
    """An embedder with one vector for each entry of a vocabulary."""

    @abstractmethod
    def get_input_embeddings(self) -> nn.Embedding:
        """Return the table of those vectors."""


class PredictsVocabulary(ABC):
    """A head that scores each entry of a vocabulary."""

    @abstractmethod
    def get_output_embeddings(self) -> nn.Linear:
        """Return its last layer, which has a row for each entry."""

    @abstractmethod
    def mask_filler(self) -> tuple[nn.Module, nn.Module] | None:
        """Return the dense layer and the norm before it, by which BERT fills in masks; None where it has none."""


def vocabulary_embedder(model: Any) -> EmbedsVocabulary | None:
    """Return the embedder of a model that has a vocabulary's table: the answer's before those of the inputs."""
    parts = [*([] if model.answer is None else [model.answer]), *model.embedders.values()]
    return next((found for part in parts if (found := declared(part, EmbedsVocabulary))), None)


def vocabulary_head(model: Any) -> PredictsVocabulary | None:
    """Return the head of a model where it scores a vocabulary."""
    return declared(model.head, PredictsVocabulary)
