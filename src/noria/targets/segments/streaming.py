"""Speech found while a sound comes in: the same probabilities as of the whole sound, a moment later.

The network looks ahead a little (head.py), so that what is said of a moment is final `delay_s` after it, and never
changes. What came before is kept only as far as the network looks back.

    listener = SpeechStream.of(noria.load("runs/speech"))
    for samples in microphone:
        listener.push(samples)
    listener.finish()
    listener.answer().value
"""

from __future__ import annotations

from typing import Any

import numpy as np

from noria.contract import only_input
from noria.errors import UserError
from noria.modalities.audio.arrays import LENGTHS, MEL
from noria.modalities.audio.modality import Audio
from noria.sound.mel import MelSettings, log_mel
from noria.targets.segments.head import AHEAD, BEHIND
from noria.targets.segments.target import Segments
from noria.types import Prediction, State

MOST_PEAK = 2.0  # beyond full scale, 1, go what resampling overshoots, but not samples of another scale
EMBEDDER = 2  # tokens to either side that the convolutions of the embedder see


class SpeechStream:
    """A detector of speech that is given a sound piece by piece, samples float[T] within [-1, 1] at `rate_hz`."""

    def __init__(self, model: Any, audio: Audio, audio_state: State, target: Segments, state: State) -> None:
        if len(getattr(model.trunk, "blocks", ())):
            fix = "train one with model.depth=0"
            raise UserError("attention sees all of a sound: this detector cannot answer while it comes in", fix=fix)
        self.model, self.target, self.rule = model, target, target.rule(state)
        self.mel: MelSettings = audio.mel_settings(audio_state)
        self.rate_hz, self.step = self.mel.rate_hz, audio.subsampling
        self.probabilities = np.zeros(0, np.float32)
        self._samples, self._samples_at = np.zeros(0, np.float32), 0  # those still needed; where they begin
        self._frames, self._frames_at = np.zeros((0, audio.num_mels), np.float16), 0
        self._num_samples = 0

    @classmethod
    def of(cls, predictor: Any) -> SpeechStream:
        """Return what listens by a loaded model."""
        name = only_input(predictor.task, "listen")
        states = predictor.states
        return cls(
            predictor.bundle.model.eval(), predictor.task.inputs[name], states["inputs"][name], predictor.task.target,
            states["target"],
        )  # fmt: skip

    @property
    def delay_s(self) -> float:
        """Return after how many seconds what is said of a moment is final, at most."""
        return (AHEAD + EMBEDDER + 1) * self.step * self.target.hop_s + self.mel.window / self.rate_hz

    @property
    def known_s(self) -> float:
        """Return up to which second of the sound it is known whether somebody speaks."""
        return len(self.probabilities) * self.target.hop_s

    def push(self, samples: np.ndarray) -> np.ndarray:
        """Take in more of the sound; return the probabilities of speech that are final now, one a frame.

        Raises UserError for what are no samples; what was taken in before stays as it is.
        """
        taken = _checked(samples)
        self._samples = np.concatenate([self._samples, taken])
        self._num_samples += len(taken)
        return self._advance((self._num_samples - self.mel.window) // self.mel.hop + 1, is_end=False)

    def finish(self) -> np.ndarray:
        """Say that the sound has ended; return the probabilities of its last frames."""
        return self._advance(1 + self._num_samples // self.mel.hop, is_end=True)

    def answer(self) -> Prediction:
        """Return the stretches of speech in what is known so far."""
        return self.target.answer(self.probabilities, self.rule)

    def _advance(self, num_frames: int, is_end: bool) -> np.ndarray:
        known = self._frames_at + len(self._frames)
        if num_frames > known:
            self._frames = np.concatenate([self._frames, self._new_frames(known, num_frames)])
        known = self._frames_at + len(self._frames)
        final = known if is_end else max(0, known // self.step - AHEAD - EMBEDDER) * self.step
        done = len(self.probabilities)
        if final <= done:
            return np.zeros(0, np.float32)
        found = self._asked()[done - self._frames_at : final - self._frames_at]
        self.probabilities = np.concatenate([self.probabilities, found])
        first = max(0, (final // self.step - BEHIND - EMBEDDER) * self.step)
        self._frames, self._frames_at = self._frames[first - self._frames_at :], first
        return found

    def _new_frames(self, first: int, end: int) -> np.ndarray:
        """Return float16[end - first, num_mels] of frames whose samples are there; let go of older samples."""
        margin = -(-self.mel.window // self.mel.hop)
        begin = max(0, first - margin)
        samples = self._samples[begin * self.mel.hop - self._samples_at :]
        frames = log_mel(samples, self.mel)[first - begin : end - begin].astype(np.float16)
        kept = max(0, end - margin) * self.mel.hop
        self._samples, self._samples_at = self._samples[kept - self._samples_at :], kept
        return np.asarray(frames)

    def _asked(self) -> np.ndarray:
        """Return the probabilities of the frames that are kept."""
        import torch

        lengths = torch.tensor([len(self._frames)])
        arrays = {MEL: torch.from_numpy(self._frames)[None], LENGTHS: lengths}
        with torch.inference_mode():
            logits = self.model({self.target.audio: arrays})["logits"]
        return np.asarray(logits.float().sigmoid().flatten().numpy()[: len(self._frames)])


def _checked(samples: Any) -> np.ndarray:
    """Return a piece of a sound as float32[T]; raise UserError where it is none."""
    given = np.asarray(samples)
    if given.ndim != 1:
        flaw, fix = f"an array of shape {given.shape}", "average the channels: samples.mean(1)"
    elif given.dtype.kind != "f":
        flaw, fix = f"samples of {given.dtype}", "scale them: int16 by samples / 32768"
    elif not np.isfinite(given).all():
        flaw, fix = f"{int((~np.isfinite(given)).sum()):,} samples that are no finite numbers", "leave them out"
    elif np.abs(given).max(initial=0) > MOST_PEAK:
        flaw, fix = f"a sample of {np.abs(given).max():g}", "scale the samples to [-1, 1]"
    else:
        return given.astype(np.float32)
    raise UserError("this is no piece of a sound", expected="float[T] within [-1, 1]", found=flaw, fix=fix)
