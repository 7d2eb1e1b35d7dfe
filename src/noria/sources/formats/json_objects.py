"""JSON objects as rows, whichever way a file holds them: what json_lines.py and json_file.py share.

The columns are the keys of the first objects. Values stay as JSON gives them (str, int, float, list, dict, None).
"""

from __future__ import annotations

import json
from abc import abstractmethod
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from noria.contract.source import Source, reading
from noria.errors import UserError
from noria.sources.core.limits import CHUNK_BYTES
from noria.sources.core.text_file import TextFile
from noria.types import Rejected, Rows

_SAMPLE_RECORDS = 1000  # optional keys show up within as many; reading the whole file for them would double its time

# The line an object begins in, the object or why there is none, and the characters read so far.
Found = tuple[int, dict[str, Any] | str, int]


class JsonObjects(Source):
    """A file of objects. A key that one lacks is None; a key that first appears late is noted, not read."""

    expected: str  # what the file should hold, for an error

    def __init__(self, path: Path, *, encoding: str | None = None, split: str = ""):
        self.path, self.root, self._split = path, path.parent, split
        self._late: dict[str, int] = {}  # key -> line where it first appears
        with reading(path):
            self._text = TextFile(path, declared=encoding)
            self.columns = self._read_columns()

    @abstractmethod
    def objects(self, text: TextFile) -> Iterator[Found]:
        """Yield the objects of the file, and what stands in the place of one, in order."""

    def files(self) -> list[Path]:
        """Return the one file."""
        return [self.path]

    def notes(self) -> list[str]:
        """Return how the encoding was guessed, and the keys that came too late (known once the rows were read)."""
        guess = [f"{self.path.name}: {self._text.note}"] if self._text.note else []
        return guess + [
            f"{self.path.name}: {key!r} first appears in line {line} and is not read; to have it, name it in record 1"
            for key, line in self._late.items()
        ]

    def rows(self, chunk_size: int = 4096) -> Iterator[Rows]:
        """Yield the objects; `numbers` are the lines they begin in."""
        with reading(self.path):
            numbers: list[int] = []
            objects: list[dict[str, Any]] = []
            bad: list[Rejected] = []
            cut_at = CHUNK_BYTES
            for number, thing, num_characters in self.objects(self._text):
                if isinstance(thing, str):
                    bad.append(Rejected(f"{self.path.name}:{number}", thing, len(numbers)))
                else:
                    numbers.append(number)
                    objects.append(thing)
                if len(numbers) + len(bad) >= chunk_size or num_characters > cut_at:
                    yield self._chunk(numbers, objects, bad)
                    numbers, objects, bad, cut_at = [], [], [], num_characters + CHUNK_BYTES
            if numbers or bad:
                yield self._chunk(numbers, objects, bad)

    def _chunk(self, numbers: list[int], objects: list[dict[str, Any]], bad: list[Rejected]) -> Rows:
        known = set(self.columns)
        for number, thing in zip(numbers, objects, strict=True):
            if not thing.keys() <= known:
                for key in thing.keys() - known:
                    self._late.setdefault(key, number)
        columns: dict[str, Any] = {name: [thing.get(name) for thing in objects] for name in self.columns}
        return Rows(columns, self.path.name, numbers, self._split, bad)

    def _read_columns(self) -> list[str]:
        things = list(islice(self.objects(self._text), _SAMPLE_RECORDS))
        columns = {key: None for _, thing, _ in things if not isinstance(thing, str) for key in thing}
        if not columns:
            number, reason, _ = things[0] if things else (1, "nothing", 0)
            raise UserError(
                "holds no record",
                where=f"{self.path}:{number}",
                expected=self.expected,
                found=reason if isinstance(reason, str) else "objects without keys",
            )
        return list(columns)


def checked(thing: object, written: str) -> dict[str, Any] | str:
    """Return an object that was read from `written`, or why it is none that can be used."""
    if "\\ud" in written or "\\uD" in written:  # half of a pair could not be written anywhere again
        try:
            json.dumps(thing, ensure_ascii=False).encode()
        except UnicodeEncodeError:
            return "a \\u escape names half a character"
    return thing if isinstance(thing, dict) else f"expected a JSON object, found {type(thing).__name__}"
