"""The answers to several records: a list in their order, and the same as columns or as a frame."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from typing import Any

from noria.errors import UserError
from noria.types import Prediction


class Predictions(list[Prediction]):
    """Answers in the order of the records. `given` is what they answer, where that was a frame."""

    def __init__(self, answers: Iterable[Prediction], classes: Sequence[str] = (), given: object = None) -> None:
        super().__init__(answers)
        self._classes, self._given = classes, given

    def columns(self) -> dict[str, list[Any]]:
        """Return the answers by column: value, confidence, probability_CLASS; `error` where one has no answer."""
        found: dict[str, list[Any]] = {"value": [one.value for one in self]}
        if any(one.confidence is not None for one in self):
            found["confidence"] = [one.confidence for one in self]
        for name in self._classes:
            each = [one.details.get("probabilities", {}).get(name) for one in self]
            found[f"probability_{name}"] = each
        if any(one.reason for one in self):
            found["error"] = [one.reason or None for one in self]
        return found

    def to_frame(self) -> Any:
        """Return the columns as a frame of polars where records were one, else of pandas, with the records' index.

        >>> frame.join(noria.predict(run, frame).to_frame())
        """
        polars = sys.modules.get("polars")
        if polars is not None and isinstance(self._given, polars.DataFrame):
            return polars.DataFrame(self.columns())
        try:
            import pandas
        except ImportError as error:
            fix = "pip install pandas, or take predictions.columns()"
            raise UserError("a frame needs the package pandas", fix=fix) from error
        index = self._given.index if isinstance(self._given, pandas.DataFrame) else None
        return pandas.DataFrame(self.columns(), index=index)
