"""Question answering: the stretch of a context that answers a question, or that it does not answer it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from noria.contract import MAPPED, Task
from noria.contract.capabilities import MakesExamples, PairFeatures, PredictsBaseline, ReadsFormats
from noria.contract.source import Source
from noria.modalities.text.arrays import RAW
from noria.modalities.text.modality import Text
from noria.sources.formats.squad import squad
from noria.targets.span.target import NOWHERE, Span, is_mostly_unanswerable, trivial_answers, unanswerable
from noria.types import Arrays, Dataset, Record

if TYPE_CHECKING:
    pass

if TYPE_CHECKING:
    from torch import nn

_SENTENCE = re.compile(r"[^\s.!?。！？](?:[^\n.!?。！？]*[^\s.!?。！？])?[.!?。！？]*")
_WORD = re.compile(r"[\u3400-\u9fff]|[^\W\u3400-\u9fff]+")


class QuestionAnswering(Task, ReadsFormats, MakesExamples, PredictsBaseline, PairFeatures):
    """question, context -> span. One stream, begin question end context end, read in both directions (the BERT way)."""

    inputs: Mapping[str, Text] = {
        "question": Text(max_tokens=64, begin=True, end=True, keep=True),
        "context": Text(max_tokens=8192, end=True, keep=True),
    }
    target = Span(context="context")
    attention = "full"
    shared_vocabulary = ("question", "context")
    grouped_by = "context"
    defaults: Mapping[str, Any] = {"model": {"size": "tiny"}, "evaluate": {"batch_size": 64}}

    def example(self) -> Record:
        context = "A noria is a water wheel that the river itself turns. The wheels of Hama are the largest."
        return Record({"question": "What turns a noria?", "context": context, "span": _answer(context, "the river")})

    def examples(self, count: int, seed: int = 0) -> list[Record]:
        """Return questions about who does what, some without an answer in their context."""
        generator = np.random.default_rng(seed)
        names, records = ("Ada", "Ben", "Carla", "Dan", "Eve", "Finn"), []
        for index in range(count):
            one, two = generator.permutation(names)[:2]
            number = int(generator.integers(100))
            context = f"{one} turned wheel {number} at noon. After that, {two} went down to the river."
            asked, answer = [("Who turned the wheel?", one), ("Who went to the river?", two), ("Who slept?", None)][
                index % 3
            ]
            span = [] if answer is None else _answer(context, str(answer))
            records.append(Record({"question": f"{asked[:-1]} {number}?", "context": context, "span": span}))
        return records

    def read(self, path: Path, encoding: str | None = None, named: Mapping[str, Any] = MAPPED) -> Source | None:
        columns = {name: str(column) for name, column in named.items()}
        question, context = (columns.get(name, name) for name in ("question", "context"))
        return squad(path, encoding, question, context, columns.get("span"))

    def pair_features(self, width: int) -> nn.Module:
        from noria.modalities.text.exact_match import ExactMatch

        return ExactMatch(width, "question", "context")

    def fit_baseline(self, train: Arrays) -> Arrays:
        return unanswerable(train)

    def predict_baseline(self, dataset: Dataset, learnt: Arrays) -> Arrays:
        """Return the sentence that has most words of the question; nothing where most questions have no answer."""
        question, context = (dataset.inputs[name] for name in ("question", "context"))
        places = [(NOWHERE, NOWHERE)] * len(dataset)
        if not is_mostly_unanswerable(learnt):
            pairs = zip(question[RAW][:].texts(), context[RAW][:].texts(), strict=True)
            places = [nearest_sentence(*pair) for pair in pairs]
        return trivial_answers(context, places, learnt)


def nearest_sentence(question: str, context: str) -> tuple[int, int]:
    """Return the sentence of a context that has most of the question's different words; the first of equal ones."""
    asked = set(_WORD.findall(question.lower()))
    sentences = [found.span() for found in _SENTENCE.finditer(context)] or [(0, len(context))]
    return max(sentences, key=lambda place: len(asked & set(_WORD.findall(context[slice(*place)].lower()))))


def _answer(context: str, text: str) -> list[dict[str, Any]]:
    return [{"text": text, "start": context.index(text)}]
