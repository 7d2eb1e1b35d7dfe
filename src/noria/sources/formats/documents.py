"""Folders or archives of .txt files as rows: one document a file, decoded; `label` is the class folder.

The splits are those of the folder's names, as for pictures: train/pos/1.txt.
Read next: sources/core/folder.py, sources/core/encoding.py.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from noria.contract.source import Source
from noria.sources.core.encoding import WINDOW_BYTES, find_encoding, whole_characters
from noria.sources.core.layout import TEXT_SUFFIX, is_beside, some
from noria.sources.core.text_file import NUM_WINDOWS
from noria.types import Rows

_SAMPLE_BYTES = WINDOW_BYTES * NUM_WINDOWS


class Documents(Source):
    """The .txt files of a source of whole files; what else stands there is noted, or bad where it could be data.

    All are of one encoding, found from the first megabyte of them.
    """

    def __init__(self, files: Source, *, encoding: str | None = None):
        self._files, self._declared = files, encoding
        self.path, self.root = files.path, files.root
        self.columns = ["text" if name == "file" else name for name in files.columns]
        self._encoding, self._note = "", ""
        self._beside: dict[str, None] = {}

    def files(self) -> Iterable[Path]:
        """Return the files that are read."""
        return self._files.files()

    def notes(self) -> list[str]:
        """Return how the encoding was guessed, and what was left out (known once the rows were read)."""
        notes = [f"{self.path.name}: {self._note}"] if self._note else []
        if self._beside:
            notes.append(f"not read, as they are no {TEXT_SUFFIX} files: {some(self._beside)}")
        return [*self._files.notes(), *notes]

    def rows(self, chunk_size: int = 4096) -> Iterator[Rows]:
        """Yield the documents; `numbers` are their names."""
        for rows in self._files.rows(chunk_size):
            if not self._encoding:
                self._find_encoding(rows.columns["file"])
            yield self._decoded(rows)

    def _find_encoding(self, contents: Any) -> None:
        """Take the files of the first chunk for windows of one text, each whole lines."""
        windows, left = [], _SAMPLE_BYTES
        for content in contents:
            if left > 0:
                window = bytes(content[:left])
                windows.append(whole_characters(window, is_start_cut=False, is_end_cut=len(content) > left))
                left -= len(content)
        if windows:
            found = find_encoding(windows, self._declared, str(self.path))
            self._encoding, self._note = found.name, found.note

    def _decoded(self, rows: Rows) -> Rows:
        kept: list[int] = []
        texts: list[str] = []
        flaws: dict[int, str] = {}
        made = [0] * len(rows)
        for i, content in enumerate(rows.columns["file"]):
            name = str(rows.numbers[i])
            if not name.lower().endswith(TEXT_SUFFIX):
                if is_beside(name):
                    self._beside[name] = None
                else:
                    flaws[i] = f"is no {TEXT_SUFFIX} file"
                continue
            try:
                text = _decode(content, self._encoding)
            except ValueError as error:
                flaws[i] = str(error)
            else:
                kept.append(i)
                made[i] = 1
                texts.append(text)
        columns: dict[str, Any] = {
            name: texts if name == "file" else [values[i] for i in kept] for name, values in rows.columns.items()
        }
        columns = {own: columns[name] for own, name in zip(self.columns, self._files.columns, strict=True)}
        return Rows(columns, rows.origin, [str(rows.numbers[i]) for i in kept], rows.split, rows.flawed(flaws, made))


def _decode(content: bytes, encoding: str) -> str:
    """Return the text of one file; raise ValueError with a plain reason where it is none."""
    try:
        text = content.decode("utf-8-sig" if encoding == "utf-8" else encoding)
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise ValueError(f"the text is not valid {encoding} (line {line})") from error
    if "\0" in text:
        raise ValueError(f"the text holds a NUL byte (line {text[: text.index(chr(0))].count(chr(10)) + 1})")
    if not text.strip():
        raise ValueError("the text is blank")
    return text
