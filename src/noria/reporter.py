"""What a person sees while a stage works: sentences, and a bar with the time that is left.

In a terminal the bar is drawn in place; elsewhere a plain line appears every ten seconds. Everything goes to standard
error, so that standard output stays a program's own.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import IO, Any, Protocol, cast

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from noria.store.object_store import with_addresses
from noria.units import duration

BAR_SECONDS = 0.1  # between two drawings of the bar
LINE_SECONDS = 10.0  # between two plain lines


class Reporter(Protocol):
    """Where a stage tells how it goes."""

    def say(self, text: str) -> None: ...

    def progress(self, title: str, total: int) -> Any: ...


class Meter:
    """How far a long work is. `advance` may be called at every step: it draws only now and then."""

    def __init__(self, draw: Any, every_seconds: float, total: int) -> None:
        self.total = total
        self.started = time.monotonic()
        self._draw, self._every, self._drawn = draw, every_seconds, time.monotonic()
        self._score: float | None = None

    def advance(
        self, done: int, loss: float | None = None, score: float | None = None, total: int | None = None
    ) -> None:
        """Say how far the work is; `total` where it is another than before."""
        self.total = total or self.total
        self._score = score if score is not None else self._score
        if time.monotonic() - self._drawn >= self._every:
            self._drawn = time.monotonic()
            self._draw(done, self.total, loss, self._score)


class _Log:
    """Standard error, as it is at the moment; a reader that goes away, or a full disk, ends no work."""

    def write(self, text: str) -> int:
        with suppress(OSError):
            self._stream().write(text)
        return len(text)

    def flush(self) -> None:
        with suppress(OSError):
            self._stream().flush()

    def isatty(self) -> bool:
        return bool(self._stream().isatty())

    def fileno(self) -> int:
        return int(self._stream().fileno())

    @property
    def encoding(self) -> str:
        return str(getattr(self._stream(), "encoding", None) or "utf-8")

    def _stream(self) -> Any:
        return getattr(sys.stderr, "rich_proxied_file", sys.stderr)  # while a bar is drawn, rich stands before it


class Terminal:
    """Report to standard error."""

    def __init__(self) -> None:
        self.console = Console(file=cast("IO[str]", _Log()), highlight=False)

    def say(self, text: str) -> None:
        self.console.print(with_addresses(text), markup=False, soft_wrap=True)

    @contextmanager
    def progress(self, title: str, total: int) -> Iterator[Meter]:
        if not self.console.is_terminal:
            yield self._lines(title, total)
            return
        columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeElapsedColumn())
        bar = Progress(
            *columns,
            TextColumn("left"),
            TimeRemainingColumn(),
            TextColumn("{task.fields[facts]}"),
            console=self.console,
        )
        with bar:
            work = bar.add_task(title, total=total, facts="")

            def draw(done: int, total: int, *facts: float | None) -> None:
                bar.update(work, completed=done, total=total, facts=_facts(*facts))

            meter = Meter(draw, BAR_SECONDS, total)
            yield meter
            bar.update(work, completed=meter.total)

    def _lines(self, title: str, total: int) -> Meter:
        def line(done: int, total: int, loss: float | None, score: float | None) -> None:
            left = (time.monotonic() - meter.started) / done * (total - done) if done else None
            parts = [
                f"{title}: {done} of {total}",
                f"{duration(left)} left" if left is not None else "",
                _facts(loss, score),
            ]
            self.say(", ".join(filter(None, parts)))

        meter = Meter(line, LINE_SECONDS, total)
        return meter


class Silent:
    """Report nothing."""

    def say(self, text: str) -> None:
        pass

    @contextmanager
    def progress(self, title: str, total: int) -> Iterator[Meter]:
        yield Meter(lambda *_: None, LINE_SECONDS, total)


def _facts(loss: float | None, score: float | None) -> str:
    parts = [] if loss is None else [f"loss {loss:.3f}"]
    return ", ".join(parts + ([] if score is None else [f"validation {score:.4f}"]))
