"""One long text as records: cut into pieces of equal length which, joined, are the file again.

A piece that holds broken bytes is quarantined by the line it begins in.
Read next: sources/core/text_file.py, text_pieces.py.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from noria.contract.source import reading
from noria.errors import UserError
from noria.sources.core.limits import CHUNK_BYTES
from noria.sources.core.text_file import UNDECODABLE, TextSource
from noria.types import Rejected, Rows

PIECES = 1_000  # so that shares of a text are good to a thousandth
LEAST_CHARACTERS = 200  # of a piece: about a paragraph
MOST_CHARACTERS = 100_000  # of a piece: it must stay small beside any memory


class RunningText(TextSource):
    """A .txt file; its one column is `text`. `numbers` are the lines that pieces begin in."""

    def __init__(self, path: Path, *, encoding: str | None = None, split: str = ""):
        super().__init__(path, ["text"], encoding, split)
        self._num_characters = 0  # counted by the first reading

    def rows(self, chunk_size: int = 4096) -> Iterator[Rows]:
        """Yield the pieces, in order."""
        with reading(self.path):
            self._num_characters = self._num_characters or sum(map(len, self._text.text()))
            if not self._num_characters:  # nothing but a byte order mark
                raise UserError("the file is empty", where=str(self.path))
            numbers: list[int] = []
            pieces: list[str] = []
            bad: list[Rejected] = []
            line = 1
            for piece in self._cut(num_pieces(self._num_characters)):
                if flaw := self._flaw(piece):
                    bad.append(Rejected(f"{self.path.name}:{line}", flaw, len(numbers)))
                else:
                    numbers.append(line)
                    pieces.append(piece)
                line += piece.count("\n")
                if len(numbers) + len(bad) >= chunk_size or sum(map(len, pieces)) > CHUNK_BYTES:
                    yield Rows({"text": pieces}, self.path.name, numbers, self._split, bad)
                    numbers, pieces, bad = [], [], []
            if numbers or bad:
                yield Rows({"text": pieces}, self.path.name, numbers, self._split, bad)

    def _cut(self, count: int) -> Iterator[str]:
        """Yield piece i = text[i * n // count : (i + 1) * n // count] of a text of n characters."""
        total, held, start, index = self._num_characters, "", 0, 0
        for part in self._text.text():
            held += part
            while index < count and start + len(held) >= (end := (index + 1) * total // count):
                piece, held = held[: end - start], held[end - start :]
                start, index = end, index + 1
                yield piece

    def _flaw(self, piece: str) -> str:
        if UNDECODABLE in piece:
            return f"the text is not valid {self._text.encoding}"
        return "the text holds a NUL byte" if "\0" in piece else ""


def num_pieces(num_characters: int) -> int:
    """Return how many pieces a text is cut into."""
    most = max(1, num_characters // LEAST_CHARACTERS)
    return max(min(PIECES, most), -(-num_characters // MOST_CHARACTERS))
