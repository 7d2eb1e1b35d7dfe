"""Log-mel frames of a sound in, its samples out: the voice of text-to-speech, learnt from recordings alone."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from noria.contract import Task
from noria.contract.capabilities import AugmentsBatch, MakesExamples, PredictsBaseline, ValidatesPairs
from noria.modalities.audio.arrays import MEL
from noria.modalities.audio.modality import Audio
from noria.sound.griffin_lim import mel_to_samples
from noria.sound.mel import MelSettings
from noria.sound.wav import wav_bytes
from noria.targets.waveform.target import SAMPLES, Waveform, silence
from noria.types import Arrays, Batch, Dataset, Ragged, Record, lengths_of

RATE_HZ = 16_000
LENGTHS = lengths_of(MEL)


class Vocoder(Task, AugmentsBatch, MakesExamples, PredictsBaseline, ValidatesPairs):
    """Give back a sound from its spectrogram. A run of it is named as the voice of text-to-speech.

    Data: recordings of one voice or several, a column of files; the same column fills `audio` and `waveform`. An hour
    of speech is enough. The baseline is Griffin-Lim, which learns nothing.
    """

    inputs: Mapping[str, Audio]
    target: Waveform

    def __init__(self) -> None:
        self.inputs = {"audio": Audio(rate_hz=RATE_HZ, num_mels=80, subsampling=1, channels=8)}
        self.target = Waveform(rate_hz=RATE_HZ)
        train = {"optimizer": "adamw", "learning_rate": 0.002, "weight_decay": 0.01, "warmup": 0.05, "batch_size": 16}
        self.defaults = {
            "model": {"width": 160, "depth": 0},
            "train": {**train, "ema": 0.99, "clip": 5.0, "steps": 8000},
            "evaluate": {"batch_size": 32},
        }

    def augment_batch(self, batch: Batch) -> Batch:
        """Cut each sound to a stretch of it, drawn at random, and make it louder or softer."""
        import torch

        audio, samples = batch.inputs["audio"], batch.target[SAMPLES]
        mel, lengths = audio[MEL], audio[LENGTHS]
        most = max(2, round(self.target.crop_s / self.target.hop_s))
        size = min(most, int(lengths.max()))
        starts = (torch.rand(batch.size, device=mel.device) * (lengths - size + 1).clamp_min(1)).long()
        places = starts[:, None] + torch.arange(size, device=mel.device)
        rows = torch.arange(batch.size, device=mel.device)[:, None]
        gain = (2 * torch.rand(batch.size, 1, 1, device=mel.device) - 1) * self.target.gain_db / 20 * np.log(10)
        mel = mel[rows, places] + gain.to(mel.dtype)
        samples = samples[rows, places[:, : size - 1]] * gain.exp().to(samples.dtype)
        cut = lengths.clamp_max(size)
        return Batch({"audio": {MEL: mel, LENGTHS: cut}}, {SAMPLES: samples}, batch.size)

    def validate_pair(self, inputs: Mapping[str, Arrays], answer: Arrays) -> dict[int, str]:
        """Return the records whose frames and samples do not go on at the same pace."""
        frames, hops = inputs["audio"][MEL].lengths, answer[SAMPLES].lengths
        fix = "give inputs.audio and target the same rate_hz, hop_s and max_s, and both fields the same file"
        return {
            int(i): f"{frames[i]} frames and {hops[i]} hops of samples are not of one sound; {fix}"
            for i in np.flatnonzero(frames != hops + 1)
        }

    def predict_baseline(self, dataset: Dataset, learnt: Arrays) -> Arrays:
        """Return the sounds by Griffin-Lim."""
        audio, hop = self.inputs["audio"], self.target.hop
        settings = MelSettings(self.target.rate_hz, audio.num_mels, audio.window_s, audio.hop_s)
        mels = dataset.inputs["audio"][MEL]
        rows = [mel_to_samples(np.asarray(mels[i], np.float32), settings).reshape(-1, hop) for i in range(len(mels))]
        return {SAMPLES: Ragged.of(rows, np.float32, (hop,))}

    fit_baseline = staticmethod(silence)

    def example(self) -> Record:
        sound = _hum(220.0, 0.2)
        return Record({"audio": sound, "waveform": sound}, "a fifth of a second of a voice that hums, a wav file")

    def examples(self, count: int, seed: int = 0) -> list[Record]:
        generator = np.random.default_rng(seed)
        sounds = [_hum(float(generator.uniform(120, 320)), float(generator.uniform(0.1, 0.3))) for _ in range(count)]
        return [Record({"audio": sound, "waveform": sound}) for sound in sounds]


def _hum(pitch_hz: float, seconds: float) -> bytes:
    """Return a tone with overtones that swells and fades, a wav file."""
    times = np.arange(round(seconds * RATE_HZ)) / RATE_HZ
    tones = sum(np.sin(2 * np.pi * pitch_hz * part * times) / part for part in range(1, 9))
    return wav_bytes(0.2 * tones * np.hanning(len(times)), RATE_HZ)
