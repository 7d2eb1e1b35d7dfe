"""The settings of sounds, which the modality, its embedder and its augmentation share."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from noria.contract.settings import IS_SHAPE, tried, tried_between
from noria.errors import raise_unmet
from noria.sound.mel import MelSettings
from noria.sound.reading import LEAST_RATE_HZ, MOST_RATE_HZ
from noria.types import State

NETWORK_ONLY = {"network_only": True}  # settings that preparation does not depend on
MOST_MELS = 512


@dataclass(frozen=True)
class AudioSettings:
    """How sounds are read, varied and embedded."""

    rate_hz: int | None = None
    """Samples per second that every sound is brought to. Null: 8,000 or 16,000, by the training sounds."""
    num_mels: int = 64
    """Bands of pitch that a frame has. 40 to 80 for speech; more where fine differences of pitch decide."""
    window_s: float = 0.025
    """Length of a frame in seconds. Raise it for low or steady tones, lower it for clicks."""
    hop_s: float = 0.010
    """Seconds from one frame to the next. Raise it for long, slow sounds; time and memory fall with it."""
    max_s: int = 30
    """Longest sound in whole seconds; the rest is not read. Memory and time grow with it."""
    subsampling: int = field(default=4, metadata=NETWORK_ONLY | tried(2, 4, 8))
    """Frames that one token stands for: 1, 2, 4 or 8. Lower it where short events decide, at more time."""
    channels: int = field(default=32, metadata={**NETWORK_ONLY, IS_SHAPE: True} | tried(16, 32, 64))
    """Channels of the convolutions over time and pitch. Raise it where data is plentiful."""
    dropout: float = field(default=0.0, metadata=NETWORK_ONLY | tried_between(0.0, 0.5))
    """Dropout of the tokens' features, 0 to 1. Raise it where validation stays far behind training."""
    speed: float = field(default=0.0, metadata=NETWORK_ONLY | tried_between(0.0, 0.3))
    """Augmentation: largest random change of speed, as log of the factor; 0.1 is about 10 %."""
    pitch: float = field(default=0.0, metadata=NETWORK_ONLY | tried_between(0.0, 4.0))
    """Augmentation: largest random shift of pitch and timbre, in mel bands. Not where the pitch is the answer."""
    gain_db: float = field(default=0.0, metadata=NETWORK_ONLY | tried_between(0.0, 12.0))
    """Augmentation: largest random change of loudness, in dB. For varying distance to the microphone."""
    equalizer_db: float = field(default=0.0, metadata=NETWORK_ONLY | tried_between(0.0, 12.0))
    """Augmentation: largest random change of loudness by pitch, in dB. For other microphones, rooms and voices."""
    noise_db: float | None = field(default=None, metadata=NETWORK_ONLY | tried(-20.0, -10.0))
    """Augmentation: loudest noise added to half of the sounds, in dB above their mean level. Null: none."""
    silence_s: float = field(default=0.0, metadata=NETWORK_ONLY | tried_between(0.0, 0.5))
    """Augmentation: longest random silence added at either end, in seconds. For recordings cut tightly."""
    time_mask: float = field(default=0.0, metadata=NETWORK_ONLY | tried_between(0.0, 0.3))
    """Augmentation: longest of two stretches of time that are blanked, a fraction of the sound (SpecAugment)."""
    mel_mask: float = field(default=0.0, metadata=NETWORK_ONLY | tried_between(0.0, 0.3))
    """Augmentation: widest of two ranges of bands that are blanked, a fraction of all (SpecAugment)."""

    def __post_init__(self) -> None:
        shares = {name: getattr(self, name) for name in ("dropout", "time_mask", "mel_mask")}
        amounts = {name: getattr(self, name) for name in ("speed", "pitch", "gain_db", "equalizer_db", "silence_s")}
        rate = self.rate_hz
        rules: dict[str, tuple[bool, str, object]] = {
            "rate_hz": (
                rate is None or LEAST_RATE_HZ <= rate <= MOST_RATE_HZ,
                f"{LEAST_RATE_HZ:,} to {MOST_RATE_HZ:,}, or null",
                rate,
            ),
            "num_mels": (1 <= self.num_mels <= MOST_MELS, f"1 to {MOST_MELS}", self.num_mels),
            "hop_s": (0.0005 <= self.hop_s <= 1, "0.0005 to 1 second", self.hop_s),
            "window_s": (0.0005 <= self.window_s <= 1, "0.0005 to 1 second", self.window_s),
            "max_s": (1 <= self.max_s <= 24 * 3600, "1 to 86,400 seconds", self.max_s),
            "subsampling": (self.subsampling in (1, 2, 4, 8), "1, 2, 4 or 8", self.subsampling),
            "channels": (self.channels >= 1, "at least 1", self.channels),
        }
        rules |= {name: (0 <= share < 1, "at least 0 and less than 1", share) for name, share in shares.items()}
        rules |= {name: (0 <= much < math.inf, "0 or more", much) for name, much in amounts.items()}
        raise_unmet("a sound", rules, "inputs.audio.")

    @property
    def seconds_per_token(self) -> float:
        """Return how much time one token stands for."""
        return self.hop_s * self.subsampling

    def mel_settings(self, state: State) -> MelSettings:
        """Return how the sounds of a fitted state become frames."""
        return MelSettings(state["rate_hz"], self.num_mels, self.window_s, self.hop_s)

    def tokens_of(self, frames: int) -> int:
        """Return how many tokens so many frames become."""
        return -(-frames // self.subsampling)
