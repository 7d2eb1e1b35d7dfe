"""An English voice for use: the same speech whole, streamed and served; what it cannot say is told."""

from __future__ import annotations

import asyncio
import csv
import io
import json
import wave
from pathlib import Path

import numpy as np
import pytest

from noria.checkpoints.hibari import voice
from noria.contract.checkpoints import loader_behind
from noria.errors import UserError
from noria.job.load import load_job
from noria.pipeline.predictor import Predictor, load
from noria.reporter import Silent
from noria.service.app import make_app
from noria.sound.reading import read_sound
from noria.stages.predict import predict_to
from noria.stages.train import train
from outside_models import SENTENCES, needs_voice
from service.conftest import _send

TEXT = "Water rises. It asks for nothing."


@pytest.fixture(scope="module")
def runs() -> dict[str, Path]:
    return {}


@pytest.fixture
def run(runs: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    needs_voice()
    if "voice" not in runs:
        folder = tmp_path_factory.mktemp("voice")
        with (folder / "texts.csv").open("w", newline="", encoding="utf-8") as file:
            csv.writer(file).writerows([["text"], *([one] for one in SENTENCES)])
        data = {"path": str(folder / "texts.csv"), "fields": {"speech": "text"}, "split": {"test": 0.4}}
        job = {"task": "text-to-speech", "model": {"pretrained": "hibari"}, "data": data}
        runs["voice"] = train(job, run=folder / "run", reporter=Silent())
    return runs["voice"]


@pytest.fixture
def speaker(run: Path) -> Predictor:
    return load(run, device="cpu")


def samples_of(data: bytes) -> np.ndarray:
    return read_sound(data).samples


def test_a_text_becomes_a_sound_that_is_the_same_each_time(speaker: Predictor) -> None:
    one, again = (speaker.predict(TEXT)[0].media for _ in range(2))
    assert one == again
    assert one is not None
    with wave.open(io.BytesIO(one.data)) as file:
        assert file.getframerate() == 24_000
        assert 1.5 < file.getnframes() / 24_000 < 5
    assert float(np.abs(samples_of(one.data)).max()) > 0.1
    beside = speaker.predict(["Good morning, everyone.", TEXT])[1].media
    assert beside == one


def test_the_pieces_are_the_whole_and_the_first_comes_before_the_second_is_made(
    speaker: Predictor, monkeypatch: pytest.MonkeyPatch
) -> None:
    pieces = list(speaker.stream(TEXT))
    assert [piece.ended for piece in pieces] == [None, None, None, "end"]
    whole = speaker.predict(TEXT)[0].media
    assert whole is not None
    assert b"".join(piece.content for piece in pieces[1:]) == whole.data[44:]  # type: ignore[misc]
    joined = b"".join(piece.content for piece in pieces)  # type: ignore[misc]
    assert np.array_equal(samples_of(joined), samples_of(whole.data))
    spoken: list[str] = []
    own = voice.sentences

    def counted(text: str, speed: float) -> object:
        for samples in own(text, speed):
            spoken.append(text)
            yield samples

    monkeypatch.setattr(voice, "sentences", counted)
    stream = speaker.stream(TEXT)
    next(stream)
    next(stream)
    assert len(spoken) == 1
    stream.close()


def test_a_voice_is_served_as_a_file_and_streamed_as_one(speaker: Predictor) -> None:
    app, headers = make_app(speaker), {"accept": "audio/wav"}
    whole = speaker.predict(TEXT)[0].media
    assert whole is not None
    response = asyncio.run(_send(app, "POST", "/predict", {"json": {"text": TEXT}, "headers": headers}))
    assert response.content == whole.data
    streamed = asyncio.run(_send(app, "POST", "/stream", {"json": {"record": {"text": TEXT}}, "headers": headers}))
    assert streamed.headers["content-type"] == "audio/wav"
    assert streamed.content[44:] == whole.data[44:]
    events = asyncio.run(_send(app, "POST", "/stream", {"json": {"record": {"text": TEXT}}}))
    assert events.headers["content-type"].startswith("text/event-stream")
    document = asyncio.run(_send(app, "GET", "/openapi.json", {})).json()
    for path, usual in (("/predict", "application/json"), ("/stream", "text/event-stream")):
        assert set(document["paths"][path]["post"]["responses"]["200"]["content"]) == {usual, "audio/wav"}
    assert app.state.service.models.num_going == 0


def test_a_stream_of_another_kind_or_with_a_setting_is_refused(speaker: Predictor) -> None:
    app, record = make_app(speaker), {"record": {"text": TEXT}}
    other = asyncio.run(_send(app, "POST", "/stream", {"json": record, "headers": {"accept": "image/png"}}))
    assert other.status_code == 406
    wrong = asyncio.run(_send(app, "POST", "/stream", {"json": {**record, "settings": {"temperature": 1}}}))
    assert wrong.status_code == 400
    assert "no such setting" in wrong.json()["error"]["message"]
    assert app.state.service.models.num_going == 0


def test_letters_of_other_scripts_are_named_and_a_text_of_nothing_else_is_refused(speaker: Predictor) -> None:
    assert speaker.predict("The 水车 turns 3 times.")[0].details == {"unspoken": "水车"}
    assert speaker.predict(TEXT)[0].details == {}
    for text in ("水车", "", "...", "🙂"):
        with pytest.raises(UserError, match="nothing that an English voice can say"):
            speaker.predict([{"text": text}])
    with pytest.raises(UserError, match="at most 20,000 are said"):
        speaker.predict("word " * 5000)


def test_symbols_that_are_not_said_are_named_and_those_that_are_said_are_not(speaker: Predictor) -> None:
    text = "It cost €5 or 5€, × 2 = \U0001f642 \u2603, 3 * 4 ± π."
    assert speaker.predict(text)[0].details == {"unspoken": "€\U0001f642\u2603*"}


def test_long_numbers_are_read_digit_by_digit(speaker: Predictor) -> None:
    for number in ("1" * 37, "$" + "9" * 100, ",".join(["111"] * 20)):
        media = speaker.predict(f"Call {number} now.")[0].media
        assert media is not None
        assert len(samples_of(media.data)) > 3 * 24_000


def test_a_text_that_the_package_cannot_read_is_refused_beside_the_others(speaker: Predictor) -> None:
    with pytest.raises(UserError, match="the English voice cannot read this text: IndexError") as caught:
        speaker.predict([TEXT, "See " + "\u2460" * 40])  # circled figures
    assert caught.value.where == "record 1"
    app, broken = make_app(speaker), {"text": "See " + "\u2460" * 40}
    for path, body in (("/predict", broken), ("/stream", {"record": broken})):
        assert asyncio.run(_send(app, "POST", path, {"json": body})).status_code == 422


def test_a_long_sentence_is_said_in_pieces_of_two_hundred_characters(monkeypatch: pytest.MonkeyPatch) -> None:
    needs_voice()
    text = "the wheel turns and water rises " * 100
    assert max(map(len, voice.phonemes(text))) <= voice.MOST_PHONEMES
    assert "".join(voice.pieces(text)).replace(" ", "") == text.replace(" ", "")
    assert [len(one) for one in voice.pieces("x" * 450)] == [200, 200, 50]
    assert voice.pieces("one, two three " * 20)[0].endswith("one,")
    assert voice.pieces("short") == ["short"]


def test_figures_and_units_are_said(speaker: Predictor) -> None:
    media = speaker.predict("At 7:30 pm it is 21 °C, and 1,250 people paid $9.99 each.")[0].media
    assert media is not None
    assert len(samples_of(media.data)) > 3 * 24_000


def test_a_folder_of_answers_has_a_wav_file_for_each_record(run: Path, tmp_path: Path) -> None:
    (tmp_path / "new.csv").write_text("text\nGood morning.\nGood night.\n")
    said = predict_to(run, [tmp_path / "new.csv"], tmp_path / "out", reporter=Silent())
    assert said.startswith("wrote 2 answers")
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["2.wav", "3.wav", "answers.jsonl"]


def test_the_card_says_that_the_voice_was_not_trained_here(run: Path) -> None:
    card = (run / "bundle" / "README.md").read_text()
    assert "not trained here" in card
    assert voice.described()["sha256"] in card
    assert "Trained with Noria" not in card
    assert json.loads((run / "metrics.json").read_text())["metrics"]["spoken"]["value"] == 1.0


def test_a_bundle_speaks_with_no_other_voice_than_its_own(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(voice, "described", lambda: {"voice": "heart", "version": "9", "sha256": "0" * 64})
    with pytest.raises(UserError, match="another voice is installed"):
        load(run)


def test_a_setting_of_the_voice_is_checked() -> None:
    needs_voice()
    job = {"task": "text-to-speech", "model": {"pretrained": "hibari"}, "data": {"path": "x.csv"}}
    with pytest.raises(UserError, match=r"0\.5 to 2"):
        load_job({**job, "target": {"speed": 5}})


def test_a_run_with_the_voice_knows_which_loader_is_behind_it(speaker: Predictor):
    found = loader_behind(speaker.states)
    assert found is not None
    assert found.kind == "hibari"
