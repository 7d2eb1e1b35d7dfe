"""An answer to a record that was not read whole says so."""

from __future__ import annotations

import base64
from pathlib import Path

import numpy as np
import pytest

from noria.contract import registry
from noria.pipeline.predictor import load
from noria.reporter import Silent
from noria.service.app import make_app
from noria.service.request.limits import Limits
from noria.sound.wav import wav_bytes
from noria.stages.train import train


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("soundfile")
    folder = tmp_path_factory.mktemp("cut")
    for index, record in enumerate(registry.task("audio-classification").examples(24)):
        path = folder / "sounds" / record.fields["label"] / f"{index}.wav"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(record.fields["audio"])
    job = {
        "task": "audio-classification",
        "data": {"path": str(folder / "sounds")},
        "inputs": {"audio": {"max_s": 1, "num_mels": 8, "channels": 2}},
        "model": {"width": 8, "depth": 0},
        "train": {"steps": 2, "batch_size": 8, "precision": "float32"},
        "evaluate": {"resamples": 100},
    }
    return train(job, run=folder / "run", reporter=Silent())


@pytest.mark.parametrize("field", ["json", "files"])
def test_a_sound_beyond_max_s_is_answered_and_the_cut_is_said(field: str, ask, run: Path) -> None:
    short, long = (wav_bytes(np.zeros(8_000 * seconds, np.float32), 8_000) for seconds in (1, 4))
    app = make_app(load(run), Limits())

    def answer(sound: bytes) -> dict:
        given = {"audio": base64.b64encode(sound).decode() if field == "json" else sound}
        return ask(app, "POST", "/predict", **{field: given}).json()

    assert "not_read" not in answer(short)
    assert len(answer(long)["predictions"]) == 1
    assert answer(long)["not_read"] == ["audio: 1 of 1 records are longer than max_s (1), and 75% of them is not read"]
