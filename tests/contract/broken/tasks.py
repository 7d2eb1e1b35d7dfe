"""Tasks of healthy parts that each break the contract in one way."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from tests.contract.broken.healthy import Letters, WordSide, rejected_by

from noria.contract import answer_field, dispatch
from noria.contract.capabilities import AugmentsBatch, PredictsBaseline, ValidatesPairs
from noria.targets.text import Text
from noria.tasks.text_generation import TextGeneration
from noria.types import Record, repeated


@rejected_by("fields")
class ExampleWithoutAnswer(WordSide):
    def example(self):
        return Record({"word": "wheel"})


@rejected_by("fields")
class ExampleWithoutInput(WordSide):
    def example(self):
        return Record({answer_field(self): "left"})


@rejected_by("fields")
class UnknownAttention(WordSide):
    attention = "diagonal"


@rejected_by("fields")
class SharesAFieldThatIsNotThere(WordSide):
    shared_vocabulary = ("word", "sentence")


@dataclass(frozen=True)
class Capitals(Letters):
    """Letters that are learnt as capitals too."""

    def fit(self, values):
        return super().fit([*values, *(value.upper() for value in values)])


@rejected_by("shared")
class SharesWhatIsLearntOtherwise(WordSide):
    shared_vocabulary = ("word", "capitals")

    def __init__(self):
        super().__init__()
        self.inputs = {"word": Letters(), "capitals": Capitals()}

    def example(self):
        return Record({**super().example().fields, "capitals": "WHEEL"})


@rejected_by("shared")
class SharesWhatTheAnswerDoesNotTakeOver(WordSide):
    def __init__(self):
        super().__init__()
        self.shared_vocabulary = ("word", answer_field(self))


@rejected_by("validate_pair")
class RefusesAGoodAnswer(WordSide, ValidatesPairs):
    def validate_pair(self, inputs, answer):
        return {0: "the word is too short for its side"}


@rejected_by("augmented_batch")
class TurnsAnswersBySeedOfNumpy(WordSide, AugmentsBatch):
    def augment_batch(self, batch):
        side = torch.from_numpy(np.random.randint(0, 2, batch.size))
        return dispatch.augment(WordSide(), replace(batch, target={"side": side}))


@rejected_by("augmented_batch")
class MasksWordsBySeedOfNumpy(WordSide, AugmentsBatch):
    def augment_batch(self, batch):
        ids = batch.inputs["word"]["ids"]
        is_masked = torch.from_numpy(np.random.random(ids.shape) < 0.5) & (ids > 0)
        return replace(batch, inputs={"word": {"ids": torch.where(is_masked, 0, ids)}})


@rejected_by("augmented_batch")
class LosesARecordOfABatch(WordSide, AugmentsBatch):
    def augment_batch(self, batch):
        return replace(dispatch.augment(WordSide(), batch), size=batch.size - 1)


@rejected_by("example")
class ExampleThatIsNoWord(WordSide):
    def example(self):
        return Record({"word": "", answer_field(self): "left"})


@rejected_by("example")
class ExampleWithAMissingAnswer(WordSide):
    def example(self):
        return Record({"word": "wheel", answer_field(self): None})


@rejected_by("baseline")
class BaselineOfEveryRecord(WordSide):
    def fit_baseline(self, train):
        return {"logits": repeated(super().fit_baseline(train)["logits"], len(train["side"]))}


@rejected_by("baseline")
class BaselineThatCannotBeStored(WordSide):
    def fit_baseline(self, train):
        return {"logits": super().fit_baseline(train)["logits"] - np.inf}


@rejected_by("predict_baseline")
class BaselineOfOneAxis(WordSide):
    def fit_baseline(self, train):
        return {"logits": super().fit_baseline(train)["logits"][:, 0]}


@rejected_by("predict_baseline")
class BaselineOfTooFewNames(WordSide):
    def fit_baseline(self, train):
        return {"logits": super().fit_baseline(train)["logits"][:, :1]}


@rejected_by("predict_baseline")
class TrivialAnswerThatKnowsTheTruth(WordSide, PredictsBaseline):
    def predict_baseline(self, dataset, learnt):
        return {"logits": np.eye(2, dtype=np.float32)[dataset.target["side"]]}


@rejected_by("predict_baseline")
class TrivialAnswerToTheFirstRecords(WordSide, PredictsBaseline):
    def predict_baseline(self, dataset, learnt):
        return {"logits": repeated(learnt["logits"], len(dataset) - 1)}


@rejected_by("predict_baseline")
class TrivialAnswerThatIsNoNumber(WordSide, PredictsBaseline):
    def predict_baseline(self, dataset, learnt):
        return {"logits": np.full((len(dataset), 2), np.nan, np.float32)}


class Swapped:
    """What writes two answers and gives each the number of the other."""

    def __init__(self, writer):
        self.begin, self.own = writer.begin, writer

    def step(self):
        return [(1 - number, piece) for number, piece in self.own.step()]


@dataclass(frozen=True)
class SwappedText(Text):
    def writer(self, model, state):
        return Swapped(super().writer(model, state))


@rejected_by("writer")
class MixesUpWhoIsAnswered(TextGeneration):
    def __init__(self):
        super().__init__()
        self.target = SwappedText(**vars(self.target))
