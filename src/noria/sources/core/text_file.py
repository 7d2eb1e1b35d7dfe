"""Read a text file line by line as str, in any encoding, and mark the lines that cannot be trusted.

A line with undecodable bytes, a NUL or too many characters is still given, with its number in `flaws`, so that a
parser keeps its place and its caller can quarantine the record. Knows no table.
Read next: sources/formats/csv_table.py.
"""

from __future__ import annotations

import bz2
import codecs
import gzip
import io
import lzma
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, cast

from noria.contract.source import Source, reading
from noria.errors import UserError
from noria.sources.core.encoding import WINDOW_BYTES, find_encoding, whole_characters
from noria.sources.core.layout import PACKINGS
from noria.sources.core.limits import CHUNK_BYTES
from noria.types import Rejected, Rows

Opener = Callable[[], BinaryIO]

MAX_LINE_CHARACTERS = 8 * 1024 * 1024  # a line this long is no line of a table; it must not fill the memory
NUM_WINDOWS = 16
# What a packed stream raises that is broken or cut off, whichever way it is packed.
BROKEN = (EOFError, zlib.error, gzip.BadGzipFile, lzma.LZMAError, zipfile.BadZipFile)
_OPENERS: dict[str, Callable[[Path], object]] = dict(zip(PACKINGS, (gzip.open, bz2.open, lzma.open), strict=True))
UNDECODABLE = "\udcff"  # a lone surrogate: no strict decoder gives one
_TOO_LONG = "\udcfe"


class TextFile:
    """A text file, plain or packed, or a member of an archive by its own `opener`."""

    def __init__(self, path: Path, *, name: str = "", declared: str | None = None, opener: Opener | None = None):
        self.path, self.name = path, name or path.name
        self.open = opener or (lambda: open_bytes(path))
        is_seekable = opener is None and path.suffix.lower() not in PACKINGS
        self._windows = read_windows(self.open, path.stat().st_size if is_seekable else None, str(path))
        if not self._windows[0]:
            raise UserError("the file is empty", where=str(path))
        found = find_encoding(self._windows, declared, str(path))
        self.encoding, self.note = found.name, found.note

    def samples(self) -> list[str]:
        """Return whole lines of the beginning and, where that can be, of places spread over the file, for sniffing."""
        is_wide = self.encoding.startswith(("utf-16", "utf-32"))  # its windows may be cut inside a character
        windows = self._windows[:1] if is_wide else self._windows
        return [codecs.getincrementaldecoder(self.encoding)("replace").decode(window) for window in windows]

    def lines(self, newline: str = "") -> Lines:
        """Open the file once more and give its lines; with newline "\\n" a lone carriage return ends none."""
        return Lines(self, newline)

    def text(self, num_characters: int = 1 << 20) -> Iterator[str]:
        """Open the file once more and give all of it, so much at a time; UNDECODABLE stands for broken bytes."""
        with self.opened("") as stream:
            given = 0
            try:
                while piece := stream.read(num_characters):
                    given += len(piece)
                    yield piece
            except BROKEN as error:
                raise UserError(
                    f"breaks off after {given} characters", where=str(self.path), found=str(error)
                ) from error

    @contextmanager
    def opened(self, newline: str) -> Iterator[io.TextIOWrapper]:
        """Open the file once more as characters, broken bytes marked."""
        codecs.register_error("noria-mark", _mark)  # process-wide, and the same whoever registers it
        with (
            self.open() as stream,
            io.TextIOWrapper(stream, encoding=self.encoding, errors="noria-mark", newline=newline) as text,
        ):
            yield text


