"""A wav file is what Python's own writer makes of the same samples."""

from __future__ import annotations

import io
import wave

import numpy as np

from noria.sound.reading import read_sound
from noria.sound.wav import pcm_bytes, wav_bytes, wav_header

SAMPLES = np.random.default_rng(0).uniform(-1, 1, 501)


def test_a_sound_is_written_byte_for_byte_as_the_standard_library_writes_it():
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(22_050)
        file.writeframes(pcm_bytes(SAMPLES))
    assert wav_bytes(SAMPLES, 22_050) == buffer.getvalue()


def test_what_is_louder_than_full_scale_is_clipped():
    assert (
        pcm_bytes(np.array([-2.0, -1.0, 0.0, 1.0, 2.0])) == np.array([-32767, -32767, 0, 32767, 32767], "<i2").tobytes()
    )


def test_a_sound_whose_end_was_not_known_is_read_whole():
    sound = read_sound(wav_header(16_000) + pcm_bytes(SAMPLES))
    assert sound.rate_hz == 16_000
    assert np.allclose(sound.samples, SAMPLES, atol=1e-4)
