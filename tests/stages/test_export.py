"""ONNX: the exported file answers as the predictor does, for any number of records."""

from __future__ import annotations

import errno
import json
import os
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from noria.contract import dispatch
from noria.contract.examples import records_like
from noria.errors import UserError, how_to_install
from noria.pipeline.inference import model_output
from noria.pipeline.predictor import Predictor, load
from noria.pipeline.traced import example_arrays
from noria.reporter import Silent
from noria.stages import export as module
from noria.stages.export import export_onnx
from noria.stages.train import train
from noria.types import Arrays, Dataset, Prediction, Ragged, as_tensors
from other_data import encode
from tiny_data import tiny_job

onnxruntime = pytest.importorskip("onnxruntime")
pytest.importorskip("onnxscript")
pytestmark = pytest.mark.usefixtures("onnx_operators")

TASKS = [
    "image-classification",
    "tabular-classification",
    "tabular-regression",
    "series-classification",
    "video-classification",
    "image-embedding",
    "semantic-segmentation",
    "text-classification",
    "text-embedding",
    "text-to-speech",
]


@pytest.mark.parametrize("name", TASKS)
def test_the_file_answers_as_the_predictor_for_any_number_of_records(
    name: str, trained: Callable[[str], Path], tmp_path: Path
) -> None:
    check_answers(load(trained(name), device="cpu"), tmp_path / "model.onnx")


def test_attention_between_atoms_that_are_bound_is_exported_too(trained: Callable[[str], Path], tmp_path: Path) -> None:
    pytest.importorskip("rdkit", reason="needs rdkit")
    check_answers(load(trained("molecule-property"), device="cpu"), tmp_path / "model.onnx")


def test_a_series_beside_a_longer_one_is_told_by_its_length(trained: Callable[[str], Path], tmp_path: Path) -> None:
    path = export_onnx(load(trained("series-classification"), device="cpu"), tmp_path / "model.onnx")
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    shape = {one.name: one.shape for one in session.get_inputs()}["series.values"]
    rows = [-np.ones((length, shape[2]), np.float32) for length in (5, 9)]  # as a fill value was
    answers = []
    for some in (rows[:1], rows):
        given = Ragged.of(some, np.float32)
        feed = {"series.values": given.padded(), "series.values.lengths": given.lengths}
        feed["series.frames"] = Ragged.of([range(len(row)) for row in some], np.int64).padded()
        named = {one.name for one in session.get_inputs()}
        answers.append(session.run(None, {name: one for name, one in feed.items() if name in named})[0])
    np.testing.assert_allclose(answers[0][0], answers[1][0], atol=1e-5)
    assert np.abs(answers[1][0] - answers[1][1]).max() > 1e-3


def test_a_text_read_twice_is_exported_too(tmp_path: Path) -> None:
    job = tiny_job("text-classification", tmp_path)
    job |= {"inputs": {"text": {"tokenizer": "character", "ngrams": 2, "characters": 3}}, "target": {"is_voting": True}}
    check_answers(load(train(job, run=tmp_path / "run", reporter=Silent()), device="cpu"), tmp_path / "model.onnx")


def check_answers(predictor: Predictor, path: Path) -> None:
    export_onnx(predictor, path)
    named = json.loads(path.with_suffix(".json").read_text("utf-8"))
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    assert [one.name for one in session.get_inputs()] == named["inputs"]
    records = records_like(predictor.task, 7, seed=3)
    for count in (1, 2, 7):
        encoded, bad = encode(predictor, records[:count])
        assert bad == {}
        tensors = {field: as_tensors(part, slice(None), "cpu") for field, part in encoded.items()}
        feed = {f"{field}.{key}": one.numpy() for field, part in tensors.items() for key, one in part.items()}
        given = dict(zip(named["outputs"], session.run(None, feed), strict=True))
        decoded = answered(predictor, Dataset(encoded, {}), given)
        for one, other in zip(decoded, predictor.predict(records[:count]), strict=True):
            if isinstance(other.value, float | list):
                assert one.value == pytest.approx(other.value, rel=1e-4, abs=1e-4)
            else:
                assert one.value == other.value
                assert one.confidence == pytest.approx(other.confidence, abs=1e-4)


def answered(predictor: Predictor, dataset: Dataset, output: Arrays) -> list[Prediction]:
    """Answer records with what the exported network gave for them."""
    target, state, everything = predictor.task.target, predictor.states["target"], np.arange(len(dataset))
    tensors = {name: torch.from_numpy(value) for name, value in output.items()}
    asked = dispatch.predict_step(target, lambda inputs: tensors, dataset.batch(everything), state)  # type: ignore[arg-type]
    kept = dispatch.postprocess(target, model_output(asked), dataset.raw_inputs(everything), state)
    return target.decode(kept, state)


def test_the_example_has_the_shapes_of_real_records(trained: Callable[[str], Path]) -> None:
    predictor = load(trained("image-classification"), device="cpu")
    state = predictor.states["inputs"]["image"]
    example = example_arrays(predictor.bundle.config["arrays"])
    assert example["image"]["pixels"].shape == (2, state["height"], state["width"], state["channels"])


def test_without_onnxruntime_the_command_that_installs_it_is_named(
    trained: Callable[[str], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "onnxruntime", None)
    with pytest.raises(UserError, match=re.escape(how_to_install("onnx"))):
        export_onnx(load(trained("image-classification"), device="cpu"), tmp_path / "model.onnx")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("failing", ["fsync", "check"])
def test_a_file_that_stood_there_stays_where_the_new_one_cannot_be_written_whole_or_answers_differently(
    failing: str, trained: Callable[[str], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(handle: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    model = load(trained("image-classification"), device="cpu")
    path = tmp_path / "model.onnx"
    path.write_bytes(b"the old one")
    if failing == "fsync":
        monkeypatch.setattr("os.fsync", full)
        with pytest.raises(UserError, match="the disk is full") as caught:
            export_onnx(model, path)
        assert caught.value.exit_code == 74
        assert caught.value.fix == "free some space and run the command again"
    else:  # the check after the export compares at a tolerance: at a negative one, any answer differs
        monkeypatch.setattr(module, "TOLERANCE", -1.0)
        with pytest.raises(RuntimeError, match="answers differently: logits"):
            export_onnx(model, path)
    assert path.read_bytes() == b"the old one"
    assert list(tmp_path.iterdir()) == [path]
