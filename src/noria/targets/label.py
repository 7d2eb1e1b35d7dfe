"""One of several classes: cross-entropy, probabilities, scores per class and calibration."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np

from noria.columns import CategoryForm, category_form, form_of
from noria.columns.cells import NOTHING_BESIDE_VALUES, is_absent, text_of
from noria.contract import Metric, Target, mean_metric
from noria.contract.capabilities import (
    DecodesTarget,
    PaysOff,
    PostProcesses,
    PredictStep,
    Restates,
    ShowsPanels,
    SingleValued,
    TellsReading,
    TrainingStep,
)
from noria.contract.dispatch import forward_loss
from noria.contract.payoffs import ClassPayoffs
from noria.contract.settings import filled_by_task, tried
from noria.contract.windows import WINDOW_LOGITS, WINDOW_SPANS, settled_windows, told_windows
from noria.errors import UserError, did_you_mean
from noria.metrics.ranking import roc_auc
from noria.types import Arrays, Batch, Encoded, Output, Panel, Prediction, State, Values

if TYPE_CHECKING:
    from torch import Tensor, nn

NEAREST = 5  # classes among which the true one is looked for, where there are more
CLASSES_SHOWN = 30  # in the confusion matrix, and with their probabilities
RARE = 0.1  # a class is rare that has less than this share of what it would have if all had as many: 5 % of two
CALIBRATION_BINS = 15  # as in Guo et al. 2017, "On Calibration of Modern Neural Networks"


@dataclass(frozen=True)
class Label(
    Target, TrainingStep, PredictStep, PostProcesses, DecodesTarget, ShowsPanels, SingleValued, Restates, TellsReading,
    PaysOff,
):  # fmt: skip
    """A class name. Numbers that are equal are one class, and so are truths: 1 and 1.0, true and True.

    Arrays: `label` int64[n]. Output: `logits` float[n, classes]; of long inputs those of windows too.
    """

    kind: ClassVar[str] = "label"
    payoffs: ClassVar[type[ClassPayoffs]] = ClassPayoffs
    has_closed_vocabulary: ClassVar[bool] = True

    smoothing: float = field(default=0.0, metadata={"network_only": True} | tried(0.0, 0.05, 0.1))
    """Label smoothing: probability the loss spreads over all classes, 0 to 1. About 0.1 for noisy labels."""
    is_voting: bool = field(default=False, metadata={"network_only": True} | tried(False, True))
    """Each token answers by itself, and the answers are averaged. For ensembles and second readings of a text."""
    rdrop: float = field(default=0.0, metadata={"network_only": True})
    """Weight of R-Drop: two passes with other dropout must agree, at twice the cost. For large models, little data."""
    class_weights: Literal["root", "balanced"] | None = field(default=None, metadata={"network_only": True})
    """Weigh rare classes more: `balanced` fully, `root` less. Finds more of them; their probabilities are too high."""
    class_groups: dict[str, list[str | int]] = field(default_factory=dict)
    """Classes made of several raw values: {ill: ["1", "2", "3"]}. For codes finer than the question."""

    windows: Any = filled_by_task(None)  # noqa: RUF009  # Windows, where inputs may be too long to be seen at once

    def __post_init__(self) -> None:
        if not 0 <= self.smoothing <= 1 or self.rdrop < 0:
            raise ValueError("smoothing must be 0 to 1, rdrop at least 0")

    def fit(self, values: Values) -> State:
        given = _listed(values)
        form = category_form(given)
        spellings: dict[str, Counter[str]] = {}
        absent = Counter[str]()
        for value, count in Counter(given).items():
            if (name := self._class(value, form)) is None:
                absent[_spelling(value)] += count
            else:
                spellings.setdefault(name, Counter())[name if name in self.class_groups else text_of(value)] += count
        found = {max(sorted(counts), key=counts.__getitem__): counts.total() for counts in spellings.values()}
        if len(found) < 2:
            raise UserError(
                "a label needs at least two classes in the training records",
                found=f"{len(found)} ({', '.join(sorted(found))})" if found else "none",
            )
        classes = sorted(found, key=_natural)
        counts = {name: found[name] for name in classes}
        return {"classes": classes, "counts": counts, "form": form.content, "absent": dict(absent)}

    def encode(self, values: Values, state: State) -> Encoded:
        form = form_of(state["form"]) if "form" in state else CategoryForm()
        assert isinstance(form, CategoryForm)
        classes: list[str] = state["classes"]
        index = {name if name in self.class_groups else form.read(name) or name: i for i, name in enumerate(classes)}
        given = _listed(values)
        names = {value: self._class(value, form) for value in set(given)}  # they are few, the records many
        label = np.zeros(len(values), np.int64)
        bad = {}
        for i, value in enumerate(given):
            text = names[value]
            if text in index:
                label[i] = index[text]
            elif text is None:
                bad[i] = (
                    f"the label is missing: {value!r}"
                    if isinstance(value, str) and value.strip()
                    else "the label is missing"
                )
            else:
                bad[i] = f"the label {text!r} does not stand in the training records: {did_you_mean(text, classes)}"
        return Encoded({"label": label}, bad)

    def _class(self, value: object, form: CategoryForm) -> str | None:
        text = form.read(value)
        for name, raws in self.class_groups.items():
            if text in [form.read(raw) for raw in raws]:
                return name
        return text

    def remarks(self, state: State) -> list[str]:
        absent = {word: count for word, count in state.get("absent", {}).items() if word}
        words = [name for name in state["classes"] if is_absent(name, NOTHING_BESIDE_VALUES)]
        found = [f"the label {word!r} is a class of its own, not a missing one" for word in words]
        if absent:
            found.append("labels read as missing: " + ", ".join(f"{word!r} {count}" for word, count in absent.items()))
        return [*found, *self._rare(state)]

    def _rare(self, state: State) -> list[str]:
        """Return a sentence where classes are rare; none of a bundle that did not count them."""
        counts: dict[str, int] = state.get("counts", {})
        total = sum(counts.values())
        rare = sorted((count, name) for name, count in counts.items() if count < RARE * total / len(counts))
        if not rare:
            return []
        (count, name), others = rare[0], f" ({len(rare)} classes are as rare)" if len(rare) > 1 else ""
        fix = "" if self.class_weights else "; to find more of it, less sure probabilities: target.class_weights=root"
        return [
            f"{count:,} of {total:,} training records are of class {name!r}{others}: accuracy says little of it, "
            f"f1_macro and the table of classes do{fix}"
        ]

    def reading(self, state: State) -> None:
        return None

    def head(self, state: State, width: int) -> nn.Module:
        from noria.model.heads import PooledLinear, VotingLinear

        return (VotingLinear if self.is_voting else PooledLinear)(width, len(state["classes"]), "logits")

    def loss(self, output: Output, batch: Batch) -> dict[str, Tensor]:
        from torch.nn import functional

        logits, label = output["logits"].float(), batch.target["label"]
        if "votes" in output:
            logits, label = output["votes"].transpose(1, 2), label[:, None].expand(-1, output["votes"].shape[1])
        each = functional.cross_entropy(logits, label, label_smoothing=self.smoothing, reduction="none")
        if "votes" in output:
            each = (each * output["weights"][..., 0]).sum(1)
        return {"loss": each.mean(), "each": each}

    def training_step(self, model: nn.Module, batch: Batch, state: State) -> dict[str, Tensor]:
        if not self.rdrop and self.class_weights is None:
            return forward_loss(self, model, batch)
        each = self._agreeing(model, batch) if self.rdrop else forward_loss(self, model, batch)["each"]
        if self.class_weights is not None:
            weights = class_weights([state["counts"][name] for name in state["classes"]], self.class_weights)
            each = each * each.new_tensor(weights)[batch.target["label"]]
        return {"loss": each.mean(), "each": each}

    def predict_step(self, model: nn.Module, batch: Batch, state: State, is_quick: bool = False) -> Output:
        output: Output = self.windows.answers(model, batch) if self.windows else model(batch.inputs)
        return output

    def postprocess(self, output: Arrays, inputs: Mapping[str, Arrays], state: State) -> Arrays:
        return settled_windows(output)

    def _agreeing(self, model: nn.Module, batch: Batch) -> Tensor:
        """Return the loss of each record where two answers are to agree: the mean of both, and how far they are apart.

        Source: Liang et al. 2021, "R-Drop: Regularized Dropout for Neural Networks", https://arxiv.org/abs/2106.14448.
        """
        outputs = [model(batch.inputs, batch.target) for _ in range(2)]
        one, other = (self.loss(output, batch)["each"] for output in outputs)
        return (one + other) / 2 + self.rdrop * _apart(*(output["logits"].float() for output in outputs))

    def decode(self, output: Arrays, state: State) -> list[Prediction]:
        classes = state["classes"]
        chances = probabilities(output)
        best = chances.argmax(1)
        order = np.argsort(-chances, axis=1, kind="stable")[:, :CLASSES_SHOWN]
        return [
            Prediction(
                classes[best[i]],
                round(float(chances[i, best[i]]), 6),
                {
                    "probabilities": {classes[j]: round(float(chances[i, j]), 6) for j in order[i]},
                    **told_windows(output, i, classes),
                },
            )
            for i in range(len(chances))
        ]

    def decode_target(self, truth: Arrays, state: State) -> list[Any]:
        return [state["classes"][code] for code in truth["label"]]

    def single_values(self, truth: Arrays) -> np.ndarray:
        return np.asarray(truth["label"])

    def class_names(self, state: State) -> Sequence[str]:
        names: list[str] = state["classes"]
        return names

    def answer_output(self) -> str:
        return "logits"

    def restated(self, arrays: Arrays, state: State, wanted: State) -> Arrays | None:
        codes = self.encode(state["classes"], wanted)  # of each class, under the other state
        places = np.asarray(codes.arrays["label"])
        if codes.bad or not np.array_equal(np.sort(places), np.arange(len(wanted["classes"]))):
            return None
        found = {name: values for name, values in arrays.items() if name not in (WINDOW_LOGITS, WINDOW_SPANS)}
        if "label" in arrays:
            found["label"] = places[arrays["label"]]
        if "logits" in arrays:
            found["logits"] = np.asarray(arrays["logits"])[:, np.argsort(places)]
        return found

    def metrics(self, state: State) -> Sequence[Metric]:
        auc = Metric("auc", "fraction", "higher", _auc, support=_rarer, is_ranking=True)
        binary = (auc,) if len(state["classes"]) == 2 else ()
        many = len(state["classes"]) > NEAREST
        among = (mean_metric(f"accuracy_top_{NEAREST}", "fraction", "higher", _is_near),) if many else ()
        return (
            mean_metric("accuracy", "fraction", "higher", _is_right),
            *among,
            Metric("f1_macro", "fraction", "higher", _f1_macro, support=_evenly),
            *binary,
            mean_metric("log_loss", "nats", "lower", _log_loss),
            Metric("calibration_error", "fraction", "lower", _calibration_error, noise=_calibration_noise),
        )

    def panels(self, output: Arrays, truth: Arrays, state: State) -> list[Panel]:
        classes, given, answer = state["classes"], truth["label"], output["logits"].argmax(1)
        matrix = np.zeros((len(classes), len(classes)), np.int64)
        np.add.at(matrix, (given, answer), 1)
        rows = []
        for i, name in enumerate(classes):
            right, found, there = matrix[i, i], matrix[:, i].sum(), matrix[i].sum()
            precision, recall = right / found if found else None, right / there if there else None
            f1 = 2 * right / (found + there) if found + there else None
            rows.append(
                [name, int(there), *(None if x is None else round(float(x), 4) for x in (precision, recall, f1))]
            )
        order = np.argsort([row[4] if row[4] is not None else -1 for row in rows], kind="stable")
        mistakes = matrix.sum(0) + matrix.sum(1) - 2 * matrix.diagonal()
        shown = np.sort(np.argsort(-mistakes, kind="stable")[:CLASSES_SHOWN])
        names = [classes[i] for i in shown]
        note = "Rows are the truth, columns the answer."
        if len(names) < len(classes):
            note += f" The {len(names)} of {len(classes)} classes with the most mistakes."
        return [
            Panel(
                "matrix",
                "Confusion",
                {"rows": names, "columns": names, "values": matrix[np.ix_(shown, shown)].tolist()},
                note,
            ),
            Panel(
                "table",
                "Each class, worst first",
                {"columns": ["class", "records", "precision", "recall", "f1"], "rows": [rows[i] for i in order]},
            ),
            _reliability(output, truth),
        ]


def _apart(one: Tensor, other: Tensor) -> Tensor:
    """Return the mean of both Kullback-Leibler divergences between answers given as logits, float[B], in nats."""
    first, second = one.log_softmax(-1), other.log_softmax(-1)
    return ((first.exp() - second.exp()) * (first - second)).sum(-1) / 2


def _reliability(output: Arrays, truth: Arrays) -> Panel:
    confidence, right = probabilities(output).max(1), _is_right(output, truth)
    bins = np.minimum((confidence * CALIBRATION_BINS).astype(int), CALIBRATION_BINS - 1)
    points = [
        [round(float(confidence[bins == b].mean()), 4), round(float(right[bins == b].mean()), 4)]
        for b in np.unique(bins)
    ]
    return Panel(
        "curve",
        "Calibration",
        {"x": "confidence", "y": "share that is right", "lines": {"model": points}, "diagonal": True},
        "On the diagonal, an answer given with 80 % confidence is right 80 times of 100.",
    )


def class_weights(counts: Sequence[int], how: Literal["root", "balanced"]) -> np.ndarray:
    """Return the weight of each class by its training records, float32[classes]; their mean over the records is 1."""
    numbers = np.asarray(counts, np.float64)
    weights = numbers ** (-1.0 if how == "balanced" else -0.5)
    return np.asarray(weights * numbers.sum() / (numbers * weights).sum(), np.float32)


def majority(train: Arrays) -> Arrays:
    """Return the output that always gives the classes their share in training: the trivial answer to beat."""
    shares = np.bincount(train["label"]) / len(train["label"])
    return {"logits": np.log(np.maximum(shares, 1e-12)).astype(np.float32)[None]}


def probabilities(output: Arrays) -> np.ndarray:
    """Return float64[n, classes], rows summing to one."""
    logits = output["logits"].astype(np.float64)
    chances = np.exp(logits - logits.max(1, keepdims=True))
    return np.asarray(chances / chances.sum(1, keepdims=True))


def _is_right(output: Arrays, truth: Arrays) -> np.ndarray:
    return np.asarray(output["logits"].argmax(1) == truth["label"], np.float64)


def _is_near(output: Arrays, truth: Arrays) -> np.ndarray:
    """Say whether the true class is among the likeliest; of classes that are as likely, the first come first."""
    logits, own = output["logits"], truth["label"][:, None]
    true = np.take_along_axis(logits, own, 1)
    is_before = (logits > true) | ((logits == true) & (np.arange(logits.shape[1]) < own))
    return np.asarray(is_before.sum(1) < NEAREST, np.float64)


def _log_loss(output: Arrays, truth: Arrays) -> np.ndarray:
    chances = probabilities(output)[np.arange(len(truth["label"])), truth["label"]]
    return np.asarray(-np.log(np.maximum(chances, 1e-15)))


def _calibration_error(output: Arrays, truth: Arrays, weights: np.ndarray) -> np.ndarray:
    """Expected calibration error: the mean gap between confidence and accuracy over bins of equal width."""
    return np.asarray(np.abs(weights @ _gaps(output, truth)).sum(1) / weights.sum(1))


def _calibration_noise(output: Arrays, truth: Arrays, weights: np.ndarray) -> np.ndarray:
    """Return the error that drawing records gives where every gap is in truth nothing."""
    gaps = _gaps(output, truth)
    return np.asarray(np.abs((weights / weights.mean(1, keepdims=True) - 1) @ gaps).sum(1) / len(gaps))


def _gaps(output: Arrays, truth: Arrays) -> np.ndarray:
    """Return float[n, bins]: how far each record is above its confidence, in the bin of that."""
    confidence, right = probabilities(output).max(1), _is_right(output, truth)
    # A network that diverged is sure of nothing; its gaps stay what they are, not a number.
    bins = np.minimum((np.nan_to_num(confidence) * CALIBRATION_BINS).astype(int), CALIBRATION_BINS - 1)
    return np.asarray((right - confidence)[:, None] * (bins[:, None] == np.arange(CALIBRATION_BINS)))


def _f1_macro(output: Arrays, truth: Arrays, weights: np.ndarray) -> np.ndarray:
    """The mean of F1 over the classes that occur in the truth or among the answers, as scikit-learn has it."""
    given, answer = truth["label"], output["logits"].argmax(1)
    classes = np.union1d(given, answer)
    is_given, is_answer = given[:, None] == classes, answer[:, None] == classes
    hits, both = weights @ (is_given & is_answer), weights @ is_given + weights @ is_answer
    each = np.divide(2 * hits, both, out=np.full(both.shape, np.nan), where=both > 0)
    return np.asarray(np.nanmean(each, axis=1))


def _evenly(output: Arrays, truth: Arrays) -> float:
    """Return how many records, shared evenly by the classes, a mean over classes of these counts is worth."""
    counts = np.unique(truth["label"], return_counts=True)[1]
    return float(len(counts) ** 2 / (1 / counts).sum())


def _rarer(output: Arrays, truth: Arrays) -> float:
    """Return how many records the rarer class has."""
    return float(np.unique(truth["label"], return_counts=True)[1].min())


def _auc(output: Arrays, truth: Arrays, weights: np.ndarray) -> np.ndarray:
    """Area under the ROC curve of the second of two classes."""
    scores = output["logits"][:, 1].astype(np.float64) - output["logits"][:, 0]
    return roc_auc(scores, np.asarray(truth["label"]) == 1, weights)


def _listed(values: Values) -> list[Any]:
    """Return the values as a list that a set can be made of."""
    listed = values.tolist() if isinstance(values, np.ndarray) else values
    return [value if isinstance(value, Hashable) else str(value) for value in listed]


def _spelling(value: object) -> str:
    return text_of(value) if isinstance(value, str) else ""


def _natural(name: str) -> tuple[int, float, str]:
    """Sort numbers as numbers, before words."""
    try:
        return 0, float(name), name
    except ValueError:
        return 1, 0.0, name
