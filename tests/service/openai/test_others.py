"""Completions, embeddings, moderations, sounds in and out, and the list of models."""

from __future__ import annotations

import base64
import csv
import io
import json
import wave
from http import HTTPStatus
from typing import Any, ClassVar

import numpy as np
import pytest
from starlette.applications import Starlette

from noria.contract.examples import records_like
from noria.errors import UserError
from noria.pipeline.predictor import Predictor, load
from noria.reporter import Silent
from noria.service.app import make_app
from noria.service.dialects.all import OPERATIONS
from noria.service.request.http_error import HTTPError, broken
from noria.stages.train import train
from noria.text.subtitles import lines_of, srt, vtt
from service.conftest import Ask
from service.openai.conftest import Post, error_of, events

WARM = {"temperature": 1.0, "seed": 3, "max_tokens": 12}


def written(predictor: Predictor, prompt: str, **settings: Any) -> str:
    return "".join(str(one.content) for one in predictor.stream({"prompt": prompt}, **settings))


class TestCompletions:
    path = "/v1/completions"

    def test_prompts_go_on_as_the_predictor_has_it(self, post: Post, served: Any) -> None:
        own = served("text-generation")[0]
        body = post("text-generation", self.path, {"model": "run", "prompt": ["To be", "水车"], "n": 2, **WARM}).json()
        assert body["object"] == "text_completion"
        expected = [written(own, prompt, **{**WARM, "seed": seed}) for prompt in ("To be", "水车") for seed in (3, 4)]
        assert [one["text"] for one in body["choices"]] == expected
        assert [one["index"] for one in body["choices"]] == [0, 1, 2, 3]
        one = post("text-generation", self.path, {"prompt": "To be", **WARM}).json()
        two = post("text-generation", self.path, {"prompt": "To be", "n": 2, **WARM}).json()
        assert one["usage"]["prompt_tokens"] == two["usage"]["prompt_tokens"]

    def test_the_prompt_is_repeated_and_probabilities_told(self, post: Post, served: Any) -> None:
        text = written(served("text-generation")[0], "To be", **WARM)
        found = post("text-generation", self.path, {"prompt": "To be", "echo": True, **WARM}).json()["choices"][0]
        assert found["text"] == f"To be{text}"
        found = post("text-generation", self.path, {"prompt": "To be", "logprobs": 0, **WARM}).json()["choices"][0]
        logprobs = found["logprobs"]
        assert "".join(logprobs["tokens"]) == text
        assert [
            text[start:][: len(one)] for start, one in zip(logprobs["text_offset"], logprobs["tokens"], strict=True)
        ]
        assert all(
            text[start:].startswith(one) for start, one in zip(logprobs["text_offset"], logprobs["tokens"], strict=True)
        )
        assert len(logprobs["token_logprobs"]) == len(logprobs["tokens"])

    def test_the_pieces_are_the_completion(self, post: Post, served: Any) -> None:
        body = {
            "prompt": ["To be", "or"],
            "echo": True,
            "stream": True,
            "stream_options": {"include_usage": True},
            **WARM,
        }
        found = [one for _, one in events(post("text-generation", self.path, body))]
        assert found.pop() == "[DONE]"
        assert found.pop()["usage"]["completion_tokens"] > 0
        for index, prompt in enumerate(("To be", "or")):
            own = [one["choices"][0] for one in found if one["choices"][0]["index"] == index]
            expected = prompt + written(served("text-generation")[0], prompt, **WARM)
            assert "".join(one["text"] for one in own) == expected
            assert own[-1]["finish_reason"] in ("stop", "length")

    @pytest.mark.parametrize(
        ("more", "param"),
        [
            ({"prompt": [1, 2]}, "prompt"),
            ({"prompt": [[1, 2]]}, "prompt"),
            ({"prompt": []}, "prompt"),
            ({"prompt": None}, "prompt"),
            ({"suffix": "x"}, "suffix"),
            ({"best_of": 4}, "best_of"),
            ({"logprobs": 3}, "logprobs"),
            ({"echo": True, "logprobs": 0}, "logprobs"),
            ({"prompt": ["a"] * 5, "n": 8}, "n"),
        ],
        ids=str,
    )
    def test_what_is_not_there_is_refused(self, post: Post, more: Any, param: str) -> None:
        assert error_of(post("text-generation", self.path, {"prompt": "a", **more}))["param"] == param


