"""Transcripts: what is learnt, how an answer is found, and what is said of what cannot be."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from noria.errors import UserError
from noria.targets.transcript.target import Transcript
from noria.tasks.speech_recognition import SpeechRecognition
from noria.text.units import units_of
from noria.types import Arrays, Prediction, Ragged, State

WORDS = ["yes", "no", "no way", "yes way"]


def state_of(target: Transcript, texts: Sequence[str]) -> State:
    return target.fit(list(texts))


def output_of(state: State, text: str) -> Arrays:
    """Return an output whose best path spells a text, a blank after each unit."""
    units = units_of(state["units"])
    ids = units.encode(text)[0]
    logits = np.zeros((1, 2 * len(ids), len(units.names)), np.float32)
    logits[0, np.arange(len(ids)) * 2, ids] = 12
    logits[0, np.arange(len(ids)) * 2 + 1, 0] = 12
    return {"logits": logits, "frames": np.array([2 * len(ids)])}


def answer(target: Transcript, state: State, output: Arrays) -> Prediction:
    return target.decode(target.postprocess(output, {}, state), state)[0]


def test_an_answer_has_its_words_with_times_and_confidences() -> None:
    target = replace(Transcript(), seconds_per_token=0.05)
    state = state_of(target, WORDS)
    found = answer(target, state, output_of(state, "no way"))
    assert found.value == "no way"
    shown = [(one["text"], one["start_s"], one["end_s"]) for one in found.details["words"]]
    assert shown == [("no", 0.0, 0.15), ("way", 0.3, 0.55)]
    assert all(0.9 < one["confidence"] <= 1 for one in found.details["words"])
    assert found.confidence == pytest.approx(np.mean([one["confidence"] for one in found.details["words"]]), abs=1e-3)


def test_a_long_answer_is_as_sure_as_its_words() -> None:
    target = Transcript()
    state = state_of(target, WORDS)
    output = output_of(state, " ".join(["no"] * 300))
    output["logits"] /= 4
    found = answer(target, state, output)
    chances = [one["confidence"] for one in found.details["words"]]
    assert found.confidence == pytest.approx(np.mean(chances), abs=1e-3)
    assert found.confidence > 0.4


def sound_of(frames: int, level: float) -> dict[str, Arrays]:
    return {"audio": {"mel": Ragged.of([np.full((frames, 4), level)], np.float16, (4,))}}


def test_no_word_ends_after_its_sound() -> None:
    target = replace(Transcript(), seconds_per_token=0.04)
    state = state_of(target, WORDS)
    output = {"logits": np.full((1, 5, len(units_of(state["units"]).names)), -9.0), "frames": np.array([5])}
    output["logits"][0, np.arange(5), [*units_of(state["units"]).encode("no")[0], 0, 0, 0]] = 9
    output["logits"][0, 2:, 0], output["logits"][0, 2:, output["logits"][0, 1].argmax()] = -9, 9
    settled = target.postprocess(output, sound_of(18, 0.0), state)
    (word,) = target.decode(settled, state)[0].details["words"]
    assert (word["text"], word["end_s"]) == ("no", 0.17)


def test_nothing_is_heard_in_silence_however_sure_the_network_is() -> None:
    for target in (Transcript(), Transcript(lexicon="training")):
        state = state_of(target, WORDS)
        output = output_of(state, "no")
        for level, expected in ((-11.5, ""), (-5.0, ""), (-3.0, "no")):
            settled = target.postprocess(output, sound_of(16, level), state)
            assert target.decode(settled, state)[0].value == expected


def test_that_confidence_could_not_be_fitted_is_told() -> None:
    target = Transcript()
    state = state_of(target, WORDS)
    truth = target.encode(["no way"], state).arrays
    settled = target.postprocess(output_of(state, "no way"), {}, state)
    for weights, is_told in ((None, True), ([1.0, 1.0, 0.0], False)):
        panels = target.panels(settled, truth, {**state, "confidence": weights})
        (note,) = (one.note for one in panels if one.title == "Are confidences right?")
        assert ("as the network says it" in note) == is_told


def test_frames_that_are_padding_say_nothing() -> None:
    target = Transcript()
    state = state_of(target, WORDS)
    output = output_of(state, "yes")
    padded = np.concatenate([output["logits"], output_of(state, "no")["logits"]], 1)
    assert answer(target, state, {**output, "logits": padded}).value == "yes"


def test_a_lexicon_of_training_words_overrules_the_sound() -> None:
    free, closed = Transcript(), Transcript(lexicon="training")
    for target, expected in ((free, "nos"), (closed, "no")):
        state = state_of(target, WORDS)
        assert answer(target, state, output_of(state, "nos")).value == expected


def test_a_lexicon_may_be_a_file_and_say_how_words_are_said(tmp_path: Path) -> None:
    path = tmp_path / "words.txt"
    path.write_text("no\nyes\nway\n", "utf-8")
    target = Transcript(lexicon=str(path))
    state = state_of(target, WORDS)
    assert answer(target, state, output_of(state, "no way")).value == "no way"
    assert answer(target, state, output_of(state, "no ways")).value == "no way"
    path.write_text("银行\tyin2 hang2\n", "utf-8")
    said = Transcript(units="pinyin", lexicon=str(path))
    state = state_of(said, ["银行", "hang2"])
    found = answer(said, state, output_of(state, "银行"))
    assert (found.value, found.details["pinyin"]) == ("银行", "yin2 hang2")
    assert [one["text"] for one in found.details["words"]] == ["银行"]


def test_a_lexicon_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    for name, content in (("gone.txt", None), ("empty.txt", b""), ("broken.txt", b"\xff\xfe\x00")):
        if content is not None:
            (tmp_path / name).write_bytes(content)
        with pytest.raises(UserError, match="lexicon"):
            state_of(Transcript(lexicon=str(tmp_path / name)), WORDS)


def test_signs_and_words_without_units_are_counted_and_named(tmp_path: Path) -> None:
    pytest.importorskip("pypinyin", reason="needs the extra pinyin")
    target = Transcript(units="pinyin")
    remarks = target.remarks(state_of(target, ["T恤很好", "T恤3件"]))
    assert remarks == [
        "3 signs of the training transcripts have no pinyin unit and are learnt as unknown: t (2), 3 (1); "
        "write them as they are said, or choose other target.units"
    ]
    path = tmp_path / "words.txt"
    path.write_text("no\nzebra\n", "utf-8")
    lexicon = Transcript(lexicon=str(path))
    (said,) = lexicon.remarks(state_of(lexicon, WORDS))
    assert said.startswith("1 words of the lexicon cannot be answered, as 'zebra'")


def test_unknown_signs_of_test_transcripts_are_errors_and_are_shown() -> None:
    target = Transcript()
    state = state_of(target, WORDS)
    truth = target.encode(["nö way"], state).arrays
    settled = target.postprocess(output_of(state, "no way"), {}, state)
    shown = {one.title: one for one in target.panels(settled, truth, state)}
    assert shown["Signs that cannot be answered"].data["rows"] == [["ö", 1]]
    assert shown["Worst transcripts"].data["rows"][0][:2] == ["nö way", "no way"]
    cer = next(one for one in target.metrics(state) if one.name == "cer")
    assert cer.value(settled, truth, np.ones((1, 1)))[0] == pytest.approx(0.2)


def test_what_says_nothing_is_refused_with_a_reason() -> None:
    target = Transcript()
    state = state_of(target, WORDS)
    encoded = target.encode(["yes", "...", None, "", float("nan")], state)
    assert set(encoded.bad) == {1, 2, 3, 4}
    assert encoded.bad[1] == "'...' holds nothing that is said"
    with pytest.raises(UserError, match="no training record has a transcript"):
        state_of(target, ["...", ""])


def test_a_transcript_that_its_sound_is_too_short_for_is_refused() -> None:
    task = SpeechRecognition()
    state = state_of(task.target, ["abba", "aaaa"])
    answers = task.target.encode(["abba", "aaaa", "aaaa"], state).arrays
    frames = [np.zeros((count, 4)) for count in (20, 24, 28)]
    refused = task.validate_pair({"audio": {"mel": Ragged.of(frames, np.float16, (4,))}}, answers)
    assert refused == {1: "4 units cannot be said in 0.24 s of sound: they need 7 tokens, and it has 6"}


def test_times_follow_the_tokens_of_the_sound() -> None:
    task = SpeechRecognition()
    assert task.target.seconds_per_token == pytest.approx(0.04)
    task.inputs = {"audio": replace(task.inputs["audio"], subsampling=2)}
    assert task.target.seconds_per_token == pytest.approx(0.02)
    task.target = replace(task.target, units="bpe")
    assert task.target.units == "bpe"


def test_an_answer_is_written_as_subtitles_or_plain() -> None:
    target = replace(Transcript(), seconds_per_token=0.05)
    state = state_of(target, WORDS)
    found = answer(target, state, output_of(state, "no way"))
    assert target.export(found, ".srt") == b"1\n00:00:00,000 --> 00:00:00,550\nno way\n"
    assert (target.export(found, ".vtt") or b"").startswith(b"WEBVTT\n")
    assert target.export(found, ".txt") == b"no way\n"
    assert target.export(found, ".png") is None


def test_confidences_are_fitted_on_held_out_answers() -> None:
    target = Transcript()
    state = state_of(target, WORDS)
    sure = np.repeat([[-0.01, -0.02], [-0.2, -0.4]], 30, axis=0)
    texts = ["yes"] * 60
    true = ["yes"] * 27 + ["no"] * 3 + ["yes"] * 10 + ["no"] * 20
    settled = {
        "_text": Ragged.of_texts(texts),
        "words": Ragged.of([[[0, 4, 0, 3]]] * 60, np.int32, (4,)),
        "sure": Ragged.of([[one] for one in sure], np.float32, (2,)),
    }
    after = target.calibrate(settled, {"_text": Ragged.of_texts(true)}, state)
    assert state["confidence"] is None
    settled["units"] = Ragged.of([[2]] * 60, np.int32)
    chances = [one.confidence for one in target.decode(settled, after)]
    assert chances[0] == pytest.approx(0.9, abs=0.07)
    assert chances[-1] == pytest.approx(1 / 3, abs=0.07)


@pytest.mark.parametrize("settings", [{"units": "morse"}, {"ngram": -1}, {"beams": 0}, {"intermediate": 1.0}])
def test_settings_that_mean_nothing_are_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(UserError, match=f"target.{next(iter(settings))}"):
        Transcript(**settings)
