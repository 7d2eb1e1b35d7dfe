"""Files whose lines are translations of each other: train.en.gz and train.de.gz; a column a language.

Line 7 of one file belongs to line 7 of the others. The split is a word of the name: train, val, test_2016_flickr.
Read next: sources/core/text_file.py, tables.py.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from itertools import zip_longest
from pathlib import Path
from typing import Any

from noria.contract.source import Source, reading
from noria.errors import UserError
from noria.sources.core.layout import is_beside, is_hidden, some
from noria.sources.core.limits import CHUNK_BYTES
from noria.sources.core.text_file import Lines, TextFile
from noria.sources.formats.tables import Tables, split_parts
from noria.types import Rejected, Rows

ANY: Mapping[str, Any] = {}  # languages will do
_SHOWN = 10
_Files = dict[str, dict[str, Path]]  # by the name without its ending, and the language
_NAME = re.compile(r"(.+?)\.([a-z]{2,3}(?:[-_][A-Za-z]{2,4})?)(?:\.gz)?")


def parallel_lines(path: Path, encoding: str | None = None, fields: Mapping[str, Any] = ANY) -> Source | None:
    """Return the reader of a folder of parallel files, or None where the path is no such folder.

    `fields` are those of the task, each with the language that the job says fills it, if it does: files in others are
    not read then. Files of several years are one whole.
    """
    if not path.is_dir():
        return None
    with reading(path):
        names = sorted(entry.name for entry in path.iterdir() if entry.is_file() and not is_hidden(entry.name))
    stems: _Files = {}
    for name in names:
        found = _NAME.fullmatch(name)
        if found and not is_beside(name):
            stems.setdefault(found[1], {})[found[2]] = path / name
    stems = {stem: files for stem, files in stems.items() if len(files) > 1}
    if not stems:
        return None
    stems = _asked(stems, fields, path)
    read = {file.name for files in stems.values() for file in files.values()}
    fix = "rename them so that the name of each says train, validation or test, as in test_2014.de"
    named = split_parts(list(stems), str(path), fix)
    tables = [ParallelLines(stems[stem], encoding=encoding, split=split) for stem, split in named]
    return Tables(path, path, tables, [name for name in names if name not in read])


def _asked(stems: _Files, fields: Mapping[str, Any], path: Path) -> _Files:
    """Return the files in the languages asked for; raise UserError where there are several pairs and none is named."""
    asked = [str(language) for language in fields.values() if language]
    if asked:
        stems = {stem: files for stem, files in stems.items() if {*asked} <= {*files}} or stems
    if len(asked) > 1:
        return {stem: {one: files[one] for one in asked if one in files} for stem, files in stems.items()}
    if len({tuple(files) for files in stems.values()}) > 1:
        first = zip(fields or ("FIELD", "FIELD"), next(iter(stems.values())), strict=False)
        raise UserError(
            "the files are in several pairs of languages",
            where=str(path),
            expected="the two of them that fill the fields",
            found="; ".join(f"{stem} in {', '.join(files)}" for stem, files in list(stems.items())[:_SHOWN]),
            fix=f"data.fields={{{', '.join(f'{field}: {language}' for field, language in first)}}}",
        )
    return stems


class ParallelLines(Source):
    """Files by language that have a line each for every record. `numbers` are the lines; blank ones are bad."""

    def __init__(self, files: Mapping[str, Path], *, encoding: str | None = None, split: str = ""):
        self._split = split
        self._paths = list(files.values())
        self.path = self._paths[0]
        self.root = self.path.parent
        self.columns = list(files)
        with reading(self.path):
            self._texts = [TextFile(path, declared=encoding) for path in self._paths]

    def files(self) -> list[Path]:
        """Return the files, one a language."""
        return self._paths

    def notes(self) -> list[str]:
        """Return how the encodings were guessed."""
        return [f"{text.name}: {text.note}" for text in self._texts if text.note]

    def rows(self, chunk_size: int = 4096) -> Iterator[Rows]:
        """Yield the lines side by side; raise UserError where one file has more of them than another."""
        with reading(self.path):
            readings = [text.lines(newline="\n") for text in self._texts]
            numbers: list[int] = []
            columns: list[list[Any]] = [[] for _ in readings]
            bad: list[Rejected] = []
            cut_at = CHUNK_BYTES
            for number, together in enumerate(zip_longest(*readings), start=1):
                if None in together:
                    raise self._unequal(readings)
                lines = [line.rstrip("\r\n") for line in together]
                flaw = self._flaw(readings, lines)
                if flaw:
                    bad.append(Rejected(f"{self.path.name}:{number}", flaw, len(numbers)))
                else:
                    numbers.append(number)
                    for column, line in zip(columns, lines, strict=True):
                        column.append(line)
                if len(numbers) + len(bad) >= chunk_size or readings[0].num_characters > cut_at:
                    yield self._rows(numbers, columns, bad)
                    numbers, columns, bad = [], [[] for _ in readings], []
                    cut_at = readings[0].num_characters + CHUNK_BYTES
            if numbers or bad:
                yield self._rows(numbers, columns, bad)

    def _rows(self, numbers: list[int], columns: list[list[Any]], bad: list[Rejected]) -> Rows:
        return Rows(dict(zip(self.columns, columns, strict=True)), self.path.name, numbers, self._split, bad)

    def _flaw(self, readings: list[Lines], lines: list[str]) -> str:
        """Return and forget what is wrong with the lines, naming the file."""
        flaws = []
        for path, reading_, line in zip(self._paths, readings, lines, strict=True):
            flaw = "; ".join(reading_.flaws.values()) or ("" if line.strip() else "the line is blank")
            reading_.flaws.clear()
            if flaw:
                flaws.append(f"{flaw} ({path.name})")
        return "; ".join(flaws)

    def _unequal(self, readings: list[Lines]) -> UserError:
        counts = [sum(1 for _ in text.lines(newline="\n")) for text in self._texts]
        listed = some(f"{path.name} has {count:,}" for path, count in zip(self._paths, counts, strict=True))
        return UserError(
            "the files have unequal numbers of lines, so nobody knows which belong together",
            where=str(self.root),
            expected="line 1 of one file to be the translation of line 1 of the other, and so on",
            found=listed,
        )
