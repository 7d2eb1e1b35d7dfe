"""CoNLL files: texts with labelled stretches, a token a line with its tag, a blank line between sentences.

    John B-PER            -DOCSTART- stands between documents, # comments stand above sentences
    sleeps O

Columns: `text` (tokens with a space between; none in what is written without spaces), `tags`, [{"start": character,
"end": ..., "label": ...}, ...], `document`, where the file says which sentences are of one, and `tags_3`, what a third
column says that holds tags too. Read next: conll_columns.py; tagged_table.py, for JSON and tables that say the same.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from noria.contract.source import Source, reading
from noria.sources.core.layout import is_hidden
from noria.sources.core.limits import CHUNK_BYTES
from noria.sources.core.text_file import TextFile, TextSource
from noria.sources.formats.conll_columns import (
    BREAK,
    DOCUMENT_COMMENTS,
    PART_OF_SPEECH,
    find_columns,
    refuse,
    words_of,
)
from noria.sources.formats.tables import Tables, split_tables
from noria.sources.formats.tagged_table import Stretch, tagged, tagged_table
from noria.types import Rejected, Rows

_NAMED = (".conll", ".conllu", ".bio", ".iob", ".iob2", ".bmes", ".bioes")  # what nothing else is named
_SUFFIXES = tuple(f"{ending}{packed}" for ending in (*_NAMED, ".txt", ".tsv") for packed in ("", ".gz"))
_LOOK_AT = 5_000  # lines by which the columns are told
Sentence = tuple[int, list[str], str, str]  # first line, lines, what is wrong with their bytes, document


def conll(path: Path, encoding: str | None = None, text: str = "text", tags: str = "tags") -> Source | None:
    """Return the reader of texts with labelled stretches, or None where the path holds none.

    text, tags: the columns of a table that hold the texts and their stretches.
    """
    with reading(path):
        entries = sorted(path.iterdir()) if path.is_dir() else [path]
        files = [one for one in entries if one.is_file() and one.name.lower().endswith(_SUFFIXES)]
        files = [file for file in files if not is_hidden(file.name) and _is_conll(file, encoding)]
    if not files:
        return tagged_table(path, encoding, text, tags)
    if path.is_file():
        return ConllFile(path, encoding=encoding)
    splits = split_tables([file.name for file in files], str(path))
    beside = [entry.name for entry in entries if entry not in files and not is_hidden(entry.name)]
    tables = [ConllFile(path / name, encoding=encoding, split=split) for name, split in splits]
    shared = set.intersection(*(set(table.columns) for table in tables))
    for table in tables:  # further tags and documents count where every file has them
        table.columns = [name for name in table.columns if name in shared]
    return Tables(path, path, tables, beside)


def open_format(path: Path, encoding: str | None) -> Source:
    """Return the reader of a file that ends in .conll, for whichever task."""
    return ConllFile(path, encoding=encoding)


class ConllFile(TextSource):
    """One CoNLL file; `numbers` are the lines that sentences begin in."""

    def __init__(self, path: Path, *, encoding: str | None = None, split: str = ""):
        super().__init__(path, ["text", "tags"], encoding, split)
        lines = _sampled(self._text)
        found = find_columns(lines)
        if found is None:
            raise refuse(str(path), lines)
        self._layout = found
        self._tags = {"tags": found.tag} | {f"tags_{column + 1}": column for column in found.others}
        has_documents = any(line.startswith((BREAK, *DOCUMENT_COMMENTS)) for line in lines)
        self.columns = ["text", *self._tags, *(["document"] if has_documents else [])]

    def groups(self) -> Sequence[str]:
        """Return the column that says which sentences are of one document, where there is one."""
        return [name for name in self.columns if name == "document"]

    def notes(self) -> list[str]:
        """Return how the encoding was guessed, and which columns were taken where others could be meant."""
        said = self._layout.note()
        return [*super().notes(), *([f"{self.path.name}: {said}"] if said else [])]

    def rows(self, chunk_size: int = 4096) -> Iterator[Rows]:
        """Yield the sentences; one with a line that has no tag is bad."""
        found: list[dict[str, Any]] = []
        numbers: list[int] = []
        bad: list[Rejected] = []
        held = 0
        for sentence in self._sentences():
            number, lines, flaw, document = sentence
            try:
                if flaw:
                    raise ValueError(flaw)
                found.append({**self._read(lines, number), "document": document})
                numbers.append(number)
            except ValueError as error:
                bad.append(Rejected(f"{self.path.name}:{number}", str(error), len(numbers)))
            held += sum(map(len, lines))
            if len(numbers) + len(bad) >= chunk_size or held > CHUNK_BYTES:
                yield self._rows(found, numbers, bad)
                found, numbers, bad, held = [], [], [], 0
        if numbers or bad:
            yield self._rows(found, numbers, bad)

    def _rows(self, found: list[dict[str, Any]], numbers: list[int], bad: list[Rejected]) -> Rows:
        columns: dict[str, Any] = {name: [one[name] for one in found] for name in self.columns}
        return Rows(columns, self.path.name, numbers, self._split, bad)

    def _read(self, lines: Sequence[str], number: int) -> dict[str, Any]:
        """Return the text of a sentence and what each column of tags says of it; None where one says nothing."""
        rows, has_space = words_of(lines, number, self._layout)
        tokens = [row[self._layout.token] for row in rows]
        spaces = [one and not self._layout.is_spelled for one in has_space]
        text, stretches = tagged(tokens, self._tags_of(rows, self._layout.tag), spaces)
        values: dict[str, Any] = {"text": text, "tags": stretches}
        for name, column in self._tags.items():
            if name in self.columns and name != "tags":
                values[name] = _or_none(tokens, self._tags_of(rows, column), spaces)
        return values

    def _tags_of(self, rows: Sequence[Sequence[str]], column: int) -> list[str]:
        if self._layout.is_conllu and column == PART_OF_SPEECH:  # of each word by itself
            return ["O" if row[column] == "_" else f"S-{row[column]}" for row in rows]
        return [row[column] for row in rows]

    def _sentences(self) -> Iterator[Sentence]:
        """Yield each sentence; its document is named by how that begins, so that it stays the same in other files."""
        with reading(self.path):
            lines = self._text.lines("\n")
            held: list[str] = []
            first, flaw, document = 1, "", ""
            for line in lines:
                flaw = flaw or lines.flaws.pop(lines.number, "")
                is_break = line.startswith(BREAK)
                if line.startswith("#") and self._layout.is_comment(line):
                    document = "" if line.startswith(DOCUMENT_COMMENTS) else document
                elif line.strip() and not is_break:
                    first = first if held else lines.number
                    held.append(line.rstrip("\r\n"))
                elif held:
                    document = document or _name("\n".join(held))
                    yield first, held, flaw, document
                    held, flaw = [], ""
                document = "" if is_break else document
            if held:
                yield first, held, flaw, document or _name("\n".join(held))


def _name(beginning: str) -> str:
    return unicodedata.normalize("NFC", beginning)


def _or_none(tokens: Sequence[str], tags: Sequence[str], spaces: Sequence[bool]) -> list[Stretch] | None:
    try:
        return tagged(tokens, tags, spaces)[1]
    except ValueError:
        return None


def _sampled(text: TextFile) -> list[str]:
    return [line for window in text.samples() for line in window.splitlines()][:_LOOK_AT]


def _is_conll(path: Path, encoding: str | None) -> bool:
    """Say whether a file is to be read as CoNLL: by its name, which then must be true, or by its lines."""
    name = path.name.lower().removesuffix(".gz")
    return name.endswith(_NAMED) or find_columns(_sampled(TextFile(path, declared=encoding))) is not None
