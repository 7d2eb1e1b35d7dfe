"""Write which record is in which split, so that another person divides the same.

Read next: sources/core/split_file.py, which reads it.
"""

from __future__ import annotations

import csv
from pathlib import Path

from noria.errors import UserError
from noria.pipeline.prepared import Prepared
from noria.sources.core.split_file import WHERE
from noria.store.array_store import SPLITS
from noria.store.disk import whole_file

COLUMN = "split"


def refuse_histories(within: str | None) -> None:
    """Raise UserError where every history has records in each split: a table of places cannot say which."""
    if within:
        raise UserError(
            "a table cannot say how histories are divided: every user is in several splits, with other events in each",
            where="--splits",
            found=f"data.split.within={within}",
            fix="leave --splits out; the same data, data.split and seed divide the same again",
        )


def write_splits(prepared: Prepared, path: Path) -> str:
    """Write a table of the place and the split of every usable record; return what to say.

    Raises UserError where one place, as a conversation, has records in several splits: nothing could tell them apart.
    """
    if path.suffix.lower() != ".csv":
        raise UserError("splits are written as a table", where=str(path), expected="a name that ends in .csv")
    said: dict[str, str] = {}
    for split, places in prepared.places().items():
        for place in places:
            if said.setdefault(place, split) != split:
                raise UserError(
                    "one place has records in several splits, which a table cannot tell apart",
                    where=place,
                    found=f"{said[place]}, {split}",
                    fix="keep what comes from one place together: leave data.split.block out",
                )
    with whole_file(path) as temporary, temporary.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows([(WHERE, COLUMN), *said.items()])
    absent = [f" data.split.{split}=0" for split in SPLITS[1:] if split not in said.values()]
    settings = f"data.split.file={path} data.split.column={COLUMN}{''.join(absent)}"
    return f"wrote the splits of {len(said):,} places to {path}; to divide the same again: {settings}"
