"""Tracks as a target: perfect detections give perfect tracks, and what is no truth is refused."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from noria.errors import UserError
from noria.modalities.detections.embedder import EachDetection
from noria.modalities.detections.mot import read_mot
from noria.targets.tracks.head import are_true
from noria.targets.tracks.target import Tracks
from noria.tasks.object_tracking import ObjectTracking
from noria.types import PAD, Dataset, Prediction, Ragged

TASK = ObjectTracking()


def settled(logit):
    """The tracks of the example where a detection's chance is what `logit` makes of it."""
    record = TASK.example().fields
    modality = TASK.inputs["detections"]
    given = modality.encode([record["detections"]], modality.fit([record["detections"]])).arrays
    output = {"logits": logit(given["chances"][0]).reshape(1, -1, 1)}
    truth = TASK.target.encode([record["tracks"]], {}).arrays
    return TASK.target.postprocess(output, {"detections": given}, {}), truth


def test_the_detectors_own_word_gives_the_truth_of_the_example():
    output, truth = settled(lambda chances: np.log(chances / (1 - chances)))
    values = {one.name: float(one.value(output, truth, np.ones((1, 1)))[0]) for one in TASK.target.metrics({})}
    assert values["mota"] == values["idf1"] == values["hota"] == 1
    assert values["id_switches"] == values["misses"] == 0


def test_nothing_is_answered_where_nothing_is_sure():
    output, truth = settled(lambda chances: np.full(len(chances), -9.0))
    assert TASK.target.decode(output, {})[0].as_json() == {"value": [], "confidence": None}
    assert len(truth["frames"][0]) == 16


def test_an_answer_is_written_as_a_mot_file_and_as_nothing_else():
    output, _ = settled(lambda chances: np.log(chances / (1 - chances)))
    answer = TASK.target.decode(output, {})[0].value
    assert len(read_mot(TASK.target.export(Prediction(answer), ".txt"))) == len(answer) == 16
    assert TASK.target.export(Prediction(answer), ".png") is None


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (b"1,-1,2,3,4,5,1\n", "a true box has no identity"),
        (b"1,1,2,3,4,5,1\n1,1,9,3,4,5,1\n", "identity 1 stands twice in frame 1"),
        (b"", "the file is empty"),
        (None, "found NoneType"),
    ],
)
def test_what_is_no_truth_is_bad(value, reason):
    encoded = Tracks().encode([b"1,1,2,3,4,5,1\n", value], {})
    assert list(encoded.bad) == [1]
    assert reason in encoded.bad[1]
    assert encoded.arrays["frames"].lengths.tolist() == [1, 0]


def test_a_detection_is_true_where_a_true_box_of_its_frame_covers_it_by_half():
    boxes = [[[0, 0, 10, 10], [0, 0, 10, 10], [4, 0, 14, 10], [-1, -1, -1, -1]]]
    found = {"frames": torch.tensor([[1, 2, 1, PAD]]), "boxes": torch.tensor(boxes)}
    truth = {"frames": torch.tensor([[1, PAD]]), "boxes": torch.tensor([[[0, 0, 10, 10], [-1, -1, -1, -1]]])}
    assert are_true(found, truth).tolist() == [[True, False, False, False]]


def test_a_sequence_has_the_same_tokens_and_the_same_loss_beside_a_longer_one():
    """Also where a box, true or detected, lies at -1."""
    boxes, losses, found = [[-1, -1, 10, 10]], [], []
    for lengths in ((1, 1), (1, 4)):

        def ragged(row, kind=np.float32, lengths=lengths):
            return Ragged.of([row * length for length in lengths], kind)

        given = {"frames": ragged([0], np.int32), "boxes": ragged(boxes)}
        detections = given | {"chances": ragged([0.9]), "overlaps": ragged([[-1, -1, -1]])}
        batch = Dataset({"detections": detections}, given).batch(slice(None))
        tokens = EachDetection()(batch.inputs["detections"])
        assert tokens.is_real.sum(1).tolist() == list(lengths)
        found.append(tokens.features[0, 0].tolist())
        losses.append(Tracks().loss({"logits": tokens.features[:, :, :1]}, batch)["each"][0].item())
    assert found[0] == found[1]
    assert losses[0] == losses[1] > 0


def test_confidences_that_are_no_chances_are_taken_from_the_mean_of_training():
    modality = TASK.inputs["detections"]
    scored = b"1,-1,2,3,4,5,60\n1,-1,20,3,4,5,20\n"
    state = modality.fit([scored])
    assert (state["is_chance"], state["mean"], state["spread"]) == (False, 40, 20)
    chances = modality.encode([scored], state).arrays["chances"][0]
    assert chances.tolist() == pytest.approx([1 / (1 + np.exp(-1)), 1 / (1 + np.exp(1))])
    assert "outside 0 to 1" in modality.encode([scored], {"is_chance": True}).bad[0]


def test_settings_out_of_range_are_refused_together():
    with pytest.raises(UserError, match=r"(?s)target\.sure.*target\.wait"):
        Tracks(sure=2, wait=-1)
    assert isinstance(TASK.target.encode([], {}).arrays["frames"], Ragged)
