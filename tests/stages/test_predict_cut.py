"""What is not read whole is said when records are answered."""

from __future__ import annotations

import numpy as np

from noria.reporter import Silent
from noria.sound.wav import wav_bytes
from noria.stages.predict import predict
from noria.stages.train import train
from tiny_data import tiny_job


class Told(Silent):
    def __init__(self) -> None:
        self.said: list[str] = []

    def say(self, text: str) -> None:
        self.said.append(text)


def test_a_sound_that_is_longer_than_is_read_is_answered_and_told(tmp_path):
    job = tiny_job("audio-classification", tmp_path) | {"inputs": {"audio": {"max_s": 2}}}
    run = train(job, run=tmp_path / "run", reporter=Silent())
    for name, seconds in (("short", 1), ("long", 6)):
        (tmp_path / f"{name}.wav").write_bytes(wav_bytes(np.zeros(8_000 * seconds), 8_000))
    told = Told()
    answers = list(predict(run, [tmp_path / "short.wav", tmp_path / "long.wav"], reporter=told))
    assert len(answers) == 2
    assert "not read whole: audio: 1 of 2 records are longer than max_s (2), and 67% of them is not read" in told.said
