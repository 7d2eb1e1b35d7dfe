"""Modalities that each break the contract in one way."""

from __future__ import annotations

import random
from dataclasses import field, replace
from typing import ClassVar

import numpy as np
import torch
from tests.contract.broken.healthy import LetterCounts, Letters, broken, rejected_by

from noria.contract.capabilities import Converses, DescribesValues, TellsCost
from noria.contract.settings import tried
from noria.types import Cost, Encoded, Features, Ragged


@rejected_by("settings")
class NoDataclass(Letters):
    pass


@broken("settings")
class UnknownRawValue(Letters):
    raw_type: ClassVar[str] = "row"


@broken("settings")
class RefusesWhatTuningTries(Letters):
    reach: int = field(default=1, metadata=tried(0, 2))

    def __post_init__(self):
        if self.reach < 1:
            raise ValueError("reach is at least 1")


@broken("value_facts")
class ShowsWhatItCannotEncode(Letters, DescribesValues):
    def value_facts(self, state):
        return {"example": None}


@broken("value_facts")
class KnowsWhatIsNoJSON(Letters, DescribesValues):
    def value_facts(self, state):
        return {"letters": {1, 2}}


@broken("cost")
class CostsLessThanNothing(Letters, TellsCost):
    def cost(self, value):
        return Cost(characters=-1)


@broken("conversations")
class PromisesToReadConversations(Letters, Converses):
    def takes_tools(self, state):
        return False


@broken("held_out")
class LearnsFromHeldOut(Letters):
    seen: ClassVar[list] = []

    def fit(self, values):
        return {**super().fit(values), "seen": len(self.seen)}

    def encode(self, values, state):
        self.seen.extend(values)
        return super().encode(values, state)


@broken("held_out")
class LearnsAtRandom(Letters):
    def fit(self, values):
        return {**super().fit(values), "scale": random.random()}


@broken("arguments")
class SortsTheValuesInFit(Letters):
    def fit(self, values):
        values.sort()
        return super().fit(values)


@broken("arguments")
class ReversesTheValuesInEncode(Letters):
    def encode(self, values, state):
        encoded = super().encode(values, state)
        values.reverse()
        return encoded


@broken("arguments")
class LearnsWhileEncoding(Letters):
    def encode(self, values, state):
        state["encoded"] = state.get("encoded", 0) + len(values)
        return super().encode(values, state)


@broken("arguments")
class KeepsWhatItSaw(Letters):
    seen: list = field(default_factory=list)

    def encode(self, values, state):
        self.seen.append(len(values))
        return super().encode(values, state)


@broken("state")
class StateOfASet(Letters):
    def fit(self, values):
        return {"letters": set(super().fit(values)["letters"])}


@broken("state")
class StateOfNaN(Letters):
    def fit(self, values):
        return {**super().fit(values), "mean": float("inf")}


@broken("state")
class StateOfTuples(Letters):
    def fit(self, values):
        return {"letters": tuple(super().fit(values)["letters"])}


@broken("state")
class StateWithNumbersAsKeys(Letters):
    def fit(self, values):
        return {**super().fit(values), "counts": {1: 2}}


@broken("encode")
class DropsARow(Letters):
    def encode(self, values, state):
        return super().encode(values[:-1], state)


@broken("encode")
class GivesNoArray(Letters):
    def encode(self, values, state):
        return Encoded({})


@broken("encode")
class GivesObjects(Letters):
    def encode(self, values, state):
        return Encoded({"ids": np.array(values, object)}, super().encode(values, state).bad)


@broken("encode")
class RefusesGoodValues(Letters):
    def encode(self, values, state):
        return replace(super().encode(values, state), bad={0: "too short"} if values else {})


@broken("order")
class PadsToItsNeighbours(Letters):
    def encode(self, values, state):
        encoded = super().encode(values, state)
        return replace(encoded, arrays={"ids": encoded.arrays["ids"].padded()})


@broken("order")
class NumbersTheValues(Letters):
    def encode(self, values, state):
        encoded = super().encode(values, state)
        return replace(encoded, arrays={**encoded.arrays, "place": np.arange(len(values))})


@broken("order")
class EncodesInOrderOfLength(Letters):
    def encode(self, values, state):
        return super().encode(sorted(values, key=lambda value: len(str(value))), state)


@broken("order")
class RefusesAValueAlone(Letters):
    def encode(self, values, state):
        encoded = super().encode(values, state)
        return replace(encoded, bad={0: "one value is too few"}) if len(values) == 1 else encoded


@broken("order")
class CannotEncodeNothing(Letters):
    def encode(self, values, state):
        assert len(values)
        return super().encode(values, state)


@broken("bad_values")
class TakesNoneForAWord(Letters):
    def encode(self, values, state):
        return super().encode(["none" if value is None else value for value in values], state)


@broken("bad_values")
class BlamesTheNextValueToo(Letters):
    def encode(self, values, state):
        encoded = super().encode(values, state)
        return replace(encoded, bad={j: reason for i, reason in encoded.bad.items() for j in (i, i + 1)})


@broken("bad_values")
class BlamesAPlaceThatIsNotThere(Letters):
    def encode(self, values, state):
        encoded = super().encode(values, state)
        return replace(encoded, bad={i + len(values): reason for i, reason in encoded.bad.items()})


@broken("bad_values")
class GivesNoReason(Letters):
    def encode(self, values, state):
        encoded = super().encode(values, state)
        return replace(encoded, bad=dict.fromkeys(encoded.bad, ""))


@broken("bad_values")
class SpoilsTheNeighboursOfABadValue(Letters):
    def encode(self, values, state):
        encoded = super().encode(values, state)
        spoilt = {"ids": Ragged.of([[0]] * len(values), np.int64)}
        return replace(encoded, arrays=spoilt) if encoded.bad else encoded


@broken("bad_values")
class RaisesForABadValue(Letters):
    def encode(self, values, state):
        return super().encode([value.lower() for value in values], state)


@broken("display")
class ShowsNumbers(Letters):
    def display(self, arrays, state):
        return len(arrays["ids"])


@broken("inverse")
class ShowsAnotherWord(Letters):
    def display(self, arrays, state):
        return super().display(arrays, state)[::-1]


@broken("cut")
class CutsWithoutSayingBySetting(Letters):
    def encode(self, values, state):
        encoded = super().encode(values, state)
        return replace(encoded, cut=encoded.arrays["ids"].beyond(3))


class CountsPaddingToo(LetterCounts):
    def forward(self, arrays):
        return Features(arrays["ids"].clamp_min(0), torch.ones(arrays["ids"].shape))


class HasMoreThanItSays(LetterCounts):
    def __init__(self, letters):
        super().__init__(letters)
        self.size = self.plain = letters - 1


@broken("features")
class HasOtherFeaturesInABatch(Letters):
    def vectorizer(self, state):
        return CountsPaddingToo(len(state["letters"]) + 1)


@broken("features")
class HasMoreFeaturesThanItSays(Letters):
    def vectorizer(self, state):
        return HasMoreThanItSays(len(state["letters"]) + 1)


@broken("rows")
class TabulatesOneColumnLess(Letters):
    def tabulator(self, state):
        whole = super().tabulator(state)
        whole.is_code = [*whole.is_code, False]
        return whole
