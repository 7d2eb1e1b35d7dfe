"""Answers taken from a context: characters to tokens and back, windows, refusals, and what their chances mean."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from noria.contract import dispatch
from noria.contract.examples import fitted, records_like
from noria.errors import UserError
from noria.job import Job
from noria.modalities.text.modality import Text
from noria.pipeline.assembly import build
from noria.targets.span.target import Span, _best, _best_of_each
from noria.tasks.question_answering import QuestionAnswering, nearest_sentence
from noria.types import PAD, Dataset

CONTEXT = "context"  # the input that answers stand in
CONTEXTS = [
    "Ada met Ben in Rome, on  Monday.",
    "王明昨天从上海去了北京，他说 Noria 很好。",
    "Naïve café — 3.5% of “users”.",
    "one",
]
CAN_REFUSE, ALWAYS = {"can_refuse": True}, {"can_refuse": False}


def asked(kind, pairs, max_tokens=512):
    """Encoded questions with (context, stretch) pairs, and their accepted answers."""
    settings = Text(tokenizer=kind, vocabulary=300)
    contexts = [context for context, _ in pairs]
    state = settings.fit(["Who?", *CONTEXTS])
    inputs = {
        "question": replace(settings, begin=True, keep=True).encode(["Who?"] * len(pairs), state).arrays,
        CONTEXT: replace(settings, end=True, keep=True, max_tokens=max_tokens).encode(contexts, state).arrays,
    }
    answers = [[] if span is None else [{"text": one[slice(*span)], "start": span[0]}] for one, span in pairs]
    encoded = Span().encode(answers, CAN_REFUSE)
    assert not encoded.bad
    return Dataset(inputs, encoded.arrays)


class Knowing(torch.nn.Module):
    """A model that knows the true first and last character, and says so with certainty; else, no answer."""

    def __init__(self, certainty=30.0):
        super().__init__()
        self.certainty = certainty
        self.rows = 0

    def on(self, dataset):
        """Look the answers up by the ids of the context: rows of windows are not told which record they are of."""
        places = zip(np.asarray(dataset.target["start"]), np.asarray(dataset.target["end"]), strict=True)
        self.known = [(set(dataset.inputs[CONTEXT]["ids"][i].tolist()), *place) for i, place in enumerate(places)]
        return self

    def forward(self, inputs):
        context = inputs[CONTEXT]
        question = inputs["question"]["ids"].shape[1]
        self.rows += len(context["ids"])
        logits = torch.zeros(len(context["ids"]), question + context["ids"].shape[1], 2)
        for row, (ids, starts, ends) in enumerate(zip(context["ids"], context["starts"], context["ends"], strict=True)):
            (start, end), *_ = [(a, b) for known, a, b in self.known if set(ids[ids != PAD].tolist()) <= known]
            inside = ((starts < end) & (ends > start) & (starts != PAD)).nonzero()[:, 0].tolist()
            is_whole = bool(inside) and starts[inside[0]] <= start and ends[inside[-1]] >= end
            first, last = (question + inside[0], question + inside[-1]) if is_whole else (0, 0)
            logits[row, first, 0] = logits[row, last, 1] = self.certainty
        return {"logits": logits}


def answered(target, model, dataset, state=CAN_REFUSE):
    everything = np.arange(len(dataset))
    output = {name: one.numpy() for name, one in target.predict_step(model, dataset.batch(everything), state).items()}
    return target.postprocess(output, dataset.raw_inputs(everything), state)


def words(context):
    """Return every stretch of words (or Chinese characters) of a context."""
    starts = [i for i in range(len(context)) if not context[i].isspace() and (i == 0 or not context[i - 1].isalnum())]
    ends = [i for i in range(1, len(context) + 1) if i == len(context) or not context[i].isalnum()]
    return [(a, b) for a in starts for b in ends if a < b and not context[b - 1].isspace()]


@pytest.mark.parametrize("kind", ["bpe", "character", "byte", "unigram"])
def test_a_model_that_knows_the_tokens_gives_the_very_text(kind):
    pairs = [(context, span) for context in CONTEXTS for span in words(context)]
    assert len(pairs) > 50
    target = Span(longest=200)
    for pair in pairs:
        dataset = asked(kind, [pair])
        output = answered(target, Knowing().on(dataset), dataset)
        context, (start, end) = pair
        given = output["_text"].texts()[0]
        if kind in ("bpe", "unigram"):  # a token may reach beyond the word
            assert context[start:end] in given or given == context[start:end]
        else:
            assert (given, output["start"][0], output["end"][0]) == (context[start:end], start, end)
        assert given == context[output["start"][0] : output["end"][0]] == given.strip()


@pytest.mark.parametrize(("window", "overlap", "stride"), [(12, 0.67, 3), (16, 0.8, 3), (18, 0.5, 9), (500, 0.5, 250)])
def test_windows_find_what_the_whole_finds(window, overlap, stride):
    context = CONTEXTS[1] + CONTEXTS[0]
    spans = [(at, at + length) for length in (1, 5, 8) for at in range(0, len(context) - length, 3)]
    spans = [(a, b) for a, b in spans if context[a:b] == context[a:b].strip()]
    assert len(spans) > 30
    target = Span(window=window, overlap=overlap)
    for span in [*spans, None]:
        dataset = asked("character", [(context, span)])
        model = Knowing().on(dataset)
        output = answered(target, model, dataset)
        assert output["_text"].texts() == ["" if span is None else context[slice(*span)]]
        assert model.rows == (1 if window == 500 else 1 + -(-(len(context) + 1 - window) // stride))
        loss = target.training_step(model, dataset.batch(np.arange(1)), {})
        assert loss["each"].shape == (1,)
        assert float(loss["loss"]) < 1e-3


def test_records_long_and_short_in_one_batch_answer_as_alone():
    pairs = [(CONTEXTS[0], (8, 11)), (CONTEXTS[1], (5, 7)), (CONTEXTS[3], (0, 3)), (CONTEXTS[2], None)]
    dataset, target = asked("character", pairs), Span(window=12, overlap=0.6)
    model = Knowing(3.0).on(dataset)
    together = answered(target, model, dataset)
    losses = target.training_step(model, dataset.batch(np.arange(4)), {})["each"]
    for i in range(4):
        alone = dataset.select(np.array([i]))
        output = answered(target, model, alone)
        assert output["_text"].texts() == together["_text"][i : i + 1].texts()
        for name in ("start", "end", "chance", "none"):
            assert np.allclose(output[name], together[name][i : i + 1], atol=1e-6)
        assert torch.allclose(
            target.training_step(model, alone.batch(np.arange(1)), {})["each"], losses[i : i + 1], atol=1e-6
        )


def test_an_answer_beyond_the_last_token_is_learnt_as_no_answer():
    dataset = asked("character", [(CONTEXTS[0], (8, 11)), (CONTEXTS[0], (0, 3))], max_tokens=10)
    certain = torch.zeros(2, dataset.inputs["question"]["ids"].lengths[0] + 10, 2)
    certain[:, 0] = 30.0
    each = Span().loss({"logits": certain}, dataset.batch(np.arange(2)))["each"]
    assert each[0] < 1e-3 < 10 < each[1]


def brute_force(start, end, longest):
    """Return the best (first, last), and all chances, of one row without its first column."""
    pairs = [(i, j) for i in range(len(start) - 1) for j in range(i, min(i + longest, len(start) - 1))]
    scores = torch.stack([start[1 + i] + end[1 + j] for i, j in pairs])
    return pairs[int(scores.argmax())], torch.cat([scores, (start[0] + end[0])[None]]).softmax(0)


@pytest.mark.parametrize("longest", [1, 3, 100])
def test_the_best_stretch_is_the_best_of_all_pairs_and_the_chances_are_those_of_all(longest):
    generator = torch.Generator().manual_seed(0)
    rows, length = 40, 9
    start, end = (2 * torch.randn(rows, 1 + length, generator=generator) for _ in range(2))
    places = torch.arange(length).expand(rows, length)
    found = _best(start, end, {"starts": places, "ends": places + 1}, longest)
    texts = {CONTEXT: {"_text": asked("character", [("abcdefghi", None)] * rows).inputs[CONTEXT]["_text"]}}
    output = Span(longest=longest).postprocess({name: one.numpy() for name, one in found.items()}, texts, CAN_REFUSE)
    refused = 0
    for row in range(rows):
        (first, last), chances = brute_force(start[row], end[row], longest)
        assert (int(found["start"][row]), int(found["end"][row]) - 1) == (first, last)
        assert output["chance"][row] == pytest.approx(float(chances[:-1].max()), abs=1e-5)
        assert output["none"][row] == pytest.approx(float(chances[-1]), abs=1e-5)
        is_refused = chances[-1] >= chances[:-1].max()
        assert (output["start"][row] == -1) == is_refused
        refused += int(is_refused)
    assert 0 < refused < rows


def test_of_several_windows_the_one_with_the_best_odds_answers():
    record = torch.tensor([0, 0, 0, 1, 2, 2, 4, 4])
    scores = torch.tensor([-1.0, 3.0, 3.0, -9.0, 0.0, 1.0, 2.0, -2.0])
    assert _best_of_each(scores, record, 5)[[0, 1, 2, 4]].tolist() == [1, 3, 5, 6]
    dataset, target = asked("character", [(CONTEXTS[1], (5, 7))]), Span(window=12, overlap=0.6)
    unsure = Knowing(0.5).on(dataset)  # windows without it are as sure of nothing: only odds tell them apart
    assert answered(target, unsure, dataset, ALWAYS)["_text"].texts() == [CONTEXTS[1][5:7]]


def test_a_model_that_never_saw_a_question_without_answer_never_refuses():
    dataset = asked("character", [(CONTEXTS[0], None)])
    target, model = Span(), Knowing().on(dataset)
    assert target.fit([[{"text": "a", "start": 0}]]).items() >= ALWAYS.items()
    assert target.fit([[{"text": "a", "start": 0}], []]).items() >= CAN_REFUSE.items()
    [refused] = target.decode(answered(target, model, dataset, CAN_REFUSE), CAN_REFUSE)
    [forced] = target.decode(answered(target, model, dataset, ALWAYS), ALWAYS)
    assert refused.as_json() == {"value": "", "confidence": 1.0, "start": None, "end": None, "no_answer": 1.0}
    assert forced.value != ""
    assert forced.confidence is not None
    assert 0 < forced.confidence < 1


def test_caution_refuses_what_is_hardly_likelier_than_nothing():
    dataset = asked("character", [(CONTEXTS[0], (8, 11))])
    model = Knowing(2.0).on(dataset)
    assert [answered(Span(no_answer_threshold=one), model, dataset)["_text"].texts()[0] for one in (0.0, 3.9, 4.1)] == [
        "Ben",
        "Ben",
        "",
    ]


@pytest.mark.parametrize("window", [16, 384])
def test_who_did_what_is_learnt_in_a_few_steps_in_windows_and_without(window):
    task = QuestionAnswering()
    task.target = Span(window=window)
    records = records_like(task, 144, seed=1)
    states = fitted(task, records)
    inputs = {
        name: text.encode([one[name] for one in records], states["inputs"][name]).arrays
        for name, text in task.inputs.items()
    }
    dataset = Dataset(inputs, task.target.encode([one["span"] for one in records], states["target"]).arrays)
    torch.manual_seed(0)
    job = Job.model_validate({"task": "asked", "model": {"width": 64, "heads": 4, "depth": 2}})
    model = build(job, task, states)
    optimizer = torch.optim.AdamW(model.parameters(), 0.003)
    for step in range(80):
        loss = dispatch.training_step(
            task.target, model, dataset.batch(np.arange(32) + 32 * (step % 4)), states["target"]
        )["loss"]
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    held_out = dataset.select(np.arange(128, 144))
    with torch.inference_mode():
        output = answered(task.target, model.eval(), held_out, states["target"])
    f1 = task.target.metrics(states["target"])[0]
    assert f1.value(output, held_out.target, np.ones((1, 16)))[0] > 0.9


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (None, "the answer is missing"),
        ("Ada", "the columns question, context and span"),
        ({"text": "Ada", "start": 0}, "not a list of answers but dict"),
        ([{"text": " ", "start": 0}], "expected a text and its start"),
        ([{"text": "Ada", "start": -1}], "expected a text and its start"),
        ([{"text": "Ada", "start": True}], "expected a text and its start"),
        (["Ada"], "expected a text and its start"),
        ([{"text": "Ada"}], "has no place in the context"),
    ],
)
def test_what_is_no_answer_is_bad_and_said_why(value, reason):
    encoded = Span().encode([[], value, [{"text": " Ada", "start": 3}]], CAN_REFUSE)
    assert list(encoded.bad) == [1]
    assert reason in encoded.bad[1]
    assert encoded.arrays["start"].tolist() == [-1, -1, 4]
    assert encoded.arrays["end"].tolist() == [-1, -1, 7]
    assert Span().decode_target(encoded.arrays, CAN_REFUSE) == [[], [], ["Ada"]]


@pytest.mark.parametrize("setting", [{"longest": 0}, {"window": 1}, {"overlap": 1.0}, {"overlap": -0.1}])
def test_a_setting_that_cannot_be_is_refused_by_name(setting):
    with pytest.raises(UserError, match=f"target.{next(iter(setting))}"):
        Span(**setting)


@pytest.mark.parametrize(
    ("question", "context", "sentence"),
    [
        ("Where is the wheel?", "A river. The wheel is here! And there.", "The wheel is here!"),
        ("轮子在哪里？", "有一条河。轮子在这里。", "轮子在这里。"),
        ("Why?", "Nothing fits. Nothing.", "Nothing fits."),
        ("Why?", "...", "..."),
    ],
)
def test_the_trivial_answer_is_the_sentence_nearest_to_the_question(question, context, sentence):
    assert context[slice(*nearest_sentence(question, context))] == sentence


@pytest.mark.parametrize(("share", "texts"), [(0.4, ["Ada met Ben in Rome, on  Monday."]), (0.6, [""])])
def test_the_trivial_answer_is_nothing_where_most_questions_have_none(share, texts):
    dataset = asked("character", [(CONTEXTS[0], (8, 11))])
    trivial = QuestionAnswering().predict_baseline(dataset, {"none": np.array([share], np.float32)})
    assert trivial["_text"].texts() == texts
