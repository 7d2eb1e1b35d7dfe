"""Several yes/no answers: a missing one teaches nothing, probabilities hold, scores are scikit-learn's."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.special import expit
from sklearn import metrics as sk

from noria.errors import UserError
from noria.targets.labels import Labels, base_rates
from noria.types import Batch

COUNT = 400
STATE = Labels().fit({name: [1, 0] for name in "abc"})


def drawn(seed=0, sharpness=1.0):
    generator = np.random.default_rng(seed)
    logits = generator.normal(size=(COUNT, 3)).astype(np.float32) * 2 - np.array([0, 1, 2], np.float32)
    truth = (generator.random((COUNT, 3)) < expit(logits)).astype(np.float32)
    truth[generator.random((COUNT, 3)) < 0.3] = np.nan
    truth[np.isnan(truth).all(1), 0] = 1
    return {"labels": logits * np.float32(sharpness)}, {"labels": truth}


def scores(output, truth, weights=None):
    weights = np.ones((1, len(truth["labels"]))) if weights is None else weights
    return {one.name: one.value(output, truth, weights) for one in Labels().metrics(STATE)}


def by_scikit_learn(output, truth):
    known = [(~np.isnan(one), one, given) for one, given in zip(truth["labels"].T, output["labels"].T, strict=True)]
    return {
        "auc_macro": np.mean([sk.roc_auc_score(one[k], given[k]) for k, one, given in known]),
        "ap_macro": np.mean([sk.average_precision_score(one[k], given[k]) for k, one, given in known]),
        "f1_macro": np.mean([sk.f1_score(one[k], given[k] >= 0) for k, one, given in known]),
    }


def test_ranking_scores_are_means_of_scikit_learns_over_what_is_known():
    found, expected = scores(*drawn()), by_scikit_learn(*drawn())
    for name, value in expected.items():
        assert found[name][0] == pytest.approx(value, rel=1e-6), name


def test_a_weight_counts_as_so_many_records():
    output, truth = drawn()
    counts = np.random.default_rng(1).multinomial(COUNT, np.full(COUNT, 1 / COUNT), size=4)
    together = scores(output, truth, counts.astype(np.float64))
    for index, count in enumerate(counts):
        chosen = np.repeat(np.arange(COUNT), count)
        again = scores({"labels": output["labels"][chosen]}, {"labels": truth["labels"][chosen]})
        for name, value in again.items():
            assert together[name][index] == pytest.approx(value[0], rel=1e-6), name


def test_a_label_with_too_few_of_a_kind_stays_out_of_the_means_of_ranks():
    output, truth = drawn()
    rare = truth["labels"].copy()
    rare[:, 2] = 0
    rare[:2, 2] = 1
    without = {"labels": truth["labels"][:, :2]}
    expected = by_scikit_learn({"labels": output["labels"][:, :2]}, without)["auc_macro"]
    assert scores(output, {"labels": rare})["auc_macro"][0] == pytest.approx(expected)


def test_what_is_not_known_has_no_part_in_the_loss():
    output, truth = drawn()
    given = torch.tensor(output["labels"], requires_grad=True)
    batch = Batch({}, {"labels": torch.tensor(truth["labels"])}, COUNT)
    loss = Labels().loss({"labels": given}, batch)
    loss["loss"].backward()
    unknown = np.isnan(truth["labels"])
    assert (given.grad.numpy()[unknown] == 0).all()
    assert (given.grad.numpy()[~unknown] != 0).all()
    known = ~unknown
    expected = sk.log_loss(truth["labels"][known], expit(output["labels"][known]))
    assert loss["loss"].item() == pytest.approx(expected, rel=1e-5)


def test_answers_that_are_too_sure_are_calibrated_on_held_out_ones():
    target, (output, truth) = Labels(), drawn(0, sharpness=4.0)
    state = target.calibrate(output, truth, STATE)
    (fresh, real), raw = drawn(1, sharpness=4.0), drawn(1, sharpness=4.0)[0]
    calibrated = target.postprocess(fresh, {}, state)
    assert scores(calibrated, real)["brier"][0] < scores(raw, real)["brier"][0] - 0.01
    assert scores(calibrated, real)["auc_macro"][0] == pytest.approx(scores(raw, real)["auc_macro"][0])
    assert [slope < 0.6 for slope, _ in state["platt"]] == [True] * 3


def test_a_threshold_is_that_of_the_best_f1_or_the_jobs_own():
    output, truth = drawn()
    state = Labels().calibrate(output, truth, STATE)
    chances = expit(Labels().postprocess(output, {}, state)["labels"])
    known = ~np.isnan(truth["labels"][:, 2])
    true, given = truth["labels"][known, 2], chances[known, 2]
    best = max(sk.f1_score(true, given >= one) for one in given)
    assert sk.f1_score(true, given >= state["thresholds"][2]) == pytest.approx(best)
    sure = Labels(threshold=1.0).decode({"labels": np.zeros((1, 3), np.float32)}, state)[0]
    assert (sure.value, sure.details["probabilities"]) == ([], {"a": 0.5, "b": 0.5, "c": 0.5})


def test_a_label_with_few_held_out_answers_keeps_its_probabilities():
    output, truth = drawn()
    few = {"labels": truth["labels"][:15]}
    state = Labels().calibrate({"labels": output["labels"][:15]}, few, STATE)
    assert state["platt"] == [[1.0, 0.0]] * 3
    assert state["thresholds"] == [0.5] * 3


def test_the_baseline_gives_each_label_its_share_of_what_is_known():
    learnt = base_rates({"labels": np.array([[1, np.nan]] * 30 + [[0, np.nan]] * 10 + [[np.nan, 0]] * 40)})
    shares = expit(learnt["labels"][0])
    assert shares[0] == pytest.approx(0.744, abs=0.01)
    assert 0 < shares[1] < 0.05


def test_labels_none_of_which_has_both_answers_are_refused_by_name():
    with pytest.raises(UserError) as caught:
        Labels().fit({"always": ["1", "1", ""], "never": ["0", "0", "0"]})
    assert caught.value.found == "always: 2 yes, 0 no; never: 0 yes, 3 no"
    with pytest.raises(UserError, match="one answer only"):
        Labels().fit(["red; blue", "blue; red"])
    assert Labels().fit({"always": ["1", "1"], "both": ["1", "0"]})


def test_a_rare_label_is_told():
    often, once = [1, 0] * 150, [1] + [0] * 299
    (said,) = Labels().remarks(Labels().fit({"often": often, "once": once}))
    assert said.startswith("the rarer answer has few training records: once 1 of 300;")


def test_labels_that_scores_of_ranks_leave_out_are_named():
    truth = {"labels": np.array([[1, 0, 0]] * 5 + [[0, 0, np.nan]] * 5 + [[0, 1, 1]] * 2)}
    assert Labels().labels_left_out(truth, STATE) == ["b", "c"]
