"""What the ledger is told of answers, and that it can hold all of it."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

from noria.contract.payoffs import MOST_AMOUNT, ClassPayoffs
from noria.ledger import About
from noria.ledger.answers import Chunk
from noria.pipeline.valuing import valued
from noria.types import Prediction

WORTH = cast(Any, SimpleNamespace(payoffs=ClassPayoffs(currency="EUR")))


def test_answers_are_told_with_their_places_and_what_they_may_be_worth_together() -> None:
    given = [Prediction("yes", details={"expected_value": 0.25}), None, Prediction(None, details={"expected_value": 1})]
    told = valued(WORTH, given)
    assert (told.currency, told.answers, told.expected_micro) == ("EUR", [["yes"], None, [None]], 1_250_000)


def test_as_many_answers_of_the_largest_worth_as_one_likes_are_kept() -> None:
    told = valued(WORTH, [Prediction("yes", details={"expected_value": float(-MOST_AMOUNT)})] * 3000)
    assert Chunk("batch-1", 0, 1.0, About(), told).entry().quantities == {"valued": 3000}
