"""A run is watched: windows like its own are quiet, others are not, and what cannot be told is said."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

import noria
from drift.conftest import rows_of, write
from noria.drift.assess import assess
from noria.drift.window import window_of
from noria.errors import UserError
from noria.pipeline.predictor import Predictor, load
from noria.pipeline.reference import FILE, read_reference
from noria.reporter import Silent
from noria.types import Arrays, Dataset


class Told(Silent):
    """Keeps what is said."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def say(self, text: str) -> None:
        self.lines.append(text)


def test_a_window_like_calibration_gives_no_alarm_and_the_score_that_is_expected_is_realised(
    run: Path, tmp_path: Path
) -> None:
    found = noria.watch(run, write(tmp_path / "new.csv", rows_of(400, 5)), reporter=Silent())
    assert not found.has_alarm
    assert [one.name for one in found.tests] == ["class probabilities", "embeddings", "score"]
    assert found.score == "accuracy"
    assert found.before is not None
    assert found.expected is not None
    assert found.realised is not None
    assert found.expected.low - 0.03 < found.realised.value < found.expected.high + 0.03
    told = {one.name: one.now for one in found.labels}
    assert told["yes"] is not None
    assert abs(told["yes"].value - 0.5) < 0.1


def test_a_window_that_has_moved_gives_an_alarm_without_any_true_answer(run: Path, tmp_path: Path) -> None:
    path = write(tmp_path / "moved.csv", rows_of(400, 6, shift=2.0, has_answer=False))
    found = noria.watch(run, path, reporter=Silent())
    assert {one.name for one in found.tests if one.alarm} == {"class probabilities", "embeddings"}
    assert found.realised is None
    assert any("no true answers are known" in note for note in found.notes)
    told = {one.name: one.now for one in found.labels}
    assert told["yes"] is not None
    assert told["yes"].value > 0.75
    assert found.unlike[0].distance > found.unlike[-1].distance > 1
    assert found.unlike[0].where.startswith("moved.csv:")


def test_numbers_are_watched_by_what_is_predicted_and_by_residuals(number_run: Path, tmp_path: Path) -> None:
    same = noria.watch(number_run, write(tmp_path / "same.csv", rows_of(400, 7, answer="number")), reporter=Silent())
    assert [one.name for one in same.tests] == ["predicted numbers", "embeddings", "residuals"]
    assert not same.has_alarm
    assert same.score == "mae"
    rows = rows_of(400, 8, answer="number")
    worse = [rows[0], *([a, b, str(float(answer) + 2)] for a, b, answer in rows[1:])]
    found = noria.watch(number_run, write(tmp_path / "worse.csv", worse), reporter=Silent())
    assert [one.name for one in found.tests if one.alarm] == ["residuals"]
    assert found.worse_by is not None
    assert found.worse_by > 1


def test_truths_that_cannot_be_used_are_counted_and_their_records_are_watched_all_the_same(
    run: Path, tmp_path: Path
) -> None:
    rows = rows_of(100, 9)
    for row in rows[1:11]:
        row[2] = ""
    rows[11][2], rows[12][0] = "perhaps", "no number"
    told = Told()
    found = noria.watch(run, write(tmp_path / "some.csv", rows), reporter=told)
    assert found.realised is not None
    assert found.n - found.realised.n == 11
    said = "\n".join(told.lines)
    assert "the truth of 11 records cannot be used: the label is missing (10), others 1" in said


def test_a_window_is_the_same_in_one_file_and_in_several(run: Path, tmp_path: Path) -> None:
    rows = rows_of(120, 10)
    whole = write(tmp_path / "whole.csv", rows)
    parts = [write(tmp_path / f"{i}.csv", [rows[0], *rows[1 + 60 * i : 61 + 60 * i]]) for i in range(2)]
    predictor = load(run)
    one, other = (window_of(predictor, paths).observations for paths in ([whole], parts))
    assert np.allclose(one.values, other.values, atol=1e-6)
    assert one.vectors is not None
    assert other.vectors is not None
    assert np.allclose(one.vectors, other.vectors, atol=1e-5)


def test_of_more_records_than_a_window_holds_the_last_are_watched_and_it_is_said(run: Path, tmp_path: Path) -> None:
    told = Told()
    found = noria.watch(run, write(tmp_path / "many.csv", rows_of(2100, 11)), reporter=told)
    assert found.n == 2000
    assert "the window is the last 2,000 of 2,100 records" in told.lines


