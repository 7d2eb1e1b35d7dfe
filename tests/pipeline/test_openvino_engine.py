"""OpenVINO gives the answers of torch, for any number and length of records, and keeps what took long to make."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from noria.contract.examples import records_like
from noria.errors import UserError
from noria.pipeline import openvino_engine as module
from noria.pipeline.predictor import load
from noria.reporter import Silent
from noria.stages.train import train
from noria.types import Dataset
from other_data import encode
from tiny_data import tiny_job

pytest.importorskip("openvino", reason="needs openvino")

Trained = Callable[[str], Path]
TASKS = ["image-classification", "object-detection", "series-classification", "text-embedding", "tabular-regression"]


@pytest.mark.parametrize("task", TASKS)
def test_it_answers_as_torch_for_any_number_of_records(task: str, trained: Trained) -> None:
    run = trained(task)
    torch_model, model = load(run, device="cpu"), load(run, engine="openvino")
    records = records_like(model.task, 7, seed=3)
    for count in (1, 2, 7):
        encoded, bad = encode(model, records[:count])
        assert bad == {}
        given, expected = (one.outputs(Dataset(encoded, {})) for one in (model, torch_model))
        for name in expected:
            values, wanted = (getattr(one[name], "values", one[name]) for one in (given, expected))
            if wanted.dtype.kind == "f":
                np.testing.assert_allclose(values, wanted, atol=1e-3, rtol=1e-3)
            elif wanted.dtype.kind in "iu":
                np.testing.assert_array_equal(values, wanted)


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_a_checkpoint_of_bert_answers_as_torch_with_padding(precision: str, checkpoint, tmp_path: Path) -> None:
    job = tiny_job("text-classification", tmp_path, steps=2, validations=1)
    job |= {"model": {"pretrained": str(checkpoint("bert"))}, "inputs": {"text": {"max_tokens": 20}}}
    run = train(job, run=tmp_path / "run", reporter=Silent())
    texts = ["a", "a word and another and one more", "b c"]
    for one, other in zip(
        load(run, precision=precision, engine="openvino").predict(texts), load(run, device="cpu").predict(texts),
        strict=True,
    ):  # fmt: skip
        assert one.confidence == pytest.approx(other.confidence, abs=1e-4 if precision == "float32" else 0.02)


def test_what_was_converted_is_kept_and_made_again_where_it_is_damaged(
    trained: Trained, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, converted, made = trained("image-classification"), module._converted, []
    monkeypatch.setenv("NORIA_CACHE", str(tmp_path))
    monkeypatch.setattr(module, "_converted", lambda *given: [made.append(1), converted(*given)][1])
    load(run, engine="openvino")
    load(run, engine="openvino", precision="bfloat16")
    assert len(made) == 1
    (path,) = tmp_path.rglob("network.xml")
    path.write_text("half of")
    load(run, engine="openvino")
    assert len(made) == 2


def test_it_answers_where_nothing_can_be_kept(
    trained: Trained, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "engines").write_text("a file in the place of the folder")
    monkeypatch.setenv("NORIA_CACHE", str(tmp_path))
    assert load(trained("image-classification"), engine="openvino").bundle.engine == "openvino"
    assert "is not kept, and will be made again" in capsys.readouterr().err


def test_a_hash_of_64_bits_which_it_counts_in_32_is_found_out(tmp_path: Path) -> None:
    """N-grams are looked up by such a hash: every output is a number, and all of them are wrong."""
    job = tiny_job("text-classification", tmp_path) | {"inputs": {"text": {"tokenizer": "character", "ngrams": 2}}}
    run = train(job, run=tmp_path / "run", reporter=Silent())
    with pytest.raises(UserError, match="openvino does not give the answers of torch"):
        load(run, engine="openvino")


def test_what_it_cannot_convert_is_told_in_one_sentence(trained: Trained, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*given: object) -> None:
        raise RuntimeError("no such operator\nand a long explanation")

    monkeypatch.setattr(module, "traceable", fail)
    with pytest.raises(UserError, match="OpenVINO cannot take this network") as caught:
        load(trained("tabular-classification"), engine="openvino")
    assert caught.value.found == "RuntimeError: no such operator"
