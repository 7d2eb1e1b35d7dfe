"""Sounds that are words of three tones: what tests and examples of speech take for speech."""

from __future__ import annotations

import numpy as np

from noria.sound.wav import wav_bytes

RATE_HZ = 8_000
TONES_HZ = {"a": 400.0, "o": 900.0, "i": 1_800.0}  # of the example's "vowels"
LETTER_S = 0.12


def tone_words(count: int, seed: int) -> list[tuple[bytes, str]]:
    """Return sounds, as the bytes of wav files, and the words of two to four tones that they are."""
    generator = np.random.default_rng(seed)
    texts = ["".join(generator.choice(list(TONES_HZ), int(generator.integers(2, 5)))) for _ in range(count)]
    return [(_spoken(text, generator), text) for text in texts]


def _spoken(text: str, generator: np.random.Generator) -> bytes:
    """Return a wav file with a tone for each letter of a word, a short rest after it, and a little hiss."""
    turns = 2 * np.pi * np.arange(int(LETTER_S * RATE_HZ)) / RATE_HZ
    envelope = np.minimum(1, 4 * np.sin(np.linspace(0, np.pi, len(turns))) ** 2)
    samples = np.concatenate([0.3 * envelope * np.sin(TONES_HZ[one] * turns) for one in text])
    return wav_bytes(samples + 0.005 * generator.normal(size=len(samples)), RATE_HZ)
