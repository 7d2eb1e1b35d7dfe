"""Answers side by side are those of each alone; every one ends, and nobody's fault is another's."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from noria.contract import streaming
from noria.contract.examples import records_like
from noria.errors import UserError
from noria.pipeline.predictor import Predictor, load
from noria.pipeline.streams import Full, Streams
from noria.pipeline.turns import Turns
from noria.types import Batch, Chunk

WAYS: list[dict[str, Any]] = [
    {"max_tokens": 20},
    {"max_tokens": 30, "temperature": 1.0, "seed": 3},
    {"max_tokens": 5, "temperature": 0.9, "seed": 4, "stop": ["e"]},
    {"max_tokens": 25, "repetition_penalty": 1.3},
    {},
]


@pytest.fixture(scope="module", params=["text-generation", "translation", "translation with beams"])
def predictor(trained: Callable[[str], Path], request: pytest.FixtureRequest) -> Predictor:
    name, _, beams = request.param.partition(" with ")
    found = load(trained(name), device="cpu")
    if beams:
        found.task = copy.copy(found.task)
        found.task.target = replace(found.task.target, beams=2)  # type: ignore[call-arg]
    return found


@pytest.fixture
def writer(trained: Callable[[str], Path]) -> Predictor:
    return load(trained("text-generation"), device="cpu")


class Clock:
    """A clock that goes when it is told to."""

    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


def inputs_of(predictor: Predictor, count: int) -> list[dict[str, Any]]:
    return [{name: one[name] for name in predictor.task.inputs} for one in records_like(predictor.task, count)]


def test_side_by_side_each_answer_is_the_one_it_is_alone(predictor: Predictor) -> None:
    ways = WAYS
    if getattr(predictor.task.target, "beams", 1) > 1:
        ways = [{"max_tokens": one.get("max_tokens", 9)} for one in WAYS]  # beams know no others
    records = inputs_of(predictor, len(ways))
    (chunk,) = predictor.encoded(records)
    streams = Streams(predictor, most=4)
    said: dict[int, list[Chunk]] = {}
    coming = list(range(len(ways)))
    while coming or len(streams):
        if coming and len(streams) < 4:
            index = coming.pop(0)
            assert streams.begin(chunk, index, ways[index]) == index
            said[index] = []
        for number, piece in streams.step():
            said[number].append(piece)
        assert not streams.errors
    for index, way in enumerate(ways):
        expected = list(predictor.stream(records[index], **way))
        assert [piece[:2] for piece in said[index]] == [piece[:2] for piece in expected]
        assert said[index][-1].logprobs == pytest.approx(expected[-1].logprobs, abs=1e-4)


def test_no_more_are_written_than_may_be_and_a_place_is_free_again(writer: Predictor) -> None:
    (chunk,) = writer.encoded(inputs_of(writer, 1))
    streams = Streams(writer, most=2)
    first, _ = streams.begin(chunk, 0, {}), streams.begin(chunk, 0, {})
    with pytest.raises(Full, match="2 answers"):
        streams.begin(chunk, 0, {})
    streams.drop(first)
    streams.drop(first)  # as a client may go away when its answer has just ended
    assert len(streams) == 1
    third = streams.begin(chunk, 0, {"max_tokens": 1})
    assert {number for number, piece in streams.step() if piece.ended} == {third}
    streams.begin(chunk, 0, {})


@pytest.mark.parametrize("settings", [{"temprature": 1}, {"max_tokens": 0}, {"regex": "("}, {"seconds": 5}], ids=str)
def test_a_setting_that_cannot_be_used_is_refused_and_takes_no_place(
    writer: Predictor, settings: dict[str, Any]
) -> None:
    (chunk,) = writer.encoded(inputs_of(writer, 1))
    streams = Streams(writer, most=1)
    with pytest.raises(UserError) as refused:
        streams.begin(chunk, 0, settings)
    with pytest.raises(UserError) as alone:
        next(writer.stream(inputs_of(writer, 1)[0], **settings))
    assert (str(refused.value), len(streams)) == (str(alone.value), 0)


def test_what_is_written_when_the_time_is_over_is_the_answer(writer: Predictor) -> None:
    (chunk,) = writer.encoded(inputs_of(writer, 1))
    clock = Clock()
    streams = Streams(writer, most=2, seconds=10, clock=clock)
    number = streams.begin(chunk, 0, {"max_tokens": 1000, "regex": "[a-z]{900}"})
    said = [piece for _ in range(4) for _, piece in streams.step()]
    clock.now_s = 9.0
    later = streams.begin(chunk, 0, {"max_tokens": 1000, "regex": "[a-z]{900}"})
    said.append(dict(streams.step())[number])
    clock.now_s = 10.0
    found = dict(streams.step())
    assert found[number].ended == "length"
    assert len("".join(str(piece.content) for piece in [*said, found[number]])) == 5
    assert len(found[number].logprobs) == 5
    assert found[later].ended is None
    assert (len(streams), streams.errors) == (1, {})


def test_an_answer_of_which_nothing_is_written_in_time_breaks_and_says_so(
    writer: Predictor, monkeypatch: pytest.MonkeyPatch
) -> None:
    (chunk,) = writer.encoded(inputs_of(writer, 1))
    clock = Clock()
    streams = Streams(writer, most=2, seconds=10, clock=clock)
    number = streams.begin(chunk, 0, {})
    with monkeypatch.context() as patch:
        patch.setattr(streams._writer, "step", list)  # nothing comes on
        assert streams.step() == []
        clock.now_s = 10.0
        assert streams.step() == [(number, Chunk("", "error"))]
    assert "first token within 10 s" in str(streams.errors[number])
    assert len(streams) == 0
    assert streams.step() == []
    assert streams.errors == {}


def test_what_breaks_is_told_by_its_number_and_memory_as_what_helps(
    writer: Predictor, monkeypatch: pytest.MonkeyPatch
) -> None:
    (chunk,) = writer.encoded(inputs_of(writer, 1))
    streams = Streams(writer, most=2)
    number = streams.begin(chunk, 0, {})

    def broken(*_: Any) -> None:
        raise RuntimeError("[enforce fail] not enough memory: you tried to allocate 9 bytes")

    monkeypatch.setattr(writer.bundle.model, "read", broken)
    assert streams.step() == [(number, Chunk("", "error"))]
    assert isinstance(streams.errors[number], UserError)
    assert "fewer at once" in str(streams.errors[number])
    assert len(streams) == 0


def sounds(batch: Batch, settings: Mapping[str, Any]) -> Iterator[Chunk]:
    if settings:
        raise UserError("there is no such setting")

    def pieces() -> Iterator[Chunk]:
        for place in range(batch.size):
            if place == 3:
                raise ValueError("a bug")
            yield Chunk(b"%d" % place)
        yield Chunk(b"", "end")

    return pieces()


def test_by_turns_each_gives_a_piece_and_what_breaks_one_is_its_own() -> None:
    turns = Turns(sounds)
    with pytest.raises(UserError):
        turns.begin(9, Batch({}, {}, 1), {"speed": 2})
    for number, size in enumerate((2, 5, 3)):
        turns.begin(number, Batch({}, {}, size), {})
    said: list[tuple[int, Chunk | Exception]] = []
    for _ in range(4):
        said += turns.step()
    assert [number for number, _ in said] == [0, 1, 2, 0]
    assert turns.end(2) == Chunk(b"", "length")
    while step := turns.step():
        said += step
    own = {number: [piece for other, piece in said if other == number] for number in (0, 1, 2)}
    assert own[0] == [Chunk(b"0"), Chunk(b"1"), Chunk(b"", "end")]
    assert own[1][:3] == [Chunk(b"0"), Chunk(b"1"), Chunk(b"2")]
    assert isinstance(own[1][3], ValueError)
    assert own[2] == [Chunk(b"0")]


def test_beams_are_written_by_turns_and_rows_side_by_side(writer: Predictor) -> None:
    target, model, state = writer.task.target, writer.bundle.model, writer.states["target"]
    assert streaming.writer(target, model, state) is not None
    assert streaming.writer(replace(target, beams=2), model, state) is None  # type: ignore[call-arg]
