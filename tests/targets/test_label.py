"""Labels: the scores are scikit-learn's, weighted too; classes, merging and votes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from sklearn import metrics as sk
from torch.nn import functional

from noria.contract import dispatch, registry
from noria.errors import UserError
from noria.targets.label import Label, class_weights, majority, probabilities
from noria.types import Batch

RECORDS = 200


def drawn(classes: int, seed: int = 0) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Outputs in few steps, so that there are ties, and truths that they tell something of."""
    generator = np.random.default_rng(seed)
    label = generator.integers(0, classes, RECORDS)
    logits = generator.normal(size=(RECORDS, classes)) + 1.5 * np.eye(classes)[label]
    return {"logits": np.round(logits, 0 if classes == 2 else 3).astype(np.float32)}, {"label": label}


def scores(classes: int, output: dict, truth: dict, weights: np.ndarray) -> dict[str, np.ndarray]:
    found = Label().metrics({"classes": [str(i) for i in range(classes)]})
    return {metric.name: metric.value(output, truth, weights) for metric in found}


def by_scikit_learn(classes: int, output: dict, truth: dict) -> dict[str, float]:
    chances, label = probabilities(output), truth["label"]
    answer = output["logits"].argmax(1)
    found = {
        "accuracy": sk.accuracy_score(label, answer),
        "f1_macro": sk.f1_score(label, answer, average="macro"),
        "log_loss": sk.log_loss(label, chances, labels=range(classes)),
    }
    if classes > 5:
        found["accuracy_top_5"] = sk.top_k_accuracy_score(label, chances, k=5, labels=range(classes))
    if classes == 2:
        margin = output["logits"][:, 1] - output["logits"][:, 0]
        found["auc"] = sk.roc_auc_score(label, margin)
    return found


@pytest.mark.parametrize("classes", [2, 3, 7])
def test_the_scores_are_those_of_scikit_learn(classes: int) -> None:
    output, truth = drawn(classes)
    given = scores(classes, output, truth, np.ones((1, RECORDS)))
    expected = by_scikit_learn(classes, output, truth)
    assert given.keys() - expected.keys() == {"calibration_error"}
    for name, value in expected.items():
        assert given[name].shape == (1,)
        assert given[name][0] == pytest.approx(value, rel=1e-6), name


@pytest.mark.parametrize("classes", [2, 3, 60])
def test_a_weight_counts_as_so_many_records(classes: int) -> None:
    """With 60 classes of 200 records, most resamples lack some class."""
    output, truth = drawn(classes)
    counts = np.random.default_rng(1).multinomial(RECORDS, np.full(RECORDS, 1 / RECORDS), size=8)
    together = scores(classes, output, truth, counts.astype(np.float64))
    for index, count in enumerate(counts):
        chosen = np.repeat(np.arange(RECORDS), count)
        repeated = {"logits": output["logits"][chosen]}, {"label": truth["label"][chosen]}
        alone = scores(classes, *repeated, np.ones((1, RECORDS)))
        for name, values in together.items():
            assert values[index] == pytest.approx(alone[name][0], rel=1e-9), name
        for name, value in by_scikit_learn(classes, *repeated).items():
            assert together[name][index] == pytest.approx(value, rel=1e-6), name


def test_macro_f1_is_the_mean_over_the_classes_that_occur_in_truth_or_answers() -> None:
    """As scikit-learn has it, and by the formula: a class that is only answered counts as 0."""
    generator = np.random.default_rng(3)
    for _ in range(30):
        size = int(generator.integers(3, 9))
        label = generator.integers(0, size - 2, 40)  # the last two classes occur among the answers alone, or nowhere
        answer = np.where(generator.random(40) < 0.6, label, generator.integers(0, size - 1, 40))
        output = {"logits": np.eye(size)[answer]}
        found = scores(size, output, {"label": label}, np.ones((1, 40)))["f1_macro"][0]
        each = []
        for one in set(label) | set(answer):
            hits = sum((label == one) & (answer == one))
            each.append(2 * hits / (sum(label == one) + sum(answer == one)))
        assert found == pytest.approx(sum(each) / len(each))
        assert found == pytest.approx(sk.f1_score(label, answer, average="macro"))


def test_of_equally_likely_classes_the_first_five_stand_among_five() -> None:
    """An answer that cannot tell anything is right five times of seven, not always."""
    output, truth = {"logits": np.zeros((7, 7), np.float32)}, {"label": np.arange(7)}
    assert scores(7, output, truth, np.ones((1, 7)))["accuracy_top_5"][0] == pytest.approx(5 / 7)


def test_auc_counts_ties_half_and_is_unknown_where_one_class_is_missing() -> None:
    output = {"logits": np.array([[0, 1], [0, 1], [0, 0], [0, 2]], np.float32)}
    truth = {"label": np.array([0, 1, 0, 1])}
    # pairs of an ill and a healthy one: (1, 1) tie, (1, 0) right, (2, 1) right, (2, 0) right
    assert scores(2, output, truth, np.array([[1.0, 1, 1, 1]]))["auc"][0] == pytest.approx(3.5 / 4)
    assert np.isnan(scores(2, output, truth, np.array([[1.0, 0, 1, 0]]))["auc"][0])


