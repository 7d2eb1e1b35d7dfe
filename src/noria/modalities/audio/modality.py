"""Audio: sounds of any rate and number of channels as log-mel frames, computed once and embedded by convolutions.

What counts as a sound is said in sound/reading.py. Read next: settings.py, embedder.py, augment.py.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np

from noria.contract import Modality
from noria.contract.capabilities import (
    Attributable,
    Augments,
    DescribesValues,
    Displays,
    TellsCost,
    TellsReading,
    Truncates,
    Vectorizes,
    WarmStarts,
)
from noria.errors import UserError, first_reason
from noria.modalities.audio.reading import panel_of, picture_of, remarks_on
from noria.modalities.audio.settings import AudioSettings
from noria.sound.griffin_lim import mel_to_samples
from noria.sound.length import cost_of_sound
from noria.sound.mel import log_mel
from noria.sound.reading import Sound, read_sound
from noria.sound.resampling import resampled
from noria.sound.wav import wav_bytes
from noria.sources.formats.sound_table import SOUND_SUFFIXES
from noria.types import Arrays, Cost, Encoded, Media, Panel, Ragged, Span, State, Values

if TYPE_CHECKING:
    from torch import Tensor, nn

LOW_HZ, USUAL_HZ = 8_000, 16_000  # rates chosen by the data: telephone, and what speech needs
MOST_HEARD_S = 20.0  # of a sound that is rebuilt for people; it takes a twentieth of its length on one core
HEARD_ROUNDS = 16  # of Griffin-Lim: what is said can be told by then
LEAST_SPREAD = 0.1  # of a band, so that one that is always silent is not blown up


@dataclass(frozen=True)
class Audio(
    AudioSettings, Modality, WarmStarts, Augments, Displays, Attributable, TellsReading, Truncates, Vectorizes,
    TellsCost, DescribesValues,
):  # fmt: skip
    """A sound. Arrays: `mel` Ragged float16[frames, num_mels], raw log-mel."""

    kind: ClassVar[str] = "audio"
    file_suffixes: ClassVar[tuple[str, ...]] = SOUND_SUFFIXES
    raw_type: ClassVar[Literal["file"]] = "file"
    num_fit_records: ClassVar[int] = 2_000
    has_templates: ClassVar[bool] = True

    def fit(self, values: Values) -> State:
        sounds = []
        for value in _listed(values):
            try:
                sounds.append(read_sound(value, self.max_s))
            except ValueError:
                continue  # `encode` meets it again and says why
        if not sounds:
            raise UserError("no training sound can be read", found=first_reason(_listed(values), read_sound))
        rates = Counter(sound.rate_hz for sound in sounds)
        usual = USUAL_HZ if rates.most_common(1)[0][0] >= USUAL_HZ else LOW_HZ
        state: State = {"rate_hz": self.rate_hz or usual}
        sums = np.zeros((3, self.num_mels))
        for sound in sounds:
            mel = self._mel(sound, state).astype(np.float64)
            sums += [np.full(self.num_mels, len(mel)), mel.sum(0), (mel**2).sum(0)]
        mean = sums[1] / sums[0]
        spread = np.maximum(np.sqrt(np.maximum(sums[2] / sums[0] - mean**2, 0)), LEAST_SPREAD)
        return {
            **state,
            "mean": [float(f"{one:.6g}") for one in mean],
            "spread": [float(f"{one:.6g}") for one in spread],
            "rates": {str(rate): count for rate, count in sorted(rates.items())},
            "seconds": [float(f"{one:.6g}") for one in np.quantile([one.duration_s for one in sounds], [0, 0.5, 1])],
            "silent": sum(not sound.samples.any() for sound in sounds),
        }

    def warm_start(self, state: State) -> State | None:
        is_same = len(state["mean"]) == self.num_mels and self.rate_hz in (None, state["rate_hz"])
        return state if is_same else None

    def encode(self, values: Values, state: State) -> Encoded:
        rows: list[np.ndarray] = []
        bad, cut = {}, {}
        for i, value in enumerate(_listed(values)):
            try:
                sound = read_sound(value, self.max_s)
                rows.append(self._mel(sound, state).astype(np.float16))
            except ValueError as error:
                bad[i] = str(error)
                rows.append(np.zeros((1, self.num_mels), np.float16))
                continue
            if sound.unread_s:
                cut[i] = (self.max_s, int(np.ceil(sound.duration_s + sound.unread_s)))
        return Encoded({"mel": Ragged.of(rows, np.float16, (self.num_mels,))}, bad, cut)

    def most_read(self) -> tuple[str, int]:
        return "max_s", self.max_s

    def display(self, arrays: Arrays, state: State) -> Media | np.ndarray:
        """Return the sound that has these frames, so that people hear what the network sees of it.

        Of a long sound the spectrogram: time to the right, pitch upwards, loud is bright.
        """
        mel = np.asarray(arrays["mel"], np.float32)
        if not 2 <= len(mel) <= MOST_HEARD_S / self.hop_s:
            return picture_of(mel)
        samples = mel_to_samples(mel, self.mel_settings(state), HEARD_ROUNDS)
        return Media("audio/wav", wav_bytes(samples, state["rate_hz"]))

    def augment(self, arrays: dict[str, Tensor]) -> dict[str, Tensor]:
        from noria.modalities.audio.augment import augment

        return augment(arrays, self)

    def embedder(self, state: State, width: int) -> nn.Module:
        from noria.modalities.audio.embedder import AudioEmbedder

        return AudioEmbedder(self, state, width)

    def vectorizer(self, state: State) -> nn.Module:
        from noria.modalities.audio.vectorizer import AudioVectorizer

        return AudioVectorizer(state)

    def value_facts(self, state: State) -> dict[str, Any]:
        """Return the rate that the network hears."""
        return {"rate_hz": state["rate_hz"]}

    def spans(self, value: Any, state: State) -> list[Span]:
        """Return the stretch of time around each token's middle."""
        sound = resampled(read_sound(value, self.max_s), state["rate_hz"])
        hop = self.mel_settings(state).hop
        tokens = self.tokens_of(1 + len(sound.samples) // hop)
        step = hop * self.subsampling / sound.rate_hz
        edges = np.clip((np.arange(tokens + 1) - 0.5) * step, 0, sound.duration_s)
        edges[-1] = sound.duration_s
        return [Span("seconds", float(a), float(b)) for a, b in pairwise(edges)]

    def cost(self, value: Any) -> Cost:
        return cost_of_sound(value)

    def reading(self, state: State) -> Panel:
        return panel_of(self, state)

    def remarks(self, state: State) -> list[str]:
        return remarks_on(state)

    def _mel(self, sound: Sound, state: State) -> np.ndarray:
        return log_mel(resampled(sound, state["rate_hz"]).samples, self.mel_settings(state))


def _listed(values: Values) -> Sequence[Any]:
    """Return the values one by one."""
    return values if isinstance(values, list) else list(values)
