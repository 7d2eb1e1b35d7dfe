"""Questions about texts: SQuAD's JSON, and tables with a question, a context and the answer.

    {"data": [{"paragraphs": [{"context": "...", "qas": [{"question": "...", "answers": [...]}]}]}]}     SQuAD 1 and 2
    question, context, answers: {"text": ["..."], "answer_start": [7]}                                   its flat form
    question, context, span                             a table; an empty span says that there is no answer

Columns: `question`, `context`, `span` (the accepted answers, [{"text": ..., "start": character}, ...]) and, of SQuAD's
files, `title`. Questions about one article, or else one context, belong together. Read next: answer_places.py.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from noria.contract.source import Source, reading
from noria.errors import UserError
from noria.sources.core.layout import JSON_SUFFIXES, is_hidden
from noria.sources.core.text_file import TextFile, TextSource
from noria.sources.core.wrapped import MappedSource
from noria.sources.formats.answer_places import AnswerPlaces, Pair
from noria.sources.formats.opening import open_source
from noria.sources.formats.tables import Tables, speaks_of_split, split_tables
from noria.text.entity_spans import listed
from noria.types import Rejected, Rows


def squad(
    path: Path,
    encoding: str | None = None,
    question: str = "question",
    context: str = "context",
    answer: str | None = None,
) -> Source | None:
    """Return the reader of questions with their answers, or None where the path holds none.

    question, context, answer: the columns of a table; the answer's is `span` or else `answers` where it is not named.

    Files of a folder are splits where one of them is named after training; else they are parts of one whole.
    """
    found = _squad_files(path, encoding)
    if not found:
        source = open_source(path, encoding=encoding)
        answer = answer or ("span" if "span" in source.columns else "answers")
        is_whole = {question, context, answer} <= set(source.columns)
        return SpanTable(source, context, answer) if is_whole else None
    if path.is_file():
        return SquadFile(path, encoding=encoding)
    names = [file.name for file in found]
    is_divided = any(speaks_of_split(name) == "train" for name in names)
    splits = split_tables(names, str(path)) if is_divided else [(name, "") for name in names]
    beside = [entry.name for entry in sorted(path.iterdir()) if entry not in found and not is_hidden(entry.name)]
    return Tables(
        path, path, [SquadFile(path / name, encoding=encoding, split=split) for name, split in splits], beside
    )


class SquadFile(TextSource):
    """One file of SQuAD's form, held in memory while it is read; `numbers` are the ids of the questions."""

    def __init__(self, path: Path, *, encoding: str | None = None, split: str = ""):
        super().__init__(path, ["question", "context", "span", "title"], encoding, split)
        self._places = AnswerPlaces()

    def groups(self) -> Sequence[str]:
        """Return the article, and the context."""
        return ("title", "context")

    def notes(self) -> list[str]:
        """Return how the encoding was guessed, and how answers were placed (known once the rows were read)."""
        return [*super().notes(), *self._places.notes()]

    def rows(self, chunk_size: int = 4096) -> Iterator[Rows]:
        """Yield the questions in order; one whose answers stand nowhere in its context is bad."""
        self._places.begin(pair for _, (_, context, asked) in self._questions() for pair in _pairs_of(asked, context))
        questions = self._questions()
        while chunk := list(islice(questions, chunk_size)):
            found: dict[str, list[Any]] = {name: [] for name in self.columns}
            numbers: list[str] = []
            bad: list[Rejected] = []
            for number, (title, context, asked) in chunk:
                try:
                    values = (_text_of(asked, "question"), context, self._places.placed(_asked(asked), context), title)
                except ValueError as error:
                    bad.append(Rejected(f"{self.path.name}/{number}", str(error), len(numbers)))
                    continue
                numbers.append(number)
                for name, value in zip(self.columns, values, strict=True):
                    found[name].append(value)
            columns: dict[str, Any] = dict(found)
            yield Rows(columns, self.path.name, numbers, self._split, bad)

    def _questions(self) -> Iterator[tuple[str, tuple[str, str, Mapping[str, Any]]]]:
        """Yield the id of each question, and its title, context and what is said of it."""
        with reading(self.path):
            text = "".join(self._text.text())
        try:
            articles = json.loads(text)["data"]
            del text
            number = 0
            for article in articles:
                for paragraph in article["paragraphs"]:
                    for asked in paragraph["qas"]:
                        number += 1
                        known = str(asked.get("id") or number)
                        yield known, (str(article.get("title", "")), str(paragraph["context"]), asked)
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise UserError(
                "is not of SQuAD's form",
                where=str(self.path),
                expected='{"data": [{"paragraphs": [{"context": ..., "qas": [...]}, ...]}, ...]}',
                found=f"{type(error).__name__}: {error}",
            ) from error