def test_records_that_are_too_far_from_the_end_are_not_answered(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, answered = Predictor.outputs_and_vectors, list[int]()

    def outputs_and_vectors(self: Predictor, records: Dataset) -> Arrays:
        answered.append(len(records))
        return real(self, records)

    monkeypatch.setattr(Predictor, "outputs_and_vectors", outputs_and_vectors)
    paths = [write(tmp_path / f"{day}.csv", rows_of(900, day, shift=day)) for day in range(5)]
    told = Told()
    found = noria.watch(run, *paths, reporter=told)
    assert found.n == 2000
    assert sum(answered) == 2700
    assert "the window is the last 2,000 of 4,500 records" in told.lines
    assert found == noria.watch(run, *paths[2:], reporter=Silent())


def test_the_run_keeps_the_page_and_the_figures(run: Path, tmp_path: Path) -> None:
    found = noria.watch(run, write(tmp_path / "new.csv", rows_of(200, 12, shift=2)), reporter=Silent())
    assert json.loads((run / "watch.json").read_text()) == json.loads(json.dumps(found.as_json()))
    page = (run / "watch.html").read_text()
    for section in ("Score", "Tests", "Answers then and now", "Classes", "Most unlike calibration"):
        assert f"<h2>{section}</h2>" in page
    assert page.count("<svg") >= 2


def test_too_few_records_are_refused(run: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="so few records show no drift"):
        noria.watch(run, write(tmp_path / "few.csv", rows_of(20, 13)), reporter=Silent())


def test_a_bundle_without_a_reference_says_so_and_what_it_advises_works(run: Path, tmp_path: Path) -> None:
    other = tmp_path / "run"
    shutil.copytree(run, other)
    (other / "bundle" / FILE).unlink()
    new = write(tmp_path / "new.csv", rows_of(200, 14))
    with pytest.raises(UserError, match="keeps nothing of its calibration split") as caught:
        noria.watch(other, new, reporter=Silent())
    assert "noria evaluate RUN" in (caught.value.fix or "")
    noria.evaluate(other, reporter=Silent())
    assert noria.watch(other, new, reporter=Silent()) == noria.watch(run, new, reporter=Silent())


def test_a_reference_of_other_weights_or_a_damaged_one_is_not_believed(
    run: Path, number_run: Path, tmp_path: Path
) -> None:
    other = tmp_path / "run"
    shutil.copytree(run, other)
    shutil.copy(number_run / "bundle" / FILE, other / "bundle" / FILE)
    with pytest.raises(UserError, match="other weights"):
        read_reference(load(other).bundle)
    (other / "bundle" / FILE).write_bytes(b"nothing")
    with pytest.raises(UserError, match="damaged"):
        read_reference(load(other).bundle)


def test_a_window_of_another_model_is_refused(run: Path, number_run: Path, tmp_path: Path) -> None:
    window = window_of(load(number_run), [write(tmp_path / "new.csv", rows_of(100, 15, answer="number"))]).observations
    with pytest.raises(UserError, match="not of the model"):
        assess(read_reference(load(run).bundle), window)


def test_what_a_change_costs_is_told_where_the_job_says_what_answers_are_worth(value_run: Path, tmp_path: Path) -> None:
    told = Told()
    worse = rows_of(400, 16)
    for row in worse[1:101]:
        row[2] = "yes" if row[2] == "no" else "no"
    path = write(tmp_path / "worse.csv", worse)
    found = noria.watch(value_run, path, reporter=told, predictions_per_day=1000)
    assert found.worth_lost is not None
    assert found.worth_lost > 300_000
    assert any(line.startswith("estimated loss a day: ") and line.endswith(" EUR") for line in told.lines)
    assert "an answer is now worth" in str(found)


def test_the_answer_that_is_given_is_watched_and_not_the_likeliest(value_run: Path, tmp_path: Path) -> None:
    path = write(tmp_path / "new.csv", rows_of(400, 18))
    given = [one.value for one in noria.predict(value_run, path)]
    assert 20 < given.count(None) < 380
    found = noria.watch(value_run, path, reporter=Silent())
    assert {one.name: one.answered for one in found.labels} == {one: given.count(one) / 400 for one in ("no", "yes")}
    told = {one.name: one.now for one in found.labels}
    assert told["yes"] is not None
    assert abs(told["yes"].value - 0.5) < 0.1  # by the likeliest class: no answer tells no class
    assert found.worth_now is not None
    scores = noria.evaluate(value_run, path, reporter=Silent())["metrics"]
    assert found.worth_now.value == pytest.approx(1000 * scores["value_per_1000"]["value"])
    assert found.realised is not None
    assert found.realised.value == pytest.approx(scores["accuracy"]["value"])


def test_without_truths_the_worth_of_the_answers_given_is_expected(value_run: Path, tmp_path: Path) -> None:
    blind = write(tmp_path / "blind.csv", rows_of(400, 19, has_answer=False))
    seeing = write(tmp_path / "seeing.csv", rows_of(400, 19))
    expected, real = (noria.watch(value_run, path, reporter=Silent()).worth_now for path in (blind, seeing))
    assert expected is not None
    assert real is not None
    assert expected.n == real.n == 400
    assert max(expected.low, real.low) < min(expected.high, real.high)


def test_where_the_job_says_nothing_of_worth_no_loss_is_asked_for(run: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="says what answers are worth"):
        noria.watch(run, write(tmp_path / "new.csv", rows_of(100, 17)), reporter=Silent(), predictions_per_day=9)
