"""Two finished runs side by side: each score of both, the paired difference, and what each cost.

The engine is that of evaluate.compare_to. Read next: compare.py, runs.py.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from noria.aligned import aligned
from noria.contract import Task
from noria.job import Job
from noria.pipeline.cross_validation import NAME
from noria.pipeline.predictor import load
from noria.report.card import number
from noria.report.markup import join, tag
from noria.report.tables import table
from noria.reporter import Reporter, Terminal
from noria.sources.formats.frame import FrameLike
from noria.stages.compare import compare_to, sentence
from noria.stages.compare_folds import compared_over_folds
from noria.stages.prepared_again import prepared_again
from noria.stages.runs import Run, run_of
from noria.store.array_store import scored_split
from noria.store.run_facts import facts_of
from noria.units import duration, size


@dataclass(frozen=True, repr=False)
class Comparison:
    """What two runs have in common, as `content`: {"runs", "split", "n", "sentence", "metrics", "costs"}.

    Of each score, `ours` and `theirs` are those of the first and the second run, `value` is the first less the second
    with its interval `low` to `high`, and `verdict` says what that makes of the first.
    """

    content: dict[str, Any]

    def __getitem__(self, key: str) -> Any:
        """Return what the content has under a key."""
        return self.content[key]

    @property
    def sentence(self) -> str:
        """Return in one sentence whether the first run is better."""
        return str(self.content["sentence"])

    def __str__(self) -> str:
        """Return scores, differences and costs as a table, and the sentence."""
        rows = [self._head(), *self._rows()]
        return "\n".join([*aligned(rows), self.sentence])

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return join(table(self._head(), list(self._rows())), tag("p", self.sentence))

    def _head(self) -> list[str]:
        return [f"on {self['split']}, n = {self['n']}", *self["runs"], "difference", "95 % interval", "first run is"]

    def _rows(self) -> Iterator[list[str]]:
        for name, one in self["metrics"].items():
            interval = one.get("note") or "-"
            if one["low"] is not None:
                interval = f"{one['low']:+.4g} to {one['high']:+.4g}"
            yield [name, number(one["ours"]), number(one["theirs"]), f"{one['value']:+.4g}", interval, one["verdict"]]
        for name, told in (("training", duration), ("weights", "{:,}".format), ("weight_bytes", size)):
            costs = [cost[name] for cost in self["costs"]]
            yield [name.replace("_", " "), *("-" if one is None else told(one) for one in costs), "", "", ""]


def compare(run: Path, other: Path, frame: FrameLike | None = None, reporter: Reporter | None = None) -> Comparison:
    """Compare two runs on the records that both hold out of the first one's data, which is prepared again for both.

    Runs that are cross-validated in the same folds, and have no test split, are compared on all records. `frame` is
    what they learnt from, where that was a frame. Raises UserError where they share no held-out record.
    """
    reporter = reporter or Terminal()
    predictor = load(run)
    job, task, prepared = prepared_again(run, reporter, frame)
    split = scored_split(prepared.splits)
    found = None if split == "test" else _over_folds(run, other, job, task)
    if found is None:
        found = compare_to(other, job, prepared, predictor, predictor.outputs(prepared.splits[split]))
    else:
        split = NAME
    main = dict(islice(found["metrics"].items(), 1))  # the table has the others
    both = [run_of(facts_of(one)) for one in (run, other)]
    costs = [{"training": one.seconds, "weights": one.weights, "weight_bytes": one.weight_bytes} for one in both]
    said = " ".join([sentence(str(run), other, main, found["records"]), *_caution(split, both)])
    of_both = {"n": found["n"], "sentence": said, "metrics": found["metrics"], "costs": costs}
    return Comparison({"runs": [str(run), str(other)], "split": split, **of_both})


def _over_folds(run: Path, other: Path, job: Job, task: Task) -> dict[str, Any] | None:
    found = compared_over_folds(run, other, job, task) if (other / "bundle").is_dir() else None
    if found is None:
        return None
    count, metrics = found
    records = f"all {count:,} records, each held out by the same one of {job.evaluate.folds} folds"
    return {"n": count, "records": records, "metrics": metrics}


def _caution(split: str, both: Sequence[Run]) -> list[str]:
    """Say what records are worth that chose the weights of both runs, and what their cross-validations say instead."""
    if split in ("test", NAME):
        return []
    said = [f"These records are of {split}, by which the weights were chosen: they flatter both."]
    scores = [(one.metric, one.score.value) for one in both if one.split == NAME and one.score is not None]
    if len(scores) == len(both) and len({metric for metric, _ in scores}) == 1:
        values = " and ".join(number(value) for _, value in scores)
        said.append(f"By {NAME}, over all records, {scores[0][0]} is {values}.")
    return said
