"""New rows beside those of training: categories and words never seen, more cells missing, numbers out of range.

Read next: pipeline/drift.py.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

import numpy as np

from noria.contract.capabilities import DriftMeter
from noria.modalities.table.cells import ABSENT, RARE
from noria.modalities.table.texts import marked, places_name
from noria.types import Arrays, State, Values

FEW = 0.05  # a share that is larger by so much than in training is said
EXAMPLES = 3
BEYOND = 0.1  # of the range of training: values a little further out are nothing new


class TableDrift(DriftMeter):
    """Count by column what the state does not know, and say what there is more of than in training."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._seen: dict[str, Any] = state.get("seen", {})  # empty in bundles made before there was this
        self._records = 0
        self._absent, self._unknown, self._beyond = Counter[str](), Counter[str](), Counter[str]()
        self._examples: dict[str, dict[Any, None]] = {}

    def see(self, values: Values, arrays: Arrays) -> None:
        if not self._seen or not isinstance(values, Mapping):
            return
        self._records += len(arrays["numbers"])
        for name, numbers in zip(self._state["numbers"], arrays["numbers"].T, strict=True):
            known = self._seen["columns"][name]
            self._absent[name] += int(np.isnan(numbers).sum())
            if "low" in known:
                margin = BEYOND * (known["high"] - known["low"])
                is_beyond = (numbers < known["low"] - margin) | (numbers > known["high"] + margin)
                self._beyond[name] += int(is_beyond.sum())
                self._remember(name, values.get(name), is_beyond)
        for name, codes in zip(self._state["categories"], arrays["categories"].T, strict=True):
            self._absent[name] += int((codes == ABSENT).sum())
            self._unknown[name] += int((codes == RARE).sum())
            self._remember(name, values.get(name), codes == RARE)
        for index, name in enumerate(self._state.get("texts", {})):
            is_unknown = marked(arrays[places_name(index)], RARE)
            self._absent[name] += int(marked(arrays[places_name(index)], ABSENT).sum())
            self._unknown[name] += int(is_unknown.sum())
            self._remember(name, values.get(name), is_unknown)

    def sentences(self) -> list[str]:
        if not self._seen or not self._records:
            return []
        found = []
        for name, known in self._seen["columns"].items():
            is_text = name in self._state.get("texts", {})
            unknown = "hold no word known from training" if is_text else "rare or never seen in training"
            parts = [
                self._more(self._unknown[name], known.get("rare", 0), f"{unknown}{self._shown(name)}"),
                self._more(self._absent[name], known["absent"], "missing"),
                self._more(self._beyond[name], 0, f"far beyond those of training{self._shown(name)}"),
            ]
            found += [f"{name}: {part}" for part in parts if part]
        return found

    def _more(self, count: int, before: int, what: str) -> str:
        """Return a sentence where so many cells are clearly more than in training; "" else."""
        share = before / max(1, self._seen["records"])
        if count / self._records <= share + FEW:
            return ""
        then = f", {share:.1%} of them in training" if before else ""
        return f"{count} of {self._records} values {what}{then}"

    def _remember(self, name: str, cells: Any, chosen: np.ndarray) -> None:
        examples = self._examples.setdefault(name, {})
        if cells is not None and len(examples) < EXAMPLES:
            for index in np.flatnonzero(chosen)[:EXAMPLES]:
                examples.setdefault(str(cells[index]))

    def _shown(self, name: str) -> str:
        examples = list(self._examples.get(name, {}))[:EXAMPLES]
        return f" (as {', '.join(map(repr, examples))})" if examples else ""
