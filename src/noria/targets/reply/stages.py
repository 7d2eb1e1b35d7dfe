"""The stages of an assistant, one after another, each another trained model: found by what they answer.

    sound -> detection -> recognition -> answer -> speech
             segments     transcript     a class, a text or a place in a document    a sound

Without detection the whole clip is taken; without speech the answer is a text. Read next: voices.py.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from noria.contract import dispatch, only_input, streaming
from noria.contract.settings import fields_by_task
from noria.errors import UserError
from noria.sound.reading import Sound
from noria.types import Prediction

DETECTION, RECOGNITION, ANSWER, SPEECH = "detection", "recognition", "answer", "speech"
BY_KIND = {"segments": DETECTION, "transcript": RECOGNITION}  # what a part answers -> which stage it is
# What each stage is given: a sound, or a text. Words that somebody speaks must never name a file that is then opened.
TAKES = {DETECTION: "file", RECOGNITION: "file", ANSWER: "cell", SPEECH: "cell"}
EDGE_S = 0.15  # kept before the first and after the last stretch of speech


@dataclass(frozen=True)
class Said:
    """What became of one sound: the stretch that was heard, the words, the answer to them, and milliseconds a stage."""

    spans: list[list[float]] | None
    transcript: str
    answer: Prediction
    milliseconds: dict[str, float] = field(default_factory=dict)


NOBODY = Prediction("", None)  # the answer where nobody spoke


def stage_of(part: Any) -> str:
    """Return which stage a loaded part is: by the kind of its answer, or by the sound that it answers with."""
    target = part.task.target
    known = BY_KIND.get(target.kind)
    if known is None:
        return SPEECH if (dispatch.media_type(target) or "").startswith("audio/") else ANSWER
    return known


def _check_inputs(part: Any, stage: str, name: str) -> None:
    """Raise UserError where a part would take a text for the name of a file, or a sound for a text."""
    others = {field: one.raw_type for field, one in part.task.inputs.items() if one.raw_type != TAKES[stage]}
    if others:
        raise UserError(
            f"a part for {stage} takes {'a sound' if TAKES[stage] == 'file' else 'texts alone'}",
            where=f"target.parts, {name}",
            found=", ".join(f"input {field}, a {kind}" for field, kind in others.items()),
            fix="take another part, as a run of text-classification" if stage == ANSWER else "take another part",
        )


@dataclass(frozen=True)
class Stages:
    """The parts of an assistant by stage; `document` is what a part that answers from a text looks into."""

    parts: Mapping[str, Any]
    document: str = ""

    @classmethod
    def of(cls, parts: Mapping[str, Any], document: str = "") -> Stages:
        """Return loaded parts by stage; raise UserError where two are the same, one takes something else, or none
        recognises."""
        found: dict[str, Any] = {}
        for name, part in parts.items():
            stage = stage_of(part)
            _check_inputs(part, stage, str(name))
            if stage in found:
                raise UserError(f"two parts do the same: {stage}", where=f"target.parts, {name}", fix="leave one out")
            found[stage] = part
        if found and RECOGNITION not in found:
            raise UserError(
                "no part writes down what is said", where="target.parts", expected="a recogniser among them",
                found=f"parts for {' and '.join(found)}", fix="add a run of speech-recognition, or of a Whisper model",
            )  # fmt: skip
        return cls(found, document)

    def run(self, sounds: Sequence[Sound], given: Mapping[str, Sequence[Any]] | None = None) -> list[Said]:
        """Return what becomes of some sounds; `given` are outcomes of a stage to take in place of its own."""
        given, clock = given or {}, Clock(len(sounds), self.parts)
        if RECOGNITION in given:
            spans: list[list[list[float]] | None] = [None] * len(sounds)
            texts = list(given[RECOGNITION])
        else:
            spans = list(given[DETECTION]) if DETECTION in given else self.spans(sounds)
            clock.lap(DETECTION)
            texts = self.transcripts(sounds, spans)
            clock.lap(RECOGNITION)
        answers = self.answers(texts)
        clock.lap(ANSWER)
        return [Said(*one, clock.milliseconds) for one in zip(spans, texts, answers, strict=True)]

    def spans(self, sounds: Sequence[Sound]) -> list[list[list[float]] | None]:
        """Return when somebody speaks, in seconds; None where no part knows: the whole clip is taken."""
        part = self.parts.get(DETECTION)
        if part is None:
            return [None] * len(sounds)
        return [[[one["start_s"], one["end_s"]] for one in found.value] for found in heard_by(part, sounds)]

    def transcripts(self, sounds: Sequence[Sound], spans: Sequence[list[list[float]] | None]) -> list[str]:
        """Return what is said from the first to the last stretch of speech; nothing where there is none."""
        part, texts = self.parts.get(RECOGNITION), [""] * len(sounds)
        chosen = [index for index, one in enumerate(spans) if one is None or one]
        if part is None or not chosen:
            return texts
        for index, found in zip(chosen, heard_by(part, [_cut(sounds[i], spans[i]) for i in chosen]), strict=True):
            texts[index] = str(found.value)
        return texts

    def answers(self, texts: Sequence[str]) -> list[Prediction]:
        """Return the answer to each text; where nothing was said, none. Without a part for it, the text is repeated."""
        part, found = self.parts.get(ANSWER), [NOBODY if not text.strip() else Prediction(text) for text in texts]
        chosen = [index for index, text in enumerate(texts) if text.strip()]
        if part is None or not chosen:
            return found
        asked = part.predict([self.question(part, texts[i]) for i in chosen])
        for index, one in zip(chosen, asked, strict=True):
            found[index] = one
        return found

    def question(self, part: Any, text: str) -> dict[str, Any]:
        """Return the record that asks a part about a text: the document goes where its answers lie."""
        fields = list(part.task.inputs)
        in_document = [name for name in fields_by_task(part.task.target).values() if name in fields]
        asked = [name for name in fields if name not in in_document] or fields
        if len(asked) != 1 or (len(fields) > 1 and not self.document):
            raise UserError(
                "this part cannot answer a text alone", where="target.parts", found=f"inputs {', '.join(fields)}",
                fix="give target.document, a text that it answers from" if len(asked) == 1 else "take another part",
            )  # fmt: skip
        return {**dict.fromkeys(fields, self.document), asked[0]: text}

    def pieces(self, text: str) -> Iterator[str]:
        """Yield the answer to a text as it is written, where its part writes; else as a whole."""
        part = self.parts.get(ANSWER)
        if part is None or not text.strip() or not streaming.can_stream(part.task.target):
            yield str(self.answers([text])[0].value)
            return
        for piece in part.stream(self.question(part, text)):
            if isinstance(piece.content, str):
                yield piece.content


def heard_by(part: Any, sounds: Sequence[Sound]) -> list[Prediction]:
    """Return what a part says of sounds."""
    name = only_input(part.task, "hear a sound")
    return list(part.predict([{name: (one.samples, one.rate_hz)} for one in sounds]))


def _cut(sound: Sound, spans: list[list[float]] | None) -> Sound:
    """Return a sound from its first to its last stretch of speech."""
    if spans is None:
        return sound
    start, end = (round(edge * sound.rate_hz) for edge in (spans[0][0] - EDGE_S, spans[-1][1] + EDGE_S))
    samples = sound.samples[max(0, start) : max(1, end)]
    return Sound(samples if len(samples) else np.zeros(1, np.float32), sound.rate_hz)


class Clock:
    """Milliseconds a record of each stage that there is."""

    def __init__(self, count: int, stages: Collection[str]) -> None:
        self.count, self.stages, self.milliseconds = max(1, count), stages, dict[str, float]()
        self._start = time.perf_counter()

    def lap(self, stage: str) -> None:
        """Put down what has passed since the last lap as the time of a stage."""
        now = time.perf_counter()
        if stage in self.stages:
            self.milliseconds[stage] = round(1000 * (now - self._start) / self.count, 3)
        self._start = now
