"""Sounds that are words of three tones: what tests and examples of speech take for speech."""

from __future__ import annotations

import numpy as np

RATE_HZ = 8_000
TONES_HZ = {"a": 400.0, "o": 900.0, "i": 1_800.0}  # of the example's "vowels"
LETTER_S = 0.12


def tone_words(count: int, seed: int) -> list[tuple[tuple[np.ndarray, int], str]]:
    """Return sounds and the words of two to four tones that they are."""
    generator = np.random.default_rng(seed)
    texts = ["".join(generator.choice(list(TONES_HZ), int(generator.integers(2, 5)))) for _ in range(count)]
    return [((spoken(text) + _hiss(generator, text), RATE_HZ), text) for text in texts]


def spoken(text: str) -> np.ndarray:
    """Return a tone for each letter of a word and a short rest after it, float32[T]."""
    turns = 2 * np.pi * np.arange(int(LETTER_S * RATE_HZ)) / RATE_HZ
    envelope = np.minimum(1, 4 * np.sin(np.linspace(0, np.pi, len(turns))) ** 2)
    return np.concatenate([0.3 * envelope * np.sin(TONES_HZ[one] * turns) for one in text]).astype(np.float32)


def _hiss(generator: np.random.Generator, text: str) -> np.ndarray:
    return 0.005 * generator.normal(size=len(spoken(text))).astype(np.float32)