def test_the_calibration_error_of_a_case_done_by_hand() -> None:
    """Four answers of confidence 0.9, two of them right; four of 0.6, all right: (4 * 0.4 + 4 * 0.4) / 8."""
    confidence = np.array([0.9] * 4 + [0.6] * 4)
    output = {"logits": np.log(np.stack([1 - confidence, confidence], 1))}
    truth = {"label": np.array([1, 1, 0, 0, 1, 1, 1, 1])}
    assert scores(2, output, truth, np.ones((1, 8)))["calibration_error"][0] == pytest.approx(0.4)
    weights = np.array([[1.0, 1, 0, 0, 0, 0, 0, 0]])
    assert scores(2, output, truth, weights)["calibration_error"][0] == pytest.approx(0.1)


def test_a_certain_wrong_answer_has_a_finite_log_loss() -> None:
    output = {"logits": np.array([[1000.0, -1000.0]], np.float32)}
    assert np.isfinite(scores(2, output, {"label": np.array([1])}, np.ones((1, 1)))["log_loss"]).all()


def test_classes_are_sorted_numbers_first_and_written_in_one_way() -> None:
    state = Label().fit(["10", 9, 9.0, "cat", " cat ", "ant", "-1", None, float("nan"), ""])
    assert state["classes"] == ["-1", "9", "10", "ant", "cat"]
    encoded = Label().encode([9, "9", 9.0, "cat", None, "cow"], state)
    assert encoded.arrays["label"][:4].tolist() == [1, 1, 1, 4]
    assert encoded.bad.keys() == {4, 5}
    assert "missing" in encoded.bad[4]
    assert "'cow' does not stand in the training records" in encoded.bad[5]


def test_raw_values_are_merged_into_classes() -> None:
    label = Label(class_groups={"healthy": [0], "ill": [1, 2, "3"]})
    state = label.fit([0, 1, "2", 3.0])
    assert state["classes"] == ["healthy", "ill"]
    assert label.encode(["0", 1, 2.0, 3], state).arrays["label"].tolist() == [0, 1, 1, 1]
    assert label.encode([7], state).bad.keys() == {0}


@pytest.mark.parametrize("values", [[], ["a", "a"], [None, "a"]])
def test_fewer_than_two_classes_are_refused(values: list) -> None:
    with pytest.raises(UserError, match="at least two classes"):
        Label().fit(values)


def test_the_loss_is_cross_entropy() -> None:
    logits, label = torch.randn(6, 3, generator=torch.Generator().manual_seed(0)), torch.tensor([0, 1, 2, 0, 1, 2])
    given = Label(smoothing=0.1).loss({"logits": logits}, Batch({}, {"label": label}, 6))
    assert given["loss"] == pytest.approx(functional.cross_entropy(logits, label, label_smoothing=0.1).item())
    assert given["each"].mean() == pytest.approx(given["loss"].item())


def test_every_vote_is_taught_by_itself() -> None:
    votes, label = torch.randn(6, 4, 3, generator=torch.Generator().manual_seed(0)), torch.tensor([0, 1, 2, 0, 1, 2])
    shares = torch.tensor([0.5, 0.25, 0.25, 0.0])  # the last token is padding
    output = {"logits": torch.zeros(6, 3), "votes": votes, "weights": shares.expand(6, -1).unsqueeze(-1)}
    given = Label(is_voting=True).loss(output, Batch({}, {"label": label}, 6))
    each = [functional.cross_entropy(votes[:, i], label, reduction="none") for i in range(4)]
    expected = shares @ torch.stack(each)
    torch.testing.assert_close(given["each"], expected)
    assert given["loss"] == pytest.approx(expected.mean().item())


@pytest.mark.parametrize(("classes", "told"), [(7, 7), (40, 30)])
def test_an_answer_says_its_class_and_its_best_probabilities(classes: int, told: int) -> None:
    output, _ = drawn(classes)
    one = Label().decode(output, {"classes": [f"class {i}" for i in range(classes)]})[0]
    chances = one.details["probabilities"]
    assert len(chances) == told
    assert next(iter(chances)) == one.value
    assert list(chances.values()) == sorted(chances.values(), reverse=True)
    assert one.confidence == pytest.approx(float(probabilities(output)[0].max()), abs=1e-6)


def test_the_trivial_answer_gives_the_shares_of_training() -> None:
    given = probabilities(majority({"label": np.array([0, 1, 1, 1])}))
    np.testing.assert_allclose(given, [[0.25, 0.75]], rtol=1e-5)


def test_the_confusion_matrix_is_scikit_learns() -> None:
    output, truth = drawn(5)
    matrix, table, _ = Label().panels(output, truth, {"classes": list("abcde")})
    assert matrix.data["values"] == sk.confusion_matrix(truth["label"], output["logits"].argmax(1)).tolist()
    f1 = {row[0]: row[4] for row in table.data["rows"]}
    expected = sk.f1_score(truth["label"], output["logits"].argmax(1), average=None)
    assert [f1[name] for name in "abcde"] == pytest.approx(expected.tolist(), abs=1e-4)
    assert [row[4] for row in table.data["rows"]] == sorted(row[4] for row in table.data["rows"])


