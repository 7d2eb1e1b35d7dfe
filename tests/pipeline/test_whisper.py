"""Whisper for use: what it hears is served, scored and written as any transcript is, and in silence it is nothing."""

from __future__ import annotations

import asyncio
import base64
import json
import shutil
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from noria.checkpoints.whisper.listener import Asked, Heard, Listener, _kept, without_loops
from noria.checkpoints.whisper.target import WhisperTranscript, _packed
from noria.errors import UserError
from noria.job.load import load_job
from noria.pipeline.predictor import Predictor, load
from noria.reporter import Silent
from noria.service.app import make_app
from noria.service.request.limits import Limits
from noria.sound.reading import read_sound
from noria.stages.predict import predict_to
from noria.stages.trace import trace
from noria.stages.train import train
from noria.types import Ragged
from outside_models import RATE_HZ, needs_voice, read_aloud, spoken_manifest, whisper_folder, without_speech
from service.conftest import _send

SAID = "Please open the window."


@pytest.fixture
def looks_like_whisper(tmp_path: Path) -> Path:
    folder = tmp_path / "looks like whisper"
    folder.mkdir()
    (folder / "model.bin").write_bytes(b"no model")
    (folder / "config.json").write_text('{"alignment_heads": [[1, 2]]}')
    return folder


def job_of(folder: Path, **more: object) -> dict[str, object]:
    return {"task": "speech-recognition", "model": {"pretrained": str(folder)}, "data": {"path": "x.csv"}, **more}


def test_a_folder_of_whisper_changes_what_the_task_is_made_of_and_keeps_its_fields(looks_like_whisper: Path) -> None:
    job, task = load_job(job_of(looks_like_whisper, target={"language": "en"}))
    assert job.model.ready == "whisper"
    assert (list(task.inputs), task.target.kind) == (["audio"], "transcript")
    assert task.target.language == "en"  # type: ignore[attr-defined]
    shutil.rmtree(looks_like_whisper)
    again, same = load_job(job.model_dump(mode="json", by_alias=True))
    assert again.model.ready == "whisper"
    assert same.target == task.target


@pytest.mark.parametrize("budget", ["minutes", "epochs", "steps", "tokens"])
def test_a_budget_of_training_is_refused_and_no_step_is_none(budget: str, looks_like_whisper: Path) -> None:
    with pytest.raises(UserError, match="whisper is used as it is: training takes no step"):
        load_job(job_of(looks_like_whisper, train={budget: 3}))
    load_job(job_of(looks_like_whisper, train={"steps": 0}))


def test_what_whisper_cannot_do_is_told(looks_like_whisper: Path) -> None:
    with pytest.raises(UserError, match=r"(?s)whisper does not do audio-classification.*task: speech-recognition"):
        load_job({**job_of(looks_like_whisper), "task": "audio-classification"})
    with pytest.raises(UserError, match="no lora"):
        load_job({**job_of(looks_like_whisper), "model": {"pretrained": str(looks_like_whisper), "lora": 8}})
    with pytest.raises(UserError, match="leave ready out"):
        load_job({**job_of(looks_like_whisper), "model": {"ready": "whisper"}})
    with pytest.raises(UserError, match="unknown key"):
        load_job(job_of(looks_like_whisper, target={"langauge": "en"}))


def test_settings_of_a_checkpoint_that_is_not_there_are_told_beside_what_is_missing(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"(?s)target\.beam_size.*no checkpoint of a known kind"):
        load_job(job_of(tmp_path / "nothing", target={"beam_size": 1}))


def test_nothing_is_asked_of_whisper_in_silence() -> None:
    pytest.importorskip("ctranslate2", reason="needs the extra whisper")
    listener = object.__new__(Listener)  # no model: it would fail where it is asked
    asked = Asked("en", None, None, 1, False, 0.6)
    for level in (0.0, 1 / 32768):
        assert listener.hear(np.full(16_000, level, np.float32), asked).words == []


