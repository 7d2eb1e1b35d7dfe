"""Raw audio: a sound as its samples, for models that make their own frames of them, and for parts that hear it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np

from noria.contract import Modality
from noria.contract.capabilities import DescribesValues, Displays, TellsCost, Truncates, WarmStarts
from noria.sound.length import cost_of_sound
from noria.sound.reading import read_sound
from noria.sound.resampling import resampled
from noria.sound.wav import wav_bytes
from noria.sources.formats.sound_table import SOUND_SUFFIXES
from noria.types import Arrays, Cost, Encoded, Media, Ragged, State, Values

if TYPE_CHECKING:
    from torch import nn

RATE_HZ = 16_000  # what Whisper and Silero were trained on
SAMPLES = "samples"


@dataclass(frozen=True)
class RawAudio(Modality, WarmStarts, Displays, Truncates, TellsCost, DescribesValues):
    """A sound. Arrays: `samples` Ragged float16[T] within [-1, 1], 16,000 a second."""

    kind: ClassVar[str] = "raw-audio"
    file_suffixes: ClassVar[tuple[str, ...]] = SOUND_SUFFIXES
    raw_type: ClassVar[Literal["file"]] = "file"
    num_fit_records: ClassVar[int] = 1

    max_s: int = 4 * 3600
    """Longest sound in whole seconds; the rest is not read. An hour takes 115 MB of memory."""

    def fit(self, values: Values) -> State:
        return {"rate_hz": RATE_HZ}

    def warm_start(self, state: State) -> State | None:
        return state if state == {"rate_hz": RATE_HZ} else None

    def encode(self, values: Values, state: State) -> Encoded:
        rows, bad, cut = [], {}, {}
        for index, value in enumerate(values):
            try:
                sound = read_sound(value, self.max_s)
            except ValueError as error:
                bad[index] = str(error)
                rows.append(np.zeros(0, np.float16))
                continue
            rows.append(resampled(sound, RATE_HZ).samples.astype(np.float16))
            if sound.unread_s:
                cut[index] = (self.max_s, int(np.ceil(sound.duration_s + sound.unread_s)))
        return Encoded({SAMPLES: Ragged.of(rows, np.float16)}, bad, cut)

    def most_read(self) -> tuple[str, int]:
        return "max_s", self.max_s

    def value_facts(self, state: State) -> dict[str, Any]:
        return {"rate_hz": RATE_HZ}

    def cost(self, value: Any) -> Cost:
        return cost_of_sound(value)

    def embedder(self, state: State, width: int) -> nn.Module:
        from noria.model.frame_embedder import FrameEmbedder

        return FrameEmbedder(SAMPLES, width)

    def display(self, arrays: Arrays, state: State) -> Media:
        return Media("audio/wav", wav_bytes(np.asarray(arrays[SAMPLES], np.float32), RATE_HZ))
