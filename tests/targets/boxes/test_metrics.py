"""Mean average precision is that of faster-coco-eval to the last digit, and a weight is a repeated picture."""

from __future__ import annotations

import contextlib
import io
from typing import Any

import numpy as np
import pytest

from noria.contract import Metric
from noria.targets.boxes.metrics import CROWD, DIFFICULT, best_threshold, detection_metrics
from noria.targets.boxes.panels import detection_panels
from noria.types import Arrays, Ragged

LABELS = 3
THRESHOLD = 0.5


def ragged(rows: list[Any], columns: int) -> Ragged:
    return Ragged.of([np.reshape(row, (-1, columns)) for row in rows], np.float32)


def drawn(seed: int, pictures: int = 12, ties: bool = False, crowds: bool = False) -> tuple[Arrays, Arrays]:
    """True boxes of all three sizes, and answers near them, some twice, some elsewhere, some of another label.

    crowds: some true boxes are crowds, large ones in which several answers may lie.
    """
    generator = np.random.default_rng(seed)
    given: dict[str, list[Any]] = {"boxes": [], "labels": [], "scores": []}
    true = []
    for picture in range(pictures):
        count = 0 if picture == 1 else int(generator.integers(0, 9))
        start = generator.uniform(0, 300, (count, 2))
        side = generator.choice([8, 25, 60, 150], (count, 2)) * generator.uniform(0.7, 1.4, (count, 2))
        boxes = np.concatenate([start, start + side], 1)
        labels = generator.integers(0, LABELS, count)
        optional = np.where(generator.random(count) < 0.15, DIFFICULT, 0)
        if crowds:
            is_crowd = generator.random(count) < 0.3
            boxes[is_crowd, 2:] += generator.uniform(20, 150, (int(is_crowd.sum()), 2))
            optional[is_crowd] = CROWD
        true.append(np.concatenate([boxes, labels[:, None], optional[:, None]], 1))
        again = np.repeat(np.arange(count), generator.integers(0, 3, count)) if picture != 2 else np.arange(0)
        near = boxes[again] + generator.normal(0, 0.08, (len(again), 4)) * np.tile(side[again], 2)
        near[:, 2:] = np.maximum(near[:, 2:], near[:, :2] + 1)
        far = generator.uniform(0, 300, (int(generator.integers(0, 5)), 2))
        found = np.concatenate([near, np.concatenate([far, far + generator.uniform(5, 120, far.shape)], 1)])
        codes = np.concatenate([labels[again], generator.integers(0, LABELS, len(far))])
        codes = np.where(generator.random(len(codes)) < 0.15, (codes + 1) % LABELS, codes)
        scores = generator.random(len(found)).round(1 if ties else 6)
        order = np.argsort(-scores, kind="stable")
        for name, values in zip(given, (found, codes, scores), strict=True):
            given[name].append(values[order])
    output = {
        "boxes": ragged(given["boxes"], 4),
        "labels": Ragged.of(given["labels"], np.int32),
        "scores": Ragged.of(given["scores"], np.float32),
    }
    return output, {"boxes": ragged(true, 6)}


def coco_scores(output: Arrays, truth: Arrays) -> dict[str, float]:
    """What faster-coco-eval says; a difficult box is given to it as one to ignore."""
    coco = pytest.importorskip("faster_coco_eval")
    pictures = range(len(truth["boxes"]))
    annotations: list[dict[str, Any]] = []
    for picture in pictures:
        for left, top, right, bottom, label, optional in truth["boxes"][picture].tolist():
            # It has no difficult boxes; one of no size that it scores is ignored and matched as every other box.
            area = -1.0 if optional == DIFFICULT else (right - left) * (bottom - top)
            annotations.append(
                {"id": len(annotations) + 1, "image_id": picture, "category_id": int(label)}
                | {"iscrowd": int(optional == CROWD)}
                | {"bbox": [left, top, right - left, bottom - top], "area": area}
            )
    found = [
        {"image_id": picture, "category_id": int(label), "score": float(score)}
        | {"bbox": [box[0], box[1], box[2] - box[0], box[3] - box[1]]}
        for picture in pictures
        for box, label, score in zip(
            output["boxes"][picture].tolist(), output["labels"][picture], output["scores"][picture], strict=True
        )
    ]
    with contextlib.redirect_stdout(io.StringIO()):
        true = coco.COCO(
            {
                "images": [{"id": picture, "height": 500, "width": 500} for picture in pictures],
                "annotations": annotations,
                "categories": [{"id": label, "name": str(label)} for label in range(LABELS)],
            }
        )
        scored = coco.COCOeval_faster(true, true.loadRes(found), "bbox")
        scored.run()
    names = ("map50_95", "map50", "", "map_small", "map_medium", "map_large")
    return {name: float(value) for name, value in zip(names, scored.stats, strict=False) if name}


