"""Text classification: which of several classes a text belongs to; sentiment, topic, spam."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from noria.contract import Task
from noria.modalities.text.modality import Text
from noria.targets.label import Label, majority
from noria.types import Record


class TextClassification(Task):
    """text -> label. Every token sees all others (the BERT way); the answer is read off their mean."""

    inputs: Mapping[str, Text] = {"text": Text(begin=True, end=True)}
    target = Label()
    attention = "full"
    defaults: Mapping[str, Any] = {
        "model": {"size": "tiny", "depth": 2, "dropout": 0.3},
        "evaluate": {"batch_size": 64},
    }

    def example(self) -> Record:
        return Record({"text": "a moving film, beautifully played", "label": "positive"})

    baseline = staticmethod(majority)
