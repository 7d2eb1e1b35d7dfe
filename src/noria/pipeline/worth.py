"""What the answers of a model are worth: the answer that is given, what it is expected to be worth, and a score of it.

It stands in the states of a bundle, so that predict, serve, batch and evaluate give the same answers. Knows no task.
Read next: decision.py, contract/payoffs.py.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from noria.contract import Metric, Task, dispatch, mean_metric
from noria.contract.payoffs import MICRO, Payoffs
from noria.errors import UserError, did_you_mean
from noria.pipeline.decision import NONE, Decision, chosen, probabilities
from noria.types import Arrays, Prediction, State, Values
from noria.types.records import ABSTAINED, EXPECTED

WORTH = "worth"  # in the states of a bundle whose job has a section `value`
VALUE = "value_per_1000"  # the score
ANSWERS = 1000  # that it is told of: of one it would be a small fraction
LIKELIEST = Decision()
SHOWN = 20  # classes that an error names


@dataclass(frozen=True)
class Worth:
    """What answers are worth and which is given. `expected`: micro-units that a held-out answer was worth on average.

    table: int64[classes, classes + 1], by truth and answer, of none in the last column; None where answers are no
    classes, and given as they are.
    """

    payoffs: Payoffs
    task: Task
    state: State
    decision: Decision = LIKELIEST
    table: np.ndarray | None = None
    expected: int = 0

    @classmethod
    def of(cls, task: Task, states: Mapping[str, Any]) -> Worth | None:
        """Return what a bundle's states say; None where its job does not say what answers are worth."""
        kept, kind = states.get(WORTH), dispatch.payoffs(task.target)
        if kept is None or kind is None:
            return None
        found = cls.before(task, states["target"], kind(**kept["payoffs"]))
        return replace(found, decision=Decision(**kept["decision"]), expected=kept["expected"])

    @classmethod
    def before(cls, task: Task, state: State, payoffs: Payoffs) -> Worth:
        """Return what is known before anything is chosen; raise UserError for a class that training does not have."""
        names = dispatch.class_names(task.target, state)
        for key, name in payoffs.classes().items():
            if name not in (names or ()):
                shown = ", ".join((names or ())[:SHOWN])
                what = f"no training record is of the class {name!r}"
                raise UserError(what, where=key, expected=shown, fix=did_you_mean(name, names or ()))
        if names is None:
            return cls(payoffs, task, state)
        rows = [[payoffs.micro(answer, truth) for answer in (*names, None)] for truth in names]
        return cls(payoffs, task, state, table=np.array(rows, np.int64))

    def chosen_on(self, output: Arrays, truth: Arrays) -> Worth:
        """Return it with what makes held-out answers worth most."""
        found = self
        if self.table is not None:
            true = dispatch.single_values(self.task.target, truth)
            assert true is not None
            found = replace(self, decision=chosen(self._logits(output), true, self.table, self.payoffs.can_abstain))
        each = found.micro(output, truth)
        return replace(found, expected=round(float(each.mean())) if len(each) else 0)

    def as_state(self, payoffs: Mapping[str, Any]) -> dict[str, Any]:
        """Return what a bundle keeps; `payoffs` are the settings of the job."""
        return {"payoffs": dict(payoffs), "decision": self.decision.as_json(), "expected": self.expected}

    def micro(self, output: Arrays, truth: Arrays) -> np.ndarray:
        """Return what the answer to each record is worth, int64[n], in micro-units."""
        if self.table is not None:
            true = dispatch.single_values(self.task.target, truth)
            return np.asarray(self.table[true, self.codes(output)])
        target = self.task.target
        answers, truths = target.decode(output, self.state), dispatch.decode_target(target, truth, self.state)
        each = [self.payoffs.micro(one.value, true) for one, true in zip(answers, truths, strict=True)]
        return np.array(each, np.int64)

    def realised(self, answers: Sequence[Any], truths: Values) -> tuple[list[int], dict[int, str]]:
        """Return what answers turned out to be worth, in micro-units, by truths as people give them: feedback.

        Those whose truth cannot be read are worth 0, and named by their index with the reason.
        """
        target = self.task.target
        encoded = target.encode(truths, self.state)
        told = dispatch.decode_target(target, encoded.arrays, self.state)
        pairs = enumerate(zip(answers, told, strict=True))
        each = [0 if index in encoded.bad else self.payoffs.micro(one, true) for index, (one, true) in pairs]
        return each, encoded.bad

    def codes(self, output: Arrays) -> np.ndarray:
        """Return the class that is answered to each record, int[n]; NONE for none."""
        return self.decide(output)[0]

    def decide(self, output: Arrays) -> tuple[np.ndarray, np.ndarray]:
        """Return the same, and what each answer is expected to be worth in micro-units, float[n]."""
        assert self.table is not None
        return self.decision.decide(self._logits(output), self.table)

    def answered(self, given: Sequence[Prediction], output: Arrays) -> list[Prediction]:
        """Return the answers as they are given, with what each is expected to be worth in their details."""
        if self.table is None:
            expected = self.expected / MICRO
            return [replace(one, details={**one.details, EXPECTED: expected}) for one in given]
        codes, worth = self.decide(output)
        chances = self._chances(output)
        return [
            self._answered(one, int(code), row, round(float(micro)) / MICRO)
            for one, code, row, micro in zip(given, codes, chances, worth, strict=True)
        ]

    def _answered(self, given: Prediction, code: int, chances: np.ndarray, expected: float) -> Prediction:
        """Return one answer; whether there is none is said of each where there may be none."""
        details: dict[str, Any] = {**given.details, EXPECTED: expected}
        if self.decision.may_abstain:
            details[ABSTAINED] = code == NONE
        if code == NONE:
            return replace(given, value=None, confidence=None, details=details)
        names = dispatch.class_names(self.task.target, self.state)
        assert names is not None
        return replace(given, value=names[code], confidence=round(float(chances[code]), 6), details=details)

    def metric(self) -> Metric:
        """Return the score: what a thousand answers are worth."""

        def each(output: Arrays, truth: Arrays) -> np.ndarray:
            return self.micro(output, truth) * (ANSWERS / MICRO)

        return mean_metric(VALUE, self.payoffs.currency or "units of value", "higher", each)

    @property
    def likeliest(self) -> Worth:
        """Return it as if nothing had been chosen."""
        return replace(self, decision=LIKELIEST)

    @property
    def trivial(self) -> Worth:
        """Return it for answers that are the same for every record: the one of them that is worth most."""
        return replace(self, decision=Decision("worth", may_abstain=self.payoffs.can_abstain))

    def _logits(self, output: Arrays) -> np.ndarray:
        return np.asarray(output[dispatch.answer_output(self.task.target) or ""])

    def _chances(self, output: Arrays) -> np.ndarray:
        return probabilities(self._logits(output))

    def in_words(self) -> str:
        """Say which answer is given."""
        names = dispatch.class_names(self.task.target, self.state)
        if self.table is None or names is None:
            return "answers are given as they are"
        one = self.decision
        if one.rule == "likeliest":
            return "the likeliest class is answered"
        if one.rule == "worth":
            none = ", or none where that is worth more" if one.may_abstain else ""
            return f"the class of the highest expected value is answered{none}"
        if one.low == one.high:
            return f"{names[1]!r} is answered from a probability of {one.high:.3g} on, else {names[0]!r}"
        return (
            f"{names[0]!r} is answered below a probability of {names[1]!r} of {one.low:.3g}, {names[1]!r} from "
            f"{one.high:.3g} on, and nothing between"
        )


def metrics_of(task: Task, states: Mapping[str, Any]) -> list[Metric]:
    """Return the scores of a task's answers, what they are worth among them where the job says it."""
    worth = Worth.of(task, states)
    return [*task.target.metrics(states["target"]), *([worth.metric()] if worth else [])]
