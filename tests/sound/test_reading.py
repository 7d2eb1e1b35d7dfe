"""Sounds from what people have, and what is refused."""

from __future__ import annotations

import io
import math
import re
import struct

import numpy as np
import pytest

from noria.sound.length import cost_of_sound
from noria.sound.reading import Sound, read_sound
from noria.sound.resampling import resampled
from noria.sound.wav import wav_bytes
from noria.types import Cost

soundfile = pytest.importorskip("soundfile", reason="the extra `audio` is not installed")

RATE_HZ = 16_000
TONE = (0.3 * np.sin(2 * np.pi * 440 * np.arange(RATE_HZ) / RATE_HZ)).astype(np.float32)
KINDS = [("WAV", "PCM_16"), ("FLAC", "PCM_16"), ("MP3", "MPEG_LAYER_III"), ("OGG", "VORBIS"), ("OGG", "OPUS")]
KINDS += [("AIFF", "PCM_16"), ("AU", "PCM_16"), ("WAV", "PCM_U8"), ("WAV", "PCM_24"), ("WAV", "FLOAT"), ("WAV", "ULAW")]
KINDS += [("RF64", "PCM_16"), ("W64", "PCM_16"), ("CAF", "PCM_16"), ("CAF", "ALAC_16"), ("NIST", "PCM_16")]
KINDS += [("SVX", "PCM_16")]


def file_of(samples: np.ndarray, kind: str = "WAV", subtype: str = "PCM_16", rate_hz: int = RATE_HZ) -> bytes:
    buffer = io.BytesIO()
    soundfile.write(buffer, samples, rate_hz, format=kind, subtype=subtype)
    return buffer.getvalue()


def likeness(one: np.ndarray, other: np.ndarray) -> float:
    """Return the highest correlation of two sounds, a few milliseconds apart at most."""
    size = min(len(one), len(other)) - 400
    parts = [other[shift : shift + size] for shift in range(0, 400, 3)]
    return max(float(np.corrcoef(one[:size], part)[0, 1]) for part in parts)


@pytest.mark.parametrize(("kind", "subtype"), KINDS)
def test_every_kind_of_file_gives_the_same_tone(kind, subtype):
    sound = read_sound(file_of(TONE, kind, subtype))
    assert sound.rate_hz == RATE_HZ
    assert sound.duration_s == pytest.approx(1, abs=0.02)
    assert sound.samples.dtype == np.float32
    assert likeness(TONE, sound.samples) > 0.98


@pytest.mark.parametrize("rate_hz", [8_000, 11_025, 22_050, 44_100, 96_000])
def test_any_rate_becomes_another(rate_hz):
    samples = (0.3 * np.sin(2 * np.pi * 440 * np.arange(rate_hz) / rate_hz)).astype(np.float32)
    sound = resampled(read_sound(file_of(samples, rate_hz=rate_hz)), RATE_HZ)
    assert sound.rate_hz == RATE_HZ
    assert len(sound.samples) == pytest.approx(RATE_HZ, abs=1)
    assert likeness(TONE, sound.samples) > 0.99


def test_a_sound_of_one_sample_keeps_one_at_any_rate():
    assert len(resampled(Sound(np.ones(1, np.float32), 48_000), 8_000).samples) == 1


@pytest.mark.parametrize("channels", [2, 8])  # stereo and 7.1
def test_channels_are_averaged(channels):
    loud = np.zeros((800, channels))
    loud[:, 0] = 0.8
    assert read_sound(file_of(loud)).samples == pytest.approx(0.8 / channels, abs=1e-3)
    assert read_sound((loud, RATE_HZ)).samples == pytest.approx(0.8 / channels)
    assert read_sound((loud.T, RATE_HZ)).samples == pytest.approx(0.8 / channels)


@pytest.mark.parametrize(
    ("samples", "expected"),
    [
        (np.array([0, 128, 255], np.uint8), [-1, 0, 127 / 128]),
        (np.array([-32_768, 0, 16_384], np.int16), [-1, 0, 0.5]),
        (np.array([-(2**31), 2**30], np.int32), [-1, 0.5]),
        (np.array([-1, 0.25], np.float64), [-1, 0.25]),
        ([0, 1, 0.5], [0, 1, 0.5]),
    ],
)
def test_samples_are_scaled_by_their_type(samples, expected):
    given = [(samples, RATE_HZ), (RATE_HZ, samples), {"samples": samples, "rate_hz": RATE_HZ}]
    given += [{"array": samples, "sampling_rate": RATE_HZ}]
    for one in given:
        assert read_sound(one).samples.tolist() == pytest.approx(expected)


