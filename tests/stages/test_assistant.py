"""An assistant is made of models that are trained already, and replies on the command line and when served."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

import noria
from fake_parts import RATE_HZ, Fake, Voice
from noria.contract import registry
from noria.contract.capabilities import PARTS
from noria.contract.examples import records_like
from noria.errors import UserError
from noria.pipeline.predictor import load
from noria.reporter import Silent
from noria.service.app import make_app
from noria.sound.reading import read_sound
from noria.sound.resampling import resampled
from noria.sound.wav import wav_bytes
from noria.stages.assistant import conversation
from noria.stages.evaluate import evaluate
from noria.stages.train import train
from service.conftest import _send

STEPS = {"batch_size": 8, "precision": "float32", "steps": 12, "validations": 1}


def run_of(task_name: str, folder: Path, steps: int = 12) -> Path:
    """Train a tiny model of a task on its own examples."""
    folder.mkdir()
    task = registry.task(task_name)
    records = records_like(task, 40)
    for index, record in enumerate(records):
        if "audio" in record:
            sound = read_sound(record["audio"])
            (folder / f"{index}.wav").write_bytes(wav_bytes(sound.samples, sound.rate_hz))
            record["audio"] = f"{index}.wav"
    (folder / "records.jsonl").write_text("".join(json.dumps(record) + "\n" for record in records))
    job = {
        "task": task_name, "data": {"path": str(folder / "records.jsonl"), "split": {"validation": 0.2, "test": 0.2}},
        "model": {"width": 16, "heads": 2, "depth": 0},
        "train": {**STEPS, "steps": steps}, "evaluate": {"resamples": 100},
    }  # fmt: skip
    return train(job, run=folder / "run", reporter=Silent())


@pytest.fixture(scope="module")
def parts(tmp_path_factory):
    folder = tmp_path_factory.mktemp("parts")
    return [
        str(run_of(name, folder / name))
        for name in ("text-classification", "voice-activity-detection", "speech-recognition")
    ]


@pytest.fixture(scope="module")
def made(parts, tmp_path_factory):
    run = tmp_path_factory.mktemp("assistant") / "run"
    noria.assistant(run, [question(run.parent)], parts, reporter=Silent())
    return run


def question(folder: Path) -> Path:
    sound = read_sound(records_like(registry.task("speech-recognition"), 3)[2]["audio"])
    (folder / "question.wav").write_bytes(wav_bytes(sound.samples, sound.rate_hz))
    return folder / "question.wav"


def test_one_bundle_holds_all_parts_and_stands_alone(made, parts):
    config = json.loads((made / "bundle" / "config.json").read_text())
    assert config["weights"]["count"] == 0
    inside = sorted((made / "bundle" / "parts").iterdir())
    kinds = [load(part).task.target.kind for part in inside]
    assert kinds == ["label", "segments", "transcript"]


def test_the_command_says_what_it_heard_and_what_it_replies(made, noria, tmp_path):
    code, out, _ = noria("assistant", made, question(tmp_path), "--json")
    assert code == 0
    answer = json.loads(out)
    assert {"value", "transcript", "segments", "answer", "milliseconds"} <= answer.keys()
    code, out, _ = noria("assistant", made, question(tmp_path))
    assert (code, "heard" in out, "reply" in out) == (0, True, True)


def test_predict_and_the_server_reply_as_the_assistant_does(made, tmp_path):
    predictor = load(made, device="cpu")
    sound = question(tmp_path).read_bytes()
    whole = predictor.predict([{"audio": sound}])[0]
    files = {"files": {"audio": ("question.wav", sound)}}
    response = asyncio.run(_send(make_app(predictor), "POST", "/predict", files))
    assert response.status_code == 200, response.text
    (served,) = response.json()["predictions"]
    assert (served["value"], served["transcript"]) == (whole.value, whole.details["transcript"])


@pytest.fixture(scope="module")
def classifier_of_sounds(tmp_path_factory):
    return run_of("audio-classification", tmp_path_factory.mktemp("sounds") / "run")


def test_a_part_that_answers_to_sounds_is_refused_and_leaves_no_run(parts, classifier_of_sounds, tmp_path):
    with pytest.raises(UserError, match="a part for answer takes texts alone"):
        noria.assistant(tmp_path / "run", [], [parts[2], str(classifier_of_sounds)], reporter=Silent())
    assert not (tmp_path / "run" / "bundle").exists()


def test_the_name_of_a_file_that_somebody_says_is_never_opened(made, classifier_of_sounds, tmp_path, monkeypatch):
    secret = question(tmp_path)
    predictor = load(made, device="cpu")
    loaded = predictor.states["target"][PARTS]
    hears, answers = (
        next(name for name, part in loaded.items() if part.task.target.kind == kind) for kind in ("transcript", "label")
    )
    loaded[hears] = Fake("transcript", "audio", lambda sound: str(secret))
    files = {"files": {"audio": ("question.wav", secret.read_bytes())}}
    response = asyncio.run(_send(make_app(predictor), "POST", "/predict", files))
    assert response.json()["predictions"][0]["transcript"] == str(secret)  # and it was answered as a text
    loaded[answers] = load(classifier_of_sounds, device="cpu")  # of a bundle that was made when nobody asked
    opened = []
    monkeypatch.setattr(Path, "read_bytes", lambda path: opened.append(path) or b"")
    response = asyncio.run(_send(make_app(predictor), "POST", "/predict", files))
    assert response.status_code == 422
    assert "takes texts alone" in response.text
    assert not opened


def test_scores_say_which_stage_is_to_blame(made, tmp_path):
    records = records_like(registry.task("speech-recognition"), 12)
    lines = []
    for index, record in enumerate(records):
        sound = read_sound(record["audio"])
        (tmp_path / f"{index}.wav").write_bytes(wav_bytes(sound.samples, sound.rate_hz))
        lines.append(json.dumps({"audio": f"{index}.wav", "transcript": record["transcript"], "reply": "never said"}))
    (tmp_path / "calls.jsonl").write_text("\n".join(lines) + "\n")
    scored = evaluate(made, tmp_path / "calls.jsonl", Silent(), ["data.fields.reply=[reply,transcript]"])
    metrics = scored["metrics"]
    assert metrics["accuracy"]["value"] == 0
    assert metrics["errors_of_answer"]["value"] == 1  # whatever is heard, no class is ever the right one
    assert metrics["errors_of_recognition"]["value"] == 0
    detection = metrics["errors_of_detection"]
    assert (detection["value"], detection["note"]) == (None, "no segments given")
    assert scored["panels"][0]["title"] == "Right replies, stage by stage replaced by the truth"
    with pytest.raises(UserError, match="no column 'transkript'") as caught:
        evaluate(made, tmp_path / "calls.jsonl", Silent(), ["data.fields.reply=[reply,transkript]"])
    assert "transcript" in caught.value.fix
    alone = evaluate(made, tmp_path / "calls.jsonl", Silent())["metrics"]
    assert [alone[f"errors_of_{one}"]["note"] for one in ("detection", "recognition", "answer")] == [
        "no segments given", "no transcript given", "no transcript given"
    ]  # fmt: skip


def test_a_microphone_is_heard_where_there_is_one(made, monkeypatch):
    heard = SimpleNamespace(
        rec=lambda count, samplerate, channels, dtype: np.zeros((count, channels), dtype), wait=lambda: None
    )
    monkeypatch.setitem(sys.modules, "sounddevice", heard)
    (reply,) = noria.assistant(made, microphone=0.5)
    assert reply.details["transcript"] in ("", reply.details["transcript"])
    monkeypatch.setitem(sys.modules, "sounddevice", None)
    with pytest.raises(UserError, match="needs the package sounddevice"):
        noria.assistant(made, microphone=0.5)


class OpenMicrophone:
    """A file that stands in for the microphone, and what is played meanwhile; Ctrl-C is pressed where it ends."""

    def __init__(self, samples):
        self.samples, self.place, self.is_open, self.played = samples, 0, False, []

    def InputStream(self, samplerate, channels, dtype):  # as sounddevice calls it
        assert (samplerate, channels, dtype) == (RATE_HZ, 1, "float32")
        return self

    def __enter__(self):
        self.is_open = True
        return self

    def __exit__(self, *_):
        self.is_open = False

    def read(self, count):
        if self.place >= len(self.samples):
            raise KeyboardInterrupt
        self.place += count
        return self.samples[self.place - count : self.place, None], False

    def play(self, samples, rate_hz):
        assert not self.is_open  # or it would hear itself
        self.played.append((len(samples), rate_hz))

    def wait(self):
        pass


@pytest.fixture
def open_microphone(monkeypatch):
    """Two buzzes with a second of faint noise around each, as the detector has learnt to tell them."""
    records = records_like(registry.task("voice-activity-detection"), 2)
    buzzes = [resampled(read_sound(one["audio"]), RATE_HZ).samples for one in records]
    quiet = 0.003 * np.random.default_rng(0).normal(size=RATE_HZ).astype(np.float32)
    heard = OpenMicrophone(np.concatenate([buzzes[0], quiet, buzzes[1], quiet]))
    monkeypatch.setitem(sys.modules, "sounddevice", heard)
    return heard


@pytest.fixture(scope="module")
def listening(parts, tmp_path_factory):
    """An assistant whose detector has learnt what it hears."""
    folder = tmp_path_factory.mktemp("listening")
    detector = run_of("voice-activity-detection", folder / "detector", steps=80)
    noria.assistant(folder / "run", [question(folder)], [parts[0], str(detector), parts[2]], reporter=Silent())
    return folder / "run"


def test_whatever_is_said_is_replied_to_once_a_pause_ends_it(listening, open_microphone):
    predictor = load(listening, device="cpu")
    loaded = predictor.states["target"][PARTS]
    hears = next(name for name, part in loaded.items() if part.task.target.kind == "transcript")
    loaded.update({hears: Fake("transcript", "audio", lambda sound: "good"), "voice": Voice()})
    answers = conversation(predictor, 0.4, Silent())
    first = next(answers)
    assert 1.2 * RATE_HZ < open_microphone.place < 2.2 * RATE_HZ  # the second buzz has not been heard yet
    assert not open_microphone.is_open
    following = next(answers)
    for one in (first, following):
        (segment,) = one.prediction.details["segments"]
        assert 0.15 < segment[1] - segment[0] < 0.6
    assert open_microphone.played == [(16 * len(first.prediction.value), RATE_HZ)]
    with pytest.raises(KeyboardInterrupt):
        next(answers)


def test_the_command_listens_until_it_is_interrupted(listening, noria, open_microphone, tmp_path):
    code, out, err = noria("assistant", listening, "--listen", 0.4, "--json", "--out", tmp_path)
    assert code == 0, err
    assert len(out.strip().splitlines()) == 2
    assert len((tmp_path / "answers.jsonl").read_text().splitlines()) == 2
    code, _, err = noria("assistant", listening, "--listen", 0)
    assert (code, "no pause that ends" in err) == (2, True)


def test_an_assistant_that_detects_no_speech_listens_to_files_alone(made, open_microphone):
    predictor = load(made, device="cpu")
    parts = predictor.states["target"][PARTS]
    del parts[next(name for name, part in parts.items() if part.task.target.kind == "segments")]
    with pytest.raises(UserError, match="when somebody has finished speaking") as caught:
        next(conversation(predictor, 0.7, Silent()))
    assert "voice-activity-detection" in caught.value.fix


def test_what_is_not_there_is_told_with_what_to_do(made, tmp_path):
    with pytest.raises(UserError, match="no such assistant") as caught:
        noria.assistant(tmp_path / "nothing", [])
    assert "--part" in caught.value.fix
    with pytest.raises(UserError, match="there already"):
        noria.assistant(made, [], ["x"])
    with pytest.raises(UserError, match="nothing to hear"):
        noria.assistant(made, [])


def test_settings_of_the_guide_are_taken_where_an_assistant_is_made(parts, noria, tmp_path):
    sound, run = question(tmp_path), tmp_path / "run"
    options = [word for part in parts for word in ("--part", part)]
    code, _, said = noria("assistant", run, *options, sound, tmp_path / "gone.wav")
    assert (code, "gone.wav" in said, run.exists()) == (2, True, False)
    setting = "target.replies={happy: Good., sad: Bad.}"
    code, _, said = noria("assistant", run, *options, setting, sound, "--json")
    assert code == 0, said
    assert json.loads((run / "bundle" / "config.json").read_text())["job"]["target"]["replies"] == {
        "happy": "Good.",
        "sad": "Bad.",
    }
    code, _, said = noria("assistant", run, setting, sound)
    assert (code, "settings are for an assistant that is being made" in said) == (2, True)


def test_two_parts_of_one_kind_are_named_as_they_were_given(parts, tmp_path):
    with pytest.raises(UserError, match="two parts do the same") as caught:
        noria.assistant(tmp_path / "run", [question(tmp_path)], [parts[2], parts[2]], reporter=Silent())
    assert parts[2] in str(caught.value)


def test_a_sound_that_cannot_be_read_is_told_beside_the_others(made, noria, tmp_path):
    (tmp_path / "broken.wav").write_bytes(b"RIFF")
    code, out, _ = noria("assistant", made, tmp_path / "broken.wav", question(tmp_path))
    assert code == 0
    assert "cannot be heard" in out


def test_rate_of_fakes_is_that_of_assistants():
    assert RATE_HZ == 16_000


def test_parts_of_which_none_writes_down_what_is_said_make_no_assistant(parts, noria, tmp_path):
    words = ["assistant", tmp_path / "run", "--part", parts[0], "--part", parts[1], question(tmp_path)]
    code, _, err = noria(*words)
    assert code == 2
    assert "no part writes down what is said" in err
    code, out, _ = noria(*words, "--part", parts[2])  # nothing is left of the one that was refused
    assert (code, "heard" in out) == (0, True)


def test_another_model_is_refused_as_an_assistant(parts, noria, tmp_path):
    code, _, err = noria("assistant", parts[2], question(tmp_path))
    assert code == 2
    assert "this is no assistant" in err
    assert f"noria predict {parts[2]}" in err


def test_replies_are_written_as_other_answers_are(made, noria, tmp_path):
    code, _, err = noria("assistant", made, question(tmp_path), "--out", tmp_path / "replies")
    assert code == 0, err
    (line,) = (tmp_path / "replies" / "answers.jsonl").read_text().splitlines()
    assert "question.wav" in json.loads(line)["where"]
