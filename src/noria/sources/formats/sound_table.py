"""A table that names sounds as their makers do: without the folder, without the ending, in a column of any name.

    id LJ001-0001           -> wavs/LJ001-0001.wav
    path common_voice_1.mp3 -> clips/common_voice_1.mp3

The first rows tell in which folder the files lie and how their names end; the column `file` then holds whole names, and
`transcript` what is said, where the table has it under another name. Knows no task. Read next: recordings.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any

from noria.contract.source import Source
from noria.sources.core.layout import is_hidden
from noria.sources.core.wrapped import WrappedSource
from noria.types import Rows

FILE, TRANSCRIPT = "file", "transcript"
SOUND_SUFFIXES = (".wav", ".flac", ".mp3", ".ogg", ".opus", ".oga", ".aiff", ".aif", ".au")
TEXTS = ("transcription", "normalized_text", "sentence", "text")  # columns that say what is said, the best first
LOOK_AT = 20  # rows of which one must name a file that is there


@dataclass(frozen=True)
class Naming:
    """The column that names the files, and what stands before and after each name."""

    column: str
    before: str = ""
    after: str = ""

    def whole(self, name: Any) -> Any:
        """Return the name of a file below the root; what is no name stays."""
        return f"{self.before}{name}{self.after}" if isinstance(name, str) and name.strip() else name


def sound_table(table: Source, root: Path, wanted: Sequence[str] = ()) -> Source | None:
    """Return a table with the sounds that it names, below `root`; None where no column names any that is there.

    wanted: columns that the job names, which are tried first.
    """
    naming = _naming(table, root, wanted)
    return None if naming is None else SoundTable(table, root, naming)


def names_sound(table: Source, root: Path, name: str) -> bool:
    """Say whether a cell of a table names a sound that is there."""
    return _found(root, name, _places(table, root)) is not None


def unnamed(number: int) -> str:
    """Return how a column is called that no line names."""
    return f"column_{number}"


class SoundTable(WrappedSource):
    """A table whose column `file` holds the names of sounds below the root."""

    def __init__(self, table: Source, root: Path, naming: Naming):
        self._naming, self._text = naming, _text_column(table.columns, naming.column)
        more = [FILE, *([TRANSCRIPT] if self._text else [])]
        super().__init__(table, list(dict.fromkeys([*table.columns, *more])))
        self.root = root

    def notes(self) -> list[str]:
        """Return the table's notes, and which files its names are taken for."""
        one = self._naming
        is_plain = not (one.before or one.after)
        found = [] if is_plain else [f"{one.column} names sounds: x is taken for {one.whole('x')}"]
        return [*super().notes(), *found]

    def changed(self, rows: Rows) -> Rows:
        """Return the records with whole names and what is said."""
        columns: dict[str, Any] = dict(rows.columns)
        names = [self._naming.whole(name) for name in columns[self._naming.column]]
        columns |= {self._naming.column: names, FILE: names}
        if self._text:
            columns[TRANSCRIPT] = columns[self._text]
        return replace(rows, columns={name: columns[name] for name in self.columns})


def _text_column(columns: Sequence[str], file_column: str) -> str:
    """Return the column that is given as the transcript too: by its name, or the last of a table without a header."""
    if TRANSCRIPT in columns:
        return ""
    is_headless = list(columns) == [unnamed(number) for number in range(1, len(columns) + 1)]
    last = columns[-1] if is_headless and columns[-1] != file_column else ""
    return next((name for name in TEXTS if name in columns), last)


def _naming(table: Source, root: Path, wanted: Sequence[str]) -> Naming | None:
    """Return how the first rows name files that are there."""
    rows = next(iter(table.rows(LOOK_AT)), None)
    if rows is None:
        return None
    places = _places(table, root)
    columns = [name for name in wanted if name in table.columns]
    for column in dict.fromkeys([*columns, *table.columns]):
        for name in islice((cell for cell in rows.columns[column] if isinstance(cell, str) and cell.strip()), LOOK_AT):
            if found := _found(root, name, places):
                return Naming(column, *found)
    return None


def _places(table: Source, root: Path) -> list[str]:
    """Return where below the root the sounds of a table may lie, with a slash: beside it, and in folders beside it."""
    found = []
    for parent in dict.fromkeys((table.path.parent, root)):
        folders = sorted(entry for entry in parent.iterdir() if entry.is_dir() and not is_hidden(entry.name))
        found += [f"{folder.relative_to(root).as_posix()}/" for folder in (parent, *folders)]
    return ["" if place == "./" else place for place in found]


def _found(root: Path, name: str, places: Sequence[str]) -> tuple[str, str] | None:
    """Return what stands before and after a name of a sound that is there."""
    if len(name) > 255 or "\0" in name or name.startswith(("/", "~")) or ".." in name.replace("\\", "/").split("/"):
        return None
    endings = ("",) if name.lower().endswith(SOUND_SUFFIXES) else SOUND_SUFFIXES
    for place in places:
        for ending in endings:
            if (root / f"{place}{name}{ending}").is_file():
                return place, ending
    return None
