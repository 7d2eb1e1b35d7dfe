"""Who was refused, who did what only an administrator may, which keys came and went: a line of JSON each.

Never a key, nor what was asked. A flood of refusals is counted and not written out, so that nobody can fill the disk.
"""

from __future__ import annotations

import json
import logging
import os
import time
from datetime import UTC, datetime
from pathlib import Path

from noria.errors import UserError

A_SECOND = 10  # refusals that are written out
_log = logging.getLogger(__name__)


class Audit:
    """Appends to a file; without one nothing is written. Each line is one write, so that several processes may share it
    and it may be moved away at any time."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._second, self._written, self._unwritten = 0, 0, 0
        if path is not None:
            try:
                os.close(self._opened(path))
            except OSError as error:
                raise UserError("the audit log cannot be written", where=str(path), found=str(error)) from error

    def refused(self, client: str, path: str, why: str) -> None:
        """Write of a request that was not let in."""
        second = int(time.monotonic())
        if second != self._second:
            self._second, self._written = second, 0
        if self._written >= A_SECOND:
            self._unwritten += 1
            return
        self._written += 1
        more = {"not_written": self._unwritten} if self._unwritten else {}
        self._unwritten = 0
        self.write("refused", client=client, path=path[:200], why=why, **more)

    def write(self, event: str, **facts: str | int | list[str]) -> None:
        """Write a line; a disk that is full stops nobody's request."""
        if self._path is None:
            return
        now = datetime.now(UTC).isoformat(timespec="milliseconds")
        line = json.dumps({"time": now, "event": event, **facts})  # ASCII: a stranger's text cannot break the line
        try:
            handle = self._opened(self._path)
            try:
                os.write(handle, line.encode() + b"\n")
            finally:
                os.close(handle)
        except OSError as error:
            _log.error("the audit log cannot be written: %s", error)

    @staticmethod
    def _opened(path: Path) -> int:
        return os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