def test_a_word_of_whisper_ends_with_its_sound(looks_like_whisper: Path) -> None:
    _, task = load_job(job_of(looks_like_whisper))
    target = task.target
    assert isinstance(target, WhisperTranscript)
    state = target.fit(["in the end"])
    heard = np.frombuffer(_packed(Heard([(" in", 0.0, 0.5, 0.9), (" end", 0.5, 2.02, 0.5)], [], "en")), np.uint8)
    inputs = {"audio": {"samples": Ragged.of([np.zeros(32_000)], np.float16)}}
    (found,) = target.decode(target.postprocess({"heard": heard[None]}, inputs, state), state)
    assert [one["end_s"] for one in found.details["words"]] == [0.5, 2.0]
    assert found.confidence == pytest.approx(0.7)


def test_what_is_left_out_ends_where_the_sound_ends() -> None:
    target = WhisperTranscript()
    state = target.fit(["in the end"])
    left = [(1.5, 30.0, "You", "no speech, by 94%"), (28.0, 29.9, "You", "no speech, by 94%")]
    heard = np.frombuffer(_packed(Heard([], left, "en")), np.uint8)
    inputs = {"audio": {"samples": Ragged.of([np.zeros(32_000)], np.float16)}}
    (found,) = target.decode(target.postprocess({"heard": heard[None]}, inputs, state), state)
    assert [(one["start_s"], one["end_s"]) for one in found.details["left_out"]] == [(1.5, 2.0), (2.0, 2.0)]


def test_words_that_stand_at_one_moment_are_a_loop_and_are_left_out() -> None:
    real = [(" in", 0.0, 0.3, 0.9), (" the", 0.3, 0.3, 0.9), (" end", 0.3, 0.8, 0.9)]
    loop = [(word, 0.8, 0.8, 0.9) for word in (" in", " the", " end", " in")]
    kept, left_out = without_loops([*real, *loop, (" now.", 0.9, 1.4, 0.9)])
    assert [word[0] for word in kept] == [" in", " the", " end", " now."]
    assert left_out == [(0.8, 0.8, "in the end in", "words without a sound")]
    assert without_loops([]) == ([], [])


