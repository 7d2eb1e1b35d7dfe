"""Audio in, the stretches of time in which somebody speaks out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from noria.contract import MAPPED, Task
from noria.contract.capabilities import AugmentsBatch, MakesExamples, PredictsBaseline, ReadsFormats, ValidatesPairs
from noria.contract.source import Source
from noria.errors import UserError
from noria.modalities.audio.arrays import LENGTHS, MEL
from noria.modalities.audio.modality import Audio
from noria.sound.wav import wav_bytes
from noria.sources.formats.opening import open_source
from noria.sources.formats.speech_by_energy import SpeechByEnergy
from noria.targets.segments.target import SPANS, Segments
from noria.types import Arrays, Batch, Dataset, Ragged, Record, lengths_of

RATE_HZ = 8_000
LOUD_NATS = 3.0  # above the usual level of a sound, from which the trivial answer is sure


class VoiceActivityDetection(Task, ReadsFormats, MakesExamples, AugmentsBatch, PredictsBaseline, ValidatesPairs):
    """Say when somebody speaks in a recording.

    Data: a table with a column of sound files and a column `segments`, [[start_s, end_s], ..] or labels of Audacity; or
    any sounds of clean speech, in which what is loud is taken for speech (target.energy_db).
    """

    inputs: Mapping[str, Audio]

    def __init__(self) -> None:
        self.inputs = {"audio": Audio(max_s=3600, num_mels=32, subsampling=2, channels=8, pitch=2.0)}
        self._target = Segments()
        self.defaults: Mapping[str, Any] = {
            "model": {"size": "tiny", "width": 32, "heads": 1, "depth": 0},
            "train": {"batch_size": 64, "weight_decay": 0.01},
        }

    @property  # type: ignore[override]
    def target(self) -> Segments:  # it is told what the frames of its input are
        audio = self.inputs["audio"]
        return replace(self._target, hop_s=audio.hop_s, frames_per_token=audio.subsampling)

    @target.setter
    def target(self, target: Segments) -> None:
        self._target = target

    def read(self, path: Path, encoding: str | None = None, named: Mapping[str, Any] = MAPPED) -> Source | None:
        """Return sounds without segments with what is loud in them; None where the data says it itself."""
        source = open_source(path, encoding=encoding)
        wanted = [named.get("audio"), "audio", "file"]
        column = next((one for one in wanted if isinstance(one, str) and one in source.columns), None)
        if "segments" in named or "segments" in source.columns or column is None:
            return None
        return SpeechByEnergy(source, column, "segments", self._target.energy_db)

    def validate_pair(self, inputs: Mapping[str, Arrays], answer: Arrays) -> dict[int, str]:
        """Return the records with a segment that is mostly after the end of their sound, where all of that was read."""
        audio, found = self.inputs["audio"], {}
        for index, spans in enumerate(answer[SPANS]):
            end_s = inputs["audio"][MEL].lengths[index] * audio.hop_s
            beyond = spans[spans.sum(1) > 2 * end_s]
            if len(beyond) and end_s < audio.max_s - 2 * audio.hop_s:
                start, end = beyond[0]
                found[index] = (
                    f"a segment from {start:g} to {end:g} s, but the sound lasts {end_s:.3g} s: places are seconds"
                )
        return found

    def augment_batch(self, batch: Batch) -> Batch:
        """Put the clips of a batch into scenes, with noise: target.scene_s."""
        from noria.targets.segments.scenes import scene_of

        audio, target = self.inputs["audio"], self.target
        if audio.speed or audio.silence_s or audio.time_mask:
            raise UserError(
                "what moves or blanks a sound in time would move its segments", where="inputs.audio",
                found="speed, silence_s or time_mask", fix="leave them at 0: target.scene_s places the clips",
            )  # fmt: skip
        arrays = audio.augment(batch.inputs["audio"])
        if not target.scene_s:
            return Batch({**batch.inputs, "audio": arrays}, batch.target, batch.size)
        lengths, frames = arrays[LENGTHS], round(target.scene_s / target.hop_s)
        mel, spans = scene_of(
            arrays[MEL].float(), lengths, batch.target[SPANS].float(), target.hop_s, frames, target.least_snr_db
        )
        arrays = {**arrays, MEL: mel, LENGTHS: lengths.new_full(lengths.shape, frames)}
        counts = batch.target[lengths_of(SPANS)]
        truth = {SPANS: spans, lengths_of(SPANS): counts.new_full(counts.shape, spans.shape[1])}
        return Batch({**batch.inputs, "audio": arrays}, truth, batch.size)

    def fit_baseline(self, train: Arrays) -> Arrays:
        """Take for speech what is louder than the sound usually is."""
        return {"level": np.full((1, 1), LOUD_NATS, np.float32)}

    def predict_baseline(self, dataset: Dataset, learnt: Arrays) -> Arrays:
        loud = float(np.ravel(learnt["level"])[0])
        mels = dataset.inputs["audio"][MEL]
        rows = []
        for index in range(len(dataset)):
            levels = np.asarray(mels[index], np.float32).mean(1)
            rows.append(1 / (1 + np.exp(np.clip(-(levels - np.median(levels)) / loud, -30, 30))))
        return {"probabilities": Ragged.of(rows, np.float32)}

    def example(self) -> Record:
        sound, spans = _scene(np.random.default_rng(0))
        return Record({"audio": wav_bytes(sound, RATE_HZ), "segments": spans}, "one second with a buzz in it")

    def examples(self, count: int, seed: int = 0) -> list[Record]:
        generator = np.random.default_rng(seed)
        scenes = [_scene(generator) for _ in range(count)]
        return [Record({"audio": wav_bytes(sound, RATE_HZ), "segments": spans}) for sound, spans in scenes]


def _scene(generator: np.random.Generator) -> tuple[np.ndarray, list[list[float]]]:
    """Return a second of faint noise with a buzz, rich in harmonics as a voice is, in a part of it."""
    start, length = generator.uniform(0.1, 0.5), generator.uniform(0.2, 0.4)
    times = np.arange(RATE_HZ) / RATE_HZ
    pitch = generator.uniform(100, 200)
    buzz = sum(np.sin(2 * np.pi * pitch * k * times) / k for k in range(1, 12))
    is_on = (times >= start) & (times < start + length)
    sound = 0.1 * buzz * is_on + 0.003 * generator.normal(size=len(times))
    return sound.astype(np.float32), [[round(start, 3), round(start + length, 3)]]
