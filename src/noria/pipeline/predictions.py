"""The answers to several records: a list in their order, and the same as columns or as a frame."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from noria.errors import UserError
from noria.pipeline.answer_table import is_detail
from noria.types import Prediction
from noria.types.records import ABSTAINED, EXPECTED


class Predictions(list[Prediction]):
    """Answers in the order of the records. `given` is what they answer, where that was a frame.

    ids: what names the records, where they are no rows of the frame but made of several: histories of users.
    """

    def __init__(
        self,
        answers: Iterable[Prediction],
        classes: Sequence[str] = (),
        given: object = None,
        ids: Sequence[str] | None = None,
    ) -> None:
        super().__init__(answers)
        self._classes, self._given, self._ids = classes, given, ids

    def columns(self) -> dict[str, list[Any]]:
        """Return the answers by column: value, confidence, probability_CLASS, what else is told in a number or a text.

        `error` says why one cannot be answered.
        Of a job with a `value` also what each is expected to be worth, and which were not given, as that is worth more.
        """
        found: dict[str, list[Any]] = {"value": [one.value for one in self]}
        if any(one.confidence is not None for one in self):
            found["confidence"] = [one.confidence for one in self]
        for name in self._classes:
            each = [one.details.get("probabilities", {}).get(name) for one in self]
            found[f"probability_{name}"] = each
        first: Mapping[str, Any] = next((one.details for one in self if not one.reason), {})
        told = [name for name, value in first.items() if is_detail(name, value)]
        for name in dict.fromkeys((*told, EXPECTED, ABSTAINED)):
            if any(name in one.details for one in self):
                found[name] = [one.details.get(name) for one in self]
        if any(one.reason for one in self):
            found["error"] = [one.reason or None for one in self]
        return found

    def to_frame(self) -> Any:
        """Return the columns as a frame of polars where records were one, else of pandas, with the records' index.

        Where records are no rows of that frame, as histories of users, a column `record` names each.

        >>> pandas.concat([frame, noria.predict(run, frame).to_frame()], axis=1)
        """
        polars = sys.modules.get("polars")
        if polars is not None and isinstance(self._given, polars.DataFrame):
            return polars.DataFrame(self._named_columns())
        try:
            import pandas
        except ImportError as error:
            fix = "pip install pandas, or take predictions.columns()"
            raise UserError("a frame needs the package pandas", fix=fix) from error
        is_by_row = isinstance(self._given, pandas.DataFrame) and self._ids is None
        return pandas.DataFrame(self._named_columns(), index=getattr(self._given, "index", None) if is_by_row else None)

    def _named_columns(self) -> dict[str, list[Any]]:
        return ({} if self._ids is None else {"record": list(self._ids)}) | self.columns()
