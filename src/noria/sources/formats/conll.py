"""Texts with labelled stretches: CoNLL files, and JSON or tables that say the same.

    John B-PER            {"tokens": ["John", "sleeps"], "tags": ["B-PER", "O"]}
    sleeps O              {"text": "John sleeps", "spans": [{"start": 0, "end": 4, "label": "PER"}]}

A CoNLL file has a token a line, its tag in the last column, and a blank line between sentences. Columns: `text` (tokens
with a space between, Chinese and its like without) and `tags`, [{"start": character, "end": ..., "label": ...}, ...].
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from noria.contract.source import Source, reading
from noria.sources.core.layout import is_hidden
from noria.sources.core.limits import CHUNK_BYTES
from noria.sources.core.text_file import TextFile, TextSource
from noria.sources.core.wrapped import MappedSource
from noria.sources.formats.opening import open_source
from noria.sources.formats.tables import Tables, split_tables
from noria.text.entity_spans import decode_bio, trimmed
from noria.types import Rejected, Rows

Stretch = dict[str, Any]  # start, end, label

_SUFFIXES = (".conll", ".conll.gz", ".bio", ".bio.gz", ".iob", ".iob2", ".txt", ".txt.gz", ".tsv", ".tsv.gz")
_TAG = re.compile(r"O|[BIESLU]-\S+")
_JOINED = re.compile(r"[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u2e80-\u9fff\uac00-\ud7a3\uf900-\ufaff\uff00-\uffef]")
_LOOK_AT = 50  # lines by which a file is told to be CoNLL's
_BREAK = "-DOCSTART-"  # a line between documents


def conll(path: Path, encoding: str | None = None) -> Source | None:
    """Return the reader of texts with labelled stretches, or None where the path holds none."""
    with reading(path):
        entries = sorted(path.iterdir()) if path.is_dir() else [path]
        files = [one for one in entries if one.is_file() and one.name.lower().endswith(_SUFFIXES)]
        files = [file for file in files if not is_hidden(file.name) and _is_conll(file, encoding)]
    if not files:
        source = open_source(path, encoding=encoding)
        has_both = {"tokens", "tags"}, {"text", "spans"}
        return TaggedTable(source) if any(names <= set(source.columns) for names in has_both) else None
    if path.is_file():
        return ConllFile(path, encoding=encoding)
    named = split_tables([file.name for file in files], str(path))
    beside = [entry.name for entry in entries if entry not in files and not is_hidden(entry.name)]
    return Tables(path, path, [ConllFile(path / name, encoding=encoding, split=split) for name, split in named], beside)


def open_format(path: Path, encoding: str | None) -> Source:
    """Return the reader of a file that ends in .conll."""
    return ConllFile(path, encoding=encoding)


class ConllFile(TextSource):
    """One CoNLL file; `numbers` are the lines that sentences begin in."""

    def __init__(self, path: Path, *, encoding: str | None = None, split: str = ""):
        super().__init__(path, ["text", "tags"], encoding, split)

    def rows(self, chunk_size: int = 4096) -> Iterator[Rows]:
        """Yield the sentences; one with a line that has no tag is bad."""
        found: list[tuple[str, list[Stretch]]] = []
        numbers: list[int] = []
        bad: list[Rejected] = []
        held = 0
        for number, lines, flaw in self._sentences():
            try:
                found.append(_sentence(lines, number, flaw))
                numbers.append(number)
            except ValueError as error:
                bad.append(Rejected(f"{self.path.name}:{number}", str(error), len(numbers)))
            held += sum(map(len, lines))
            if len(numbers) + len(bad) >= chunk_size or held > CHUNK_BYTES:
                yield self._rows(found, numbers, bad)
                found, numbers, bad, held = [], [], [], 0
        if numbers or bad:
            yield self._rows(found, numbers, bad)

    def _rows(self, found: list[tuple[str, list[Stretch]]], numbers: list[int], bad: list[Rejected]) -> Rows:
        columns: dict[str, Any] = {"text": [text for text, _ in found], "tags": [spans for _, spans in found]}
        return Rows(columns, self.path.name, numbers, self._split, bad)

    def _sentences(self) -> Iterator[tuple[int, list[str], str]]:
        """Yield each sentence's first line number, its lines, and what is wrong with their bytes."""
        with reading(self.path):
            lines = self._text.lines("\n")
            held: list[str] = []
            first, flaw = 1, ""
            for line in lines:
                flaw = flaw or lines.flaws.pop(lines.number, "")
                if line.strip() and not line.startswith(_BREAK):
                    first = first if held else lines.number
                    held.append(line.rstrip("\r\n"))
                elif held:
                    yield first, held, flaw
                    held, flaw = [], ""
            if held:
                yield first, held, flaw


