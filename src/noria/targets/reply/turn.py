"""What somebody says to an open microphone: it ends by itself, once a pause follows the speech.

    piece piece piece piece piece piece ..
          |---- speech ----|- pause -|         the samples of the speech are the turn; what came before is let go

Read next: targets/segments/streaming.py.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from noria.sound.resampling import ResampledStream
from noria.targets.reply.stages import EDGE_S
from noria.targets.segments.streaming import SpeechStream
from noria.types import Turn

MOST_S = 30.0  # of a turn: whoever speaks on and on, or a noise that is taken for speech, gets a reply too
REST_S, KEPT_S = 60.0, 1.0  # after so long without speech the detector begins anew, with the last second


def turn_of(detector: Any, pieces: Iterable[np.ndarray], rate_hz: int, pause_s: float) -> Turn | None:
    """Return what is said in pieces float[T] of a sound; None where they end before anybody speaks.

    detector: a loaded model of the task voice-activity-detection. Pieces are taken until the turn has ended.
    """
    ear = _Ear(detector, rate_hz)
    for piece in pieces:
        ear.push(piece)
        if (span := ear.speech()) is None:
            if ear.known_s > REST_S:
                ear = ear.anew()
            continue
        has_paused = ear.known_s - span[1] >= pause_s
        if has_paused or ear.known_s - span[0] >= MOST_S:
            return Turn(ear.cut(span), has_paused)
    ear.finish()
    span = ear.speech()
    return None if span is None else Turn(ear.cut(span), True)


class _Ear:
    """A detector at work on a sound, and the samples that it has heard."""

    def __init__(self, detector: Any, rate_hz: int) -> None:
        self.detector, self.rate_hz = detector, rate_hz
        self.stream = SpeechStream.of(detector)
        self._change = ResampledStream(rate_hz, self.stream.rate_hz)
        self._pieces: list[np.ndarray] = []

    def push(self, piece: np.ndarray) -> None:
        self._pieces.append(np.asarray(piece, np.float32))
        self.stream.push(self._change.push(piece))

    def finish(self) -> None:
        self.stream.push(self._change.finish())
        self.stream.finish()

    @property
    def known_s(self) -> float:
        """Return up to when it is known whether somebody speaks."""
        return self.stream.known_s

    def speech(self) -> tuple[float, float] | None:
        """Return from when to when somebody has spoken so far, in seconds."""
        spans = self.stream.answer().value
        return (spans[0]["start_s"], spans[-1]["end_s"]) if spans else None

    def cut(self, span: tuple[float, float]) -> np.ndarray:
        """Return the samples of a stretch, and a little around it."""
        first, end = (round(edge * self.rate_hz) for edge in (span[0] - EDGE_S, span[1] + EDGE_S))
        return np.concatenate(self._pieces)[max(0, first) : end]

    def anew(self) -> _Ear:
        """Return an ear that has heard the last second alone."""
        following = _Ear(self.detector, self.rate_hz)
        following.push(np.concatenate(self._pieces)[-round(KEPT_S * self.rate_hz) :])
        return following
