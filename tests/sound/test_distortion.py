"""Distortion: blind to pace and loudness, not to timbre."""

from __future__ import annotations

import itertools

import numpy as np

from noria.sound.distortion import cepstra, mel_distortion, warping_path
from noria.sound.wav import pcm_bytes, wav_bytes, wav_header

GENERATOR = np.random.default_rng(0)


def test_the_path_is_the_cheapest_of_all():
    one, other = GENERATOR.normal(size=(4, 2)), GENERATOR.normal(size=(5, 2))

    def cost(path):
        return sum(np.linalg.norm(one[row] - other[column]) for row, column in path)

    def paths(row, column):
        if (row, column) == (3, 4):
            yield [(row, column)]
            return
        for down, right in ((1, 0), (0, 1), (1, 1)):
            if row + down <= 3 and column + right <= 4:
                yield from ([(row, column), *rest] for rest in paths(row + down, column + right))

    found = [tuple(step) for step in warping_path(one, other).tolist()]
    assert np.isclose(cost(found), min(map(cost, paths(0, 0))))
    assert found[0] == (0, 0)
    assert found[-1] == (3, 4)
    assert all(0 <= b - a <= 1 for step, after in itertools.pairwise(found) for a, b in zip(step, after, strict=True))


def test_a_slower_or_louder_sound_is_not_distorted():
    mel = GENERATOR.normal(size=(20, 40))
    assert mel_distortion(mel, mel) == 0
    assert mel_distortion(np.repeat(mel, 2, 0), mel) < 1e-5
    assert mel_distortion(mel + 1.5, mel) < 1e-5


def test_another_timbre_is_distorted_by_as_much_as_the_formula_says():
    mel = GENERATOR.normal(size=(1, 40))
    other = GENERATOR.normal(size=(1, 40))
    steps = cepstra(mel) - cepstra(other)
    assert np.isclose(mel_distortion(mel, other), 10 / np.log(10) * np.sqrt(2 * (steps**2).sum()))


def test_a_wav_file_in_pieces_is_the_whole_file():
    samples = GENERATOR.uniform(-1.2, 1.2, 1_000)
    pieces = [wav_header(16_000, 1_000), pcm_bytes(samples[:300]), pcm_bytes(samples[300:])]
    assert b"".join(pieces) == wav_bytes(samples, 16_000)
