"""What is said to an open microphone ends by itself, once a pause follows it."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from noria.targets.reply import turn
from noria.targets.reply.stages import EDGE_S
from noria.targets.reply.turn import MOST_S, REST_S, turn_of

RATE_HZ, PIECE_S = 1_000, 0.1


class Loud:
    """A detector that takes for speech what is loud, and knows it 0.2 s later, as a network does."""

    rate_hz, delay_s = RATE_HZ, 0.2

    def __init__(self):
        self.samples, self.has_ended = np.zeros(0, np.float32), False

    @classmethod
    def of(cls, detector):
        return cls()

    @property
    def known_s(self):
        return len(self.samples) / RATE_HZ - (0 if self.has_ended else self.delay_s)

    def push(self, samples):
        self.samples = np.concatenate([self.samples, samples])

    def finish(self):
        self.has_ended = True

    def answer(self):
        loud = np.flatnonzero(np.abs(self.samples[: round(self.known_s * RATE_HZ)]) > 0.1) / RATE_HZ
        spans = [{"start_s": loud[0], "end_s": loud[-1]}] if len(loud) else []
        return SimpleNamespace(value=spans)


@pytest.fixture(autouse=True)
def detector(monkeypatch):
    monkeypatch.setattr(turn, "SpeechStream", Loud)


def pieces_of(*stretches):
    """Yield pieces of stretches, (seconds, level) each."""
    samples = np.concatenate([np.full(round(seconds * RATE_HZ), level, np.float32) for seconds, level in stretches])
    size = round(PIECE_S * RATE_HZ)
    return iter([samples[place : place + size] for place in range(0, len(samples), size)])


def test_a_turn_ends_with_a_pause_and_what_follows_is_left_for_the_next_one():
    pieces = pieces_of((1, 0), (0.5, 0.5), (0.3, 0), (0.5, 0.5), (3, 0), (0.4, 0.25), (3, 0))
    first = turn_of(None, pieces, RATE_HZ, pause_s=0.7)
    assert first.has_paused
    assert len(first.samples) == pytest.approx((1.3 + 2 * EDGE_S) * RATE_HZ, abs=3)  # a shorter pause is within it
    second = turn_of(None, pieces, RATE_HZ, pause_s=0.7)
    assert second.samples.max() == 0.25
    assert turn_of(None, pieces, RATE_HZ, pause_s=0.7) is None


def test_speech_that_the_sound_ends_with_is_a_turn():
    found = turn_of(None, pieces_of((1, 0), (0.5, 0.5)), RATE_HZ, pause_s=0.7)
    assert len(found.samples) == pytest.approx((0.5 + EDGE_S) * RATE_HZ, abs=3)


def test_who_speaks_on_and_on_gets_a_reply_and_that_is_told():
    pieces = pieces_of((1, 0), (2 * MOST_S, 0.5))
    found = turn_of(None, pieces, RATE_HZ, pause_s=0.7)
    assert not found.has_paused
    assert len(found.samples) / RATE_HZ == pytest.approx(MOST_S + EDGE_S, abs=0.5)


def test_a_long_silence_is_forgotten_but_not_its_last_second():
    quiet = [0.001 * np.ones(100, np.float32)] * round(10 * (REST_S + 5))
    found = turn_of(None, iter([*quiet, *pieces_of((0.5, 0.5), (2, 0))]), RATE_HZ, pause_s=0.7)
    assert found.samples.max() == 0.5
    assert len(found.samples) == pytest.approx((0.5 + 2 * EDGE_S) * RATE_HZ, abs=3)
    assert found.samples[0] == pytest.approx(0.001)
