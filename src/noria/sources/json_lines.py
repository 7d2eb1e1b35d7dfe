"""JSON lines as rows: one object a line, plain or gzip; a broken line is quarantined by its number.

The columns are the keys of the first objects. Values stay as JSON gives them (str, int, float, list, dict, None).
Read next: text_file.py.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from noria.errors import UserError
from noria.nouns import Bad, Rows
from noria.sources.source import CHUNK_BYTES, Source, reading
from noria.sources.text_file import Lines, TextFile

_SAMPLE_RECORDS = 1000  # optional keys show up within as many; reading the whole file for them would double its time


class JsonLines(Source):
    """A .jsonl or .ndjson file. A key that a line lacks is None; one that first appears late is noted, not read."""

    def __init__(self, path: Path, *, encoding: str | None = None, split: str = ""):
        self.path, self.root, self._split = path, path.parent, split
        self._late: dict[str, int] = {}  # key -> line where it first appears
        with reading(path):
            self._text = TextFile(path, declared=encoding)
            self.columns = self._read_columns()

    def files(self) -> list[Path]:
        """Return the one file."""
        return [self.path]

    def notes(self) -> list[str]:
        """Return how the encoding was guessed, and the keys that came too late (known once the rows were read)."""
        guess = [f"{self.path.name}: {self._text.note}"] if self._text.note else []
        return guess + [
            f"{self.path.name}: {key!r} first appears in line {line} and is not read; to have it, name it in line 1"
            for key, line in self._late.items()
        ]

    def rows(self, chunk_size: int = 4096) -> Iterator[Rows]:
        """Yield the objects; `numbers` are their lines."""
        with reading(self.path):
            lines = self._text.lines()
            numbers: list[int] = []
            objects: list[dict[str, Any]] = []
            bad: list[Bad] = []
            cut_at = CHUNK_BYTES
            for number, thing in _objects(lines):
                if isinstance(thing, str):
                    bad.append(Bad(f"{self.path.name}:{number}", thing))
                else:
                    numbers.append(number)
                    objects.append(thing)
                if len(numbers) + len(bad) >= chunk_size or lines.num_characters > cut_at:
                    yield self._chunk(numbers, objects, bad)
                    numbers, objects, bad, cut_at = [], [], [], lines.num_characters + CHUNK_BYTES
            if numbers or bad:
                yield self._chunk(numbers, objects, bad)

    def _chunk(self, numbers: list[int], objects: list[dict[str, Any]], bad: list[Bad]) -> Rows:
        known = set(self.columns)
        for number, thing in zip(numbers, objects, strict=True):
            if not thing.keys() <= known:
                for key in thing.keys() - known:
                    self._late.setdefault(key, number)
        columns: dict[str, Any] = {name: [thing.get(name) for thing in objects] for name in self.columns}
        return Rows(columns, self.path.name, numbers, self._split, bad)

    def _read_columns(self) -> list[str]:
        sample = islice(_objects(self._text.lines()), _SAMPLE_RECORDS)
        things = [(number, thing) for number, thing in sample]
        columns = {key: None for _, thing in things if not isinstance(thing, str) for key in thing}
        if not columns:
            number, reason = things[0] if things else (1, "there is no line")
            raise UserError(
                "holds no record",
                where=f"{self.path}:{number}",
                expected="one JSON object a line",
                found=reason if isinstance(reason, str) else "objects without keys",
            )
        return list(columns)


def _objects(lines: Lines) -> Iterator[tuple[int, dict[str, Any] | str]]:
    """Yield line number and object, or why there is none; blank lines are passed over."""
    for line in lines:
        flaw = lines.flaws.pop(lines.number, "")
        if flaw:
            yield lines.number, flaw
        elif not line.isspace():
            yield lines.number, _parse(line)


def _parse(line: str) -> dict[str, Any] | str:
    try:
        thing = json.loads(line)
        if "\\ud" in line or "\\uD" in line:  # half of a pair could not be written anywhere again
            json.dumps(thing, ensure_ascii=False).encode()
    except json.JSONDecodeError as error:
        return f"not JSON: {error.msg} at character {error.pos + 1}"
    except UnicodeEncodeError:
        return "a \\u escape names half a character"
    except (ValueError, RecursionError) as error:
        return f"not JSON that can be read: {error}"
    return thing if isinstance(thing, dict) else f"expected a JSON object, found {type(thing).__name__}"
