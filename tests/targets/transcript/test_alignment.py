"""Forced alignment is the best of all paths, which a short sound lets us try one by one."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from noria.targets.transcript.alignment import align, frames_needed, path_log_prob, shared_out


def collapsed(path: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(one for one, _ in itertools.groupby(path) if one)


def log_probs(frames: int, units: int, seed: int) -> np.ndarray:
    logits = 2 * np.random.default_rng(seed).normal(size=(frames, units))
    return np.asarray(logits - np.log(np.exp(logits).sum(1, keepdims=True)))


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("ids", [(1,), (1, 2), (2, 2), (1, 2, 1), (2, 2, 2)])
def test_an_alignment_is_the_best_of_all_paths(ids: tuple[int, ...], seed: int) -> None:
    table = log_probs(6, 3, seed)
    paths = [path for path in itertools.product(range(3), repeat=6) if collapsed(path) == ids]
    best = max(sum(table[frame, unit] for frame, unit in enumerate(path)) for path in paths)
    spans = align(table, np.array(ids))
    assert path_log_prob(table, np.array(ids), spans) == pytest.approx(best)
    assert (spans[:, 0] < spans[:, 1]).all()
    assert (spans[1:, 0] >= spans[:-1, 1]).all()


def test_a_transcript_that_is_longer_than_its_sound_is_refused() -> None:
    assert frames_needed(np.array([1, 1, 2])) == 4
    with pytest.raises(ValueError, match="3 units need 4 frames, and there are 3"):
        align(log_probs(3, 3, 0), np.array([1, 1, 2]))
    assert align(log_probs(4, 3, 0), np.array([1, 1, 2])).tolist() == [[0, 1], [2, 3], [3, 4]]


def test_nothing_said_has_no_spans() -> None:
    assert align(log_probs(3, 3, 0), np.array([], int)).shape == (0, 2)
    assert shared_out(np.zeros((0, 2), int), 3).shape == (0, 2)


def test_shared_out_spans_cover_every_frame_once() -> None:
    spans = shared_out(np.array([[2, 3], [6, 8], [8, 9]]), 12)
    assert spans.tolist() == [[0, 5], [5, 8], [8, 12]]
