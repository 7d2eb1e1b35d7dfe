"""Object detection as a whole: its examples, what a batch varies, and pictures larger than the network's."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from noria.contract import dispatch, registry
from noria.contract.examples import fitted, records_like
from noria.errors import UserError
from noria.job.load import load_job
from noria.pipeline.predictor import load
from noria.stages.prepare import prepare
from noria.targets.boxes import Boxes
from noria.targets.boxes.metrics import best_threshold
from noria.tasks.object_detection import COLORS, ObjectDetection
from noria.types import Batch, Dataset, Ragged, Tokens, lengths_of, real_rows


def test_the_examples_show_what_their_boxes_say_and_nothing_else() -> None:
    records = ObjectDetection().examples(12, seed=1)
    counts = [len(record.fields["boxes"]) for record in records]
    assert set(counts) == {0, 1, 2, 3}
    for record in records:
        picture = record.fields["image"]
        is_drawn = np.zeros(picture.shape[:2], bool)
        for one in record.fields["boxes"]:
            left, top, right, bottom = one["box"]
            assert (picture[top:bottom, left:right] == COLORS[one["label"]]).all()
            assert not is_drawn[top:bottom, left:right].any()
            is_drawn[top:bottom, left:right] = True
        assert (picture[~is_drawn] >= 150).all()


def task_and_batch(**image: Any) -> tuple[Any, Batch, dict[str, Any]]:
    task = load_job({"task": "object-detection", "inputs": {"image": image}, "target": {"mosaic": 0.5}})[1]
    records = records_like(task, 12)
    states = fitted(task, records)
    inputs = {"image": task.inputs["image"].encode([r["image"] for r in records], states["inputs"]["image"]).arrays}
    target = task.target.encode([r["boxes"] for r in records], states["target"]).arrays
    return task, Dataset(inputs, target).batch(slice(None)), states


def test_a_training_batch_is_varied_with_its_boxes_and_they_are_then_in_its_own_pixels() -> None:
    task, batch, states = task_and_batch(size=[96, 128], flip=True, zoom=0.2)
    torch.manual_seed(0)
    varied = dispatch.augment(task, batch)
    assert batch.inputs["image"]["size"].unique(dim=0).tolist() == [[48, 64]]
    assert varied.inputs["image"]["size"].unique(dim=0).tolist() == [[96, 128]]
    boxes, pixels = varied.target["boxes"], varied.inputs["image"]["pixels"]
    checked = 0
    for picture, rows, length in zip(pixels, boxes, varied.target[lengths_of("boxes")], strict=True):
        assert (rows[length:] == 0).all()
        for left, top, right, bottom, label, _ in rows[:length].tolist():
            x, y = int((left + right) / 2), int((top + bottom) / 2)
            color = torch.tensor(COLORS[states["target"]["labels"][int(label)]]).float()
            assert (picture[y, x].float() - color).abs().max() < 30
            checked += 1
    assert checked > 10


def test_the_loss_does_not_depend_on_the_size_that_pictures_are_given_in() -> None:
    task, batch, states = task_and_batch()
    torch.manual_seed(0)
    answer = task.target.head(states["target"], 16)
    embed = task.inputs["image"].embedder(states["inputs"]["image"], 16).eval()
    output = answer(embed(batch.inputs["image"]))
    plain = task.target.loss(output, batch)["each"]
    boxes = batch.target["boxes"]
    larger = batch.target | {"boxes": torch.cat([boxes[..., :4] * 3, boxes[..., 4:]], 2)}
    size = {"pixels": batch.inputs["image"]["pixels"], "size": batch.inputs["image"]["size"] * 3}
    torch.testing.assert_close(plain, task.target.loss(output, Batch({"image": size}, larger, batch.size))["each"])


def batches_that_differ_in_what_fills_them() -> tuple[Any, list[Batch], dict[str, Any]]:
    """The second holds in its short rows what looks like boxes around the whole picture."""
    task, batch, states = task_and_batch()
    boxes = [[[-1, -1, 20, 20, 0, 0]], [[-1, 5, 30, 30, 1, 0], [3, 3, 30, 30, 0, 0], [30, 9, 50, 40, 0, 0]], []]
    target = Dataset({}, {"boxes": Ragged.of([np.reshape(row, (-1, 6)) for row in boxes], np.float32)}).batch([0, 1, 2])
    plain, lengths = target.target["boxes"], target.target[lengths_of("boxes")]
    filled = plain.where(real_rows(lengths, 3)[:, :, None], torch.tensor([0.0, 0, 64, 48, 0, 0]))
    assert not torch.equal(plain, filled)
    image = {"image": {name: values[:3] for name, values in batch.inputs["image"].items()}}
    return task, [Batch(image, {**target.target, "boxes": one}, 3) for one in (plain, filled)], states


def test_only_the_lengths_say_which_boxes_there_are() -> None:
    task, batches, states = batches_that_differ_in_what_fills_them()
    torch.manual_seed(0)
    embed = task.inputs["image"].embedder(states["inputs"]["image"], 16).eval()
    output = task.target.head(states["target"], 16)(embed(batches[0].inputs["image"]))
    one, other = (task.target.loss(output, batch)["each"] for batch in batches)
    torch.testing.assert_close(one, other)


@pytest.mark.parametrize("mosaic", [0.0, 1.0])
def test_only_the_lengths_say_which_boxes_are_varied(mosaic: float) -> None:
    task, batches, _ = batches_that_differ_in_what_fills_them()
    image, found = replace(task.inputs["image"], zoom=0.2, flip="both"), []
    for batch in batches:
        torch.manual_seed(3)
        found.append(Boxes(mosaic=mosaic).augment_with(batch, image).target)
    assert torch.equal(found[0]["boxes"], found[1]["boxes"])
    assert torch.equal(found[0][lengths_of("boxes")], found[1][lengths_of("boxes")])
    assert found[0][lengths_of("boxes")].sum() > 2
    assert mosaic or found[0][lengths_of("boxes")][2] == 0


def test_a_picture_whose_box_lies_elsewhere_is_a_misfit() -> None:
    task = registry.task("object-detection")
    answers = [[{"label": "red", "box": [0, 0, 10, 10]}], [{"label": "red", "box": [100, 0, 110, 10]}]]
    arrays = task.target.encode(answers, {"labels": ["red"]}).arrays
    found = dispatch.validate_pair(task, {"image": {"size": np.array([[48, 64]] * 2)}}, arrays)
    assert list(found) == [1]


def test_a_stem_without_maps_is_refused_in_plain_words() -> None:
    task, batch, states = task_and_batch()
    output = task.target.head(states["target"], 16)(Tokens(torch.zeros(batch.size, 5, 16)))
    with pytest.raises(UserError, match="boxes lie in maps"):
        task.target.loss(output, batch)


def test_the_threshold_of_a_trained_detector_is_chosen_on_validation_pictures(
    trained: Callable[[str], Path],
) -> None:
    run = trained("object-detection")
    model = load(run, device="cpu")
    job, task = load_job(run / "job.yaml")
    held_out = prepare(job, task).splits["validation"]
    truth = {name: values[:] for name, values in held_out.target.items()}
    state = model.states["target"]
    chosen = best_threshold(model.outputs(held_out), truth, len(state["labels"]))
    assert chosen is not None
    assert state["threshold"] == pytest.approx(chosen, abs=1e-4)
    shown = [box["confidence"] for one in model.predict(records_like(model.task, 8)) for box in one.value]
    assert min(shown, default=1.0) >= state["threshold"]
