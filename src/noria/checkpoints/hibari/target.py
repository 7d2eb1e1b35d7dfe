"""Speech that hibari makes: a wav file for each text, whole or sentence by sentence, with nothing to learn.

Read next: voice.py.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from noria.checkpoints.hibari import voice
from noria.checkpoints.hibari.writing import UTF8
from noria.contract import Metric, Target, mean_metric
from noria.contract.capabilities import (
    CompletesState,
    GivesMedia,
    LearnsNothing,
    PostProcesses,
    PredictStep,
    Streams,
    WarmStarts,
)
from noria.contract.settings import named_input
from noria.errors import raise_unmet
from noria.sound.speeds import Speeds
from noria.sound.wav import FULL_SCALE, pcm_bytes, wav_bytes, wav_header
from noria.types import Arrays, Batch, Chunk, Encoded, Media, Output, Prediction, Ragged, State, Values

if TYPE_CHECKING:
    from torch import Tensor, nn

HIBARI = "hibari"
SPEEDS = Speeds(0.5, 2.0)  # what hibari itself allows
PACE = (4.0, 40.0)  # letters a second: slower is silence or noise, faster than anyone speaks


@dataclass(frozen=True)
class EnglishSpeech(Target, WarmStarts, CompletesState, LearnsNothing, PredictStep, PostProcesses, Streams, GivesMedia):
    """Speech, 24,000 samples a second. Arrays: `given` uint8[n]. Settled: `pcm` Ragged int16, `seconds`, `letters`.

    A recording is not compared with: another voice says the same otherwise. Answers are checked for their pace.
    """

    kind: ClassVar[str] = "speech"
    state_kind: ClassVar[str] = HIBARI

    speed: float = field(default=1.0, metadata={"network_only": True})
    """Pace of the voice, 0.5 (slow) to 2 (fast)."""
    text: str = named_input("text")  # the input that is said, an array `utf8`

    def __post_init__(self) -> None:
        raise_unmet("hibari", {"speed": SPEEDS.rule(self.speed)}, "target.")

    def learns_nothing(self) -> bool:
        return True

    def fit(self, values: Values) -> State:
        return {HIBARI: voice.described()}

    def warm_start(self, state: State) -> State | None:
        return state

    def complete_state(self, state: State, values: Values) -> State:
        return state

    def encode(self, values: Values, state: State) -> Encoded:
        return Encoded({"given": np.ones(len(values), np.uint8)})

    def head(self, state: State, width: int) -> nn.Module:
        from noria.model.heads import NoWeights

        voice.check(state[HIBARI])
        return NoWeights()

    def loss(self, output: Output, batch: Batch) -> dict[str, Tensor]:
        from noria.model.heads import no_loss

        return no_loss(output)

    def predict_step(self, model: nn.Module, batch: Batch, state: State, is_quick: bool = False) -> Output:
        """Say the texts one by one."""
        import torch

        texts = self._texts(batch)
        said = [np.frombuffer(b"".join(map(pcm_bytes, voice.sentences(one, self.speed))), "<i2") for one in texts]
        return {
            "pcm": torch.nn.utils.rnn.pad_sequence([torch.from_numpy(one.copy()) for one in said], batch_first=True),
            "length": torch.tensor([len(one) for one in said]),
            "letters": torch.tensor([sum(map(str.isalnum, one)) for one in texts]),
        }

    def postprocess(self, output: Arrays, inputs: Mapping[str, Arrays], state: State) -> Arrays:
        """Cut off the padding."""
        rows = [row[:length] for row, length in zip(output["pcm"], output["length"], strict=True)]
        unspoken = [voice.unspoken(text) for text in inputs[self.text][UTF8].texts()]
        return {
            "pcm": Ragged.of(rows, np.int16),
            "seconds": (output["length"] / voice.RATE_HZ).astype(np.float32),
            "letters": output["letters"],
            "_unspoken": Ragged.of_texts(unspoken),
        }

    def decode(self, output: Arrays, state: State) -> list[Prediction]:
        answers = []
        for index, seconds in enumerate(output["seconds"].tolist()):
            samples = output["pcm"][index] if "pcm" in output else np.zeros(1, np.int16)
            media = Media("audio/wav", wav_bytes(samples / FULL_SCALE, voice.RATE_HZ))
            left_out = output["_unspoken"].texts()[index] if "_unspoken" in output else ""
            details: dict[str, Any] = {"unspoken": left_out} if left_out else {}
            answers.append(Prediction(f"{seconds:.2f} s of sound", None, details, media))
        return answers

    def stream(self, model: nn.Module, batch: Batch, state: State, settings: Mapping[str, Any]) -> Iterator[Chunk]:
        """Return a wav file: its head, then sentence by sentence."""
        return self._streamed(batch, SPEEDS.asked(settings, self.speed))

    def _streamed(self, batch: Batch, speed: float) -> Iterator[Chunk]:
        for row, text in enumerate(self._texts(batch)):
            yield Chunk(wav_header(voice.RATE_HZ), row=row)
            for samples in voice.sentences(text, speed):
                yield Chunk(pcm_bytes(samples), row=row)
            yield Chunk(b"", "end", row=row)

    def stream_schema(self, most_tokens: int) -> dict[str, Any]:
        return SPEEDS.schema()

    def media_type(self) -> str:
        return "audio/wav"

    def metrics(self, state: State) -> Sequence[Metric]:
        return [
            mean_metric(
                "spoken", f"fraction of texts said at {PACE[0]:g} to {PACE[1]:g} letters a second", "higher", _is_spoken
            )
        ]

    def _texts(self, batch: Batch) -> list[str]:
        rows = batch.inputs[self.text][UTF8].cpu().numpy()
        return [row[row >= 0].astype(np.uint8).tobytes().decode() for row in rows]


def _is_spoken(output: Arrays, truth: Arrays) -> np.ndarray:
    """Return whether each text was said at the pace of speech, float64[n]."""
    pace = output["letters"] / np.maximum(output["seconds"], 1e-3)
    return np.asarray((pace >= PACE[0]) & (pace <= PACE[1]) & (output["seconds"] > 0), np.float64)