def metrics_by_name() -> dict[str, Metric]:
    return {metric.name: metric for metric in detection_metrics(LABELS, THRESHOLD)}


def value(metric: Metric, output: Arrays, truth: Arrays) -> float:
    return float(metric.value(output, truth, np.ones((1, len(truth["boxes"])), np.float32))[0])


@pytest.mark.parametrize("crowds", [False, True])
@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize("seed", range(6))
def test_the_scores_are_those_of_faster_coco_eval(seed: int, ties: bool, crowds: bool) -> None:
    output, truth = drawn(seed, ties=ties, crowds=crowds)
    expected = coco_scores(output, truth)
    metrics = metrics_by_name()
    assert 0.05 < expected["map50_95"] < 0.9
    for name, score in expected.items():
        own = value(metrics[name], output, truth)
        assert (np.isnan(own) and score == -1) or own == pytest.approx(score, abs=1e-12), name


def test_finds_inside_of_a_crowd_are_neither_right_nor_wrong() -> None:
    """Three stand in a crowd, a fourth beside it; all four are found."""
    truth = {"boxes": ragged([[[100, 100, 140, 200, 0, 0], [200, 50, 400, 250, 0, CROWD]]], 6)}
    found = [[210, 60, 250, 160], [270, 70, 310, 170], [330, 80, 370, 180], [100, 100, 140, 200]]
    output = {
        "boxes": ragged([found], 4),
        "labels": Ragged.of([[0] * 4], np.int32),
        "scores": Ragged.of([[0.9, 0.8, 0.7, 0.6]], np.float32),
    }
    metrics = metrics_by_name()
    for name in ("map50", "map50_95", "precision", "recall"):
        assert value(metrics[name], output, truth) == pytest.approx(1, abs=1e-12), name
    confusion = detection_panels(output, truth, ["person", "b", "c"], THRESHOLD)[2]
    assert np.array(confusion.data["values"]).sum() == 1


def test_a_weight_is_as_many_pictures() -> None:
    output, truth = drawn(7)
    generator = np.random.default_rng(0)
    drawn_pictures = generator.integers(0, len(truth["boxes"]), (5, len(truth["boxes"])))
    weights = np.stack([np.bincount(row, minlength=len(truth["boxes"])) for row in drawn_pictures]).astype(np.float32)
    for name, metric in metrics_by_name().items():
        weighted = metric.value(output, truth, weights)
        for row, one in zip(drawn_pictures, weighted, strict=True):
            again = {key: values[row] for key, values in output.items()}
            repeated = value(metric, again, {"boxes": truth["boxes"][row]})
            assert one == pytest.approx(repeated, abs=1e-12, nan_ok=True), name


def test_perfect_answers_score_one_and_none_score_nothing() -> None:
    _, truth = drawn(3)
    boxes = [row[row[:, 5] == 0] for row in (truth["boxes"][i] for i in range(len(truth["boxes"])))]
    perfect = {
        "boxes": ragged([row[:, :4] for row in boxes], 4),
        "labels": Ragged.of([row[:, 4] for row in boxes], np.int32),
        "scores": Ragged.of([np.ones(len(row)) for row in boxes], np.float32),
    }
    nothing = {name: Ragged(values.values[:0], np.zeros(len(boxes) + 1, np.int64)) for name, values in perfect.items()}
    for name, metric in metrics_by_name().items():
        assert value(metric, perfect, truth) == pytest.approx(1.0), name
        assert value(metric, nothing, truth) == 0 or (name == "precision" and np.isnan(value(metric, nothing, truth)))