def test_two_answers_with_other_dropout_are_drawn_together() -> None:
    class Twice(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.given = torch.randn(2, 6, 3, generator=torch.Generator().manual_seed(2))
            self.turn = -1

        def forward(self, inputs: dict, target: dict) -> dict[str, torch.Tensor]:
            self.turn += 1
            return {"logits": self.given[self.turn]}

    batch = Batch({}, {"label": torch.tensor([0, 1, 2, 0, 1, 2])}, 6)
    model = Twice()
    alone = Label().training_step(model, batch, {})
    assert model.turn == 0
    torch.testing.assert_close(alone["loss"], functional.cross_entropy(model.given[0], batch.target["label"]))
    model.turn = -1
    found = Label(rdrop=3.0).training_step(model, batch, {})
    logs = model.given.log_softmax(-1)
    apart = [functional.kl_div(logs[i], logs[1 - i], reduction="none", log_target=True).sum(-1) for i in range(2)]
    nats = [functional.cross_entropy(given, batch.target["label"], reduction="none") for given in model.given]
    torch.testing.assert_close(found["each"], (nats[0] + nats[1]) / 2 + 3 * (apart[0] + apart[1]) / 2)
    torch.testing.assert_close(found["loss"], found["each"].mean())
    task = registry.task("text-classification")
    task.target = Label(rdrop=3.0)
    model.turn = -1
    torch.testing.assert_close(dispatch.training_step(task.target, model, batch, {})["loss"], found["loss"])


def test_answers_that_agree_cost_no_more() -> None:
    batch = Batch({}, {"label": torch.tensor([0, 1])}, 2)
    model = torch.nn.Identity()
    model.forward = lambda inputs, target: {"logits": torch.tensor([[2.0, -1.0], [0.5, 0.0]])}
    torch.testing.assert_close(
        Label(rdrop=9.0).training_step(model, batch, {}), Label().training_step(model, batch, {})
    )


@pytest.mark.parametrize("settings", [{"rdrop": -1.0}, {"smoothing": 1.5}, {"smoothing": -0.1}])
def test_settings_out_of_range_are_refused(settings: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="smoothing must be 0 to 1, rdrop at least 0"):
        Label(**settings)


COUNTS = [90, 10]
STATE = {"classes": ["a", "b"], "counts": {"b": 10, "a": 90}}


@pytest.mark.parametrize(("how", "expected"), [("balanced", [100 / 180, 5.0]), ("root", [0.75 / 0.9, 2.5])])
def test_weights_of_classes_leave_the_mean_over_the_records_at_one(how: Any, expected: list[float]) -> None:
    weights = class_weights(COUNTS, how)
    assert float((weights * COUNTS).sum()) == pytest.approx(100, rel=1e-6)
    np.testing.assert_allclose(weights, expected, rtol=1e-6)


@pytest.mark.parametrize("rdrop", [0.0, 1.0])
def test_the_loss_of_rare_classes_weighs_more_where_that_is_asked_for(rdrop: float) -> None:
    batch = Batch({}, {"label": torch.tensor([0, 1, 0])}, 3)
    model = torch.nn.Identity()
    model.forward = lambda inputs, target: {"logits": torch.tensor([[2.0, -1.0], [0.5, 0.0], [0.0, 3.0]])}
    plain = Label(rdrop=rdrop).training_step(model, batch, STATE)
    weighted = Label(rdrop=rdrop, class_weights="balanced").training_step(model, batch, STATE)
    torch.testing.assert_close(weighted["each"], plain["each"] * torch.tensor([100 / 180, 5.0, 100 / 180]))
    torch.testing.assert_close(weighted["loss"], weighted["each"].mean())


@pytest.mark.parametrize(("rare", "is_told"), [(4, True), (5, False)])
def test_a_class_of_less_than_five_of_a_hundred_is_told_with_what_may_help(rare: int, is_told: bool) -> None:
    values = ["fraud"] * rare + ["honest"] * (100 - rare)
    state = Label().fit(values)
    assert state["counts"] == {"fraud": rare, "honest": 100 - rare}
    told = (
        f"{rare} of 100 training records are of class 'fraud': accuracy says little of it, f1_macro and the table of "
        "classes do; to find more of it, less sure probabilities: target.class_weights=root"
    )
    assert Label().remarks(state) == [told] * is_told
    assert all("class_weights" not in one for one in Label(class_weights="root").remarks(state))


def test_of_many_even_classes_none_is_rare_and_of_several_rare_ones_the_rarest_is_named() -> None:
    assert not Label().remarks(Label().fit([str(i % 50) for i in range(500)]))
    (told,) = Label().remarks(Label().fit(["a"] * 500 + ["b"] * 3 + ["c"] * 4))
    assert told.startswith("3 of 507 training records are of class 'b' (2 classes are as rare): ")


def test_a_bundle_that_did_not_count_its_classes_tells_nothing_of_them() -> None:
    state = Label().fit(["a"] * 99 + ["b"])
    del state["counts"]
    assert Label().remarks(state) == []
