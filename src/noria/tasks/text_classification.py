"""Text classification: which of several classes a text belongs to; sentiment, topic, spam."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from noria.contract import MAPPED, Task
from noria.contract.capabilities import ReadsFormats
from noria.contract.source import Source
from noria.modalities.text.modality import Text
from noria.sources.formats.class_files import class_files
from noria.targets.label import Label, majority
from noria.types import Record


class TextClassification(Task, ReadsFormats):
    """text -> label. Where the job names no model, runs of tokens and of characters are read, a vote each, beside a
    linear model of them; else every token sees all others (the BERT way), and the answer is read off their mean."""

    inputs: Mapping[str, Text] = {"text": Text(begin=True, end=True)}
    target = Label()
    attention = "full"
    defaults: Mapping[str, Any] = {
        "model": {"size": "tiny", "depth": 2, "dropout": 0.3},
        "train": {"best_by": "log_loss", "patience": 4},
        "evaluate": {"batch_size": 64},
    }
    # Found on validation splits of reviews and headlines, in English and Chinese: no depth learnt more from 10,000.
    defaults_without_model: Mapping[str, Any] = {
        "inputs": {"text": {"vocabulary": None, "ngrams": 2, "characters": 6, "token_dropout": 0.5}},
        "target": {"is_voting": True},
        "model": {"width": 32, "depth": 0, "dropout": 0.0, "linear": True},
        "train": {"epochs": 8, "learning_rate": 0.01, "weight_decay": 0.3},
    }

    def example(self) -> Record:
        return Record({"text": "a moving film, beautifully played", "label": "positive"})

    def read(self, path: Path, encoding: str | None = None, named: Mapping[str, Any] = MAPPED) -> Source | None:
        return None if self.target.kind in named else class_files(path, encoding)

    fit_baseline = staticmethod(majority)
