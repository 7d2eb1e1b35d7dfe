"""Labelled stretches: characters to tags of tokens and back, in any tokenizer; learnt in a few steps."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from noria.contract import dispatch
from noria.contract.examples import fitted, records_like
from noria.job import Job
from noria.modalities.text.modality import Text
from noria.pipeline.assembly import build
from noria.targets.tags.target import UNSCORED, Tags, _tags, nothing_found
from noria.tasks.token_classification import TokenClassification
from noria.types import PAD, Dataset

STATE = {"labels": ["LOC", "PER"]}
TEXTS = ["Ada Lovelace met  Ben in New York, again.", "王明李雷昨天从上海去了北京。", "Naïve café!", "x"]
SPANS = [
    [(0, 12, "PER"), (18, 21, "PER"), (25, 33, "LOC")],
    [(0, 2, "PER"), (2, 4, "PER"), (7, 9, "LOC"), (11, 13, "LOC")],  # two names side by side
    [],
    [(0, 1, "LOC")],
]


def values(spans):
    return [[{"start": a, "end": b, "label": label} for a, b, label in row] for row in spans]


def labelled(kind, max_tokens=512, texts=TEXTS, spans=SPANS):
    text = Text(tokenizer=kind, vocabulary=300, begin=True, end=True, keep=True, max_tokens=max_tokens)
    target = Tags().encode(values(spans), STATE)
    assert not target.bad
    return Dataset({"text": text.encode(texts, replace(text).fit(TEXTS)).arrays}, target.arrays)


class Knowing(torch.nn.Module):
    """A model that gives the true tag of every token."""

    def __init__(self, dataset):
        super().__init__()
        batch = dataset.batch(np.arange(len(dataset)))
        self.tags = _tags(batch.target, batch.inputs["text"])

    def forward(self, inputs):
        tags = self.tags.clamp_min(0)
        return {"logits": 20.0 * torch.nn.functional.one_hot(tags, 1 + 2 * len(STATE["labels"])).float()}


def settled(dataset, model, state=STATE, target=None):
    everything = np.arange(len(dataset))
    target = target or Tags()
    with torch.inference_mode():
        output = target.predict_step(model, dataset.batch(everything), state)
    return target.postprocess(
        {name: one.numpy() for name, one in output.items()}, dataset.raw_inputs(everything), state
    )


@pytest.mark.parametrize("kind", ["character", "byte", "bpe", "unigram"])
def test_a_model_that_knows_the_tags_gives_the_very_stretches(kind):
    is_exact = kind in ("character", "byte")  # a token of the others may hold the end of one word of Chinese and more
    texts, spans = (TEXTS, SPANS) if is_exact else (TEXTS[:1], SPANS[:1])
    dataset = labelled(kind, texts=texts, spans=spans)
    model = Knowing(dataset)
    output = settled(dataset, model)
    predictions = Tags().decode(output, STATE)
    given = [[(one["start"], one["end"], one["label"]) for one in row.value] for row in predictions]
    assert given == spans
    for text, row in zip(texts, predictions, strict=True):
        assert all(one["text"] == text[one["start"] : one["end"]] for one in row.value)
        assert row.confidence is None if not row.value else row.confidence > 0.99
    assert (output["right"] == output["tokens"]).all()
    for metric in Tags().metrics(STATE):
        assert metric.value(output, dataset.target, np.ones((1, len(texts))))[0] == 1.0
    assert float(Tags().loss(model({}), dataset.batch(np.arange(len(texts))))["loss"]) < 1e-3


def test_special_tokens_and_padding_are_not_scored():
    dataset = labelled("character")
    batch = dataset.batch(np.arange(len(TEXTS)))
    text = batch.inputs["text"]
    tags, starts = _tags(batch.target, text), text["starts"]
    assert ((tags == UNSCORED) == (starts == PAD)).all()
    assert (tags != UNSCORED).sum(1).tolist() == list(map(len, TEXTS))
    assert tags[1, 1:5].tolist() == [3, 4, 3, 4]  # begin and inside, twice


def test_a_token_in_which_two_stretches_meet_is_of_the_first():
    starts, ends = torch.tensor([[0, 2, 4, PAD]]), torch.tensor([[2, 4, 5, PAD]])
    spans = torch.tensor([[[0, 3, 1], [3, 5, 0], [PAD, PAD, PAD]]])
    tags = _tags({"spans": spans}, {"starts": starts, "ends": ends})
    assert tags.tolist() == [[3, 4, 1, UNSCORED]]


def test_what_stands_beyond_the_last_token_is_missed():
    dataset = labelled("character", max_tokens=16)
    output = settled(dataset, Knowing(dataset))
    recall = next(metric for metric in Tags().metrics(STATE) if metric.name == "recall")
    assert [len(row) for row in (output["spans"][i] for i in range(4))] == [1, 4, 0, 1]
    assert recall.value(output, dataset.target, np.ones((1, 4)))[0] == 6 / 8


def test_the_trivial_answer_is_right_about_the_tokens_outside():
    dataset = labelled("character")
    trivial = nothing_found(dataset.target, dataset.inputs["text"])
    assert trivial["tokens"].tolist() == list(map(len, TEXTS))
    inside = [sum(b - a for a, b, _ in row) for row in SPANS]
    assert (trivial["tokens"] - trivial["right"]).tolist() == inside
    assert [row.value for row in Tags().decode(trivial, STATE)] == [[]] * 4


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (None, "the tags are missing"),
        ("PER", "expected a list of start, end and label"),
        ([{"start": 3, "end": 3, "label": "PER"}], "a stretch needs start, end and label"),
        ([{"start": -1, "end": 3, "label": "PER"}], "a stretch needs start, end and label"),
        ([{"start": 0, "end": 3, "label": None}], "a stretch needs start, end and label"),
        ([7], "a stretch needs start, end and label"),
        ("[7]", "a stretch needs start, end and label"),
        ([{"start": 0, "end": 3, "label": "PERS"}], "does not stand in the training records: did you mean"),
    ],
)
def test_what_is_no_answer_is_bad_and_said_why(value, reason):
    good = values(SPANS)
    encoded = Tags().encode([json.dumps(good[0]), value, good[3]], STATE)
    assert list(encoded.bad) == [1]
    assert reason.lower() in encoded.bad[1].lower()
    assert encoded.arrays["spans"].lengths.tolist() == [3, 0, 1]
    assert Tags().decode_target(encoded.arrays, STATE) == [good[0], [], good[3]]


def test_names_and_places_are_learnt_in_a_few_steps():
    task = TokenClassification()
    records = records_like(task, 64, seed=1)
    states = fitted(task, records)
    arrays = task.inputs["text"].encode([one["text"] for one in records], states["inputs"]["text"]).arrays
    target = task.target.encode([one["tags"] for one in records], states["target"]).arrays
    dataset = Dataset({"text": arrays}, target)
    torch.manual_seed(0)
    job = Job.model_validate({"task": "tagged", "model": {"width": 32, "heads": 2, "depth": 1}})
    model = build(job, task, states)
    optimizer = torch.optim.AdamW(model.parameters(), 0.01)
    batch = dataset.batch(np.arange(48))
    for _ in range(60):
        loss = dispatch.training_step(task.target, model, batch, states["target"])["loss"]
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    held_out = dataset.select(np.arange(48, 64))
    output = settled(held_out, model.eval(), states["target"], task.target)
    f1 = task.target.metrics(states["target"])[0]
    assert f1.value(output, held_out.target, np.ones((1, 16)))[0] > 0.9


def test_labels_that_look_the_same_are_one():
    values = [[{"start": 0, "end": 1, "label": label}] for label in ("caf\u00e9", "cafe\u0301")]
    state = Tags().fit(values)
    assert state["labels"] == ["caf\u00e9"]
    assert not Tags().encode(values, state).bad
