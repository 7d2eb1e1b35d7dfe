"""Cells that name files: one file a cell, or several that make one value."""

from __future__ import annotations

import numpy as np

from noria.modalities.audio import Audio
from noria.pipeline.fields import encode_field, fit_field
from noria.sound.wav import wav_bytes


def test_a_cell_may_name_several_sounds_in_a_row_and_a_missing_one_is_bad(tmp_path):
    for name, count in (("a.wav", 800), ("b.wav", 1_600)):
        (tmp_path / name).write_bytes(wav_bytes(np.full(count, 0.1), 8_000))
    values = [["a.wav", "b.wav"], "a.wav", ["a.wav", "c.wav"], ["../a.wav", "a.wav"]]
    audio = Audio()
    encoded = encode_field(audio, values, fit_field(audio, values, tmp_path), tmp_path)
    assert encoded.arrays["mel"].lengths[:2].tolist() == [31, 11]
    assert encoded.bad == {
        2: "c.wav: there is no such file",
        3: "../a.wav leads out of the data's folder",
    }
