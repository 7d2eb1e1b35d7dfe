"""The access log: one line of JSON a request.

    {"time":"2026-11-30T02:15:04.123Z","id":"..","client":"shop","method":"POST","path":"/predict/{model}","status":200,
     "bytes":512,"seconds":0.0123,"operation":"predict","model":"churn","version":"3","tokens":[0,0]}

Written by a thread of its own: a full disk or a pipe that nobody reads must not hold up an answer. What does not get
through is counted. A file may be moved away (by logrotate): the next line opens it again.
"""

from __future__ import annotations

import json
import os
import sys
from collections import deque
from datetime import UTC, datetime
from pathlib import Path
from threading import Condition, Thread
from typing import TextIO

from noria.errors import UserError
from noria.service.watch.visit import Visit

MOST_LINES = 10_000  # that wait to be written: 3 MB
CLOSE_SECONDS = 2.0  # that the end of the server waits for the last lines
FIX = "name a file in a folder that exists, - for standard error, or off"


class AccessLog:
    """Writes a line of each visit to a file, or to standard error where the path is None."""

    def __init__(self, path: Path | None) -> None:
        self.num_lost = 0
        self._path, self._file = path, sys.stderr
        if path is not None:
            try:
                self._file = _opened(path)
            except OSError as error:
                raise UserError(
                    "the access log cannot be written", where=str(path), found=error.strerror or "", fix=FIX
                ) from error
        self._lines: deque[str] = deque()
        self._changed, self._is_closed = Condition(), False
        self._thread = Thread(target=self._write_lines, name="access log", daemon=True)
        self._thread.start()

    def note(self, visit: Visit) -> None:
        """Take a visit's line; count it as lost where too many wait already."""
        line = line_of(visit)
        with self._changed:
            if len(self._lines) >= MOST_LINES:
                self.num_lost += 1
                return
            self._lines.append(line)
            self._changed.notify()

    def close(self) -> None:
        """Write what waits, for a short time at most."""
        with self._changed:
            self._is_closed = True
            self._changed.notify()
        self._thread.join(CLOSE_SECONDS)

    def _write_lines(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._lines or self._is_closed)
                lines = list(self._lines)
                self._lines.clear()
            if not lines:
                break
            try:
                self._reopen_if_moved()
                self._file.write("".join(lines))
                self._file.flush()
            except (OSError, ValueError):  # ValueError: standard error is closed
                self.num_lost += len(lines)
        if self._path is not None:
            self._file.close()

    def _reopen_if_moved(self) -> None:
        if self._path is not None and not _is_same(self._path, self._file):
            new = _opened(self._path)
            self._file.close()
            self._file = new


def access_log(option: str) -> AccessLog | None:
    """Return the log that `--access-log` asks for: a file, - for standard error, off for none."""
    if option == "off":
        return None
    return AccessLog(None if option == "-" else Path(option))


def line_of(visit: Visit) -> str:
    """Return a visit's line. JSON in ASCII escapes every control character: a line cannot be forged or broken."""
    when = datetime.fromtimestamp(visit.began, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    told = {
        "time": when,
        "id": visit.id,
        "client": visit.client,
        "method": visit.method,
        "path": visit.path,
        "status": visit.status,
        "bytes": visit.sent_bytes,
        "seconds": round(visit.seconds, 6),
    }
    if visit.model:
        told |= {"operation": visit.operation, "model": visit.model, "version": visit.version, "tokens": visit.tokens}
    return json.dumps(told, separators=(",", ":")) + "\n"


def _opened(path: Path) -> TextIO:
    return path.open("a", encoding="ascii")


def _is_same(path: Path, file: TextIO) -> bool:
    try:
        return os.path.samestat(path.stat(), os.fstat(file.fileno()))
    except OSError:
        return False
