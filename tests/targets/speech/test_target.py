"""Speech: what is encoded, how a voice is learnt, and that it says the same whole, in pieces and beside others."""

from __future__ import annotations

import io
import json
from pathlib import Path

import numpy as np
import pytest
import soundfile

import noria
from noria.errors import UserError
from noria.sound.mel import MelSettings, log_mel
from noria.sound.wav import wav_bytes
from noria.targets.speech import Speech
from noria.tasks.text_to_speech import TextToSpeech
from noria.tasks.vocoder import Vocoder

STEPS = ["train.validations=1", "train.seed=1", "evaluate.resamples=100"]


def recordings(folder: Path, count: int = 40) -> Path:
    """Write recordings of a made-up voice and a table of them."""
    folder.mkdir(parents=True)
    lines = ["text,speech"]
    for index, record in enumerate(TextToSpeech().examples(count)):
        (folder / f"{index}.wav").write_bytes(record.fields["speech"])
        lines.append(f"{record.fields['text']},{index}.wav")
    (folder / "voice.csv").write_text("\n".join(lines))
    return folder / "voice.csv"


@pytest.fixture(scope="module")
def voices(tmp_path_factory):
    """Train a vocoder, and two voices: with it, and without."""
    folder = tmp_path_factory.mktemp("voices")
    data = recordings(folder / "data")
    small = ["model.width=32", "model.heads=2", "model.depth=1", "target.blocks=2", *STEPS]
    job = f"task: vocoder\ndata: {{path: {data}, fields: {{audio: speech, waveform: speech}}}}\n"
    (folder / "vocoder.yaml").write_text(job)
    wave = ["model.width=16", "target.blocks=2", "target.crop_s=0.2", *STEPS]
    noria.train(str(folder / "vocoder.yaml"), ["train.steps=20", *wave], folder / "vocoder")
    (folder / "voice.yaml").write_text(f"task: text-to-speech\ndata: {{path: {data}}}\n")
    noria.train(str(folder / "voice.yaml"), ["train.steps=120", *small], folder / "plain")
    named = f"target.vocoder={folder / 'vocoder'}"
    noria.train(str(folder / "voice.yaml"), ["train.steps=5", named, *small], folder / "neural")
    return folder


@pytest.fixture(params=["plain", "neural"])
def voice(voices, request):
    return noria.load(voices / request.param)


def test_a_voice_learns_how_long_and_how_high_its_letters_are(voices):
    scores = json.loads((voices / "plain" / "metrics.json").read_text("utf-8"))
    own, trivial = ({name: one["value"] for name, one in scores[key].items()} for key in ("metrics", "baseline"))
    assert own["mel_distortion"] < 0.7 * trivial["mel_distortion"]
    assert own["duration_error"] < 0.2


def test_the_answer_is_a_wav_file_of_the_length_that_it_says(voice):
    (answer,) = voice.predict("aeiou")
    samples, rate = soundfile.read(io.BytesIO(answer.media.data))
    assert rate == 16_000
    assert answer.media.mime == "audio/wav"
    assert answer.value == f"{len(samples) / rate:.2f} s of speech"


def test_a_text_is_spoken_the_same_alone_and_beside_others(voice):
    together = voice.predict(["aei", "uoaeiu", "o"])
    settings = MelSettings(16_000, 40)
    for text, answer in zip(["aei", "uoaeiu", "o"], together, strict=True):
        (alone,) = voice.predict(text)
        assert alone.value == answer.value
        one, other = (log_mel(soundfile.read(io.BytesIO(given.media.data))[0], settings) for given in (alone, answer))
        assert np.abs(one - other).mean() < 0.05  # frames agree to 1e-6; Griffin-Lim makes other phases of that


def test_pieces_are_the_whole_file(voice):
    pieces = list(voice.stream("aeiouaeiouaeiouaeiou"))
    whole = voice.predict("aeiouaeiouaeiouaeiou")[0].media.data
    assert pieces[-1].ended == "end"
    joined = b"".join(piece.content for piece in pieces)
    assert joined[:44] == whole[:44]
    heard, wanted = (np.frombuffer(one[44:], "<i2").astype(int) for one in (joined, whole))
    assert np.abs(heard - wanted).max() <= 1  # of 32,768: sums in another order


def test_the_first_piece_of_a_neural_voice_is_a_quarter_of_a_second(voices):
    pieces = list(noria.load(voices / "neural").stream("aeiouaeiou"))
    assert len(pieces) > 3
    assert len(pieces[1].content) == 2 * 16_000 // 4


def test_a_faster_voice_takes_less_time(voices):
    voice = noria.load(voices / "plain")
    lengths = [sum(len(one.content) for one in voice.stream("aeiou", speed=speed)) for speed in (0.5, 1, 2)]
    assert lengths[0] > 1.5 * lengths[1] > 2.2 * lengths[2]


@pytest.mark.parametrize("settings", [{"speed": 0}, {"speed": 99}, {"speed": "fast"}, {"temperature": 1}])
def test_a_setting_that_speech_does_not_have_is_refused(voices, settings):
    with pytest.raises(UserError, match=r"speed|such setting"):
        list(noria.load(voices / "plain").stream("a", **settings))


def test_a_vocoder_of_other_frames_is_refused_when_training_begins(voices, tmp_path):
    job = str(voices / "voice.yaml")
    named = f"target.vocoder={voices / 'vocoder'}"
    with pytest.raises(UserError, match="other frames than this voice makes"):
        noria.train(job, [named, "target.num_mels=64", "train.steps=1"], tmp_path / "run")


def test_a_part_that_is_no_vocoder_is_refused(voices, tmp_path):
    job = str(voices / "voice.yaml")
    with pytest.raises(UserError, match="a run of the task vocoder"):
        noria.train(job, [f"target.vocoder={voices / 'plain'}", "train.steps=1"], tmp_path / "run")


def test_bad_recordings_are_refused_with_their_reason():
    target, good = Speech(max_s=1), TextToSpeech().example().fields["speech"]
    long = wav_bytes(np.sin(np.arange(40_000)), 16_000)
    state = target.fit([good])
    bad = target.encode([good, b"", good[:-100], wav_bytes(np.zeros(8_000), 16_000), long], state).bad
    assert sorted(bad) == [1, 2, 3, 4]
    assert "silent" in bad[3]
    assert "longer than 1 s" in bad[4]


def test_a_text_that_is_longer_than_its_sound_is_refused():
    task = TextToSpeech()
    short = wav_bytes(np.sin(np.arange(800)), 16_000)  # 6 frames
    inputs = {"text": task.inputs["text"].encode(["aeiou", "ae"], task.inputs["text"].fit(["aeiou"])).arrays}
    answer = task.target.encode([short, short], task.target.fit([short])).arrays
    assert list(task.validate_pair(inputs, answer)) == [0]


def test_a_sound_and_frames_of_another_pace_do_not_make_a_vocoder():
    task = Vocoder()
    record = task.example().fields
    audio, sound = task.inputs["audio"], [record["audio"]]
    inputs = {"audio": audio.encode(sound, audio.fit(sound)).arrays}
    good = task.target.encode([record["waveform"]], {}).arrays
    assert not task.validate_pair(inputs, good)
    samples, rate = soundfile.read(io.BytesIO(record["waveform"]))
    other = task.target.encode([(samples[: len(samples) // 2], rate)], {}).arrays
    assert "not of one sound" in task.validate_pair(inputs, other)[0]
