"""An answer as it is written: the pieces are the answer, and a request changes only itself."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from noria.errors import UserError
from noria.pipeline.predictor import Predictor, load
from noria.stages.generate import generate

PROMPT = {"prompt": "To be, or not"}


@pytest.fixture(scope="module")
def model(trained: Any) -> Predictor:
    return load(trained("text-generation"), device="cpu")


def text_of(model: Predictor, record: dict[str, Any] = PROMPT, **settings: Any) -> str:
    return "".join(piece.content for piece in model.stream(record, **settings))


def test_the_pieces_of_a_stream_are_the_prediction(model: Predictor) -> None:
    for record in (PROMPT, {"prompt": "水车"}, {}):
        pieces = list(model.stream(record))
        assert "".join(piece.content for piece in pieces) == model.predict([record])[0].value
        assert [piece.ended is None for piece in pieces] == [True] * (len(pieces) - 1) + [False]
        assert len(pieces[-1].logprobs) <= model.task.target.max_tokens  # type: ignore[attr-defined]


def test_the_same_seed_gives_the_same_answer_and_another_seed_another(model: Predictor) -> None:
    warm = {"temperature": 1.5, "max_tokens": 20}
    assert text_of(model, seed=1, **warm) == text_of(model, seed=1, **warm)
    assert len({text_of(model, seed=seed, **warm) for seed in range(4)}) > 1


def test_a_request_changes_nothing_for_the_next(model: Predictor) -> None:
    before = text_of(model)
    assert text_of(model, temperature=2.0, seed=3, max_tokens=5) != before
    assert text_of(model) == before


def test_every_setting_does_what_it_says(model: Predictor) -> None:
    last = list(model.stream(PROMPT, max_tokens=3))[-1]
    assert (last.ended, len(last.logprobs)) == ("length", 3) or last.ended == "end"
    whole = text_of(model, temperature=1.0, seed=2, max_tokens=40)
    stop = whole[5:7]
    assert text_of(model, temperature=1.0, seed=2, max_tokens=40, stop=stop) == whole[: whole.index(stop)]
    assert text_of(model, temperature=3.0, top_k=1) == text_of(model)


def test_an_answer_can_be_made_to_match(model: Predictor) -> None:
    pytest.importorskip("llguidance")
    schema = {
        "type": "object",
        "properties": {"ok": {"type": "boolean"}},
        "required": ["ok"],
        "additionalProperties": False,
    }
    for seed in range(4):
        text = text_of(model, temperature=1.0, seed=seed, json_schema=schema)
        assert json.loads(text)["ok"] in (True, False)
        assert re.fullmatch("[0-9]{2}:[0-9]{2}", text_of(model, temperature=1.0, seed=seed, regex="[0-9]{2}:[0-9]{2}"))


@pytest.mark.parametrize("settings", [{"temprature": 1}, {"max_tokens": 0}, {"top_p": "a"}, {"stop": [""]}], ids=str)
def test_a_setting_that_cannot_be_is_named(model: Predictor, settings: dict[str, Any]) -> None:
    with pytest.raises(UserError, match=next(iter(settings))):
        next(model.stream(PROMPT, **settings))


def test_a_record_that_cannot_be_used_is_told_why(model: Predictor) -> None:
    with pytest.raises(UserError, match="not a text but list") as caught:
        next(model.stream({"prompt": ["a"]}))
    assert caught.value.where == "record 0"


def test_an_answer_that_is_not_written_has_no_pieces(trained: Any) -> None:
    model = load(trained("tabular-regression"), device="cpu")
    record = dict.fromkeys(model.bundle.config["fields"]["table"], 1.0)
    with pytest.raises(UserError, match="not given piece by piece"):
        next(model.stream(record))


def test_words_of_a_command_are_a_prompt_and_settings(model: Predictor) -> None:
    run = model.bundle.path
    settings = ["temperature=1.0", "seed=4", "max_tokens=9", 'stop=["\\n", "."]']
    expected = text_of(model, temperature=1.0, seed=4, max_tokens=9, stop=["\n", "."])
    for words in (["To be, or not", *settings], [*settings, "To be, or not"]):
        assert "".join(piece.content for piece in generate(run, words, bytes)) == expected
    for data in (b"To be, or not", b"To be, or not\n", b"To be, or not\r\n"):
        assert "".join(piece.content for piece in generate(run, settings, lambda data=data: data)) == expected  # type: ignore[misc]


@pytest.mark.parametrize(
    ("words", "data", "told"),
    [
        (["one", "two"], b"", "more than one prompt"),
        (["a", "temprature=1"], b"", "did you mean 'temperature'"),
        (["a", "stop=[b"], b"", "cannot be read"),
        ([], b"\xff", "not UTF-8"),
    ],
)
def test_words_that_cannot_be_are_told(model: Predictor, words: list[str], data: bytes, told: str) -> None:
    with pytest.raises(UserError, match=told):
        list(generate(model.bundle.path, words, lambda: data))


def test_a_run_that_is_not_there_is_told_before_anything_is_read(tmp_path: Path) -> None:
    def read() -> bytes:
        raise AssertionError("nobody should have to type a prompt for nothing")

    with pytest.raises(UserError):
        list(generate(tmp_path / "none", [], read))
