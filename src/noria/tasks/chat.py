"""Chat: the next message of a conversation. Learnt from the replies alone (supervised fine-tuning)."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from noria.contract import MAPPED, Task
from noria.contract.capabilities import PredictsBaseline, ReadsFormats
from noria.contract.source import Source
from noria.modalities.messages import Messages
from noria.sources.formats.chat_turns import chat_turns
from noria.targets import text
from noria.types import Arrays, Dataset, Record


class Chat(Task, ReadsFormats, PredictsBaseline):
    """messages -> text. The conversation so far, in the template that the bundle keeps, and the reply to it."""

    inputs: Mapping[str, Messages] = {"messages": Messages()}
    target = text.Text(overlap="rouge")
    attention = "causal"
    shared_vocabulary = ("messages", "text")
    grouped_by = "opening"
    defaults: Mapping[str, Any] = {"evaluate": {"batch_size": 16}}

    def example(self) -> Record:
        messages = [
            {"role": "system", "content": "You answer in one sentence."},
            {"role": "user", "content": "What is a noria?"},
        ]
        return Record({"messages": messages, "text": "A water wheel that the river itself turns."})

    def read(self, path: Path, encoding: str | None = None, named: Mapping[str, Any] = MAPPED) -> Source | None:
        return chat_turns(path, encoding)

    fit_baseline = staticmethod(text.unigram)

    def predict_baseline(self, dataset: Dataset, learnt: Arrays) -> Arrays:
        """Return nothing at all as the reply."""
        return {**text.unigram_scores(dataset.target, learnt), "_text": text.no_answers(len(dataset))}
