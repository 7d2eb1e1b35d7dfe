"""Whether replies are right: as they are, and with each stage replaced by the truth in turn.

The voice is a stage where somebody hears the replies: a recogniser writes down what the voice says, and a reply that it
does not understand is no right one. Take another than the assistant's own, or its errors are the voice's too. Read
next: metrics/error_budget.py.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from noria.sound.reading import Sound
from noria.targets.reply.stages import ANSWER, DETECTION, RECOGNITION, SPEECH, Said, Stages, heard_by
from noria.targets.reply.truth import SEGMENTS, TRANSCRIPT, Truth, is_same
from noria.targets.reply.voices import joined, sentences, spoken
from noria.types import Prediction

# That errors are shared out among, and what is to be given for that.
STAGES = {
    DETECTION: SEGMENTS,
    RECOGNITION: TRANSCRIPT,
    ANSWER: TRANSCRIPT,
    SPEECH: f"{TRANSCRIPT} and target.judge",
}


@dataclass(frozen=True)
class Judge:
    """Compares replies with the right ones; `text_of` is what is said for an answer, `ear` the part that hears it."""

    stages: Stages
    text_of: Callable[[Prediction], str]
    ear: Any
    _understood: dict[str, bool] = field(default_factory=dict)  # by reply, each of which is spoken once

    def right(
        self, sounds: Sequence[Sound], found: Sequence[Said], truths: Sequence[Truth]
    ) -> list[list[float | None]]:
        """Return for each record whether its reply is right: as it is, and with each of STAGES replaced by the truth.

        None where the truth is not given. Without the words nobody knows what the answer to them would have been.
        """
        spans, words = [one.segments for one in truths], [one.transcript for one in truths]
        as_is = self._are_right(found, truths)
        with_spans = self._are_right(self.stages.run(sounds, {DETECTION: spans}), truths)
        with_words = self._are_right(self.stages.run(sounds, {RECOGNITION: [one or "" for one in words]}), truths)
        rows: list[list[float | None]] = []
        for row, truth in enumerate(truths):
            known: list[float | None] = [None, None, None]
            if words[row] is not None:
                said = float(self._is_understood(self.text_of(Prediction(truth.reply))))
                known = [with_words[row], said, 1.0 if self._hears else None]
            rows.append([as_is[row], None if spans[row] is None else with_spans[row], *known])
        return rows

    @property
    def _hears(self) -> bool:
        return self.ear is not None and SPEECH in self.stages.parts

    def _are_right(self, found: Sequence[Said], truths: Sequence[Truth]) -> list[float]:
        return [
            float(
                (is_same(str(said.answer.value), one.reply) or is_same(self.text_of(said.answer), one.reply))
                and self._is_understood(self.text_of(said.answer))
            )
            for said, one in zip(found, truths, strict=True)
        ]

    def _is_understood(self, text: str) -> bool:
        """Say whether the ear writes down what the voice makes of a text; true where there is no ear or no voice."""
        if not self._hears or not text.strip():
            return True
        if text not in self._understood:
            sound = joined(spoken(self.stages.parts[SPEECH], sentences([text])))
            heard = "" if sound is None else str(heard_by(self.ear, [sound])[0].value)
            self._understood[text] = is_same(heard, text)
        return self._understood[text]
