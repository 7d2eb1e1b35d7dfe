"""From log-mel frames to samples: by the vocoder that is a part of the bundle, or else by Griffin-Lim.

In pieces both give the same samples as at once: a piece of the vocoder is read with its surroundings, and what
Griffin-Lim makes is one piece. Read next: targets/waveform/, sound/griffin_lim.py.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from noria.contract.capabilities import PARTS
from noria.contract.core import only_input
from noria.errors import UserError
from noria.modalities.audio.arrays import MEL
from noria.sound.griffin_lim import mel_to_samples
from noria.sound.mel import MelSettings
from noria.targets.waveform.target import SAMPLES
from noria.types import Dataset, Ragged, State

VOICE = "voice"  # the part that makes samples
FIRST_FRAMES, FRAMES = 25, 100  # of the first piece, so that it is heard soon, and of the others


def check_voice(state: State, settings: MelSettings) -> None:
    """Raise UserError where the vocoder was trained on other frames than those that are made here."""
    voice = _vocoder(state)
    if voice is None:
        return
    if voice.task.target.kind != "waveform":
        raise UserError("the vocoder of a voice is a run of the task vocoder", found=voice.bundle.job.task)
    name = only_input(voice.task, "make samples")
    audio = voice.task.inputs[name]
    own = audio.mel_settings(voice.states["inputs"][name])
    if (own, audio.subsampling) != (settings, 1):
        raise UserError(
            "the vocoder was trained on other frames than this voice makes",
            where="target.vocoder",
            expected=f"a run of vocoder with {_said(settings)}",
            found=_said(own),
        )


def samples_of(mel: np.ndarray, settings: MelSettings, state: State) -> np.ndarray:
    """Return the samples float32[(frames - 1) * hop] of log-mel frames float32[frames, num_mels]."""
    return np.concatenate([np.zeros(0, np.float32), *pieces_of(mel, settings, state)])


def pieces_of(mel: np.ndarray, settings: MelSettings, state: State) -> Iterator[np.ndarray]:
    """Yield the same samples piece by piece."""
    voice = _vocoder(state)
    if voice is None:
        yield mel_to_samples(mel, settings)
        return
    around = reach(voice.task.target.blocks)
    start, size, hops = 0, FIRST_FRAMES, len(mel) - 1
    while start < hops:
        end = min(start + size, hops)
        first, last = max(0, start - around), min(len(mel), end + 1 + around)
        made = _asked(voice, mel[first:last])
        yield made[(start - first) * settings.hop : (end - first) * settings.hop]
        start, size = end, FRAMES


def reach(num_blocks: int) -> int:
    """Return how many frames away a frame of the vocoder is still heard."""
    from noria.model.layers.convnext import KERNEL
    from noria.targets.waveform.head import OVERLAP

    return (num_blocks + 1) * (KERNEL // 2) + OVERLAP + 1


def _asked(voice: Any, mel: np.ndarray) -> np.ndarray:
    name = only_input(voice.task, "make samples")
    arrays = {MEL: Ragged.of([mel], np.float16, mel.shape[1:])}
    samples: np.ndarray = voice.outputs(Dataset({name: arrays}, {}))[SAMPLES][0]
    return samples.reshape(-1)


def _vocoder(state: Mapping[str, Any]) -> Any:
    return state.get(PARTS, {}).get(VOICE)


def _said(settings: MelSettings) -> str:
    return (
        f"rate_hz={settings.rate_hz} num_mels={settings.num_mels} window_s={settings.window_s} hop_s={settings.hop_s}"
    )