class Lines:
    """The lines of one reading, line ends kept. `number` is that of the last line given; `flaws` maps numbers to why.

    Characters are counted in `num_characters`; `is_exhausted` is true once the end was met. Between two lines, `block`
    takes many at once, unseen: they are counted by `skip`, or given after all once they are `put_back`.
    """

    def __init__(self, file: TextFile, newline: str = ""):
        self.number = 0
        self.num_characters = 0
        self.is_exhausted = False
        self.flaws: dict[int, str] = {}
        self._file, self._newline = file, newline
        self._held = io.StringIO()
        self.is_holding = False
        self._text: io.TextIOWrapper

    def __iter__(self) -> Iterator[str]:
        with self._file.opened(self._newline) as self._text, self._unbroken():
            yield from self._marked()
        self.is_exhausted = True

    def block(self, num_characters: int) -> str:
        """Return about so many characters of whole lines; nothing at the end, or while lines that are put back wait."""
        if self.is_exhausted or self.is_holding:
            return ""
        with self._unbroken():
            text = self._text.read(num_characters) + self._text.readline(MAX_LINE_CHARACTERS)
        if len(text) > MAX_LINE_CHARACTERS:  # the last line may be cut
            self.put_back(text)
            return ""
        return text

    def put_back(self, block: str) -> None:
        """Let the next lines be those of a block that was taken."""
        self._held = io.StringIO(block, newline=self._newline)
        self.is_holding = True

    def skip(self, num_lines: int, num_characters: int) -> None:
        """Count the lines of a block as given."""
        self.number += num_lines
        self.num_characters += num_characters

    def _readline(self, most: int) -> str:
        if not self.is_holding:
            return self._text.readline(most)
        line = self._held.readline(most)
        if len(line) == most or line.endswith(("\r", "\n")):
            return line
        self.is_holding = False
        return line + self._text.readline(most - len(line))

    @contextmanager
    def _unbroken(self) -> Iterator[None]:
        try:
            yield
        except BROKEN as error:
            place = str(self._file.path)
            raise UserError(f"breaks off after line {self.number}", where=place, found=str(error)) from error

    def _marked(self) -> Iterator[str]:
        while line := self._readline(MAX_LINE_CHARACTERS + 1):
            self.number += 1
            self.num_characters += len(line)
            if len(line) > MAX_LINE_CHARACTERS:
                line = self._skip_rest(line)
                self.flaws[self.number] = f"the line is longer than {MAX_LINE_CHARACTERS} characters"
            if UNDECODABLE in line:
                self.flaws[self.number] = f"the line is not valid {self._file.encoding}"
            elif "\0" in line:
                self.flaws[self.number] = "the line holds a NUL byte"
            yield line

    def _skip_rest(self, line: str) -> str:
        """Drop an over-long line piece by piece; what is left opens or closes a quote just as the line did."""
        num_quotes = 0
        while line:
            num_quotes += line.count('"')
            if line[-1] in "\r\n":
                break
            line = self._readline(WINDOW_BYTES)
        return ('"' if num_quotes % 2 else "") + _TOO_LONG + "\n"


def _mark(error: UnicodeError) -> tuple[str, int]:
    assert isinstance(error, UnicodeDecodeError)
    return UNDECODABLE, error.end


def open_bytes(path: Path) -> BinaryIO:
    """Open a file for reading, unpacked."""
    return cast(BinaryIO, _OPENERS[path.suffix.lower()](path)) if path.suffix.lower() in PACKINGS else path.open("rb")


def read_windows(opener: Opener, size_bytes: int | None, where: str) -> list[bytes]:
    """Return the beginning and, where the size is known, whole lines from places spread over the file."""
    whole_bytes = WINDOW_BYTES * NUM_WINDOWS
    try:
        with opener() as stream:
            if size_bytes is None or size_bytes <= whole_bytes:
                head = stream.read(whole_bytes)
                return [head if not stream.read(1) else _whole_lines(head, is_first=True)]
            windows = [_whole_lines(stream.read(WINDOW_BYTES), is_first=True)]
            for i in range(1, NUM_WINDOWS):
                stream.seek((size_bytes - WINDOW_BYTES) * i // (NUM_WINDOWS - 1))
                window = stream.read(WINDOW_BYTES)
                windows.append(_whole_lines(window, is_last=i == NUM_WINDOWS - 1))
            return windows
    except BROKEN as error:
        raise UserError("the compressed file is broken", where=where, found=str(error)) from error


def _whole_lines(window: bytes, *, is_first: bool = False, is_last: bool = False) -> bytes:
    """Return the whole lines of a window cut out of a file; where it holds none, what it holds, in whole characters."""
    begin = 0 if is_first else window.find(b"\n") + 1
    end = len(window) if is_last else window.rfind(b"\n") + 1
    if begin < end:
        return whole_characters(window[begin:end], is_start_cut=not (is_first or begin), is_end_cut=False)
    return whole_characters(window, is_start_cut=not is_first, is_end_cut=not is_last)


class TextSource(Source):
    """What the readers of one text file share: its identity, its text decoded, how its encoding was guessed."""

    def __init__(self, path: Path, columns: list[str], encoding: str | None = None, split: str = ""):
        self.path, self.root, self.columns, self._split = path, path.parent, columns, split
        with reading(path):
            self._text = TextFile(path, declared=encoding)

    def files(self) -> list[Path]:
        """Return the one file."""
        return [self.path]

    def notes(self) -> list[str]:
        """Return how the encoding was guessed."""
        return [f"{self.path.name}: {self._text.note}"] if self._text.note else []

    def line_chunks(self, lines: Lines, chunk_size: int, keeps_blank: bool) -> Iterator[Rows]:
        """Yield lines as records of the first column, without their ends; one that cannot be read is bad."""
        numbers: list[int] = []
        texts: list[Any] = []
        bad: list[Rejected] = []
        cut_at = CHUNK_BYTES
        for line in lines:
            if flaw := lines.flaws.pop(lines.number, ""):
                bad.append(Rejected(f"{self.path.name}:{lines.number}", flaw, len(numbers)))
            elif keeps_blank or line.strip():
                numbers.append(lines.number)
                texts.append(line.rstrip("\r\n"))
            if len(numbers) + len(bad) >= chunk_size or lines.num_characters > cut_at:
                yield Rows({self.columns[0]: texts}, self.path.name, numbers, self._split, bad)
                numbers, texts, bad, cut_at = [], [], [], lines.num_characters + CHUNK_BYTES
        if numbers or bad:
            yield Rows({self.columns[0]: texts}, self.path.name, numbers, self._split, bad)