class TestEmbeddings:
    path = "/v1/embeddings"

    def test_vectors_are_the_predictors_in_both_formats(self, post: Post, served: Any) -> None:
        texts = ["the wheel turns", "水车"]
        own = [one.value for one in served("text-embedding")[0].predict([{"text": text} for text in texts])]
        body = post("text-embedding", self.path, {"model": "run", "input": texts}).json()
        assert (body["object"], body["model"]) == ("list", "run")
        assert [one["embedding"] for one in body["data"]] == own
        assert [one["index"] for one in body["data"]] == [0, 1]
        assert body["usage"]["prompt_tokens"] == body["usage"]["total_tokens"] > 2
        packed = post("text-embedding", self.path, {"input": texts, "encoding_format": "base64"}).json()["data"]
        for one, vector in zip(packed, own, strict=True):
            assert np.frombuffer(base64.b64decode(one["embedding"]), "<f4") == pytest.approx(np.array(vector, "<f4"))
        single = post("text-embedding", self.path, {"input": texts[0], "dimensions": len(own[0])}).json()
        assert single["data"][0]["embedding"] == pytest.approx(own[0], abs=1e-5)

    @pytest.mark.parametrize(
        ("more", "param", "told"),
        [
            ({"input": [1, 2]}, "input", "check_embedding_ctx_length=False"),
            ({"input": []}, "input", "1 to 1024"),
            ({"input": ["a"] * 1025}, "input", "1 to 1024"),
            ({"dimensions": 3}, "dimensions", "cannot be cut"),
            ({"encoding_format": "int8"}, "encoding_format", "base64"),
            ({"input": "wheel " * 5000}, "input", "too long"),
        ],
        ids=lambda value: str(value)[:30],
    )
    def test_what_is_not_there_is_refused(self, post: Post, more: Any, param: str, told: str) -> None:
        error = error_of(post("text-embedding", self.path, {"input": "a", **more}))
        assert error["param"] == param
        assert told in error["message"]


@pytest.fixture(scope="module")
def moderator(tmp_path_factory: Any) -> tuple[Predictor, Starlette]:
    """A classifier of three labels, two of which are named like kinds of harm."""
    folder = tmp_path_factory.mktemp("harm")
    with (folder / "harm.csv").open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file)
        table.writerow(["text", "label"])
        for index in range(60):
            table.writerow(
                [f"{('kill', 'spit', 'kiss')[index % 3]} {index}", ("violence", "Identity_Hate", "fine")[index % 3]]
            )
    job = {
        "task": "text-classification",
        "data": {"path": str(folder / "harm.csv"), "split": {"validation": 0.2, "test": 0.2}},
        "inputs": {"text": {"tokenizer": "character"}},
        "model": {"width": 8, "heads": 1, "depth": 0},
        "train": {"steps": 5, "precision": "float32"},
        "evaluate": {"resamples": 100},
    }
    predictor = load(train(job, run=folder / "guard", reporter=Silent()), device="cpu")
    return predictor, make_app(predictor)


class TestModerations:
    path = "/v1/moderations"

    def test_labels_named_like_kinds_of_harm_flag_a_text(self, moderator: Any, ask: Ask) -> None:
        predictor, app = moderator
        texts = ["kill 7", "spit 9", "kiss 3"]
        body = ask(app, "POST", self.path, json={"model": "guard", "input": texts}).json()
        names = {"violence": "violence", "Identity_Hate": "hate", "fine": "fine"}
        for text, result in zip(texts, body["results"], strict=True):
            own = predictor.predict([{"text": text}])[0]
            assert result["categories"] == {names[label]: label == own.value for label in names}
            scores = {names[label]: one for label, one in own.details["probabilities"].items()}
            assert result["category_scores"] == pytest.approx(scores, abs=1e-5)
            assert result["flagged"] == (own.value != "fine")
        parts = [{"type": "text", "text": "kill 7"}]
        again = ask(app, "POST", self.path, json={"input": parts}).json()["results"]
        assert again[0]["category_scores"] == pytest.approx(body["results"][0]["category_scores"], abs=1e-5)

    def test_pictures_are_refused_and_other_classifiers_have_no_such_path(
        self, moderator: Any, ask: Ask, post: Post
    ) -> None:
        parts = [{"type": "image_url", "image_url": {"url": "http://x"}}]
        assert error_of(ask(moderator[1], "POST", self.path, json={"input": parts}))["param"] == "input[0].type"
        assert 400 <= post("text-classification", self.path, {"input": "a"}).status_code < 500


