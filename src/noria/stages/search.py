"""Search by meaning: the records of a table or text whose vectors are closest to those of a query.

Written for any model that gives each record a vector. Knows no task. Read next: pipeline/vector_index.py.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from noria.aligned import aligned
from noria.errors import UserError
from noria.pipeline.predictor import Predictor, load
from noria.pipeline.vector_index import Hit, index, the_only_input, vectors_of
from noria.reporter import Reporter
from noria.sources.core.named_file import read_regular
from noria.vision.pillow import is_pillow, picture_file

MOST_TEXT = 200  # characters of a record in one line


def search(
    run: str | os.PathLike[str] | Predictor, queries: Sequence[Any], data: str | os.PathLike[str], count: int = 5,
    column: str | None = None, reporter: Reporter | None = None,
) -> list[list[Hit]]:  # fmt: skip
    """Return for each query the `count` records of the data that are nearest to it, nearest first.

    A query is what the model's input takes: a text, the path of a picture. `column` fills the input where it has
    another name than in training. Raises UserError for a model that gives no vectors.
    """
    if count < 1:
        raise UserError("at least one record must be asked for", found=str(count))
    predictor = run if isinstance(run, Predictor) else load(run)
    field = the_only_input(predictor)
    asked = vectors_of(predictor, [{field: _asked(predictor, field, query)} for query in queries])
    return index(predictor, Path(data), column, reporter).nearest(asked, count)


def _asked(predictor: Predictor, field: str, query: Any) -> Any:
    """Return a query as the input takes it: of a file that is named, what it holds, wherever it stands."""
    if predictor.task.inputs[field].raw_type != "file" or not isinstance(query, str | os.PathLike):
        return picture_file(query) if is_pillow(query) else query
    try:
        return read_regular(os.fspath(query), os.fspath(query))
    except ValueError as error:
        raise UserError(str(error), where=f"query {str(query)!r}") from None


def found(queries: Sequence[str], hits: Sequence[Sequence[Hit]]) -> str:
    """Return what was found as text: each query, and below it score, place and record."""
    lines = []
    for query, one in zip(queries, hits, strict=True):
        lines += [query, *aligned([(f"  {hit.score:.3f}", hit.where, _in_line(hit.text)) for hit in one])]
    return "\n".join(lines)


def _in_line(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= MOST_TEXT else f"{line[: MOST_TEXT - 1]}…"
