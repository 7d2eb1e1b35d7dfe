"""The records with the highest loss: what they look like, what is true, what was answered, and where they stand.

Where the target can draw an answer, picture by picture what is true stands beside what was answered, and a few of the
best records follow the worst.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from noria.contract import Metric, dispatch
from noria.report.charts import histogram
from noria.report.markup import Markup, join, tag
from noria.report.pictures import SIDE_PX, is_picture
from noria.report.records import displayed, drawn, encoded_of
from noria.report.scale import number
from noria.report.scores import words
from noria.report.sounds import is_sound, share_bytes
from noria.report.tables import written
from noria.report.values import shown
from noria.types import Arrays, Media, Prediction, Span

if TYPE_CHECKING:
    from noria.pipeline.predictor import Predictor
    from noria.types import Dataset

MOST_SHOWN = 24
MOST_ALONE = 1_000  # records that are scored alone, each as one resample of the bootstrap
MOST_DRAWN, MOST_BEST = 8, 4  # of records that are drawn: their pictures are larger
DRAWN_SIDE_PX = 420  # on which words can still be read


@dataclass(frozen=True)
class Mistake:
    """One record beside its answer."""

    inputs: dict[str, Any]  # decoded, by field
    truth: Any
    answer: Prediction
    score: float
    where: str
    drawn: dict[str, np.ndarray] | None = None  # what is true and what was answered, on the picture
    times: Sequence[Span] = ()  # when the parts of the answer are, in a sound

    @property
    def looked_at(self) -> dict[str, Any]:
        """Return what is seen or heard of the record, by name: its inputs, and answers that are files themselves."""
        answers = {"truth": self.truth, "answer": self.answer.media}
        return self.drawn or self.inputs | {name: one for name, one in answers.items() if isinstance(one, Media)}


def mistakes(predictor: Predictor, dataset: Dataset, output: Arrays) -> Markup:
    """Show the worst records, worst first, and how the score per record is spread."""
    state = predictor.states["target"]
    truth = {name: values[:] for name, values in dataset.target.items()}
    known = scores_per_record(predictor.task.target.metrics(state), output, truth, len(dataset))
    if known is None:
        return tag("p", "No score of this task is known record by record.", class_="soft")
    metric, scores = known
    chosen = worst(scores, metric.direction)
    found = _looked_up(predictor, dataset, output, truth, scores, chosen)
    if any(one.drawn for one in found):
        most = min(MOST_DRAWN, 1 + len(chosen) // 2)  # of few records some are the best
        rest = worst(scores, "lower" if metric.direction == "higher" else "higher")
        rest = rest[~np.isin(rest, chosen[:most])][:MOST_BEST]
        best = _looked_up(predictor, dataset, output, truth, scores, rest)
        return _drawn_cards(found[:most], best, metric, scores)
    fields = len(predictor.task.inputs)
    side_px = int(SIDE_PX / math.sqrt(fields))  # the same number of pixels however many pictures a record has
    is_small = all(is_picture(value) for one in found for value in one.inputs.values())
    num_sounds = sum(is_sound(value) for one in found for value in one.looked_at.values())
    cards = [_card(one, metric, side_px, share_bytes(num_sounds)) for one in found]
    spread = _spread(metric, scores)
    wrong = sum(_is_wrong(one) is True for one in found)
    said = f"The {len(found)} records with the {_extreme(metric)} {words(metric.name)}, worst first"
    told = f"{said}; {wrong} of them were answered wrong." if _has_right(found) else f"{said}."
    return join(
        tag("p", told),
        tag("div", cards, class_="cards" if is_small else "cards broad"),
        tag("div", spread, class_="charts"),
    )


def _drawn_cards(worst_ones: list[Mistake], best: list[Mistake], metric: Metric, scores: np.ndarray) -> Markup:
    """Show truth and answer on the pictures, the worst records first, then the best."""
    parts = []
    for name, found in (("worst", worst_ones), ("best", best)):
        if found:
            said = f"The {len(found)} records with the {name} {words(metric.name)}; what is true stands first."
            parts += [
                tag("p", said),
                tag("div", [_card(one, metric, DRAWN_SIDE_PX) for one in found], class_="cards drawn"),
            ]
    return join(*parts, tag("div", _spread(metric, scores), class_="charts"))


def _spread(metric: Metric, scores: np.ndarray) -> Markup:
    unit = f"{words(metric.name)}, {metric.unit}"
    end = "right" if metric.direction == "lower" else "left"
    note = f"The worst records stand at the {end} end."
    return histogram(f"{words(metric.name)} of each record", scores, unit, note)


def scores_per_record(
    metrics: Sequence[Metric], output: Arrays, truth: Arrays, count: int
) -> tuple[Metric, np.ndarray] | None:
    """Return a metric and each record's own score, float64[n]: its part of a mean, else what it would be alone."""
    metric = metric_per_record(metrics)
    if metric is not None and metric.scores is not None:
        return metric, np.asarray(metric.scores(output, truth), np.float64)
    if count > MOST_ALONE:
        return None
    return metrics[0], np.asarray(metrics[0].value(output, truth, np.eye(count, dtype=np.float32)), np.float64)


