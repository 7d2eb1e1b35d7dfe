"""Rows of a table, sent column by column: {"table": {"age": ["63"], "sex": ["1"]}}."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from noria.service.asking.operation import Asked, View
from noria.service.dialects.hugging_face.payload import Payload, Sent, records_of
from noria.types import Prediction


class TableRows(Payload):
    """Rows in, of each its class or its number out."""

    def read(self, sent: Sent, view: View) -> Asked:
        table = sent.body.needed("table")
        columns = table if isinstance(table, dict) else {}
        sizes = {len(one) if isinstance(one, list) else 0 for one in columns.values()}
        if len(sizes) != 1 or not 1 <= max(sizes) <= view.limits.records:
            expected = f"an object of columns, each a list of 1 to {view.limits.records} cells, all equally long"
            sent.body.wrong("table", expected, table)
        sent.body.check()
        rows = [dict(zip(columns, cells, strict=True)) for cells in zip(*columns.values(), strict=True)]
        return Asked(records_of(rows, view))

    def content(self, answers: Sequence[Prediction], asked: Asked, view: View) -> Any:
        return [one.value for one in answers]
