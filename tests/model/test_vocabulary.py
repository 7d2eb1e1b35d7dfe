"""A model's embedder and head are known by what they declare, not by their class."""

from __future__ import annotations

from types import SimpleNamespace

from torch import nn

from noria.model.heads import NextToken, PooledLinear
from noria.model.token_embedder import TextEmbedder
from noria.model.vocabulary import EmbedsVocabulary, PredictsVocabulary, vocabulary_embedder, vocabulary_head


class OwnTable(nn.Module, EmbedsVocabulary):
    """An embedder of another package."""

    def __init__(self) -> None:
        super().__init__()
        self.rows = nn.Embedding(5, 2)

    def get_input_embeddings(self) -> nn.Embedding:
        return self.rows


def model(embedders: dict[str, nn.Module], answer: nn.Module | None = None, head: nn.Module | None = None):
    return SimpleNamespace(embedders=nn.ModuleDict(embedders), answer=answer, head=head or nn.Identity())


def test_the_table_is_found_behind_inputs_that_have_none():
    own = OwnTable()
    assert vocabulary_embedder(model({"image": nn.Identity(), "text": own})) is own
    assert vocabulary_embedder(model({"image": nn.Identity()})) is None


def test_the_table_of_the_answer_comes_before_those_of_the_inputs():
    answer = TextEmbedder(5, 2)
    assert vocabulary_embedder(model({"text": OwnTable()}, answer)) is answer


def test_a_head_over_classes_has_no_vocabulary():
    assert vocabulary_head(model({}, head=PooledLinear(2, 5, "logits"))) is None
    head = NextToken(2, 5)
    assert vocabulary_head(model({}, head=head)) is head


def test_only_the_head_of_bert_fills_in_masks():
    plain, filling = NextToken(2, 5), NextToken(2, 5, 1e-12)
    assert plain.mask_filler() is None
    assert filling.mask_filler() == (filling.before[0], filling.before[2])
    assert isinstance(filling, PredictsVocabulary)
