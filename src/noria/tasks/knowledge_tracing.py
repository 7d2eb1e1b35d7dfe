"""Knowledge tracing: what a learner did in, whether each exercise goes right out, foretold from those before it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from noria.contract import MAPPED, Task
from noria.contract.capabilities import GathersRows, MakesExamples, PredictsBaseline, ReadsFormats, ValidatesPairs
from noria.contract.source import Gathering, Source
from noria.errors import UserError
from noria.modalities.items.arrays import ITEMS
from noria.modalities.items.modality import Items
from noria.sources.formats.answer_lines import answer_lines
from noria.sources.formats.histories import histories
from noria.sources.formats.history_pieces import HistoryPieces
from noria.targets.correctness.example import example_learners
from noria.targets.correctness.target import Correctness, always, of_other_length, share_right
from noria.types import Arrays, Dataset, Record


class KnowledgeTracing(Task, ReadsFormats, GathersRows, MakesExamples, PredictsBaseline, ValidatesPairs):
    """history -> correctness. Will a learner get the next exercise right, and which are not mastered yet?

    Data: a table, a row an answer (user, skill or item, time, correct: 1 or 0), or three lines a learner as published
    sets have them. Learners are divided, so that those of test were never seen.
    """

    inputs: Mapping[str, Items] = {"history": Items(asks=True)}
    target = Correctness(history="history")
    attention = "causal"
    grouped_by = "user"
    defaults: Mapping[str, Any] = {
        "model": {"width": 64, "depth": 2, "heads": 4, "dropout": 0.1},
        "train": {"batch_size": 32},
        "evaluate": {"batch_size": 64},
    }

    def read(self, path: Path, encoding: str | None = None, named: Mapping[str, Any] = MAPPED) -> Source | None:
        return answer_lines(path, encoding)

    def gathered(self, source: Source, by: Gathering) -> Source:
        if by.within:
            raise UserError(
                "knowledge-tracing divides learners, not what one of them did",
                where="data.split.within",
                found=by.within,
                fix="leave it out: every answer is foretold from those before it",
            )
        found = histories(source, by, self.target.kind)
        if "history" not in found.columns:
            return found
        return HistoryPieces(found, self.target.kind, self.inputs["history"].max_items)

    def validate_pair(self, inputs: Mapping[str, Arrays], answer: Arrays) -> dict[int, str]:
        """Return the records of which not every event is read."""
        return of_other_length(answer, inputs["history"])

    def example(self) -> Record:
        return example_learners(1, 0)[0]

    def examples(self, count: int, seed: int = 0) -> list[Record]:
        return example_learners(count, seed)

    def fit_baseline(self, train: Arrays) -> Arrays:
        return share_right(train)

    def predict_baseline(self, dataset: Dataset, learnt: Arrays) -> Arrays:
        return always(learnt, dataset.inputs["history"][ITEMS])
