"""Fake parts of an assistant: they read what is said from the samples themselves, and each can be made to err."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import numpy as np

from noria.contract.capabilities import GivesMedia
from noria.sound.wav import wav_bytes
from noria.types import Media, Prediction

WORDS = ("on", "off", "up", "down", "left", "right", "stop", "go")
INTENTS = {word: f"turn {word}" for word in WORDS}
RATE_HZ, SPEECH_S, SILENCE_S = 16_000, 0.05, 0.05


def clip(word: str) -> np.ndarray:
    """Return a sound of silence, speech and silence: the level of the speech is the word's number."""
    speech = np.full(int(SPEECH_S * RATE_HZ), 0.1 * (1 + WORDS.index(word)), np.float32)
    silence = np.zeros(int(SILENCE_S * RATE_HZ), np.float32)
    return np.concatenate([silence, speech, silence])


SPANS = [[SILENCE_S, SILENCE_S + SPEECH_S]]


@dataclass(frozen=True)
class Answering:
    """The target of a part."""

    kind: str


@dataclass(frozen=True)
class Taking:
    """The input of a part."""

    raw_type: str


@dataclass
class Fake:
    """A part: `answer` makes a prediction of one raw value; `errs` is how often it is another one, at random."""

    kind: str
    field_name: str
    answer: Any
    wrong: Any = None
    errs: float = 0.0
    generator: np.random.Generator = field(default_factory=lambda: np.random.default_rng(0))
    asked: list[Any] = field(default_factory=list)

    @property
    def raw_type(self) -> str:
        return "file" if self.field_name == "audio" else "cell"

    @property
    def task(self) -> Any:
        return SimpleNamespace(target=Answering(self.kind), inputs={self.field_name: Taking(self.raw_type)})

    def predict(self, records: list[Mapping[str, Any]]) -> list[Prediction]:
        self.asked += [record[self.field_name] for record in records]
        return [self._one(record[self.field_name]) for record in records]

    def _one(self, value: Any) -> Prediction:
        is_wrong = self.generator.random() < self.errs
        return Prediction((self.wrong if is_wrong else self.answer)(value), 0.9)


def detector(errs: float = 0.0, seed: int = 0) -> Fake:
    """Return what finds the speech; where it errs, it hears nothing."""

    def spans(sound: Any) -> list[dict[str, float]]:
        loud = np.flatnonzero(np.abs(sound[0]) > 0.01)
        return [{"start_s": loud[0] / RATE_HZ, "end_s": (loud[-1] + 1) / RATE_HZ}] if len(loud) else []

    return Fake("segments", "audio", spans, lambda sound: [], errs, np.random.default_rng(seed))


def recogniser(errs: float = 0.0, seed: int = 1) -> Fake:
    """Return what reads the word from the level of the sound; where it errs, it says the next one."""

    def number(sound: Any) -> int:
        return round(float(np.abs(sound[0]).max()) / 0.1) - 1

    return Fake(
        "transcript", "audio", lambda sound: WORDS[number(sound)],
        lambda sound: WORDS[(number(sound) + 1) % len(WORDS)], errs, np.random.default_rng(seed),
    )  # fmt: skip


def intents(errs: float = 0.0, seed: int = 2) -> Fake:
    """Return what says the class of a word; where it errs, that of another one."""
    return Fake(
        "label", "text", lambda text: INTENTS.get(text, "unknown"), lambda text: "something else", errs,
        np.random.default_rng(seed),
    )  # fmt: skip


class Voice(Fake):
    """A part that speaks: as many milliseconds as its text has signs."""

    def __init__(self) -> None:
        super().__init__("spoken", "text", len)

    @property
    def task(self) -> Any:
        return SimpleNamespace(target=Speaking(), inputs={"text": Taking("cell")})

    def predict(self, records: list[Mapping[str, Any]]) -> list[Prediction]:
        self.asked += [record["text"] for record in records]
        sounds = [np.full(16 * len(record["text"]), 0.25, np.float32) for record in records]
        return [Prediction("", media=Media("audio/wav", wav_bytes(sound, RATE_HZ))) for sound in sounds]


class Speaker(Voice):
    """A voice whose words can be recognised, but for some, of which it says the next one."""

    def __init__(self, unclear: Any = ()) -> None:
        super().__init__()
        self.unclear = set(unclear)

    def predict(self, records: list[Mapping[str, Any]]) -> list[Prediction]:
        words = [record["text"] for record in records]
        said = [
            WORDS[(WORDS.index(one) + (one in self.unclear)) % len(WORDS)] if one in WORDS else "go" for one in words
        ]
        return [Prediction("", media=Media("audio/wav", wav_bytes(clip(one), RATE_HZ))) for one in said]


class Speaking(GivesMedia):
    """The target of a voice."""

    kind = "spoken"

    def media_type(self) -> str:
        return "audio/wav"
