"""What the files of runs take, booked once a day for as long as they are there.

The keys of these entries name the machine and the folder: the ledger itself is the list of what is to be looked at.
"""

from __future__ import annotations

import os
import socket
import time
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from noria.database import Database
from noria.ledger.booking import day_of, range_of
from noria.ledger.entry import About
from noria.ledger.till import Till, name_of_run, whole_run

ACTIVITY = "storage"
MOST_DAYS = 366  # that are made up for at once


def book_storage(till: Till, folder: Path, day: str = "") -> None:
    """Book the bytes of a folder for a day, by default today; twice a day is as once. Of a run, all that is in it."""
    path = _booked_as(folder)
    if not (count := _num_bytes(path)):
        return
    day = day or day_of(time.time())
    noon = datetime.fromisoformat(f"{day}T12:00:00").replace(tzinfo=UTC).timestamp()
    name = name_of_run(path)
    till.book(
        About(name, "", name, activity=ACTIVITY), {"byte_days": count}, key=f"{_prefix()}{path}/{day}", time_s=noon
    )


def keep_up(database: Database, till: Till, today: str = "") -> int:
    """Book the days since each folder of this machine was last booked, as it stands now; return how many days."""
    now = date.fromisoformat(today or day_of(time.time()))
    prefix, count = _prefix(), 0
    last = "select max(key) from entry where key > ? and key < ? group by substr(key, 1, length(key) - ?)"
    rows = database.transact(lambda to: to.run(last, *range_of(prefix), len("/2026-11-30")), writes=False)
    for (key,) in rows:
        path, _, day = key.removeprefix(prefix).rpartition("/")
        is_there = Path(path).is_dir() and _booked_as(Path(path)) == Path(path)
        missing = min((now - date.fromisoformat(day)).days, MOST_DAYS) if is_there else 0
        for back in range(missing - 1, -1, -1):
            book_storage(till, Path(path), (now - timedelta(days=back)).isoformat())
            count += 1
    return count


def _booked_as(folder: Path) -> Path:
    """Return the folder whose bytes are booked: that of the whole run, or what lies within would be booked twice."""
    whole = whole_run(folder)
    return whole if (whole / "job.yaml").is_file() else folder.expanduser().resolve()


def _prefix() -> str:
    return f"{ACTIVITY}/{socket.gethostname()}/"


def _num_bytes(folder: Path) -> int:
    total = 0
    for root, _, names in os.walk(folder):
        for name in names:
            try:
                total += os.lstat(os.path.join(root, name)).st_size
            except OSError:
                continue  # it has just gone
    return total