def test_what_whisper_takes_for_no_speech_is_left_out_with_its_reason() -> None:
    word = SimpleNamespace(word=" You", start=8.5, end=9.9, probability=0.4)
    segment = SimpleNamespace(start=8.5, end=9.9, text=" You", no_speech_prob=0.94, words=[word])
    heard = _kept([segment], 0.6, "en")
    assert heard.words == []
    assert heard.left_out == [(8.5, 9.9, "You", "no speech, by 94%")]


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a bundle of Whisper tiny.en, and take the folder that it was made from away."""
    given = whisper_folder()
    needs_voice()
    folder = tmp_path_factory.mktemp("whisper")
    shutil.copytree(given, folder / "tiny.en")
    data = {"path": str(spoken_manifest(folder / "data")), "split": {"test": 0.4, "validation": 0.2}}
    run = train({**job_of(folder / "tiny.en"), "data": data}, run=folder / "run", reporter=Silent())
    shutil.rmtree(folder / "tiny.en")
    return run / "bundle"


@pytest.fixture(scope="module")
def whisper(bundle: Path) -> Predictor:
    return load(bundle, device="cpu")


def test_a_bundle_hears_where_the_folder_it_was_made_from_is_not(whisper: Predictor, bundle: Path) -> None:
    answer = whisper.predict([{"audio": read_aloud(SAID)}])[0]
    assert answer.value.lower().strip(" .") == SAID.lower().strip(".")
    assert answer.details["words"][0]["text"] == "Please"
    assert "Whisper model that was not trained here; sha256" in (bundle / "README.md").read_text()
    scores = json.loads((bundle.parent / "metrics.json").read_text())["metrics"]
    assert scores["wer"]["value"] < 0.3


def test_words_stand_in_order_within_the_sound(whisper: Predictor) -> None:
    sound = read_aloud("The water wheel turns day and night.")
    words = whisper.predict([{"audio": sound}])[0].details["words"]
    places = [place for word in words for place in (word["start_s"], word["end_s"])]
    assert places == sorted(places)
    assert places[0] >= 0
    assert places[-1] <= read_sound(sound).duration_s + 0.1
    assert all(0 < word["confidence"] <= 1 for word in words)


def test_nothing_is_heard_where_nobody_speaks(whisper: Predictor) -> None:
    sounds = without_speech()
    answers = whisper.predict([{"audio": (samples, RATE_HZ)} for samples in sounds.values()])
    assert dict(zip(sounds, [answer.value for answer in answers], strict=True)) == dict.fromkeys(sounds, "")
    assert all(answer.details["words"] == [] for answer in answers)


def test_without_silero_silence_is_still_no_text_and_what_is_left_out_is_told(bundle: Path) -> None:
    model = load(bundle, device="cpu")
    object.__setattr__(model.task.target, "skips_silence", False)
    answer = model.predict([{"audio": (np.zeros(10 * RATE_HZ, np.float32), RATE_HZ)}])[0]
    assert answer.value == ""
    assert all(one["reason"].startswith("no speech") for one in answer.details.get("left_out", []))


def test_a_sentence_that_is_said_five_times_is_not_written_more_often(whisper: Predictor) -> None:
    answer = whisper.predict([{"audio": read_aloud("The wheel turns around.", 0.3, times=5)}])[0]
    assert 3 <= answer.value.lower().count("wheel") <= 5


def test_a_sound_is_heard_alike_alone_among_others_and_when_served(whisper: Predictor) -> None:
    one, other = read_aloud(SAID), read_aloud("Good morning, everyone.")
    alone = whisper.predict([{"audio": one}])[0]
    assert whisper.predict([{"audio": other}, {"audio": one}])[1] == alone
    app = make_app(whisper)
    sent = [
        {"json": {"audio": base64.b64encode(one).decode()}},
        {"files": {"audio": ("speech.wav", one, "audio/wav")}},
    ]
    for request in sent:
        response = asyncio.run(_send(app, "POST", "/predict", request))
        assert response.json()["predictions"] == [json.loads(json.dumps(alone.as_json()))]


def test_a_request_with_too_much_sound_is_refused_before_it_is_decoded(
    whisper: Predictor, monkeypatch: pytest.MonkeyPatch
) -> None:
    def decoded(*_: object) -> None:
        raise AssertionError("a sound was decoded")

    monkeypatch.setattr("noria.modalities.raw_audio.read_sound", decoded)
    app = make_app(whisper, Limits(seconds=3.0))
    records = [{"audio": base64.b64encode(read_aloud(SAID)).decode()}] * 3
    response = asyncio.run(_send(app, "POST", "/predict", {"json": {"records": records}}))
    assert response.status_code == 413
    error = response.json()["error"]
    assert error["code"] == "too_much"
    assert error["param"].startswith("records[")


def test_subtitles_are_written_from_the_words(bundle: Path, tmp_path: Path) -> None:
    (tmp_path / "speech.wav").write_bytes(read_aloud(SAID))
    for suffix, start in ((".srt", "1\n00:00:0"), (".vtt", "WEBVTT")):
        out = tmp_path / f"speech{suffix}"
        predict_to(bundle, [tmp_path / "speech.wav"], out, reporter=Silent())
        assert out.read_text().startswith(start)
        assert "Please open the window" in out.read_text().replace("\n", " ")


def test_no_training_starts_from_a_model_that_is_used_as_it_is(bundle: Path, tmp_path: Path) -> None:
    data = {"path": str(spoken_manifest(tmp_path / "data"))}
    job = {"task": "speech-recognition", "data": data, "model": {"from": str(bundle)}, "train": {"steps": 1}}
    with pytest.raises(UserError, match="no training starts from whisper"):
        train(job, run=tmp_path / "run", reporter=Silent())


def test_a_trace_hears_the_first_record(tmp_path: Path) -> None:
    folder = whisper_folder()
    needs_voice()
    data = {"path": str(spoken_manifest(tmp_path / "data")), "split": {"test": 0.4}}
    steps = trace(job_of(folder, data=data))
    assert "decode" in [step.name for step in steps]
    with pytest.raises(UserError, match="a trace needs data"):
        trace({**job_of(folder), "data": {}})