class TaggedTable(MappedSource):
    """Records of another source with tokens and tags, or with a text and spans; what does not fit is bad."""

    def __init__(self, source: Source):
        self._is_tokens = {"tokens", "tags"} <= set(source.columns)
        used = ("tokens", "tags", "text", "spans")
        super().__init__(source, ["text", "tags", *(name for name in source.columns if name not in used)])

    def converted(self, fields: Mapping[str, Any]) -> list[dict[str, Any]]:
        text, stretches = (_of_tokens if self._is_tokens else _of_spans)(fields)
        return [{**fields, "text": text, "tags": stretches}]


def joined(tokens: Sequence[str]) -> tuple[str, list[int]]:
    """Return tokens as one text, and where each starts; no space stands beside what is written without spaces."""
    text, starts = "", []
    for token in tokens:
        if text and not (_JOINED.match(text[-1]) or _JOINED.match(token[:1])):
            text += " "
        starts.append(len(text))
        text += token
    return text, starts


def _is_conll(path: Path, encoding: str | None) -> bool:
    lines = [line for line in TextFile(path, declared=encoding).samples()[0].splitlines()[:_LOOK_AT] if line.strip()]
    parts = [line.split() for line in lines if not line.startswith(_BREAK)]
    return bool(parts) and sum(len(one) > 1 and bool(_TAG.fullmatch(one[-1])) for one in parts) > 0.9 * len(parts)


def _sentence(lines: Sequence[str], number: int, flaw: str) -> tuple[str, list[Stretch]]:
    if flaw:
        raise ValueError(flaw)
    parts = [line.split() for line in lines]
    for place, one in enumerate(parts):
        if len(one) < 2:
            raise ValueError(f"line {number + place} has no token and tag, but {lines[place]!r}"[:200])
    return _tagged([one[0] for one in parts], [one[-1] for one in parts])


def _tagged(tokens: Sequence[str], tags: Sequence[str]) -> tuple[str, list[Stretch]]:
    text, starts = joined(tokens)
    stretches = [
        {"start": starts[first], "end": starts[end - 1] + len(tokens[end - 1]), "label": label}
        for first, end, label in decode_bio(tags)
    ]
    return text, stretches


def _of_tokens(record: Mapping[str, Any]) -> tuple[str, list[Stretch]]:
    tokens, tags = record["tokens"], record["tags"]
    if not isinstance(tokens, list) or not isinstance(tags, list) or len(tokens) != len(tags) or not tokens:
        raise ValueError("expected a list of tokens and one of as many tags")
    if not all(isinstance(one, str) and one.strip() for one in tokens) or not all(isinstance(one, str) for one in tags):
        raise ValueError("tokens and tags must be texts: a tag is named, B-PER, and not numbered")
    return _tagged(tokens, tags)


def _of_spans(record: Mapping[str, Any]) -> tuple[str, list[Stretch]]:
    text, spans = record["text"], record["spans"]
    if not isinstance(text, str) or not text.strip():
        raise ValueError("the text is missing")
    if not isinstance(spans, list):
        raise ValueError("expected a list of spans, [] where there are none")
    stretches = []
    for one in spans:
        start, end, label = map(one.get, ("start", "end", "label")) if isinstance(one, Mapping) else (None, None, None)
        if type(start) is not int or type(end) is not int or not isinstance(label, str) or not label.strip():
            raise ValueError(f"a span needs start, end and label, found {one!r}"[:200])
        if not 0 <= start < end <= len(text) or not text[start:end].strip():
            raise ValueError(f"the span from {start} to {end} holds nothing of the text of {len(text)} characters")
        start, end = trimmed(text, start, end)
        stretches.append({"start": start, "end": end, "label": label})
    return text, sorted(stretches, key=lambda one: (one["start"], one["end"]))