class SpanTable(MappedSource):
    """A table of another source with the answers found in their contexts; what is not, or is ambiguous, is bad."""

    def __init__(self, source: Source, context: str = "context", answer: str = "span"):
        self._context, self._answer = context, answer
        self._span = "span" if answer == "answers" else answer  # the column that the answers with their places are in
        others = [name for name in source.columns if name not in (answer, "answers")]
        super().__init__(source, [*others, self._span])
        self._places = AnswerPlaces()

    def groups(self) -> Sequence[str]:
        """Return what the source says belongs together, and the context."""
        return [*super().groups(), self._context]

    def notes(self) -> list[str]:
        """Return the notes of the source, and how answers were placed (known once the rows were read)."""
        return [*super().notes(), *self._places.notes()]

    def rows(self, chunk_size: int = 4096) -> Iterator[Rows]:
        """Yield the records; how places count is told from all of them first."""
        self._places.begin(self._pairs(chunk_size))
        yield from super().rows(chunk_size)

    def converted(self, fields: Mapping[str, Any]) -> list[dict[str, Any]]:
        context = _text_of(fields, self._context)
        return [{**fields, self._span: self._places.placed(_cell(fields[self._answer]), context)}]

    def _pairs(self, chunk_size: int) -> Iterator[tuple[Pair, str]]:
        """Yield each answer with its context."""
        for rows in self._source.rows(chunk_size):
            for context, cell in zip(rows.columns[self._context], rows.columns[self._answer], strict=True):
                if isinstance(context, str):
                    yield from ((pair, context) for pair in _cell(cell))


def _squad_files(path: Path, encoding: str | None) -> list[Path]:
    """Return the files of SQuAD's form: JSON that begins with an object in which `data` or `paragraphs` is soon met."""
    with reading(path):
        entries = sorted(path.iterdir()) if path.is_dir() else [path]
        files = [one for one in entries if one.is_file() and one.name.lower().endswith(JSON_SUFFIXES)]
        heads = [(file, TextFile(file, declared=encoding).samples()[0].lstrip("\ufeff \t\r\n")) for file in files]
    return [file for file, head in heads if head.startswith("{") and ('"paragraphs"' in head or '"data"' in head)]


def _asked(asked: Mapping[str, Any]) -> list[Pair]:
    """Return the accepted answers to a question of SQuAD's; ValueError where they are not given."""
    if asked.get("is_impossible"):
        return []
    given = asked.get("answers")
    if not isinstance(given, list):
        raise ValueError("the question has no list of answers")
    if not given and "is_impossible" not in asked:
        raise ValueError("the question has no answer, and is not said to be impossible")
    return [(one.get("text"), one.get("answer_start")) for one in given if isinstance(one, Mapping)]


def _pairs_of(asked: Mapping[str, Any], context: str) -> Iterator[tuple[Pair, str]]:
    try:
        yield from ((pair, context) for pair in _asked(asked))
    except ValueError:  # it is rejected when it is read
        return


def _cell(value: Any) -> list[Pair]:
    """Return the accepted answers that a cell holds."""
    value = listed(value)
    if value is None or (isinstance(value, float) and value != value) or (isinstance(value, str) and not value.strip()):
        return []
    if isinstance(value, Mapping) and isinstance(value.get("text"), list):  # as Hugging Face writes SQuAD
        texts, starts = value["text"], value.get("answer_start") or []
        return list(zip(texts, [*starts, *[None] * len(texts)], strict=False))
    several = value if isinstance(value, list) else [value]
    return [
        (one.get("text"), one.get("start", one.get("answer_start"))) if isinstance(one, Mapping) else (one, None)
        for one in several
    ]


def _text_of(record: Mapping[str, Any], name: str) -> str:
    text = record.get(name)
    if not isinstance(text, str) or not text.strip():
        raise ValueError(f"the {name} is missing")
    return text
