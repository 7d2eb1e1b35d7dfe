"""Which side each record of a turn stands on: as in earlier turns if it says the same, else by a hash of what it says.

A record is known by what it holds, not by its place alone: a file that is written anew every week has other records at
the same places, and one whose newest records stand first has the same ones at others. Read next: collect.py.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from noria.contract import answer_field
from noria.contract.source import Source
from noria.pipeline.bundle import Bundle
from noria.pipeline.other_data import mapping_of
from noria.preparation.division import content_hashes, split_hashes
from noria.sources.core.split_file import WHERE
from noria.store.disk import whole_file
from noria.store.hashing import share

COLUMN, CONTENT = "wheel_split", "content"


@dataclass(frozen=True)
class Known:
    """The splits of records of earlier turns, by their places; contents: hashes of what they say, where that is known.

    Data of which nothing is known but the places was seen to be what it was.
    """

    splits: Mapping[str, str]
    contents: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def read(cls, path: Path) -> Known:
        """Return what the table of an earlier turn says; those of earlier versions tell no contents."""
        with path.open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
        contents = {row[WHERE]: row[CONTENT] for row in rows if row.get(CONTENT)}
        return cls({row[WHERE]: row[COLUMN] for row in rows}, contents)

    def split_of(self, place: str, content: str) -> str | None:
        """Return the split of a record that is known; None of one whose place another record had, too."""
        return self.splits.get(place) if self.contents.get(place, content) == content else None


@dataclass(frozen=True)
class Sides:
    """The split of each record, by its place, and of those that are new. num_gone: known ones that are gone."""

    splits: Mapping[str, str]
    contents: Mapping[str, str]
    new: Mapping[str, str]
    num_gone: int

    def write(self, path: Path) -> None:
        """Write the table of them."""
        rows: Iterable[tuple[str, str, str]] = ((one, split, self.contents[one]) for one, split in self.splits.items())
        with whole_file(path) as temporary, temporary.open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow((WHERE, COLUMN, CONTENT))
            writer.writerows(rows)


def sides_of(known: Known, golden: np.ndarray, hold_out: float, source: Source, bundle: Bundle) -> Sides:
    """Divide the records of a source. golden: hashes of the inputs of golden records, which stand on test."""
    split, mapping = bundle.job.data.split, mapping_of(bundle, source, needs_answer=True)
    fields = [columns for name, columns in mapping.items() if name != answer_field(bundle.task)]
    contents: dict[str, str] = {}
    parts = []
    for rows in source.rows():
        contents |= zip(map(rows.where, range(len(rows))), map(str, content_hashes(rows, fields).tolist()), strict=True)
        parts.append(split_hashes(rows, split, fields))
    hashes = np.concatenate(parts)
    of_content = {content: known.splits[place] for place, content in known.contents.items()}
    found = [known.split_of(place, content) or of_content.get(content) for place, content in contents.items()]
    of_hash = {one: side for one, side in zip(hashes.tolist(), found, strict=True) if side is not None}
    of_hash |= dict.fromkeys(golden.tolist(), "test")
    others = _by_hash(hashes, hold_out, split.validation)
    rows_of_all = zip(contents, found, hashes.tolist(), others, strict=True)
    splits = {place: side or of_hash.get(one, other) for place, side, one, other in rows_of_all}
    new = {place: splits[place] for place, side in zip(contents, found, strict=True) if side is None}
    return Sides(splits, contents, new, len(of_content.keys() - set(contents.values())))


def _by_hash(hashes: np.ndarray, hold_out: float, validation: float) -> list[str]:
    at = share(hashes)
    is_validation = at < hold_out + (1 - hold_out) * validation
    return list(np.where(at < hold_out, "test", np.where(is_validation, "validation", "train")))
