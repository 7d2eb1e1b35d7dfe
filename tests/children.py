"""Trainings in child processes that die, or fail, at a chosen moment.

A fork server that has imported everything starts a child in a few hundredths of a second. The module must not import
torch itself: the fork server does.
"""

from __future__ import annotations

import errno
import multiprocessing
import os
import resource
import signal
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

PRELOAD = [
    *("pytest", "torch", "noria.stages.train", "noria.stages.export", "PIL.Image", "safetensors.torch", "children"),
    *("PIL.ImageOps", "safetensors.numpy", "tokenizers"),  # what a first training would import
]


def start(job: Mapping[str, Any], run: Path, resume: bool = False, **faults: Any) -> Any:
    """Start a training in a child and return its process."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(PRELOAD)
    log = faults.pop("log", run.with_name(f"{run.name}.log"))
    process = context.Process(target=_child, args=(dict(job), run, resume, log, faults))
    process.start()
    return process


def finish(process: Any, seconds: float = 120) -> int:
    """Wait for a child; return its exit code (negative: the signal it died of)."""
    process.join(seconds)
    assert process.exitcode is not None, "the child hangs"
    return int(process.exitcode)


def run_child(job: Mapping[str, Any], run: Path, resume: bool = False, **faults: Any) -> int:
    return finish(start(job, run, resume, **faults))


def train_to_the_end(job: Mapping[str, Any], run: Path, tries: int = 5) -> None:
    """Start or resume until the training is done."""
    for _ in range(tries):
        if run_child(job, run, resume=(run / "job.yaml").exists()) == 0:
            return
    raise AssertionError(f"not done after {tries} tries: {said(run)}")


def said(run: Path) -> str:
    """Return what the last child of a run wrote to standard error."""
    return run.with_name(f"{run.name}.log").read_text("utf-8")


def exit_code(work: Callable[[], object]) -> int:
    """Return the exit code that a piece of work would leave with: 0, or that of its UserError."""
    from noria.errors import UserError

    try:
        work()
    except UserError as error:
        return error.exit_code
    return 0


class Moments:
    """Count every moment at which the process changes the disk, and do something at the n-th.

    A moment is an opening for writing, a rename, a removal, a new folder or an fsync, below `folder`.
    """

    EVENTS = ("open", "os.rename", "os.remove", "os.rmdir", "os.mkdir")

    def __init__(self, folder: Path, at: int, act: Any) -> None:
        self.folder, self.at, self.act, self.count, self.is_on = str(folder), at, act, 0, True
        self._fsync = os.fsync
        os.fsync = self._synced  # type: ignore[assignment]
        sys.addaudithook(self._audit)

    def stop(self) -> None:
        self.is_on, os.fsync = False, self._fsync  # type: ignore[assignment]

    def _synced(self, handle: int) -> None:
        self._fsync(handle)
        self._moment("fsync")

    def _audit(self, event: str, arguments: tuple[Any, ...]) -> None:
        if not self.is_on or event not in self.EVENTS or not arguments:
            return
        path = arguments[0]
        if not isinstance(path, str | os.PathLike) or self.folder not in str(path) or str(path).endswith(".lock"):
            return
        if event == "open" and not (arguments[2] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT)):
            return
        self._moment(event)

    def _moment(self, event: str) -> None:
        self.count += 1
        if self.count == self.at:
            self.act(event)


def die(event: str) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def disk_full(event: str) -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def _child(job: dict[str, Any], run: Path, resume: bool, log: Path, faults: dict[str, Any]) -> None:
    from noria.errors import UserError
    from noria.reporter import Terminal
    from noria.stages.train import train

    sys.stderr = log.open("w", encoding="utf-8", buffering=1)
    os.environ |= faults.get("environment", {})
    moments = None
    if "kill_at" in faults or "count_to" in faults:
        moments = Moments(run, faults.get("kill_at", 0), die)
    if "largest_file" in faults:
        resource.setrlimit(resource.RLIMIT_FSIZE, (faults["largest_file"],) * 2)
        if faults.get("dies_of_it"):  # the system cuts the write short and ends the process in the middle of it
            signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
            resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if "ignores" in faults:
        signal.signal(faults["ignores"], signal.SIG_IGN)
    _act_at_step(faults)
    try:
        train(job, faults.get("overrides", ()), run=run, resume=resume, reporter=Terminal())
    except UserError as error:
        sys.stderr.write(f"error: {error}\n")
        sys.exit(error.exit_code)
    finally:
        if moments is not None and "count_to" in faults:
            faults["count_to"].write_text(str(moments.count))


def _signal_within(name: str, number: int) -> None:
    """Patch a function that training calls, so that it signals its own process (the last time it is called)."""
    from noria.stages import train
    from noria.training import loop

    module = train if hasattr(train, name) else loop
    plain = getattr(module, name)

    def signalled(*arguments: Any, **options: Any) -> Any:
        if name != "save_checkpoint" or arguments[1] == 12:
            os.kill(os.getpid(), number)
        return plain(*arguments, **options)

    setattr(module, name, signalled)


def _act_at_step(faults: dict[str, Any]) -> None:
    """Patch the training to signal itself, or to wait, before a step."""
    from noria.training.loop import Training

    plain = Training._update

    def step(self: Any, number: int) -> float:
        if number == faults.get("signal_before"):
            os.kill(os.getpid(), faults["signal"])
        if number == faults.get("wait_before"):
            faults["ready"].touch()
            while not faults["go_on"].exists():
                signal.sigtimedwait([], 0.01)
        if number == faults.get("fill_before"):
            resource.setrlimit(resource.RLIMIT_FSIZE, (faults["fill_bytes"],) * 2)
        return plain(self, number)

    if "signal_in" in faults:
        _signal_within(faults["signal_in"], faults["signal"])
    Training._update = step  # type: ignore[method-assign]
