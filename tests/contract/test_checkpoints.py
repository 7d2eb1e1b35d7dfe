"""Loaders of checkpoints are found by what they recognise; what no one recognises is told with all kinds there are."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any, ClassVar

import pytest
import torch

from noria.contract import registry
from noria.contract.checkpoints import CheckpointLoader, loader_behind, loader_for, loader_of_trunk, loaders, recognized
from noria.errors import UserError
from noria.job.load import load_job
from noria.pipeline.predictor import load
from noria.pipeline.warm_start import origin_key
from noria.reporter import Silent
from noria.stages.train import train
from noria.types import State
from tiny_data import tiny_job

Checkpoint = Callable[[str], Path]
KINDS = {"bert": "text", "llama": "text", "t5": "text", "gpt2": "text", "resnet": "image", "dinov2": "image"}


class Bias(CheckpointLoader):
    """Checkpoints of one number, the bias of a head: what another package may bring."""

    kind: ClassVar[str] = "bias"
    reads: ClassVar[str] = "a folder with bias.txt"
    refuses_lora: ClassVar[str] = "one number has no rank"

    def recognizes(self, given: str) -> bool:
        return (Path(given) / "bias.txt").is_file()

    def is_behind(self, states: Mapping[str, Any]) -> bool:
        return False

    def defaults(self, has_lora: bool) -> Mapping[str, Any]:
        return {"train": {"learning_rate": 0.125}}

    def key(self, given: str) -> str:
        return (Path(given) / "bias.txt").read_text("utf-8")

    def states(self, given: str, input_kinds: Collection[str]) -> dict[str, State]:
        return {}

    def fill(self, model: Any, given: str, states: Mapping[str, Any]) -> list[str]:
        with torch.no_grad():
            model.head.linear.bias.fill_(float(self.key(given)))
        return ["head"]


@pytest.fixture
def bias(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A checkpoint of a kind that another package brings, in a folder that looks like one of texts, too."""
    entry = EntryPoint("bias", f"{__name__}:Bias", "noria.checkpoints")
    monkeypatch.setattr(
        registry,
        "entry_points",
        lambda group, name=None: [entry] if group == "noria.checkpoints" and name in (None, "bias") else [],
    )
    folder = tmp_path / "checkpoint"
    folder.mkdir()
    (folder / "bias.txt").write_text("0.75", "utf-8")
    (folder / "config.json").write_text("{}", "utf-8")
    return folder


def test_there_are_exactly_these_kinds():
    assert (
        {loader.kind for loader in loaders()}
        == set(registry.names("checkpoints"))
        == {"hibari", "image", "text", "whisper"}
    )
    assert [loader.kind for loader in loaders() if loader.is_general] == ["text"]


@pytest.mark.parametrize(("name", "kind"), KINDS.items())
def test_a_checkpoint_is_recognised_as_one_kind(name: str, kind: str, checkpoint: Checkpoint) -> None:
    found = recognized(str(checkpoint(name)))
    assert found is not None
    assert found.kind == kind
    assert [one.kind for one in loaders() if not one.is_general and one.recognizes(str(checkpoint(name)))] == (
        [] if kind == "text" else [kind]
    )


@pytest.mark.parametrize("files", [[], ["weights.bin"], None])
def test_what_no_loader_recognises_is_told_with_all_kinds_there_are(files: list[str] | None, tmp_path: Path) -> None:
    folder = tmp_path / "what is this"
    if files is not None:
        folder.mkdir()
    for name in files or []:
        (folder / name).touch()
    job, _ = load_job({**tiny_job("text-classification", tmp_path / "data"), "model": {"pretrained": str(folder)}})
    found = "no such file or folder" if files is None else ", ".join(files) or "an empty folder"
    with pytest.raises(UserError, match=rf"(?s)model\.pretrained: .*known kind.*image: .*text: .*gguf.*{found}"):
        origin_key(job)


def test_a_trunk_that_no_loader_knows_is_told_with_all_kinds_there_are(monkeypatch: pytest.MonkeyPatch) -> None:
    assert loader_of_trunk({"inputs": {}, "target": {}}) is None
    monkeypatch.setattr("noria.checkpoints.text.Text.is_behind", lambda self, states: False)
    with pytest.raises(UserError, match=r"(?s)no loader knows.*one of hibari, image, whisper, text"):
        loader_of_trunk({"inputs": {}, "target": {}, "trunk": {}})


def test_a_loader_of_another_package_trains_without_an_edit_here(bias: Path, tmp_path: Path) -> None:
    job = tiny_job("tabular-regression", tmp_path / "data", steps=0, validations=0)
    job["model"] = {"pretrained": str(bias)}
    assert loader_for(str(bias)).kind == "bias"  # before the one that takes what no other does
    assert load_job(job)[0].train.learning_rate == 0.125
    run = train(job, run=tmp_path / "run", reporter=Silent())
    model: Any = load(run, "cpu").bundle.model
    assert model.head.linear.bias.tolist() == [0.75]


def test_a_loader_of_another_package_may_refuse_lora(bias: Path) -> None:
    with pytest.raises(UserError, match="one number has no rank"):
        load_job({"task": "tabular-regression", "model": {"pretrained": str(bias), "lora": 2}})


def test_the_loader_behind_a_run_is_told_by_its_states() -> None:
    of_pictures = {"inputs": {"image": {"backbone": {}}}, "target": {}}
    for states, kind in (({"inputs": {}, "trunk": {}}, "text"), (of_pictures, "image")):
        found = loader_behind(states)
        assert found is not None
        assert found.kind == kind
    assert loader_behind({"inputs": {"image": {"height": 8}}, "target": {}}) is None


@pytest.mark.parametrize(
    ("given", "advised"),
    [
        ("Hibari", "'hibari'"),
        ("hibary", "'hibari'"),
        ("EfficientNet-Lite0", "'efficientnet-lite0'"),
        ("whisper", "folder"),
    ],
)
def test_the_word_for_what_is_in_a_package_is_told_before_the_network_is_asked(given: str, advised: str) -> None:
    with pytest.raises(UserError) as caught:
        loader_for(given)
    assert advised in caught.value.fix + caught.value.expected
