"""The data of trials: each preparation once, the same validation records in all of them, parts for cheap trials."""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from noria.errors import UserError
from noria.job.load import load_job
from noria.pipeline.prepared import Prepared
from noria.stages.prepare import prepare
from noria.stages.tune import without_test
from noria.tuning import preparations
from noria.tuning.preparations import Preparations, is_same_test, part_of
from noria.tuning.search_space import prepared_otherwise, with_settings

CHARACTERS = {"inputs.text.characters": 4}


@pytest.fixture
def job(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    monkeypatch.setenv("NORIA_CACHE", str(tmp_path / "cache"))
    with (tmp_path / "texts.csv").open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["text", "label"])
        table.writerows([f"this film number {i} is {'good' if i % 2 else 'bad'}", i % 2] for i in range(200))
    return {
        "task": "text-classification",
        "data": {"path": str(tmp_path / "texts.csv")},
        "inputs": {"text": {"vocabulary": 300}},
        "model": {"size": "tiny"},
    }


def prepared_of(job: dict[str, Any], settings: dict[str, Any]) -> Prepared:
    return without_test(prepare(*with_settings(load_job(job)[0], settings)))


def test_settings_that_change_preparation_keep_the_records_on_their_sides(job: dict[str, Any]) -> None:
    ours = prepared_of(job, {})
    for settings in (CHARACTERS, {"inputs.text.vocabulary": 290}):
        theirs = prepared_of(job, settings)
        assert theirs.fingerprint != ours.fingerprint
        for split in ("train", "validation"):
            assert theirs.splits[split].wheres() == ours.splits[split].wheres()
            assert is_same_test(ours.splits[split], theirs.splits[split])


def test_each_preparation_is_made_once(job: dict[str, Any]) -> None:
    made = []

    def prepare_once(*arguments: Any) -> Prepared:
        made.append(arguments)
        return without_test(prepare(*arguments))

    own, task = load_job(job)
    data = Preparations(prepared_of(job, {}), prepare_once)
    for settings in ({}, CHARACTERS, {**CHARACTERS, "train.ema": 0.9}, {"inputs.text.ngrams": 2}):
        changes = prepared_otherwise(own, task, settings)
        data.of(*with_settings(own, settings), changes)
    assert len(made) == 1


def test_scores_of_other_records_or_answers_are_not_compared(job: dict[str, Any]) -> None:
    own = prepared_of(job, {})
    validation = own.splits["validation"]
    fewer = validation.select(np.arange(len(validation) - 1))
    answers = replace(validation, target={"label": 1 - validation.target["label"][:]})
    for other in (replace(fewer, places=validation.wheres()[:-1]), answers):
        given = replace(own, splits={**own.splits, "validation": other})
        data = Preparations(own, lambda *_, given=given: given)
        with pytest.raises(UserError, match="no score would compare") as caught:
            data.of(*load_job(job), CHARACTERS)
        assert "inputs.text.characters=4" in caught.value.where


def test_a_cheap_trial_learns_from_a_part_of_many_records_and_is_scored_on_all(
    job: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = prepared_of(job, {})
    assert part_of(whole, 0.5) is whole  # they are few
    monkeypatch.setattr(preparations, "MANY_RECORDS", 20)
    train = whole.splits["train"]
    small, large = (part_of(whole, fraction).splits["train"] for fraction in (0.3, 0.6))
    assert 0.15 * len(train) < len(small) < 0.45 * len(train)
    inside = set(map(tuple, (row.tolist() for row in (large.inputs["text"]["ids"][i] for i in range(len(large))))))
    assert all(tuple(small.inputs["text"]["ids"][i].tolist()) in inside for i in range(len(small)))
    assert part_of(whole, 0.3).splits["validation"] is whole.splits["validation"]
    assert np.array_equal(part_of(whole, 0.3).splits["train"].target["label"], small.target["label"])


def test_a_frame_in_memory_is_prepared_anew_too(job: dict[str, Any]) -> None:
    pandas = pytest.importorskip("pandas")
    frame = pandas.read_csv(job["data"]["path"])
    own, _ = load_job({**job, "data": frame})
    ours, theirs = (without_test(prepare(*with_settings(own, settings))) for settings in ({}, CHARACTERS))
    assert theirs.fingerprint != ours.fingerprint
    assert is_same_test(ours.splits["validation"], theirs.splits["validation"])
