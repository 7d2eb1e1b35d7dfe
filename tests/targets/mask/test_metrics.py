"""Scores of regions: as computed pixel by pixel, on any resample, with void left out."""

from __future__ import annotations

import numpy as np
import pytest

from noria.targets.mask.metrics import VOID, confusion, region_metrics
from noria.targets.mask.panels import region_panels

CLASSES = ["sky", "main road", "car", "never seen"]


def drawn(count: int = 9, seed: int = 0) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    generator = np.random.default_rng(seed)
    truth = generator.integers(0, 3, (count, 7, 5)).astype(np.uint8)
    answer = np.where(generator.random(truth.shape) < 0.6, truth, generator.integers(0, 3, truth.shape)).astype(
        np.uint8
    )
    truth[generator.random(truth.shape) < 0.1] = VOID
    truth[-1] = VOID
    return {"classes": answer}, {"mask": truth}


def by_hand(answer: np.ndarray, truth: np.ndarray) -> dict[str, float]:
    """Every pixel looked at once, with sets of places."""
    scores: dict[str, float] = {}
    known = [place for place in np.ndindex(truth.shape) if truth[place] != VOID]
    ious, recalls = [], []
    for code, name in enumerate(CLASSES):
        true = {place for place in known if truth[place] == code}
        given = {place for place in known if answer[place] == code}
        iou = len(true & given) / len(true | given) if true | given else np.nan
        scores[f"iou_{name.replace(' ', '_')}"] = iou
        ious.append(iou)
        recalls.append(len(true & given) / len(true) if true else np.nan)
    scores["miou"], scores["class_accuracy"] = float(np.nanmean(ious)), float(np.nanmean(recalls))
    scores["pixel_accuracy"] = sum(answer[place] == truth[place] for place in known) / len(known)
    return scores


def test_the_first_metric_is_the_mean_iou() -> None:
    assert region_metrics(CLASSES)[0].name == "miou"


def test_every_score_is_that_of_the_pixels_one_by_one() -> None:
    output, truth = drawn()
    expected = by_hand(output["classes"], truth["mask"])
    metrics = {metric.name: metric for metric in region_metrics(CLASSES)}
    assert metrics.keys() == expected.keys() | {"image_iou"}
    for name, value in expected.items():
        own = metrics[name].value(output, truth, np.ones((1, 9), np.float32))[0]
        assert own == pytest.approx(value, nan_ok=True), name
    each = [by_hand(output["classes"][i : i + 1], truth["mask"][i : i + 1])["miou"] for i in range(8)]
    assert metrics["image_iou"].value(output, truth, np.ones((1, 9)))[0] == pytest.approx(np.mean(each))


def test_a_resample_scores_as_its_images_repeated() -> None:
    output, truth = drawn()
    counts = np.random.default_rng(1).multinomial(9, [1 / 9] * 9, 20)
    for metric in region_metrics(CLASSES):
        weighted = metric.value(output, truth, counts.astype(np.float32))
        for row, value in zip(counts, weighted, strict=True):
            again = np.repeat(np.arange(9), row)
            own = metric.value({"classes": output["classes"][again]}, {"mask": truth["mask"][again]}, np.ones((1, 9)))[
                0
            ]
            assert value == pytest.approx(own, nan_ok=True), metric.name


def test_scikit_learn_counts_the_same_table() -> None:
    sklearn = pytest.importorskip("sklearn.metrics")
    output, truth = drawn(seed=3)
    known = truth["mask"] != VOID
    table = sklearn.confusion_matrix(truth["mask"][known], output["classes"][known], labels=range(4))
    assert np.array_equal(confusion(output["classes"], truth["mask"], 4).sum(0), table)


def test_the_table_is_counted_once_for_all_metrics(monkeypatch: pytest.MonkeyPatch) -> None:
    from noria.targets.mask import metrics as regions

    calls = []
    monkeypatch.setattr(regions, "confusion", lambda *given: calls.append(1) or confusion(*given))
    output, truth = drawn()
    for metric in region_metrics(CLASSES):
        metric.value(output, truth, np.ones((2, 9)))
    assert len(calls) == 1
    other, _ = drawn(seed=7)
    region_metrics(CLASSES)[0].value(other, truth, np.ones((2, 9)))
    assert len(calls) == 2


def test_images_that_are_all_void_have_no_score() -> None:
    output, truth = {"classes": np.zeros((2, 3, 3), np.uint8)}, {"mask": np.full((2, 3, 3), VOID, np.uint8)}
    for metric in region_metrics(CLASSES):
        assert np.isnan(metric.value(output, truth, np.ones((1, 2)))).all()


def test_many_classes_have_no_score_each() -> None:
    assert len(region_metrics([str(number) for number in range(100)])) == 4


def test_the_report_shows_the_worst_class_first_and_what_is_taken_for_what() -> None:
    truth = np.repeat(np.array([0, 0, 0, 1], np.uint8), 25)[None, None]
    answer = truth.copy()
    answer[0, 0, 75:85] = 0  # ten places of the road are said to be sky
    table, matrix = region_panels(answer, truth, CLASSES[:3])
    assert table.data["rows"] == [
        ["main road", 0.25, 0.6, 1.0, 0.6],
        ["sky", 0.75, 0.8824, 0.8824, 1.0],
        ["car", 0.0, None, None, None],
    ]
    assert matrix.data["values"] == [[100, 0, 0], [40, 60, 0], [0, 0, 0]]
    assert matrix.data["rows"] == CLASSES[:3]
