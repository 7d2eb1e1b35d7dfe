"""A reply by other models: what becomes of a sound, stage by stage, as a whole and piece by piece."""

from __future__ import annotations

import json

import numpy as np
import pytest

from fake_parts import INTENTS, RATE_HZ, SPANS, WORDS, Fake, Speaker, Voice, clip, detector, intents, recogniser
from noria.contract import registry
from noria.contract.capabilities import PARTS
from noria.errors import UserError
from noria.metrics.error_budget import shares
from noria.model.network import Model
from noria.pipeline.inference import outputs
from noria.sound.reading import read_sound
from noria.targets.reply.target import STAGES, Reply, right_of
from noria.targets.reply.voices import sentences
from noria.types import Dataset


def dataset_of(words, target, state, with_truth=True):
    task = registry.task("voice-assistant")
    audio = task.inputs["audio"].encode([(clip(word), RATE_HZ) for word in words], {"rate_hz": RATE_HZ}).arrays
    values = [{"reply": INTENTS[word], "transcript": word, "segments": SPANS} for word in words]
    return Dataset({"audio": audio}, target.encode(values, state).arrays if with_truth else {})


def asked(words, parts, target=None, with_truth=False, judge=None):
    """The outputs of a reply to some words, and its answers."""
    target = target or Reply()
    state = {"usual": "", "document": "", PARTS: {**dict(enumerate(parts)), **({"judge": judge} if judge else {})}}
    model = Model({}, None, target.head(state, 1), "full")
    found = outputs(model, target, state, dataset_of(words, target, state, with_truth), 16, "cpu")
    return found, target.decode(found, state)


def test_each_stage_is_found_by_what_it_answers_in_any_order():
    parts = [Voice(), intents(), detector(), recogniser()]
    _, answers = asked(["on", "left"], parts, Reply(replies={"turn on": "It is on. Good night!"}))
    assert [one.value for one in answers] == ["It is on. Good night!", "turn left"]
    assert [one.details["transcript"] for one in answers] == ["on", "left"]
    assert [one.details["answer"] for one in answers] == ["turn on", "turn left"]
    assert set(answers[0].details["milliseconds"]) == {
        "detection", "recognition", "answer", "speech", "first_sound", "total"
    }  # fmt: skip
    assert parts[0].asked == ["It is on.", "Good night!", "turn left"]
    sound = read_sound(answers[0].media.data)
    assert (len(sound.samples), sound.rate_hz) == (16 * len("It is on.Good night!"), RATE_HZ)


def test_without_a_voice_the_reply_is_a_text_and_without_detection_the_whole_clip_is_heard():
    hears = recogniser()
    _, answers = asked(["on"], [hears, intents()])
    assert (answers[0].value, answers[0].media, answers[0].details["segments"]) == ("turn on", None, None)
    assert len(hears.asked[0][0]) == len(clip("on"))


def test_where_nobody_speaks_nobody_is_asked():
    hears, knows, voice = recogniser(), intents(), Voice()
    _, answers = asked(["on"], [detector(errs=1.0), hears, knows, voice])
    assert (answers[0].value, answers[0].media, answers[0].details["segments"]) == ("", None, [])
    assert hears.asked == knows.asked == voice.asked == []


def test_two_parts_that_do_the_same_are_refused():
    with pytest.raises(UserError, match="two parts do the same: recognition"):
        asked(["on"], [recogniser(), recogniser()])


@pytest.mark.parametrize(
    ("part", "told"),
    [
        (Fake("label", "audio", str), "a part for answer takes texts alone"),  # the words would name a file to open
        (Fake("transcript", "text", str), "a part for recognition takes a sound"),
    ],
)
def test_a_part_is_refused_that_would_open_the_file_whose_name_is_said(part, told):
    with pytest.raises(UserError, match=told) as caught:
        asked(["on"], [detector(), part])
    assert "target.parts" in caught.value.where
    assert part.asked == []


def test_a_reply_in_pieces_is_the_whole_one_and_its_first_sentence_comes_first():
    target, state = Reply(replies={"turn on": "It is on. Good night!"}), {"usual": "", "document": ""}
    voice = Voice()
    state[PARTS] = dict(enumerate([detector(), recogniser(), intents(), voice]))
    batch = dataset_of(["on"], target, state, with_truth=False).batch(slice(None))
    pieces = target.stream(None, batch, state, {})
    first = next(pieces)
    assert voice.asked == ["It is on."]
    rest = list(pieces)
    assert [piece.ended for piece in [first, *rest]] == [None, None, "end"]
    _, answers = asked(["on"], state[PARTS].values(), target)
    streamed = np.frombuffer(b"".join(piece.content for piece in [first, *rest])[44:], "<i2")
    assert np.array_equal(streamed, np.frombuffer(answers[0].media.data[44:], "<i2"))


def test_sentences_end_as_soon_as_they_are_written():
    written = []

    def pieces():
        for piece in ("It is", " on. Good", " night! 好的。再见。", "bye"):
            written.append(piece)
            yield piece

    found = sentences(pieces())
    assert next(found) == "It is on."
    assert len(written) == 2
    assert list(found) == ["Good night!", "好的。", "再见。", "bye"]


@pytest.mark.parametrize("stage", STAGES)
def test_the_stage_with_a_planted_defect_is_named_in_95_of_100_seeds(stage):
    make = {"detection": detector, "recognition": recogniser, "answer": intents}
    target = Reply(replies={intent: word for word, intent in INTENTS.items()})
    named = 0
    for seed in range(100):
        generator = np.random.default_rng(seed)
        parts = [
            made(errs=0.35 if name == stage else 0.05, seed=100 * seed + place)
            for place, (name, made) in enumerate(make.items())
        ]
        unclear = generator.choice(WORDS, 3 if stage == "speech" else 0, replace=False)
        words = list(generator.choice(WORDS, 80))
        found, _ = asked(words, [*parts, Speaker(unclear)], target, with_truth=True, judge=recogniser())
        blamed = shares(right_of(found, {}), np.ones((1, len(words))))[0]
        assert blamed.sum() == pytest.approx(1)
        named += list(STAGES)[int(np.argmax(blamed))] == stage
    assert named >= 95


def test_without_a_judge_or_without_a_voice_the_voice_is_no_stage():
    words = ["on", "left", "off"]
    target = Reply(replies={intent: word for word, intent in INTENTS.items()})
    for voices, judge in (([Speaker(WORDS)], None), ([], recogniser())):
        found, _ = asked(words, [recogniser(errs=0.5), intents(), *voices], target, with_truth=True, judge=judge)
        right = right_of(found, {})
        assert np.isnan(right[:, 4]).all()
        assert (right[:, 3] == 1).all()
    found, _ = asked(words, [recogniser(), intents(), Speaker(WORDS)], target, with_truth=True, judge=recogniser())
    assert right_of(found, {})[:, [0, 2, 3, 4]].tolist() == [[0, 0, 0, 1]] * 3


def test_the_truth_of_a_record_is_a_text_or_several_columns():
    target = Reply()
    state = target.fit(["on", "on", "off"])
    assert state["usual"] == "on"
    columns = {"intent": ["on", "off"], "transcript": ["turn it on", None], "segments": ["[[0, 1]]", ""]}
    told = [json.loads(text) for text in target.encode(columns, state).arrays["truth"].texts()]
    assert told == [
        {"reply": "on", "transcript": "turn it on", "segments": [[0.0, 1.0]]},
        {"reply": "off", "transcript": None, "segments": None},
    ]
    bad = target.encode({"a": ["on"], "b": ["off"]}, state).bad
    assert "expected the right answer" in bad[0]
