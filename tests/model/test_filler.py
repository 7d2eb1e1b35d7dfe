"""The head by which BERT fills in masks comes with the checkpoint, is kept by runs, and goes back to `transformers`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from noria.job.load import load_job
from noria.model.fast_cpu.prepacked import pack
from noria.model.pretrained.files import PretrainedFiles
from noria.pipeline.predictor import load
from noria.pipeline.warm_start import begin
from noria.reporter import Silent
from noria.stages.export_folder import export_folder
from noria.stages.prepare import prepare
from noria.stages.train import train
from noria.types import PAD
from tiny_data import tiny_job

transformers = pytest.importorskip("transformers", reason="needs transformers")

FILLERS = ("filling_bert", "filling_roberta")  # the table of the first is its head's, that of the second is not
NEAR = {"atol": 2e-4, "rtol": 1e-4}
IDS = torch.tensor([[2, 30, 31, 4, 33, 3], [2, 40, 4, 3, PAD, PAD]])


def job_of(folder: Path, steps: int = 0, **model: Any) -> dict[str, Any]:
    job = tiny_job("masked-language-modelling", folder, steps=steps, validations=0, learning_rate=0.01)
    return {**job, "model": model, "target": {"window": 16}, "inputs": {"masked": {"max_tokens": 32}}}


def begun(job: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
    checked, task = load_job(job)
    states = json.loads(json.dumps(prepare(checked, task).states))
    return begin(checked, task, states, torch.device("cpu")).eval(), states


def logits(model: Any, ids: torch.Tensor = IDS) -> torch.Tensor:
    with torch.inference_mode():
        given: torch.Tensor = model({"masked": {"ids": ids}})["logits"]
    return given[ids != PAD]


def expected_of(folder: Path, ids: torch.Tensor = IDS) -> torch.Tensor:
    theirs = transformers.AutoModelForMaskedLM.from_pretrained(folder).eval()
    with torch.inference_mode():
        given: torch.Tensor = theirs(ids.clamp_min(0), attention_mask=(ids != PAD).long()).logits
    return given[ids != PAD]


@pytest.mark.parametrize("name", FILLERS)
def test_masks_are_filled_in_as_transformers_fills_them_in(name, checkpoint, tmp_path):
    model, _ = begun(job_of(tmp_path, pretrained=str(checkpoint(name))))
    assert model.begins.endswith("starting anew: nothing")
    torch.testing.assert_close(logits(model), expected_of(checkpoint(name)), **NEAR)
    pack(model, torch.float32)
    torch.testing.assert_close(logits(model), expected_of(checkpoint(name)), **NEAR)


def test_the_head_shares_the_table_where_the_checkpoint_does(checkpoint, tmp_path):
    for name, is_tied in zip(FILLERS, (True, False), strict=True):
        model, _ = begun(job_of(tmp_path / name, pretrained=str(checkpoint(name))))
        assert (model.head.linear.weight is model.embedders["masked"].table.weight) == is_tied


@pytest.mark.parametrize("name", FILLERS)
def test_a_run_keeps_the_head_is_an_origin_with_it_and_gives_it_back_to_transformers(name, checkpoint, tmp_path):
    job = job_of(tmp_path / "first", steps=3, pretrained=str(checkpoint(name)))
    run = train(job, run=tmp_path / "run", reporter=Silent())
    trained = logits(load(run, "cpu").bundle.model)
    assert (trained - expected_of(checkpoint(name))).abs().max() > 0.01  # it was trained
    again, _ = begun(job_of(tmp_path / "second", **{"from": str(run)}))
    assert again.begins.endswith("starting anew: nothing")
    torch.testing.assert_close(logits(again), trained, **NEAR)
    out = export_folder(load(run, "cpu"), tmp_path / "out")
    torch.testing.assert_close(expected_of(out), trained, **NEAR)
    assert not (out / "noria_head.safetensors").exists()


def test_without_such_a_head_one_starts_anew_and_is_written_beside_the_checkpoint(checkpoint, tmp_path):
    job = job_of(tmp_path / "first", steps=1, pretrained=str(checkpoint("bert")))
    model, states = begun(job)
    assert model.begins.endswith("starting anew: head")
    assert "head_epsilon" not in states["target"]
    run = train(job, run=tmp_path / "run", reporter=Silent())
    assert (export_folder(load(run, "cpu"), tmp_path / "out") / "noria_head.safetensors").exists()


def test_masks_that_a_run_learnt_from_nothing_are_an_origin_for_more_of_them(tmp_path):
    small = {"width": 16, "depth": 1, "heads": 2}
    run = train(job_of(tmp_path / "first", steps=2, **small), run=tmp_path / "run", reporter=Silent())
    again, _ = begun(job_of(tmp_path / "second", **{"from": str(run)}))
    assert again.begins.endswith("starting anew: nothing")


def test_a_checkpoint_is_loaded_by_the_settings_that_were_read_before(checkpoint, monkeypatch):
    files = PretrainedFiles.find(str(checkpoint("tied_llama")))
    trunk = files.trunk()
    monkeypatch.setattr(transformers.AutoConfig, "from_pretrained", None)
    assert files.model(json.loads(json.dumps(trunk))).config.num_key_value_heads == 2


def test_a_task_without_masks_takes_no_notice_of_the_head(checkpoint, tmp_path):
    job = tiny_job("text-classification", tmp_path)
    model, _ = begun({**job, "model": {"pretrained": str(checkpoint("filling_bert"))}})
    assert model.begins.endswith("taken over: trunk, embedder of text; starting anew: head")
