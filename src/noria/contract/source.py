"""What every reader gives: a path as a stream of Rows, with its columns, its identity and what a person should know.

Knows no format. The readers stand in sources/, one format a file. Read next: sources/formats/opening.py.
"""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from noria.errors import UserError
from noria.types import Rows


class Source(ABC):
    """A path as rows. `rows` may be called several times and always gives the same records in the same order."""

    path: Path
    root: Path  # the folder that file names in cells are relative to
    columns: list[str]  # known before any row is read

    @abstractmethod
    def rows(self, chunk_size: int = 4096) -> Iterator[Rows]:
        """Yield all records, at most chunk_size at a time where the reader streams.

        What could not be read is in `bad`. Raises UserError where the file as a whole is broken.
        """

    @abstractmethod
    def files(self) -> Iterable[Path]:
        """Return the files that hold the rows (not those that cells name)."""

    @abstractmethod
    def notes(self) -> list[str]:
        """Return what a person should know, one sentence each: a guessed encoding, files that were left out."""

    def groups(self) -> Sequence[str]:
        """Return the columns whose equal values belong together, the widest first: the turns of one conversation."""
        return ()

    def stamp(self) -> str:
        """Return a cheap identity: sha256 hex over name, size and time of change of the files."""
        digest = hashlib.sha256()
        with reading(self.path):
            for path in self.files():
                status = path.stat()
                name = path.as_posix().removeprefix(f"{self.root.as_posix()}/")
                digest.update(f"{name}\0{status.st_size}\0{status.st_mtime_ns}\n".encode(errors="surrogateescape"))
        return digest.hexdigest()


@dataclass(frozen=True)
class Gathering:
    """How rows that belong to one record are gathered, and how what is in a record is divided: see `data.split`.

    columns: what the job says of which column is what. within: the protocol; None divides nothing, and no answer is
    told. lines: the rows of the file that are test, for the protocol of that name.
    """

    columns: Mapping[str, str] = field(default_factory=dict)
    within: str | None = None
    validation: float = 0.1
    test: float = 0.1
    seed: int = 0
    lines: int = 0


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Turn a failing disk, a missing right or a file that vanished into a UserError."""
    try:
        yield
    except OSError as error:
        place = error.filename if isinstance(error.filename, str) else str(path)
        raise UserError("cannot be read", where=place, found=error.strerror or str(error)) from error
