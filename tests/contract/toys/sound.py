"""An answer that is a sound: a word in, a tone out; and one whose sound another bundle makes, a part of its own."""

from __future__ import annotations

import io
import wave
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

import numpy as np
from torch.nn import functional

from noria.contract import Target, Task, mean_metric
from noria.contract.capabilities import PARTS, DecodesTarget, GivesMedia, MakesExamples, PostProcesses, UsesParts
from noria.modalities.text.modality import Text
from noria.model.heads import PooledLinear
from noria.types import Encoded, Media, Prediction, Ragged, Record

RATE_HZ, SECONDS = 8000, 0.02


@dataclass(frozen=True)
class Tone(Target, DecodesTarget, GivesMedia):
    """A pitch in Hz, heard as a WAV file. Arrays: `pitch` float32[n]. Output: `pitch` float[n, 1], octaves above A."""

    kind: ClassVar[str] = "tone"

    def fit(self, values):
        return {}

    def encode(self, values, state):
        pitches = [pitch_of(value) for value in values]
        octaves = [np.log2(hz / 440) if hz else 0.0 for hz in pitches]
        return Encoded(
            {"pitch": np.array(octaves, np.float32)}, {i: "no pitch" for i, hz in enumerate(pitches) if not hz}
        )

    def head(self, state, width):
        return PooledLinear(width, 1, "pitch")

    def loss(self, output, batch):
        each = functional.mse_loss(output["pitch"][:, 0], batch.target["pitch"], reduction="none")
        return {"loss": each.mean(), "each": each}

    def decode(self, output, state):
        pitches = np.clip(440 * 2 ** output["pitch"][:, 0].astype(np.float64), 20, RATE_HZ / 2)
        return [Prediction(round(float(hz), 2), media=Media("audio/wav", wav(hz))) for hz in pitches]

    def decode_target(self, truth, state):
        return [round(float(440 * 2**octaves), 2) for octaves in truth["pitch"]]

    def media_type(self):
        return "audio/wav"

    def metrics(self, state):
        return [mean_metric("error", "octaves", "lower", error)]


def pitch_of(value) -> float:
    """Return a raw pitch in Hz; 0 for what is none."""
    try:
        hz = float(value)
    except (TypeError, ValueError):
        return 0.0
    return hz if 1 <= hz < 1e5 else 0.0


def error(output, truth):
    """Return how far off each pitch is, float[n]."""
    given = output["pitch"].reshape(len(truth["pitch"]), -1)[:, 0]
    return np.abs(given - truth["pitch"]).astype(np.float64)


def wav(hz: float) -> bytes:
    """Return a short tone as a WAV file, 16 bits."""
    seconds = np.arange(int(RATE_HZ * SECONDS)) / RATE_HZ
    samples = (10000 * np.sin(2 * np.pi * hz * seconds)).astype("<i2")
    file = io.BytesIO()
    with wave.open(file, "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(RATE_HZ)
        sound.writeframes(samples.tobytes())
    return file.getvalue()


class ToySound(Task, MakesExamples):
    """Say a word as a tone: high words are high."""

    def __init__(self) -> None:
        self.inputs = {"text": Text(tokenizer="character")}
        self.target: Target = Tone()

    def example(self):
        return Record({"text": "a high tone", "tone": 880.0})

    def examples(self, count, seed=0):
        drawn = np.random.default_rng(seed).integers(0, 2, count)
        drawn[:2] = 0, 1
        words = [("low", "high")[high] for high in drawn]
        return [
            Record({"text": f"a {word} tone {i}", "tone": 440.0 * (1 + (word == "high"))})
            for i, word in enumerate(words)
        ]

    def fit_baseline(self, train):
        return {"pitch": np.array([[train["pitch"].mean()]], np.float32)}


@dataclass(frozen=True)
class Spoken(Target, PostProcesses, UsesParts, DecodesTarget):
    """A word, spoken by another bundle, the voice. Arrays: `loud` float32[n]. Output: `loud` float[n, 1]."""

    kind: ClassVar[str] = "spoken"

    voice: str = field(default="", metadata={"network_only": True})

    def part_paths(self):
        return {"voice": self.voice} if self.voice else {}

    def fit(self, values):
        return {}

    def encode(self, values, state):
        words = [isinstance(value, str) and bool(value) for value in values]
        loud = [float(ok and value.isupper()) for ok, value in zip(words, values, strict=True)]
        bad = {i: "no word" for i, ok in enumerate(words) if not ok}
        return Encoded({"loud": np.array(loud, np.float32)}, bad)

    def head(self, state, width):
        return PooledLinear(width, 1, "loud")

    def loss(self, output, batch):
        each = functional.binary_cross_entropy_with_logits(output["loud"][:, 0], batch.target["loud"], reduction="none")
        return {"loss": each.mean(), "each": each}

    def postprocess(self, output, inputs, state):
        words = ["a high tone" if loud > 0 else "a low tone" for loud in output["loud"][:, 0]]
        if PARTS not in state:
            return output
        said = state[PARTS]["voice"].predict([{"text": word} for word in words])
        return {**output, "_sound": Ragged.of([np.frombuffer(one.media.data, np.uint8) for one in said], np.uint8)}

    def decode(self, output, state):
        answers = [Prediction("LOUD" if loud > 0 else "soft") for loud in output["loud"][:, 0]]
        if "_sound" not in output:
            return answers
        sounds = [output["_sound"][i].tobytes() for i in range(len(answers))]
        return [replace(one, media=Media("audio/wav", sound)) for one, sound in zip(answers, sounds, strict=True)]

    def decode_target(self, truth, state):
        return ["LOUD" if loud else "soft" for loud in truth["loud"]]

    def metrics(self, state):
        return [mean_metric("accuracy", "fraction", "higher", is_right)]


def is_right(output: Any, truth: Any) -> np.ndarray:
    """Return whether each word is as loud as it should be, float[n]."""
    given = output["loud"].reshape(len(truth["loud"]), -1)[:, 0]
    return ((given > 0) == (truth["loud"] > 0)).astype(float)


class ToySpeech(Task, MakesExamples):
    """Say a word loudly or softly, by a voice that is a bundle of its own."""

    def __init__(self) -> None:
        self.inputs = {"text": Text(tokenizer="character")}
        self.target: Target = Spoken()

    def example(self):
        return Record({"text": "call out", "spoken": "LOUD"})

    def examples(self, count, seed=0):
        drawn = np.random.default_rng(seed).integers(0, 2, count)
        drawn[:2] = 0, 1
        words = [(("hush", "soft"), ("shout", "LOUD"))[one] for one in drawn]
        return [Record({"text": f"{word} it {i}", "spoken": spoken}) for i, (word, spoken) in enumerate(words)]

    def fit_baseline(self, train):
        share = float(np.clip(train["loud"].mean(), 0.01, 0.99))
        return {"loud": np.array([[np.log(share / (1 - share))]], np.float32)}