def test_samples_beyond_full_scale_are_turned_down_and_not_clipped():
    assert read_sound((np.array([2.0, 1.0, -4.0]), RATE_HZ)).samples.tolist() == [0.5, 0.25, -1.0]
    assert read_sound(file_of(4 * TONE, subtype="FLOAT")).samples == pytest.approx(TONE / 0.3, abs=1e-2)


def test_several_sounds_stand_one_after_another_at_the_rate_of_the_first():
    sound = read_sound([wav_bytes(TONE, RATE_HZ), (TONE[::2], RATE_HZ // 2), {"bytes": wav_bytes(TONE, RATE_HZ)}])
    assert (sound.rate_hz, sound.duration_s) == (RATE_HZ, 3)
    assert read_sound([wav_bytes(TONE, RATE_HZ)] * 3, 1.5).unread_s == pytest.approx(1.5)


def test_wav_bytes_give_the_samples_back():
    assert read_sound(wav_bytes(TONE, 22_050)).samples == pytest.approx(TONE, abs=1e-4)
    assert np.abs(read_sound(wav_bytes(np.array([3.0, -3.0]), 8_000)).samples).max() <= 1


def test_only_what_is_asked_for_of_an_hour_is_held():
    hour = file_of(np.zeros(3600 * 8_000, np.int8).astype(np.int16), "FLAC", rate_hz=8_000)
    sound = read_sound(hour, most_s=10)
    assert (sound.duration_s, sound.unread_s) == (10, 3590)
    assert read_sound(hour).duration_s == 3600


def test_a_silent_sound_is_a_sound():
    assert not read_sound(file_of(np.zeros(800))).samples.any()


# What is refused, and why.


@pytest.mark.parametrize(("kind", "subtype"), [one for one in KINDS if one[0] != "MP3"])
@pytest.mark.parametrize("share", [0.3, 0.9])
def test_a_file_that_breaks_off_is_refused(kind, subtype, share):
    data = file_of(TONE + 0.01 * np.random.default_rng(0).normal(size=len(TONE)).astype(np.float32), kind, subtype)
    with pytest.raises(ValueError, match=r"breaks off|no whole sound"):
        read_sound(data[: int(share * len(data))])


def test_an_mp3_that_breaks_off_is_refused():
    data = file_of(TONE, "MP3", "MPEG_LAYER_III")
    with pytest.raises(ValueError, match=r"breaks off: it holds \d\d% of 1.00 seconds"):
        read_sound(data[: len(data) // 2])


@pytest.mark.parametrize("subtype", ["VORBIS", "OPUS"])
@pytest.mark.parametrize("place", [0.4, 0.7, 1.0])
def test_an_ogg_with_zeroed_bytes_is_refused(subtype, place):
    noise = np.random.default_rng(0).uniform(-0.3, 0.3, 10 * RATE_HZ).astype(np.float32)
    data = file_of(noise, "OGG", subtype)
    assert len(read_sound(data).samples) == len(noise)
    start = round(place * (len(data) - 6000))
    with pytest.raises(ValueError, match="the file is damaged: page"):
        read_sound(data[:start] + bytes(6000) + data[start + 6000 :])


def test_an_ogg_that_lacks_a_page_is_refused():
    noise = np.random.default_rng(0).uniform(-0.3, 0.3, 10 * RATE_HZ).astype(np.float32)
    data = file_of(noise, "OGG", "VORBIS")
    starts = [one.start() for one in re.finditer(b"OggS", data)]
    with pytest.raises(ValueError, match="pages are missing"):
        read_sound(data[: starts[3]] + data[starts[4] :])


def test_what_stands_after_the_last_page_of_an_ogg_is_no_damage():
    assert len(read_sound(file_of(TONE, "OGG", "VORBIS") + b"TAG" + bytes(125)).samples) == len(TONE)


@pytest.mark.parametrize("kind", ["VOC", "AVR", "PAF"])
def test_a_kind_of_file_whose_end_is_not_known_is_refused(kind):
    with pytest.raises(ValueError, match="whose end is not known here: convert it to wav"):
        read_sound(file_of(TONE, kind))


def without_length(data: bytes) -> bytes:
    """Return a FLAC whose head does not say how many samples it has."""
    return data[:21] + bytes([data[21] & 0xF0]) + bytes(4) + data[26:]


def test_a_flac_of_unknown_length_is_decoded_to_its_end(monkeypatch):
    whole = file_of(np.tile(TONE, 40), "FLAC")
    sound = read_sound(without_length(whole))
    assert np.array_equal(sound.samples, read_sound(whole).samples)
    assert cost_of_sound(whole).seconds == 40
    assert cost_of_sound(without_length(whole)) == Cost()
    first = read_sound(without_length(whole), 1.5)
    assert (first.duration_s, first.unread_s) == (1.5, 38.5)
    with pytest.raises(ValueError, match="begins as a FLAC file, but breaks off"):
        read_sound(without_length(whole)[: len(whole) // 2])
    monkeypatch.setattr("noria.sound.reading.MOST_SAMPLES", RATE_HZ)
    with pytest.raises(ValueError, match="the sound is too long"):
        read_sound(without_length(whole))


@pytest.mark.parametrize("length", [30, 60])
def test_a_file_that_ends_in_its_head_is_broken_and_not_unknown(length):
    with pytest.raises(ValueError, match="the file is broken: it begins as a FLAC file"):
        read_sound(file_of(TONE, "FLAC")[:length])


@pytest.mark.parametrize("size", [0, 0xFFFF_FFFF, 0x7FFF_FFFF])
def test_a_wav_whose_writer_did_not_know_its_length_is_read(size):
    data = bytearray(file_of(TONE))
    data[40:44] = struct.pack("<I", size)
    if size:
        assert read_sound(bytes(data)).duration_s == 1
    else:
        with pytest.raises(ValueError, match="no sample"):
            read_sound(bytes(data))


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (b"", "the file is empty"),
        (b"RIFF", "no whole sound"),
        (b"hello, I am a text that is called x.wav", "no whole sound"),
        (b"\0\0\0\x20ftypM4A \0\0\0\0", "MP4 file.*ffmpeg -i"),
        (b"\x1a\x45\xdf\xa3 webm", "WebM"),
        (None, "not a sound but NoneType"),
        (7, "not a sound but int"),
        ("a.wav", "not a sound but str"),
        (np.zeros(80), "without a rate"),
        ([0.1, 0.2], "without a rate"),
        ((np.zeros(0), 8_000), "no sample"),
        ((np.zeros((0, 2)), 8_000), "no sample"),
        ((np.zeros((2, 0)), 8_000), "no sample"),
        ((np.zeros(80), math.inf), "a whole number"),
        ({"samples": np.zeros(80), "rate_hz": -math.inf}, "a whole number"),
        ((np.array([0, np.nan, np.inf]), 8_000), "2 samples are no finite numbers, the first is sample 2"),
        ((np.zeros(80), 0), "a rate of 0 Hz"),
        ((np.zeros(80), 10), "a rate of 10 Hz"),
        ((np.zeros(80), 8_000.5), "a whole number"),
        ((np.zeros(80), math.nan), "a whole number"),
        ((np.zeros((2, 2, 2)), 8_000), "no sound of shape"),
        ((np.zeros(80, bool), 8_000), "samples of bool"),
        ((np.array(["a"]), 8_000), "samples of <U1"),
        ([], "without a rate"),
        ([b"", b""], "sound 1 of 2: the file is empty"),
        ({"samples": [0.0]}, "not a sound but dict"),
        ({"samples": [[0.0], [0.0, 1.0]], "rate_hz": 8_000}, "rows of unequal length"),
    ],
)
def test_what_is_no_sound_is_refused_with_its_reason(value, reason):
    with pytest.raises(ValueError, match=reason):
        read_sound(value)


@pytest.mark.parametrize("wild", [1e30, -4e9, 60_000])
def test_one_sample_beyond_every_scale_is_refused_and_not_the_rest_silenced(wild):
    broken = 0.1 * TONE
    broken[100] = wild
    with pytest.raises(ValueError, match=r"sample 101 is .* beyond every scale"):
        read_sound((broken, 8_000))


def test_a_click_in_silence_and_samples_of_32_bits_as_numbers_are_sounds():
    click = np.zeros(4_000)
    click[7] = 3.0
    assert read_sound((click, 8_000)).samples.max() == 1
    assert np.abs(read_sound((TONE * 2.0**31, 8_000)).samples).max() == 1


def test_samples_of_a_file_that_are_no_numbers_are_refused():
    broken = TONE.copy()
    broken[100] = np.nan
    with pytest.raises(ValueError, match="1 sample is no finite number, the first is sample 101"):
        read_sound(file_of(broken, subtype="FLOAT"))


def test_a_sound_that_is_too_long_is_refused_before_it_is_decoded(monkeypatch):
    monkeypatch.setattr("noria.sound.reading.MOST_SAMPLES", 1_000)
    with pytest.raises(ValueError, match="too long: 16,000 samples"):
        read_sound(file_of(TONE))
    assert len(read_sound(file_of(TONE), 0.05).samples) == 800
