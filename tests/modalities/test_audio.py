"""Sounds as the network gets them."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
import torch

from noria.errors import UserError
from noria.modalities.audio import Audio
from noria.modalities.audio.embedder import LENGTHS, MEL
from noria.modalities.audio.reading import picture_of
from noria.sound.mel import MelSettings, log_mel
from noria.sound.wav import wav_bytes
from noria.types import as_tensors

pytest.importorskip("soxr", reason="the extra `audio` is not installed")

RATE_HZ = 8_000
ALL = Audio(speed=0.2, pitch=3, gain_db=6, equalizer_db=6, noise_db=-10, silence_s=0.1, time_mask=0.3, mel_mask=0.3)


def tone(seconds: float, hz: float = 440, rate_hz: int = RATE_HZ) -> bytes:
    return wav_bytes(0.3 * np.sin(2 * np.pi * hz * np.arange(int(seconds * rate_hz)) / rate_hz), rate_hz)


TONES = [tone(0.1), tone(0.25, 880), tone(0.5, 300)]


@pytest.fixture
def batch():
    audio = Audio()
    encoded = audio.encode(TONES, audio.fit(TONES))
    return as_tensors(encoded.arrays, slice(None), "cpu")


def test_a_sound_becomes_its_log_mel_frames():
    audio = Audio(num_mels=20)
    encoded = audio.encode([(np.ones(800, np.float32) / 2, RATE_HZ)], audio.fit(TONES))
    expected = log_mel(np.ones(800, np.float32) / 2, MelSettings(RATE_HZ, 20))
    np.testing.assert_allclose(encoded.arrays["mel"][0], expected, atol=1e-2)


@pytest.mark.parametrize(
    ("rates_hz", "expected"),
    [([8_000], 8_000), ([44_100], 16_000), ([8_000, 48_000, 48_000], 16_000), ([11_025], 8_000)],
)
def test_the_rate_is_that_of_most_training_sounds_as_far_as_speech_needs_it(rates_hz, expected):
    assert Audio().fit([tone(0.1, rate_hz=rate_hz) for rate_hz in rates_hz])["rate_hz"] == expected


def test_a_rate_that_is_lowered_and_silent_sounds_are_told():
    audio = Audio()
    state = audio.fit([tone(0.1, rate_hz=44_100), wav_bytes(np.zeros(800), RATE_HZ), tone(0.1, rate_hz=44_100)])
    lowered, silent = audio.remarks(state)
    assert lowered.startswith("2 of 3 sounds have more than 16,000 samples per second (44,100)")
    assert lowered.endswith("inputs.audio.rate_hz=44100 keeps it")
    assert silent == "1 of 3 sounds are silent throughout"


def test_a_silent_or_very_short_sound_gives_finite_tokens():
    audio = Audio()
    state = audio.fit(TONES)
    encoded = audio.encode([wav_bytes(np.zeros(800), RATE_HZ), (np.zeros(1, np.float32), RATE_HZ)], state)
    assert not encoded.bad
    tokens = audio.embedder(state, 16).eval()(as_tensors(encoded.arrays, slice(None), "cpu"))
    assert torch.isfinite(tokens.features).all()


def test_broken_sounds_are_bad_with_their_reason_and_the_others_are_read():
    audio = Audio()
    values = [tone(0.1), b"", b"no sound", tone(0.5)[:500], (np.full(80, np.nan), RATE_HZ), None]
    encoded = audio.encode(values, audio.fit(values))
    assert sorted(encoded.bad) == [1, 2, 3, 4, 5]
    assert "breaks off" in encoded.bad[3]
    with pytest.raises(UserError, match=r"2 of them: the file is empty"):
        audio.fit([b"", b"x"])


def test_of_a_long_sound_the_beginning_is_read_and_the_rest_is_counted():
    audio = Audio(max_s=2)
    encoded = audio.encode([tone(2.0), tone(5.5)], audio.fit(TONES))
    assert encoded.cut == {1: (2, 6)}
    assert encoded.arrays["mel"].lengths.tolist() == [201, 201]


@pytest.mark.parametrize("subsampling", [1, 2, 4, 8])
def test_a_sound_gives_the_same_tokens_alone_and_beside_longer_ones(subsampling):
    audio = Audio(subsampling=subsampling)
    state = audio.fit(TONES)
    embedder = audio.embedder(state, 16).eval()
    together = embedder(as_tensors(audio.encode(TONES, state).arrays, slice(None), "cpu"))
    for i, value in enumerate(TONES):
        alone = embedder(as_tensors(audio.encode([value], state).arrays, slice(None), "cpu"))
        count = audio.tokens_of(len(audio.encode([value], state).arrays["mel"][0]))
        assert together.is_real[i].sum() == alone.features.shape[1] == count
        torch.testing.assert_close(together.features[i, :count], alone.features[0], atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("subsampling", [1, 4, 8])
def test_spans_are_seconds_that_follow_one_another(subsampling):
    audio = Audio(subsampling=subsampling)
    state = audio.fit(TONES)
    for value, seconds in zip(TONES, (0.1, 0.25, 0.5), strict=True):
        spans = audio.spans(value, state)
        tokens = audio.embedder(state, 16)(as_tensors(audio.encode([value], state).arrays, slice(None), "cpu"))
        assert len(spans) == tokens.features.shape[1]
        assert (spans[0].start, spans[-1].end) == (0, seconds)
        assert all(one.end == other.start for one, other in pairwise(spans))
        assert spans[1].end - spans[1].start <= audio.seconds_per_token + 1e-9


def test_a_picture_shows_high_tones_above_low_ones():
    audio = Audio()
    state = audio.fit(TONES)
    pictures = [picture_of(audio.encode([tone(0.2, hz)], state).arrays["mel"][0]) for hz in (300, 2_000)]
    low, high = (int(picture[:, 10].argmax()) for picture in pictures)
    assert high < low
    assert pictures[0].dtype == np.uint8
    assert pictures[0].shape == (64, 21)


# Augmentation


def test_augmentation_is_seeded_and_does_not_change_what_is_stored(batch):
    before = {name: tensor.clone() for name, tensor in batch.items()}
    torch.manual_seed(0)
    one = ALL.augment(batch)
    torch.manual_seed(0)
    same = ALL.augment(batch)
    other = ALL.augment(batch)
    assert torch.equal(one[MEL], same[MEL])
    assert one[MEL].shape != other[MEL].shape or not torch.equal(one[MEL], other[MEL])
    assert all(torch.equal(batch[name], tensor) for name, tensor in before.items())


def test_augmentation_that_is_off_changes_nothing(batch):
    varied = Audio().augment(batch)
    assert torch.equal(varied[MEL], batch[MEL].float())
    assert torch.equal(varied[LENGTHS], batch[LENGTHS])


@pytest.mark.parametrize(
    "setting",
    [
        {"speed": 0.3},
        {"pitch": 3.0},
        {"gain_db": 6.0},
        {"equalizer_db": 6.0},
        {"noise_db": 10.0},
        {"silence_s": 0.2},
        {"time_mask": 0.5},
        {"mel_mask": 0.5},
    ],
)
def test_each_augmentation_alone_changes_sounds_and_leaves_padding_at_zero(batch, setting):
    torch.manual_seed(1)
    varied = replace(Audio(), **setting).augment(batch)
    mel, lengths = varied[MEL], varied[LENGTHS]
    assert torch.isfinite(mel).all()
    assert mel.shape[1] == lengths.max()
    for row, length in zip(mel, lengths.tolist(), strict=True):
        assert length >= 1
        assert not row[length:].any()
    is_same_length = torch.equal(lengths, batch[LENGTHS])
    assert is_same_length == (not {"speed", "silence_s"} & setting.keys())
    assert not is_same_length or not torch.equal(mel, batch[MEL].float())


def test_speed_changes_the_length_by_its_factor(batch):
    lengths = torch.stack([replace(Audio(), speed=0.3).augment(batch)[LENGTHS] for _ in range(200)])
    factor = lengths / batch[LENGTHS]
    assert factor.min() >= 0.7
    assert factor.max() <= 1.4
    assert factor.std(0).min() > 0.1


def test_pitch_moves_the_loudest_band(batch):
    loudest = torch.stack([replace(Audio(), pitch=5.0).augment(batch)[MEL][2, 10].argmax() for _ in range(50)])
    own = int(batch[MEL][2, 10].argmax())
    assert own - 6 <= loudest.min() < own < loudest.max() <= own + 6


@pytest.mark.parametrize(
    "wrong", [{"rate_hz": 10}, {"num_mels": 0}, {"subsampling": 3}, {"time_mask": 1.0}, {"hop_s": 0.0}, {"max_s": 0}]
)
def test_settings_that_cannot_be_are_refused(wrong):
    with pytest.raises(UserError, match=f"inputs.audio.{next(iter(wrong))}"):
        Audio(**wrong)
