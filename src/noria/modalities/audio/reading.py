"""How sounds are read, as people see it: what the state knows, and one sound as a picture."""

from __future__ import annotations

import math

import numpy as np

from noria.modalities.audio.settings import AudioSettings
from noria.sound.mel import FLOOR
from noria.types import Panel, State

MOST_COLUMNS = 800  # of a picture: a longer sound is thinned
SHOWN_RANGE = 11.0  # natural logarithms below the loudest band that are still told from black: 96 dB


def panel_of(settings: AudioSettings, state: State) -> Panel:
    """Return the rate, the frames and the bands that sounds become, and how long they are."""
    mel = settings.mel_settings(state)
    shortest, middle, longest = state["seconds"]
    rows = [
        ["rate", f"{mel.rate_hz:,} samples per second, channels averaged"],
        ["frame", f"{1000 * settings.window_s:g} ms, every {1000 * settings.hop_s:g} ms"],
        ["frequencies", f"{settings.num_mels} mel bands from {mel.low_hz:g} to {mel.high_hz or mel.rate_hz / 2:g} Hz"],
        ["token", f"{1000 * settings.seconds_per_token:g} ms"],
        ["longest", f"{settings.max_s:,} s; the rest is not read (max_s)"],
        ["seconds", f"{shortest:.2f} to {longest:.2f}, half of them below {middle:.2f}"],
    ]
    return Panel("table", "How sounds are read", {"columns": ["what", "how"], "rows": rows})


def remarks_on(state: State) -> list[str]:
    """Return what was changed of the sounds, and how many of them are silent."""
    rate_hz, total = state["rate_hz"], sum(state["rates"].values())
    found = []
    higher = {rate: count for rate, count in state["rates"].items() if int(rate) > rate_hz}
    if higher:
        rates = ", ".join(f"{int(rate):,}" for rate in higher)
        found.append(
            f"{sum(higher.values()):,} of {total:,} sounds have more than {rate_hz:,} samples per second ({rates}): "
            f"what lies above {rate_hz // 2:,} Hz is not heard; inputs.audio.rate_hz={max(map(int, higher))} keeps it"
        )
    if state["silent"]:
        found.append(f"{state['silent']:,} of {total:,} sounds are silent throughout")
    return found


def picture_of(mel: np.ndarray) -> np.ndarray:
    """Return log-mel float[frames, bands] as a picture uint8[bands, frames]."""
    chosen = np.unique(np.linspace(0, len(mel) - 1, min(len(mel), MOST_COLUMNS)).round().astype(int))
    shown = mel[chosen].T[::-1]
    black = max(math.log(FLOOR), float(shown.max()) - SHOWN_RANGE)
    scaled = (shown - black) / max(float(shown.max()) - black, 1e-6)
    return np.asarray(255 * np.clip(scaled, 0, 1), np.uint8)
