"""Text in, speech out: a voice that is learnt from recordings and what is said in them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from noria.contract import Task
from noria.contract.capabilities import IDS, MakesExamples, PredictsBaseline, ValidatesPairs
from noria.modalities.spoken_text.modality import SpokenText
from noria.sound.wav import wav_bytes
from noria.targets.speech.target import MEL, Speech, average, spoken_average
from noria.types import Arrays, Dataset, Record

RATE_HZ = 16_000
LETTER_S = 0.08  # of a made-up recording
LETTERS = {"a": (220.0, 900.0), "e": (220.0, 500.0), "i": (260.0, 300.0), "o": (200.0, 700.0), "u": (180.0, 400.0)}


class TextToSpeech(Task, MakesExamples, PredictsBaseline, ValidatesPairs):
    """Read a text out, in the voice of the recordings that it was learnt from.

    Data: a table with a column of texts and a column of recordings, one voice; or a folder or an archive of recordings
    whose names are what is said (data.names). A vocoder, trained on the same recordings, makes the voice clear.
    """

    inputs: Mapping[str, SpokenText]
    target: Speech

    def __init__(self) -> None:
        self.inputs = {"text": SpokenText()}
        self.target = Speech(text="text")
        self.defaults = {
            "model": {"width": 128, "depth": 2, "heads": 4, "dropout": 0.1},
            "train": {"optimizer": "adamw", "learning_rate": 0.002, "weight_decay": 0.01, "warmup": 0.1}
            | {"batch_size": 16, "ema": 0.99, "clip": 1.0},
            "evaluate": {"batch_size": 32},
        }

    fit_baseline = staticmethod(average)

    def predict_baseline(self, dataset: Dataset, learnt: Arrays) -> Arrays:
        """Return the average frame for as long as speech lasts on average."""
        return spoken_average(learnt, len(dataset))

    def validate_pair(self, inputs: Mapping[str, Arrays], answer: Arrays) -> dict[int, str]:
        """Return the records whose text is longer than their sound: a frame for each unit, and two of silence."""
        units, frames = inputs["text"][IDS].lengths, answer[MEL].lengths
        return {
            int(i): f"the text has {units[i]} units, its recording only {frames[i]} frames of sound"
            for i in np.flatnonzero(units + 2 > frames)
        }

    def example(self) -> Record:
        return Record({"text": "aoi", "speech": _spoken("aoi")}, "three vowels of a made-up voice, a wav file")

    def examples(self, count: int, seed: int = 0) -> list[Record]:
        generator = np.random.default_rng(seed)
        texts = ["".join(generator.choice(list(LETTERS), int(generator.integers(2, 6)))) for _ in range(count)]
        return [Record({"text": text, "speech": _spoken(text)}) for text in texts]


def _spoken(text: str) -> bytes:
    """Return a recording of vowels between silences: a pitch with one formant each."""
    times = np.arange(round(LETTER_S * RATE_HZ)) / RATE_HZ
    silence = np.zeros(round(0.05 * RATE_HZ))
    parts: list[Any] = [silence]
    for letter in text:
        pitch, formant = LETTERS[letter]
        tones = [
            np.exp(-(((pitch * part - formant) / 300) ** 2)) * np.sin(2 * np.pi * pitch * part * times)
            for part in range(1, 8)
        ]
        parts.append(0.3 * np.sum(tones, 0) * np.hanning(len(times)) ** 0.25)
    return wav_bytes(np.concatenate([*parts, silence]), RATE_HZ)
