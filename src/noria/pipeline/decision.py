"""Which class is answered, where answers have a worth: the likeliest, or the one that is worth most; maybe none.

Of two classes a probability of the second decides, cut where held-out answers were worth most. Of several classes the
answer of the highest expected worth is given, by probabilities that a temperature makes true (Guo et al. 2017).
Read next: worth.py.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np

LEAST_HELD_OUT = 10  # records below which nothing is chosen by them
NONE = -1  # in the place of a class; the last column of a table of worths, too


@dataclass(frozen=True)
class Decision:
    """How an answer follows from the probabilities of the classes.

    likeliest: the likeliest class. thresholds: of two classes the first where the second's probability is below `low`,
    the second from `high` on, and no answer between. worth: what is worth most by the probabilities at `temperature`,
    no answer among it where the rule `may_abstain`.
    """

    rule: Literal["likeliest", "thresholds", "worth"] = "likeliest"
    temperature: float = 1.0
    low: float = 0.5
    high: float = 0.5
    may_abstain: bool = False

    def decide(self, logits: np.ndarray, table: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the class of each answer int[n], NONE for none, and what it is expected to be worth, float[n].

        logits float[n, classes]; table [classes, classes + 1]: worth by truth and answer, of none in the last column.
        Where logits are no finite numbers nothing is expected, and no answer given where that may be.
        """
        worth = probabilities(logits, self.temperature) @ table
        is_told = np.isfinite(worth).all(1)
        otherwise = np.full(len(logits), NONE) if self.may_abstain else logits.argmax(1)
        codes = np.where(is_told, self._codes(logits, worth), otherwise)
        return codes, np.where(is_told, worth[np.arange(len(codes)), codes], 0.0)

    def _codes(self, logits: np.ndarray, worth: np.ndarray) -> np.ndarray:
        if self.rule == "likeliest":
            return np.asarray(logits.argmax(1))
        if self.rule == "thresholds":
            chance = of_second(logits)
            return np.where(chance < self.low, 0, np.where(chance >= self.high, 1, NONE))
        best = (worth if self.may_abstain else worth[:, :-1]).argmax(1)
        return np.where(best == worth.shape[1] - 1, NONE, best)

    def as_json(self) -> dict[str, Any]:
        """Return what a bundle keeps of it."""
        return asdict(self)


def chosen(logits: np.ndarray, truth: np.ndarray, table: np.ndarray, can_abstain: bool) -> Decision:
    """Return the decision whose answers to held-out records are worth most in all; of equal ones the simplest.

    logits float[n, classes], truth int[n]; table as for `decide`. Too few records keep the likeliest class. Records
    whose logits are no finite numbers say nothing: one of them would decide how sure all others are.
    """
    is_told = np.isfinite(logits.max(1))  # -inf beside it is a class that is impossible
    logits, truth = logits[is_told], truth[is_told]
    if len(truth) < LEAST_HELD_OUT:
        return Decision()
    temperature = fitted_temperature(logits, truth)
    table = table.astype(np.float64)  # sums of the largest amounts are beyond 64 bits
    found = [Decision(temperature=temperature)]
    for may_abstain in (False, True)[: 1 + can_abstain]:
        if logits.shape[1] == 2:
            found.append(_thresholds(logits, truth, table, temperature, may_abstain))
        found.append(Decision("worth", temperature, may_abstain=may_abstain))
    worths = [float(table[truth, one.decide(logits, table)[0]].sum()) for one in found]
    return found[worths.index(max(worths))]  # the first of equal ones


def fitted_temperature(logits: np.ndarray, truth: np.ndarray) -> float:
    """Return what logits are divided by for the true classes to be likeliest, where those are possible at all."""
    from scipy.optimize import minimize_scalar
    from scipy.special import log_softmax

    is_possible = np.isfinite(logits[np.arange(len(truth)), truth])
    if not is_possible.any():
        return 1.0
    given, truth = logits[is_possible].astype(np.float64), truth[is_possible]

    def nats(log_temperature: float) -> float:
        chances = log_softmax(given / np.exp(log_temperature), axis=1)
        return -float(chances[np.arange(len(truth)), truth].mean())

    return float(np.exp(minimize_scalar(nats, bounds=(-3, 3), method="bounded").x))


def probabilities(logits: np.ndarray, temperature: float = 1.0) -> np.ndarray:
    """Return the probability of each class, float64[n, classes]."""
    from scipy.special import softmax  # here, as below: importing it takes a quarter of a second

    return np.asarray(softmax(logits.astype(np.float64) / temperature, axis=1))


def of_second(logits: np.ndarray) -> np.ndarray:
    """Return the probability of the second of two classes, float64[n]."""
    return probabilities(logits)[:, 1]


def _thresholds(
    logits: np.ndarray, truth: np.ndarray, table: np.ndarray, temperature: float, may_abstain: bool
) -> Decision:
    """Return the cuts of the second class's probability under which the records are worth most in all.

    Below the first cut stands the first class, from the second on the second: their worth is a sum over what stands
    before a cut and after it, so each cut is looked at once.
    """
    chance = of_second(logits)
    order = np.argsort(chance, kind="stable")
    chance, worth = chance[order], table[truth[order]]
    first, second, none = (np.concatenate([[0], column.cumsum()]) for column in worth.T)
    is_cut = np.concatenate([[True], chance[1:] > chance[:-1], [True]])  # equal chances are answered alike
    cuts = np.flatnonzero(is_cut)
    before, after = (first - none)[cuts], (second[-1] - second + none)[cuts]
    if may_abstain:
        highs, lows = int(np.argmax(np.maximum.accumulate(before) + after)), 0
        lows = int(np.flatnonzero(before[: highs + 1] == before[: highs + 1].max())[-1])  # the fewest without an answer
    else:
        highs = lows = int(np.argmax(before + after))
    low, high = (_between(chance, int(cuts[place])) for place in (lows, highs))
    return Decision("thresholds", temperature, low, high, may_abstain)


def _between(chance: np.ndarray, cut: int) -> float:
    """Return a probability half way between the records on both sides of a cut: a new one seldom lies on it."""
    below = chance[cut - 1] if cut else 0.0
    above = chance[cut] if cut < len(chance) else np.nextafter(1, 2)
    middle = float((below + above) / 2)
    return middle if middle > below or not cut else float(above)


def cuts_worth(logits: np.ndarray, truth: np.ndarray, table: np.ndarray) -> Iterator[tuple[float, float]]:
    """Yield each threshold of a hundred, and what an answer is worth on average under it, in micro-units."""
    for cut in np.linspace(0, 1, 101):
        codes = Decision("thresholds", low=float(cut), high=float(cut)).decide(logits, table)[0]
        yield float(cut), float(table[truth, codes].mean())
