"""The samples of a sound, from its log-mel frames: a vocoder. What it learns from is the sound itself.

Its input is one frame every hop (audio with subsampling 1), at the same rate. Read next: head.py, targets/speech/.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np

from noria.contract import Metric, Target, mean_metric
from noria.contract.capabilities import GivesMedia, PostProcesses
from noria.errors import UserError, first_reason, raise_unmet
from noria.sound.mel import MelSettings
from noria.sound.overlap import overlapped
from noria.sound.reading import LEAST_RATE_HZ, MOST_RATE_HZ, read_sound
from noria.sound.resampling import resampled
from noria.sound.wav import wav_bytes
from noria.types import Arrays, Batch, Encoded, Media, Output, Prediction, Ragged, State, Values

if TYPE_CHECKING:
    from torch import Tensor, nn

NETWORK_ONLY = {"network_only": True}  # settings that preparation does not depend on
SAMPLES = "samples"
SCORED_WINDOW, SCORED_HOP = 512, 128  # samples, of the spectra that are compared
QUIETEST = 1e-3  # magnitude: 30 dB or so below speech in the room of a studio


@dataclass(frozen=True)
class Waveform(Target, PostProcesses, GivesMedia):
    """A sound. Arrays: `samples` Ragged float16[hops, hop], within [-1, 1], a row for each frame but the last.

    Output: `loudness` (logarithms) and `phase` float[B, frames, bins], `frames` int[B], how many are real; kept are the
    `samples` that they overlap to, Ragged float32[frames - 1, hop].
    """

    kind: ClassVar[str] = "waveform"
    raw_type: ClassVar[Literal["file"]] = "file"

    rate_hz: int = 16_000
    """Samples per second of the sounds that are made: that of the input. Raise it for music, at more time."""
    hop_s: float = 0.010
    """Seconds that each frame adds: that of the input."""
    max_s: int = 30
    """Longest sound in whole seconds that is learnt from: that of the input."""
    blocks: int = field(default=6, metadata=NETWORK_ONLY)
    """Convolution blocks. More for a cleaner voice, at more time for each second of sound."""
    expansion: int = field(default=3, metadata=NETWORK_ONLY)
    """How much wider the blocks are inside. Raise it together with long training."""
    crop_s: float = field(default=0.64, metadata=NETWORK_ONLY)
    """Seconds of each sound that a step learns from, drawn anew each time. Memory and time grow with it."""
    gain_db: float = field(default=6.0, metadata=NETWORK_ONLY)
    """Augmentation: largest random change of loudness, in dB. Lower it where the loudness says what is heard."""

    def __post_init__(self) -> None:
        rules = {
            "rate_hz": (LEAST_RATE_HZ <= self.rate_hz <= MOST_RATE_HZ, f"{LEAST_RATE_HZ:,} or more", self.rate_hz),
            "hop_s": (self.hop >= 8 and self.hop_s <= 0.1, "at most 0.1 s, and 8 samples or more", self.hop_s),
            "max_s": (self.max_s >= 1, "at least 1", self.max_s),
            "blocks": (self.blocks >= 1, "at least 1", self.blocks),
            "expansion": (self.expansion >= 1, "at least 1", self.expansion),
            "crop_s": (self.crop_s >= 8 * self.hop_s, "8 hops or more", self.crop_s),
            "gain_db": (0 <= self.gain_db <= 40, "0 to 40", self.gain_db),
        }
        raise_unmet("a vocoder", rules, "target.")

    @property
    def hop(self) -> int:
        """Return the samples that a frame adds."""
        return MelSettings(self.rate_hz, 1, hop_s=self.hop_s).hop

    def fit(self, values: Values) -> State:
        if all(_is_unreadable(value) for value in values):
            raise UserError("no training sound can be read", found=first_reason(list(values), read_sound))
        return {}

    def encode(self, values: Values, state: State) -> Encoded:
        rows, bad = [], {}
        for i, value in enumerate(values):
            row = np.zeros((1, self.hop), np.float16)
            try:
                samples = resampled(read_sound(value, self.max_s), self.rate_hz).samples
                count = len(samples) // self.hop
                if count:
                    row = samples[: count * self.hop].reshape(count, self.hop).astype(np.float16)
                else:
                    bad[i] = f"the sound is shorter than a frame, {1000 * self.hop_s:g} ms"
            except ValueError as error:
                bad[i] = str(error)
            rows.append(row)
        return Encoded({SAMPLES: Ragged.of(rows, np.float16, (self.hop,))}, bad)

    def head(self, state: State, width: int) -> nn.Module:
        from noria.targets.waveform.head import WaveformHead

        return WaveformHead(width, self.hop, self.blocks, self.expansion)

    def loss(self, output: Output, batch: Batch) -> dict[str, Tensor]:
        from noria.targets.waveform.head import samples_of, spectral_loss

        truth = batch.target[SAMPLES].float()
        each = spectral_loss(samples_of(output)[:, : truth.shape[1]], truth, output["frames"] - 1)
        return {"loss": each.mean(), "each": each}

    def postprocess(self, output: Arrays, inputs: Mapping[str, Arrays], state: State) -> Arrays:
        rows = [
            _samples(loudness[:count], phase[:count], self.hop)
            for loudness, phase, count in zip(output["loudness"], output["phase"], output["frames"], strict=True)
        ]
        return {SAMPLES: Ragged.of(rows, np.float32, (self.hop,))}

    def decode(self, output: Arrays, state: State) -> list[Prediction]:
        sounds = (output[SAMPLES][i].reshape(-1) for i in range(len(output[SAMPLES])))
        return [spoken(samples, self.rate_hz) for samples in sounds]

    def media_type(self) -> str:
        return "audio/wav"

    def metrics(self, state: State) -> Sequence[Metric]:
        return [mean_metric("spectral_distance", "dB", "lower", spectral_distance)]


def _samples(loudness: np.ndarray, phase: np.ndarray, hop: int) -> np.ndarray:
    """Return what spectra overlap to, float32[frames - 1, hop] within [-1, 1]."""
    size = 2 * (loudness.shape[1] - 1)
    window = np.hanning(size + 1)[:-1]
    frames = np.fft.irfft(np.exp(loudness.astype(np.float64) + 1j * phase), size, 1) * window
    whole = overlapped(frames, hop)[size // 2 : size // 2 + (len(frames) - 1) * hop]
    mean = (window**2).sum() / hop  # what the squared windows add up to at every sample
    return np.asarray(np.clip(whole / mean, -1, 1), np.float32).reshape(-1, hop)


def spoken(samples: np.ndarray, rate_hz: int) -> Prediction:
    """Return samples as an answer: a wav file, and in words how long it is."""
    return Prediction(f"{len(samples) / rate_hz:.2f} s of sound", media=Media("audio/wav", wav_bytes(samples, rate_hz)))


def silence(train: Arrays) -> Arrays:
    """Return one hop without a sound: what a baseline that depends on the record takes the place of."""
    return {SAMPLES: np.zeros((1, *train[SAMPLES][0][:1].shape), np.float32)}


def spectral_distance(output: Arrays, truth: Arrays) -> np.ndarray:
    """Return how far the spectra of each sound are from the true ones in dB, float[n]: the root of the mean square.

    The log-spectral distance, blind to phases; of magnitudes that count as silence nothing is said.
    """
    found = []
    for i in range(len(truth[SAMPLES])):
        given, right = (np.asarray(one[SAMPLES][i], np.float32).reshape(-1) for one in (output, truth))
        given = np.pad(given[: len(right)], (0, max(0, len(right) - len(given))))
        own, real = decibels(given), decibels(right)
        found.append(np.sqrt(((own - real) ** 2).mean()))
    return np.array(found, np.float64)


def decibels(samples: np.ndarray) -> np.ndarray:
    """Return the magnitudes of a sound's spectra in dB, float[frames, bins]."""
    padded = np.pad(samples, SCORED_WINDOW // 2)
    frames = np.lib.stride_tricks.sliding_window_view(padded, SCORED_WINDOW)[::SCORED_HOP]
    spectra = np.abs(np.fft.rfft(frames * np.hanning(SCORED_WINDOW), axis=1))
    return np.asarray(20 * np.log10(np.maximum(spectra, QUIETEST)))


def _is_unreadable(value: Any) -> bool:
    try:
        read_sound(value)
    except ValueError:
        return True
    return False
