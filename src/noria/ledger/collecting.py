"""From the spool into the database: every line once, however often and wherever the collector is killed.

How far a file has been read stands in the database and is written with the entries themselves; and a line that is read
again all the same has a key that is booked already. A file goes when all of it is booked and its process has ended.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from noria.database import Database, Transaction
from noria.database.home import home
from noria.ledger.answers import Chunk, Valuing, forget_old, keep, know
from noria.ledger.booking import SCHEMA, book
from noria.ledger.entry import Entry
from noria.ledger.spool import FOLDER, SUFFIX, Spooled, spooled_of

BYTES_AT_ONCE = 1 << 18  # about a thousand entries a transaction
UNREADABLE = ".unreadable"


@dataclass(frozen=True)
class Collected:
    """What came of collecting. num_unreadable: lines that are no entries; they are kept in files of that ending.

    num_not_kept: requests whose answers await no feedback, as others have their id. uncollected: files that could not
    be read or removed now, and why; what they hold is not lost.
    """

    num_entries: int = 0
    num_unreadable: int = 0
    num_not_kept: int = 0
    uncollected: tuple[str, ...] = ()

    def __add__(self, other: Collected) -> Collected:
        return Collected(
            self.num_entries + other.num_entries,
            self.num_unreadable + other.num_unreadable,
            self.num_not_kept + other.num_not_kept,
            (*self.uncollected, *other.uncollected),
        )


def collect(database: Database, folder: Path | None = None) -> Collected:
    """Book what the processes of this machine have written, and let go of answers that are too old."""
    folder = folder or home() / FOLDER
    database.prepare(SCHEMA)
    database.transact(forget_old)
    found = Collected()
    for path in sorted(folder.glob(f"*{SUFFIX}")):
        try:
            found += _collect_file(database, path)
        except OSError as error:  # another user's file, say: it does not hold up all others
            found += Collected(uncollected=(f"{path} ({error.strerror or error})",))
    return found


def _collect_file(database: Database, path: Path) -> Collected:
    """Book the whole lines of one file, and remove it where no more can come."""
    try:
        file = path.open("rb")
    except FileNotFoundError:
        return Collected()  # another collector has removed it
    with file:
        is_over = _has_ended(file.fileno())  # asked before it is read: what is written later is left for later
        found = Collected()
        position = database.transact(lambda to: _position(to, path.name), writes=False)
        while True:
            file.seek(position)
            data = file.read(BYTES_AT_ONCE)
            if data and b"\n" not in data:
                data += file.readline()  # answers of many records are a long line
            end_of_lines = data.rfind(b"\n") + 1
            is_last = is_over and (len(data) < BYTES_AT_ONCE or not end_of_lines)
            whole = data if is_last else data[:end_of_lines]
            if not whole:
                break
            lines, broken = _read(whole)
            end = position + len(whole)
            if broken:
                _keep(path, broken)
            found += database.transact(lambda to, some=lines, at=end: _book(to, path, some, at))  # type: ignore[misc]
            found += Collected(num_unreadable=len(broken))
            position = end
        if is_over:
            database.transact(lambda to: to.run("delete from spool where name = ?", path.name))
            path.unlink(missing_ok=True)  # last: a file that stays is read again, and nothing of it is booked twice
    return found


def _read(data: bytes) -> tuple[list[Spooled], list[bytes]]:
    """Return what lines say, and the lines that say nothing."""
    made = [(line, spooled_of(line)) for line in data.split(b"\n") if line]
    return [one for _, one in made if one is not None], [line for line, one in made if one is None]


def _book(transaction: Transaction, path: Path, lines: Sequence[Spooled], end: int) -> Collected:
    write = "insert into spool values (?, ?) on conflict (name) do update set bytes = excluded.bytes"
    transaction.run(write, path.name, end)
    return book_all(transaction, lines)


def book_all(transaction: Transaction, lines: Sequence[Spooled]) -> Collected:
    """Book entries, and keep answers with what says what they were worth; twice is as once."""
    chunks = [one for one in lines if isinstance(one, Chunk)]
    num_not_kept = sum(not keep(transaction, one) for one in chunks)
    for one in lines:
        if isinstance(one, Valuing):
            know(transaction, one)
    entries = [one for one in lines if isinstance(one, Entry)] + [one.entry() for one in chunks]
    return Collected(book(transaction, entries), num_not_kept=num_not_kept)


def _position(transaction: Transaction, name: str) -> int:
    rows = transaction.run("select bytes from spool where name = ?", name)
    return int(rows[0][0]) if rows else 0


def _keep(path: Path, lines: Sequence[bytes]) -> None:
    """Keep what could not be read beside the file it stood in."""
    with path.with_suffix(UNREADABLE).open("ab") as file:
        file.write(b"\n".join(lines) + b"\n")


def _has_ended(file: int) -> bool:
    """Say whether the process that wrote a file has let it go."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    fcntl.flock(file, fcntl.LOCK_UN)
    return True


def num_bytes_waiting(folder: Path | None = None) -> int:
    """Return how many bytes of the spool are not removed yet."""
    folder = folder or home() / FOLDER
    return sum(os.stat(path).st_size for path in folder.glob(f"*{SUFFIX}") if path.exists())