@pytest.fixture(scope="module")
def sound() -> bytes:
    from noria.contract import registry

    (record,) = records_like(registry.task("speech-recognition"), 1, seed=5)
    found: bytes = record["audio"]
    return found


class TestTranscriptions:
    path = "/v1/audio/transcriptions"

    def ask(self, post: Post, sound: bytes, task: str = "speech-recognition", **fields: Any) -> Any:
        return post(task, self.path, files={"file": ("talk.wav", sound, "audio/wav")}, data={"model": "run", **fields})

    @pytest.mark.parametrize("task", ["speech-recognition", "speech-to-text"])
    def test_what_is_said_is_the_predictors(self, post: Post, served: Any, sound: bytes, task: str) -> None:
        own = served(task)[0].predict([{"audio": sound}])[0]
        found = self.ask(post, sound, task).json()
        assert found["text"] == own.value
        assert found["usage"]["type"] == "duration"
        assert self.ask(post, sound, task, response_format="text").text == f"{own.value}\n"
        *_, last = events(self.ask(post, sound, task, stream="true"))
        assert last[1] == {"type": "transcript.text.done", "text": own.value, "usage": found["usage"]}

    def test_times_are_told_as_words_as_lines_and_as_subtitles(self, post: Post, served: Any, sound: bytes) -> None:
        own = served("speech-recognition")[0].predict([{"audio": sound}])[0]
        lines = lines_of(own.value, own.details["words"])
        assert self.ask(post, sound, response_format="srt").text == srt(lines)
        assert self.ask(post, sound, response_format="vtt").text == vtt(lines)
        both = {"response_format": "verbose_json", "timestamp_granularities[]": ["word", "segment"]}
        found = self.ask(post, sound, **both).json()
        assert found["text"] == own.value
        assert found["duration"] > 0
        assert found["language"] == ""
        assert [one["word"] for one in found["words"]] == [one["text"] for one in own.details["words"]]
        assert [(one["start"], one["end"], one["text"]) for one in found["segments"]] == lines
        assert "words" not in self.ask(post, sound, response_format="verbose_json").json()

    @pytest.mark.parametrize(
        ("more", "param"),
        [
            ({"response_format": "diarized_json"}, "response_format"),
            ({"language": "en"}, "language"),
            ({"prompt": "Noria"}, "prompt"),
            ({"temperature": "0.7"}, "temperature"),
            ({"timestamp_granularities[]": "word"}, "timestamp_granularities"),
            ({"include[]": "logprobs"}, "include"),
        ],
        ids=str,
    )
    def test_what_is_not_there_is_refused(self, post: Post, sound: bytes, more: Any, param: str) -> None:
        assert error_of(self.ask(post, sound, **more))["param"] == param

    def test_no_file_and_no_sound_are_told(self, post: Post, sound: bytes) -> None:
        response = post("speech-recognition", self.path, files={"model": (None, "run")})
        assert error_of(response)["param"] == "file"
        assert error_of(self.ask(post, b"not a sound"), 422)["param"] == "file"
        srt_of_text = self.ask(post, sound, "speech-to-text", response_format="srt")
        assert error_of(srt_of_text)["param"] == "response_format"


