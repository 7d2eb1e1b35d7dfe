"""The spool: entries on their way to the database, in a file of each process, one line each.

A line is with the system before `append` returns: it outlives the process, however that ends. (A power cut may cost the
last seconds: nothing is waited for.) Lines that cannot be written, as to a full disk, wait in memory and are written
with the next ones; too many are lost, and counted. Read next: collecting.py.
"""

from __future__ import annotations

import fcntl
import json
import logging
import os
import threading
import uuid
from collections import deque
from collections.abc import Iterable
from pathlib import Path

from noria.database.home import home
from noria.errors import UserError
from noria.ledger.answers import Chunk, Valuing
from noria.ledger.entry import Entry

FOLDER = "spool"
SUFFIX = ".jsonl"
NEW = ".new"  # of a file that is not locked yet: no collector looks at it
MOST_BYTES = 16 << 20  # of a file: then another is begun, and this one can be collected and removed
MOST_WAITING = 100_000  # lines in memory while the disk is full: 30 MB
Spooled = Entry | Chunk | Valuing
_log = logging.getLogger(__name__)


def is_on() -> bool:
    """Say whether anything is booked: NORIA_LEDGER=off turns it off."""
    return os.environ.get("NORIA_LEDGER", "on").lower() not in ("off", "0", "false", "no")


class Spool:
    """The file of this process; any number of its threads may append. Nothing is opened before the first entry.

    num_waiting: lines in memory, which could not be written yet. num_lost: those that were too many.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = folder
        self._file: int | None = None
        self._bytes = 0
        self._is_torn = False  # whether the file ends within a line
        self._waiting: deque[bytes] = deque()
        self._lock = threading.Lock()
        self.num_lost = 0

    @property
    def num_waiting(self) -> int:
        """Return how many lines wait for a disk that can be written."""
        return len(self._waiting)

    def append(self, entries: Iterable[Spooled]) -> bool:
        """Write entries; say whether they are written. Never raises: what cannot be written waits and is told."""
        if not is_on():
            return True
        with self._lock:
            had_to_wait = bool(self._waiting)
            self._waiting.extend(line_of(one) for one in entries)
            try:
                self._write_waiting()
            except (OSError, UserError) as error:  # UserError: the home folder cannot be made
                if not had_to_wait:
                    _log.error("the ledger's spool cannot be written, entries wait in memory: %s", error)
                self._drop_what_is_too_much()
                return False
            if had_to_wait:
                _log.warning("the ledger's spool can be written again; %d entries are lost", self.num_lost)
            return True

    def close(self) -> None:
        """Try once more to write what waits, and let the file go."""
        with self._lock:
            try:
                self._write_waiting()
            except (OSError, UserError) as error:
                self.num_lost += len(self._waiting)
                self._waiting.clear()
                _log.error("the ledger's spool cannot be written; %d entries are lost: %s", self.num_lost, error)
            self._close_file()

    def _write_waiting(self) -> None:
        while self._waiting:
            if self._file is None:
                self._file = self._opened()
            lines = [self._waiting[index] for index in range(min(len(self._waiting), 1000))]
            self._write((b"\n" if self._is_torn else b"") + b"".join(lines))
            for _ in lines:
                self._waiting.popleft()
            if self._bytes > MOST_BYTES:
                self._close_file()

    def _write(self, data: bytes) -> None:
        """Write all of it, or raise: lines that are written twice are booked once."""
        assert self._file is not None
        written = 0
        while written < len(data):
            try:
                written += os.write(self._file, data[written:])
            except OSError:
                self._is_torn = True  # some of it may be there all the same
                raise
        self._bytes, self._is_torn = self._bytes + written, False

    def _opened(self) -> int:
        folder = self._folder or home() / FOLDER
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_EXCL
        path = folder / f"{uuid.uuid4().hex}{SUFFIX}"
        unlocked = path.with_suffix(NEW)
        file = os.open(unlocked, flags, 0o600)
        try:
            fcntl.flock(file, fcntl.LOCK_SH)  # as long as it is held, nobody removes the file
            os.rename(unlocked, path)
        except OSError:
            os.close(file)
            unlocked.unlink(missing_ok=True)
            raise
        self._bytes, self._is_torn = 0, False
        return file

    def _close_file(self) -> None:
        file, self._file = self._file, None
        if file is not None:
            try:
                os.close(file)
            except OSError as error:  # a disk of the network says only now that it is full
                _log.error("the last lines of the ledger's spool may be lost: %s", error)

    def _drop_what_is_too_much(self) -> None:
        while len(self._waiting) > MOST_WAITING:
            self._waiting.popleft()
            self.num_lost += 1


def line_of(spooled: Spooled) -> bytes:
    """Return the line of an entry, or of answers that are to be kept."""
    match spooled:
        case Entry():
            content = spooled.as_json()
        case Chunk():
            content = {"chunk": spooled.as_json()}
        case Valuing():
            content = {"valuing": {"version": spooled.version, "text": spooled.text}}
    return json.dumps(content, separators=(",", ":")).encode("ascii") + b"\n"


def spooled_of(line: bytes) -> Spooled | None:
    """Return what a line says; None where it says nothing, as what a power cut leaves."""
    try:
        content = json.loads(line)
        if "chunk" in content:
            return Chunk.of_json(content["chunk"])
        return Valuing(**content["valuing"]) if "valuing" in content else Entry.of_json(content)
    except (ValueError, TypeError, KeyError, AttributeError, OverflowError, RecursionError):
        return None


def entry_of(line: bytes) -> Entry | None:
    """Return the entry of a line; None where it is none."""
    found = spooled_of(line)
    return found if isinstance(found, Entry) else None
