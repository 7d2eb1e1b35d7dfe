"""An answer with nothing to learn: a word in, said by a voice that is a part, as a whole or piece by piece."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
from tests.contract.toys.sound import ToySound, pitch_of

from noria.contract import Target, Task, mean_metric
from noria.contract.capabilities import (
    PARTS,
    DecodesTarget,
    LearnsNothing,
    MakesExamples,
    PostProcesses,
    Streams,
    UsesParts,
)
from noria.errors import UserError
from noria.modalities.text.modality import Text
from noria.model.heads import NoWeights, no_loss
from noria.types import Chunk, Encoded, Media, Prediction, Ragged, Record

WORDS = ("a low tone", "a high tone")


@dataclass(frozen=True)
class Relayed(Target, UsesParts, LearnsNothing, PostProcesses, Streams, DecodesTarget):
    """The pitch that a voice gives a text, as a sound. Arrays: `hz` float32[n]. Output: `hz` float[n], `_sound`."""

    kind: ClassVar[str] = "relayed"

    voice: str = field(default="", metadata={"network_only": True})

    def learns_nothing(self):
        return True

    def part_paths(self):
        return {"voice": self.voice} if self.voice else {}

    def fit(self, values):
        return {}

    def encode(self, values, state):
        pitches = [pitch_of(value) for value in values]
        return Encoded({"hz": np.array(pitches, np.float32)}, {i: "no pitch" for i, hz in enumerate(pitches) if not hz})

    def head(self, state, width):
        return NoWeights()

    def loss(self, output, batch):
        return no_loss(output)

    def postprocess(self, output, inputs, state):
        texts = inputs["text"]["_text"].texts()
        if PARTS not in state:
            return {"hz": np.full(len(texts), 440, np.float32), "_sound": Ragged.of([b""] * len(texts), np.uint8)}
        said = state[PARTS]["voice"].predict([{"text": text} for text in texts])
        sounds = [np.frombuffer(one.media.data, np.uint8) for one in said]
        return {"hz": np.array([one.value for one in said], np.float32), "_sound": Ragged.of(sounds, np.uint8)}

    def stream(self, model, batch, state, settings):
        if settings:
            raise UserError("there is no such setting", where=next(iter(settings)))
        return self.pieces(state)

    def pieces(self, state):
        said = state[PARTS]["voice"].predict([{"text": WORDS[1]}])[0].media.data
        yield Chunk(said[:44])
        yield Chunk(said[44:], "end")

    def stream_schema(self, most_tokens):
        return {"type": "object", "additionalProperties": False}

    def decode(self, output, state):
        return [
            Prediction(round(float(hz), 2), media=Media("audio/wav", output["_sound"][i].tobytes()))
            for i, hz in enumerate(output["hz"])
        ]

    def decode_target(self, truth, state):
        return [round(float(hz), 2) for hz in truth["hz"]]

    def metrics(self, state):
        return [mean_metric("error", "Hz", "lower", error)]


def error(output: Any, truth: Any) -> np.ndarray:
    """Return how far off each pitch is, float[n]."""
    return np.abs(output["hz"].reshape(-1) - truth["hz"]).astype(np.float64)


class ToyRelay(Task, MakesExamples):
    """Have a word said by another bundle; there is nothing to learn."""

    def __init__(self) -> None:
        self.inputs = {"text": Text(tokenizer="character", keep=True)}
        self.target: Target = Relayed()

    def example(self):
        return Record({"text": "a high tone", "relayed": 880.0})

    def examples(self, count, seed=0):
        return [
            Record({"text": record.fields["text"], "relayed": record.fields["tone"]})
            for record in ToySound().examples(count, seed)
        ]

    def fit_baseline(self, train):
        return {"hz": np.array([train["hz"].mean()], np.float32), "_sound": np.zeros((1, 0), np.uint8)}
