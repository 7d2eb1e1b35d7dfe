"""ONNX of a detector: what the file says of each place leads to the boxes that the predictor gives."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from noria.contract.examples import records_like
from noria.pipeline.inference import model_output
from noria.pipeline.predictor import load
from noria.stages.export import export_onnx
from noria.types import Batch, Dataset
from other_data import encode

onnxruntime = pytest.importorskip("onnxruntime")
pytest.importorskip("onnxscript")
pytestmark = pytest.mark.usefixtures("onnx_operators")


def test_the_file_finds_the_boxes_of_the_predictor_for_any_number_of_pictures(
    trained: Callable[[str], Path], tmp_path: Path
) -> None:
    predictor = load(trained("object-detection"), device="cpu")
    target, state = predictor.task.target, predictor.states["target"]
    path = export_onnx(predictor, tmp_path / "model.onnx")
    named = json.loads(path.with_suffix(".json").read_text("utf-8"))
    assert named["outputs"] == ["logits", "sides", "places"]
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    records = records_like(predictor.task, 5, seed=3)
    for count in (1, 5):
        encoded, bad = encode(predictor, records[:count])
        assert bad == {}
        feed = {name: np.array(encoded["image"][name.partition(".")[2]]) for name in named["inputs"]}
        given = dict(zip(named["outputs"], map(torch.from_numpy, session.run(None, feed)), strict=True))
        asked = target.predict_step(lambda _, given=given: given, Batch({"image": {}}, {}, count), state)
        settled = target.postprocess(model_output(asked), encoded, state)
        own = predictor.outputs(Dataset(encoded, {}))
        assert settled["boxes"].lengths.tolist() == own["boxes"].lengths.tolist()
        assert settled["boxes"].lengths.min() > 0
        assert settled["labels"].values.tolist() == own["labels"].values.tolist()
        np.testing.assert_allclose(settled["boxes"].values, own["boxes"].values, atol=1e-2)
        np.testing.assert_allclose(settled["scores"].values, own["scores"].values, atol=1e-4)
        for one, other in zip(target.decode(settled, state), predictor.predict(records[:count]), strict=True):
            assert [box["label"] for box in one.value] == [box["label"] for box in other.value]