class TestSpeech:
    path = "/v1/audio/speech"
    body: ClassVar = {"model": "run", "input": "aoi", "voice": "default"}

    def test_the_sound_is_the_predictors(self, post: Post, served: Any) -> None:
        own = b"".join(bytes(one.content) for one in served("text-to-speech")[0].stream({"text": "aoi"}))
        response = post("text-to-speech", self.path, self.body)
        assert response.content == own
        assert response.headers["content-type"] == "audio/wav"
        with wave.open(io.BytesIO(own)) as file:
            rate_hz = file.getframerate()
        response = post("text-to-speech", self.path, {**self.body, "response_format": "pcm", "voice": {"id": "run"}})
        assert response.content == own[44:]
        assert response.headers["content-type"] == f"audio/pcm;rate={rate_hz};channels=1"
        found = events(post("text-to-speech", self.path, {**self.body, "stream_format": "sse"}))
        pieces = [one["audio"] for _, one in found if one["type"] == "speech.audio.delta"]
        assert b"".join(map(base64.b64decode, pieces)) == own
        assert found[-1][1]["type"] == "speech.audio.done"

    def test_the_speed_is_that_of_the_predictor(self, post: Post, served: Any) -> None:
        own = b"".join(bytes(one.content) for one in served("text-to-speech")[0].stream({"text": "aoi"}, speed=0.5))
        assert post("text-to-speech", self.path, {**self.body, "speed": 0.5}).content == own

    @pytest.mark.parametrize(
        ("more", "param"),
        [
            ({"response_format": "mp3"}, "response_format"),
            ({"voice": "alloy"}, "voice"),
            ({"voice": None}, "voice"),
            ({"input": None}, "input"),
            ({"speed": 1e9}, "speed"),
            ({"instructions": "Whisper."}, "instructions"),
        ],
        ids=str,
    )
    def test_what_is_not_there_is_refused(self, post: Post, more: Any, param: str) -> None:
        assert error_of(post("text-to-speech", self.path, {**self.body, **more}))["param"] == param

    def test_a_text_that_cannot_be_spoken_is_told(self, post: Post) -> None:
        assert error_of(post("text-to-speech", self.path, {**self.body, "input": "☃"}), 422)["param"] == "input"


def test_models_are_listed_and_found(served: Any, ask: Ask) -> None:
    app = served("chat")[1]
    body = ask(app, "GET", "/v1/models").json()
    assert body["object"] == "list"
    (one,) = body["data"]
    assert (one["id"], one["object"], one["owned_by"]) == ("run", "model", "noria")
    assert one["created"] > 1_700_000_000
    assert ask(app, "GET", "/v1/models/run").json() == one
    assert error_of(ask(app, "GET", "/v1/models/other"), 404)["code"] == "model_not_found"


def test_a_model_that_can_nothing_of_it_is_listed_and_a_call_says_what_it_can(predictor: Predictor, ask: Ask) -> None:
    app = make_app(predictor)
    (one,) = ask(app, "GET", "/v1/models").json()["data"]
    assert not [name for name in one["operations"] if name.startswith("openai.")]
    body = {"model": one["id"], "messages": [{"role": "user", "content": "hello"}]}
    error = error_of(ask(app, "POST", "/v1/chat/completions", json=body), 404)
    assert error["code"] == "not_offered"
    assert "/predict" in error["message"]


def test_every_path_refuses_what_is_no_json_in_its_shape(served: Any, ask: Ask) -> None:
    for task, path in (
        ("chat", "/v1/chat/completions"),
        ("chat", "/v1/responses"),
        ("text-generation", "/v1/completions"),
        ("text-embedding", "/v1/embeddings"),
        ("text-to-speech", "/v1/audio/speech"),
    ):
        for content in (b"{", b"[]", b"3", b'{"model": 3}', b'{"model": "run", "model": "run"}', b"\xff", b""):
            headers = {"content-type": "application/json"}
            response = ask(served(task)[1], "POST", path, content=content, headers=headers)
            assert error_of(response)["type"] == "invalid_request_error"
        response = ask(
            served(task)[1], "POST", path, content=json.dumps({}).encode(), headers={"content-type": "text/csv"}
        )
        assert error_of(response, 415)


def test_an_answer_whose_model_died_ends_with_an_error_and_a_bug_is_not_asked_again() -> None:
    died = HTTPError(UserError("the model stopped"), HTTPStatus.SERVICE_UNAVAILABLE, code="stopped")
    chat = OPERATIONS["openai.chat"]
    last = chat.broken_off(died, "text/event-stream") or b""
    assert json.loads(last.removeprefix(b"data: "))["error"]["code"] == "stopped"
    assert OPERATIONS["openai.speech"].broken_off(died, "audio/wav") is None
    assert "x-should-retry" not in chat.refusal(died).headers
    assert chat.refusal(broken()).headers["x-should-retry"] == "false"
