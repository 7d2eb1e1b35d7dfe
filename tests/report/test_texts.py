"""A report on texts: several true answers, texts that are only scored, and signatures without a space."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from noria.contract import mean_metric
from noria.report.learning import learning
from noria.report.mistakes import Mistake, _card
from noria.report.scores import scores
from noria.report.tables import written
from noria.types import Prediction

METRIC = mean_metric("f1", "fraction", "higher", lambda output, truth: truth["f1"])
SIGNATURE = "0 to 100, nrefs:1|case:mixed|eff:no|tok:zh|smooth:exp|version:2.6.0"


def test_several_true_answers_stand_in_a_row() -> None:
    assert written(["the river", "river"]) == "the river / river"
    assert written([1, 2]) == "[1, 2]"


def test_a_text_that_was_only_scored_has_no_answer_and_one_without_an_answer_says_so() -> None:
    for answer, is_shown in ((Prediction(None), False), (Prediction(None, 0.9), True), (Prediction("a", None), True)):
        card = _card(Mistake({"text": "asked"}, "true", answer, 0.5, "a.txt:1"), METRIC, 80)
        assert (">answer<" in card) == is_shown
        assert ">truth<" in card


def test_a_long_signature_may_be_broken_where_it_has_bars() -> None:
    found = {"value": 36.5, "low": 35.0, "high": 38.0, "direction": "higher", "unit": SIGNATURE}
    page = scores({"metrics": {"bleu": found}, "baseline": {}})
    assert "tok:zh|<wbr />smooth:exp|<wbr />" in page
    assert SIGNATURE in page.replace("<wbr />", "")  # and is copied whole


def test_what_validation_leaves_out_is_not_drawn() -> None:
    history = [
        {"step": i, "epoch": i / 2, "loss": 1.0, "validation": {"loss": 1.0 / i, "bleu": None}} for i in (1, 2, 3)
    ]
    page = learning(history, [], "loss", "lower")
    assert "Validation loss" in page
    assert "bleu" not in page


def test_a_page_of_texts_holds_no_lists_of_python(trained: Callable[[str], Path]) -> None:
    page = (trained("question-answering") / "report.html").read_text("utf-8")
    assert "[&#x27;" not in page
