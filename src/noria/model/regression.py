"""Logistic and ridge regression on sparse features, as strong a penalty as held-out training records ask for.

Occurrences of words are weighed first: for two classes by how much more often a feature stands in one of them
(log-count ratios: Wang and Manning 2012, "Baselines and Bigrams"), else by how rare it is; one that a single record has
tells nothing.
Read next: linear_part.py, which is such a model inside of the network.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy import sparse
from scipy.optimize import minimize
from scipy.special import expit

STRENGTHS = (0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0)  # inverse of the penalty, from strong to weak
OF_COUNTS = (0.3, 1.0, 3.0, 10.0, 30.0, 100.0, 300.0)  # of rows of many small values
LEAST_RECORDS = 2  # that have a feature which is a count
FOLDS = 5
WHOLE = 2_000  # records up to which each fold is held out in turn; of more, one fold in FOLDS is
ROUGHLY, FINALLY = (1e-5, 60), (1e-6, 150)  # least progress of a step, and most steps, to choose and to fit


@dataclass(frozen=True)
class Answers:
    """What is to be learnt: `values` int[n], numbers of classes, or float[n]; `classes` counts them, 0 for numbers.

    Or several answers, `values` float[n, answers], NaN where not known, and no classes: yes and no as 1 and 0, or
    numbers.
    """

    values: np.ndarray
    classes: int
    are_numbers: bool = False  # of several answers

    @property
    def are_several(self) -> bool:
        return self.values.ndim == 2

    @property
    def are_labels(self) -> bool:
        return self.are_several and not self.are_numbers

    @property
    def are_chances(self) -> bool:
        """Say whether what is given for them are logits: of classes, or of each label."""
        return bool(self.classes) or self.are_labels

    def __getitem__(self, chosen: np.ndarray) -> Answers:
        return replace(self, values=self.values[chosen])


@dataclass(frozen=True)
class Linear:
    """A fitted model: weight float[features, answers], bias float[answers], scale float[features] of counts."""

    weight: np.ndarray
    bias: np.ndarray
    scale: np.ndarray | None
    strength: float

    def __call__(self, features: sparse.csr_matrix) -> np.ndarray:
        """Return logits float[n, classes or labels], or numbers float[n, 1 or numbers]."""
        weighed = features if self.scale is None else _weighed(features, self.scale)
        return np.asarray(weighed @ self.weight + self.bias)


def fit_linear(
    features: sparse.csr_matrix, answers: Answers, is_counts: bool, plain: Sequence[slice],
    groups: np.ndarray | None = None, seed: int = 0,
) -> Linear:  # fmt: skip
    """Fit on all records; penalty and features (all, or the plain ones) are those that do best on held-out ones.

    groups[n]: records of equal ones stand on one side.
    """
    sides = list(_sides(len(answers.values), groups, seed))
    choices = [_columns(features, None, is_counts)]
    if sum(one.stop - one.start for one in plain) < features.shape[1]:
        choices.append(_columns(features, plain, is_counts))
    tried = [(*_best_strength(features[:, columns], answers, is_counts, sides), columns) for columns in choices]
    _, strength, columns = min(tried, key=lambda one: one[0])
    fitted = _Fit(features[:, columns], answers, is_counts).at(strength, FINALLY)
    return _spread(fitted, columns, features.shape[1])


def _columns(features: sparse.csr_matrix, plain: Sequence[slice] | None, is_counts: bool) -> np.ndarray:
    """Return the features that enough records have, of all or of the plain ones."""
    is_used = np.bincount(features.indices, minlength=features.shape[1]) >= (LEAST_RECORDS if is_counts else 1)
    if plain is not None:
        is_plain = np.zeros(features.shape[1], bool)
        for one in plain:
            is_plain[one] = True
        is_used &= is_plain
    return np.flatnonzero(is_used)


def _sides(count: int, groups: np.ndarray | None, seed: int) -> Iterator[np.ndarray]:
    """Yield flags bool[n] of what is held out."""
    codes = np.arange(count) if groups is None else np.unique(groups, return_inverse=True)[1]
    fold = (np.random.default_rng(seed).permutation(int(codes.max()) + 1) % FOLDS)[codes]
    for number in range(FOLDS if count <= WHOLE else 1):
        if 0 < (fold == number).sum() < count:
            yield fold == number


def _best_strength(
    features: sparse.csr_matrix, answers: Answers, is_counts: bool, sides: Sequence[np.ndarray]
) -> tuple[float, float]:
    """Return the loss of held-out records and the strength that it is lowest with."""
    fits = [_Fit(features[~one], answers[~one], is_counts) for one in sides]
    losses: list[float] = []
    strengths = OF_COUNTS if is_counts else STRENGTHS
    for strength in strengths:
        models = [fit.at(strength, ROUGHLY) for fit in fits]
        losses.append(sum(loss_of(one(features[side]), answers[side]) for one, side in zip(models, sides, strict=True)))
        if losses[-1] > min(losses):  # weaker penalties would do worse still, and take the longest
            break
    best = int(np.argmin(losses))
    return losses[best], strengths[best]


class _Fit:
    """The models of some records, one penalty after another, each from where the one before ended."""

    def __init__(self, features: sparse.csr_matrix, answers: Answers, is_counts: bool) -> None:
        self._answers = answers
        self._scale = _scale(features, answers) if is_counts else None
        weighed = features if self._scale is None else _weighed(features, self._scale)
        self._features = weighed.astype(np.float64)
        self._transposed = self._features.T.tocsr()
        self._is_binary = answers.classes == 2
        outputs = answers.values.shape[1] if answers.are_several else 1 if self._is_binary else answers.classes or 1
        self._weights = np.zeros((features.shape[1] + 1, outputs))

    def at(self, strength: float, effort: tuple[float, int]) -> Linear:
        """Return the model with the least sum of losses and squares / (2 strength)."""
        options = {"maxiter": effort[1], "ftol": effort[0]}
        start = self._weights.ravel()
        found = minimize(self._cost, start, (strength,), jac=True, method="L-BFGS-B", options=options)
        self._weights = found.x.reshape(self._weights.shape)
        weights = self._weights * np.array([-0.5, 0.5]) if self._is_binary else self._weights
        return Linear(weights[:-1].astype(np.float32), weights[-1].astype(np.float32), self._scale, strength)

    def _cost(self, flat: np.ndarray, strength: float) -> tuple[float, np.ndarray]:
        weights = flat.reshape(self._weights.shape)
        loss, slope = self._value_of(self._features @ weights[:-1] + weights[-1])
        gradient = np.concatenate([self._transposed @ slope + weights[:-1] / strength, slope.sum(0, keepdims=True)])
        return loss + 0.5 * float((weights[:-1] ** 2).sum()) / strength, gradient.ravel()

    def _value_of(self, given: np.ndarray) -> tuple[float, np.ndarray]:
        """Return the sum of the losses and its slope by each of the given numbers."""
        values = self._answers.values
        if self._answers.are_labels:
            slope = np.where(np.isnan(values), 0, expit(given) - values)
            return loss_of(given, self._answers), slope
        if not self._answers.classes:
            slope = np.nan_to_num(given - values.reshape(len(given), -1))
            return 0.5 * float((slope**2).sum()), slope
        if self._is_binary:
            return float(np.logaddexp(0, given[:, 0]).sum() - given[values == 1].sum()), expit(given) - values[:, None]
        logs = log_shares(given)
        slope = np.exp(logs)
        rows = np.arange(len(values))
        slope[rows, values] -= 1
        return float(-logs[rows, values].sum()), slope


def _scale(features: sparse.csr_matrix, answers: Answers) -> np.ndarray:
    """Return how much each feature weighs, float32[features]."""
    count = features.shape[0]
    occurs = features.astype(bool).astype(np.float64)
    if answers.classes != 2:
        return np.asarray(np.log((1 + count) / (1 + occurs.sum(0))) + 1, np.float32).ravel()
    second = answers.values.astype(np.float64)
    inside, outside = second @ occurs + 1, (1 - second) @ occurs + 1
    return np.asarray(np.abs(np.log(inside / inside.sum()) - np.log(outside / outside.sum())), np.float32)


def _weighed(features: sparse.csr_matrix, scale: np.ndarray) -> sparse.csr_matrix:
    weighed = features.multiply(scale[None]).tocsr()
    lengths = np.sqrt(np.asarray(weighed.multiply(weighed).sum(1)).ravel())
    return sparse.diags(1 / np.maximum(lengths, 1e-9)).astype(np.float32) @ weighed


def loss_of(given: np.ndarray, answers: Answers) -> float:
    """Return the sum over the records of log loss or squares."""
    if answers.are_labels:
        return float(np.nansum(np.logaddexp(0, given) - given * answers.values))
    if not answers.classes:
        return float(np.nansum((given - answers.values.reshape(len(given), -1)) ** 2))
    return float(-log_shares(given)[np.arange(len(given)), answers.values].sum())


def log_shares(logits: np.ndarray) -> np.ndarray:
    """Return the logarithms of the classes' probabilities, float64[n, classes]."""
    logits = np.asarray(logits, np.float64) - logits.max(1, keepdims=True)
    return np.asarray(logits - np.log(np.exp(logits).sum(1, keepdims=True)))


def _spread(fitted: Linear, columns: np.ndarray, size: int) -> Linear:
    """Return the model of some features as one of all of them."""
    weight = np.zeros((size, fitted.weight.shape[1]), np.float32)
    weight[columns] = fitted.weight
    scale = None
    if fitted.scale is not None:
        scale = np.zeros(size, np.float32)
        scale[columns] = fitted.scale
    return replace(fitted, weight=weight, scale=scale)