def test_precision_and_recall_are_of_the_boxes_that_are_shown() -> None:
    box, other = [0, 0, 10, 10], [50, 50, 60, 60]
    output = {
        "boxes": ragged([[box, other, [100, 100, 110, 110]]], 4),
        "labels": Ragged.of([[0, 0, 0]], np.int32),
        "scores": Ragged.of([[0.9, 0.6, 0.4]], np.float32),
    }
    truth = {"boxes": ragged([[[*box, 0, 0], [100, 100, 110, 110, 0, 0], [200, 200, 210, 210, 1, 0]]], 6)}
    metrics = metrics_by_name()
    assert value(metrics["precision"], output, truth) == pytest.approx(1 / 2)
    assert value(metrics["recall"], output, truth) == pytest.approx(1 / 3)
    assert value(metrics["f1"], output, truth) == pytest.approx(2 / 5)


def test_a_box_that_is_not_scored_is_neither_missed_nor_wrong_when_found() -> None:
    box, optional = [0, 0, 10, 10], [50, 50, 60, 60]
    truth = {"boxes": ragged([[[*box, 0, 0], [*optional, 0, 1]]], 6)}

    def scores(boxes: list[list[int]]) -> list[float]:
        output = {
            "boxes": ragged([boxes], 4),
            "labels": Ragged.of([[0] * len(boxes)], np.int32),
            "scores": Ragged.of([[0.9] * len(boxes)], np.float32),
        }
        return [value(metric, output, truth) for metric in metrics_by_name().values() if metric.name != "map_large"]

    found = scores([box])
    assert found[0] == pytest.approx(1)
    np.testing.assert_equal(scores([optional, box]), found)
    assert scores([[80, 80, 90, 90], box])[0] == pytest.approx(0.5)


@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize("seed", range(4))
def test_the_best_threshold_is_the_best_of_all(seed: int, ties: bool) -> None:
    output, truth = drawn(seed, ties=ties)

    def f1_from(threshold: float) -> float:
        return value({metric.name: metric for metric in detection_metrics(LABELS, threshold)}["f1"], output, truth)

    chosen = best_threshold(output, truth, LABELS)
    assert chosen is not None
    assert f1_from(chosen) == max(f1_from(float(score)) for score in np.unique(output["scores"].values))


def test_where_nothing_is_right_there_is_no_best_threshold() -> None:
    output, truth = drawn(0)
    nothing = Ragged(truth["boxes"].values[:0], np.zeros(len(truth["boxes"]) + 1, np.int64))
    assert best_threshold(output, {"boxes": nothing}, LABELS) is None


def test_a_box_is_given_to_a_true_one_that_is_scored_before_one_that_is_not() -> None:
    truth = {"boxes": ragged([[[0, 0, 10, 10, 0, 0], [0, 0, 10, 9, 0, 1]]], 6)}
    output = {
        "boxes": ragged([[[0, 0, 10, 9]]], 4),
        "labels": Ragged.of([[0]], np.int32),
        "scores": Ragged.of([[0.9]], np.float32),
    }
    assert value(metrics_by_name()["map50"], output, truth) == pytest.approx(1)
    assert value(metrics_by_name()["recall"], output, truth) == 1


def test_a_box_between_two_true_ones_is_given_to_the_last_as_pycocotools_does() -> None:
    """A better box that overlaps both alike takes the one that the next box would have found."""
    truth = {"boxes": ragged([[[0, 0, 10, 10, 0, 0], [4, 0, 14, 10, 0, 0]]], 6)}
    output = {
        "boxes": ragged([[[2, 0, 12, 10], [6, 0, 16, 10]]], 4),
        "labels": Ragged.of([[0, 0]], np.int32),
        "scores": Ragged.of([[0.9, 0.8]], np.float32),
    }
    metrics = metrics_by_name()
    assert (value(metrics["recall"], output, truth), value(metrics["precision"], output, truth)) == (0.5, 0.5)
    for name, score in coco_scores(output, truth).items():
        own = value(metrics[name], output, truth)
        assert (np.isnan(own) and score == -1) or own == pytest.approx(score, abs=1e-12), name