def metric_per_record(metrics: Sequence[Metric]) -> Metric | None:
    """Return the first loss that is known record by record, else the first score that is."""
    known = [metric for metric in metrics if metric.scores is not None]
    return next((metric for metric in known if metric.direction == "lower"), known[0] if known else None)


def worst(scores: np.ndarray, direction: str) -> np.ndarray:
    """Return the indices of the worst records, worst first, equal ones in their order; a score of NaN is no score."""
    badness = scores if direction == "lower" else -scores
    order = np.argsort(-badness, kind="stable")
    return np.asarray(order[np.isfinite(scores[order])][:MOST_SHOWN])


def _looked_up(
    predictor: Predictor, dataset: Dataset, output: Arrays, truth: Arrays, scores: np.ndarray, chosen: np.ndarray
) -> list[Mistake]:
    state, wheres = predictor.states, dataset.wheres()
    task = predictor.task
    answers = task.target.decode({name: values[chosen] for name, values in output.items()}, state["target"])
    of_chosen = {name: values[chosen] for name, values in truth.items()}
    true = dispatch.decode_target(task.target, of_chosen, state["target"])
    found = []
    for place, index in enumerate(chosen.tolist()):
        inputs = displayed(task.inputs, state, dataset, index)
        own = encoded_of(dataset, index)
        both = None if place >= MOST_DRAWN else _drawn(predictor, inputs, own, true[place], answers[place].value)
        times = dispatch.times(task.target, answers[place])
        found.append(Mistake(inputs, true[place], answers[place], float(scores[index]), wheres[index], both, times))
    return found


def _drawn(
    predictor: Predictor, inputs: dict[str, Any], encoded: dict[str, Arrays], truth: Any, answer: Any
) -> dict[str, np.ndarray] | None:
    """Return the record's picture, in its own size, with truth and answer; None where they cannot be drawn."""
    target, state = predictor.task.target, predictor.states["target"]
    if truth is None:
        return None
    both = {name: drawn(target, state, inputs, encoded, one) for name, one in (("truth", truth), ("answer", answer))}
    found = {name: one for name, one in both.items() if one is not None}
    return found if len(found) == len(both) else None


def _card(one: Mistake, metric: Metric, side_px: int, sound_bytes: int = 0) -> Markup:
    seen = one.looked_at
    raw = [
        tag(
            "div",
            tag("p", name, class_="soft") if len(seen) > 1 else None,
            _seen(one, name, value, side_px, sound_bytes),
        )
        for name, value in seen.items()
    ]
    is_given = one.answer.value is not None or one.answer.confidence is not None  # a text may only be scored
    answer = [("answer", written(one.answer.value))] if is_given else []
    truth = [] if isinstance(one.truth, Media) else [("truth", written(one.truth))]
    facts = [] if one.drawn else [*truth, *answer]
    if one.answer.confidence is not None:
        facts.append(("confidence", written(f"{100 * one.answer.confidence:.1f} %")))
    facts.append((words(metric.name), written(number(one.score))))
    wrong = _is_wrong(one)
    mark = None if wrong is None else tag("p", "wrong" if wrong else "right", class_="mark wrong" if wrong else "mark")
    listed = tag("dl", [tag("div", tag("dt", name), tag("dd", value)) for name, value in facts])
    where = tag("p", one.where or "–", class_="where")
    return tag("article", tag("div", raw, class_="raws"), mark, listed, where, class_="card")


def _seen(one: Mistake, name: str, value: Any, side_px: int, sound_bytes: int) -> Markup:
    """Show an input with the times of the answer on it, or an answer."""
    return shown(value, side_px, sound_bytes, one.times if name in one.inputs else ())


def _is_wrong(one: Mistake) -> bool | None:
    """Say whether a class was missed; None for answers that are not simply right or wrong."""
    if not isinstance(one.truth, str) or not isinstance(one.answer.value, str):
        return None
    return one.truth != one.answer.value


def _has_right(found: Sequence[Mistake]) -> bool:
    return any(_is_wrong(one) is not None for one in found)


def _extreme(metric: Metric) -> str:
    return "highest" if metric.direction == "lower" else "lowest"
