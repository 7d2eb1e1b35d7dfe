"""Whatever fails once, a turn ends as if nothing had failed: each touch of the disk, and each statement of SQL.

A turn that failed is not begun anew, it goes on. So each call fails in the first command that comes to it, before it
has done its work, and in the next one after; in the end all have failed, and each step was taken a few times.
"""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Callable, Hashable, Sequence
from pathlib import Path
from typing import Any

import pytest

from noria.database.connection import Unavailable
from noria.database.sqlite import SQLiteConnection
from noria.errors import EXIT_DISK_FULL, UserError
from noria.reporter import Silent
from noria.wheel.turn.by_hand import records
from noria.wheel.turn.folder import WheelFolder
from noria.wheel.turn.turn import STEPS, turn_wheel
from noria.wheel.turn.turns import PROMOTED
from wheel.turn.conftest import SETTINGS, booked

TOUCHES: list[tuple[Any, str]] = [
    (os, "fsync"), (os, "replace"), (Path, "replace"), (Path, "mkdir"), (Path, "touch"), (Path, "symlink_to"),
    (Path, "unlink"),
]  # fmt: skip
BARE = ("unlink",)  # no disk is full for that: where it fails in cleaning up, it may fail in its own words
OWN_NAME, CLOCK = "id", "turn-1/seconds.json"


class EachFailsOnce:
    """Fails the first call of each kind before it does its work, and the second one after. None is of no kind."""

    def __init__(self) -> None:
        self.failed: list[tuple[str, Hashable, str]] = []

    def around(
        self, name: str, function: Callable[..., Any], kind_of: Callable[..., Hashable], error: Callable[[], Exception]
    ) -> Callable[..., Any]:
        def call(*words: Any, **named: Any) -> Any:
            kind = kind_of(*words)
            self.fail(name, kind, "before", error)
            found = function(*words, **named)
            self.fail(name, kind, "after", error)
            return found

        return call

    def fail(self, name: str, kind: Hashable, when: str, error: Callable[[], Exception]) -> None:
        """Raise an error where a call of this kind has not failed so."""
        if kind is not None and (name, kind, when) not in self.failed:
            self.failed.append((name, kind, when))
            raise error()


class HalfWritten:
    """A file on whose disk there is room for half of what is written first."""

    def __init__(self, file: Any, fails: Callable[[], None]) -> None:
        self._file, self._fails = file, fails

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)

    def __enter__(self) -> HalfWritten:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def write(self, data: Any) -> int:
        try:
            self._fails()
        except OSError:
            self._file.write(data[: len(data) // 2])
            raise
        return int(self._file.write(data))


def full() -> OSError:
    return OSError(errno.ENOSPC, "of the test")


def the_disk_fails(fault: EachFailsOnce, wheel: Path, patch: pytest.MonkeyPatch) -> None:
    """Let each touch of a wheel's folder fail."""

    def place_of(target: Path | str | int, *_: object) -> str | None:
        path = os.readlink(f"/proc/self/fd/{target}") if isinstance(target, int) else str(target)
        return path if path.startswith(str(wheel)) else None

    for owner, name in TOUCHES:
        patch.setattr(owner, name, fault.around(name, getattr(owner, name), place_of, full))
    real = Path.open

    def open_(self: Path, mode: str = "r", *words: Any, **named: Any) -> Any:
        if "r" in mode or place_of(self) is None:
            return real(self, mode, *words, **named)
        fault.fail("open", str(self), "before", full)
        return HalfWritten(real(self, mode, *words, **named), lambda: fault.fail("write", str(self), "before", full))

    patch.setattr(Path, "open", open_)


def the_database_fails(fault: EachFailsOnce, patch: pytest.MonkeyPatch) -> None:
    """Let each statement fail, also where it is another by its values; times are none."""
    last: list[Hashable] = [None]

    def kind_of(_: SQLiteConnection, statement: str, values: Sequence[Any]) -> Hashable:
        if statement == "commit":  # of what was written before it
            return statement, last[0]
        last[0] = statement, *(one for one in values if not isinstance(one, float))
        return last[0]

    patch.setattr("noria.database.database.PAUSES", (0.0, 0.0))
    away = fault.around("run", SQLiteConnection.run, kind_of, lambda: Unavailable("of the test"))
    patch.setattr(SQLiteConnection, "run", away)


def left(wheel: WheelFolder) -> dict[str, Any]:
    """Return the files, links, steps and entries that a turn leaves, without the candidate's own and what is time."""
    files: dict[str, Any] = {}
    for one in wheel.path.rglob("*"):
        name = one.relative_to(wheel.path).as_posix()
        if not one.is_dir() or one.is_symlink():
            files[name] = os.readlink(one) if one.is_symlink() else one.read_bytes()
    files = {name: one for name, one in files.items() if not name.startswith("turn-1/run/")}
    assert {OWN_NAME, CLOCK} <= files.keys()
    (record,) = records(wheel.run)
    steps = [
        (one.name, one.sentence, {name: value for name, value in one.result.items() if name != "left"})
        for one in record.steps
        if one.name != "train"
    ]
    told = {"outcome": record.outcome, "steps": steps, "booked": booked()}
    return {**files, OWN_NAME: b"", CLOCK: b"", **told}


def what_failed(run: Path, data: Path) -> Exception | None:
    """Return what a command failed at; None where it went through."""
    try:
        turn_wheel(run, [data], SETTINGS, Silent())
    except (UserError, OSError) as error:
        return error
    return None


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="asks Linux which file a handle is of")
def test_whatever_fails_once_a_turn_ends_as_if_nothing_had_failed(
    run: Path, other: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wheel, fault = WheelFolder.of(run), EachFailsOnce()
    assert turn_wheel(run, [other], SETTINGS, Silent()).outcome == PROMOTED
    expected = left(wheel)
    shutil.rmtree(wheel.path)
    monkeypatch.setenv("NORIA_HOME", str(tmp_path / "another"))
    with monkeypatch.context() as patch:
        the_disk_fails(fault, wheel.path, patch)
        the_database_fails(fault, patch)
        num_failed = 0
        while (error := what_failed(run, other)) is not None:
            assert getattr(error, "exit_code", 0) == EXIT_DISK_FULL or fault.failed[-1][0] in BARE, error
            assert len(fault.failed) > num_failed, f"{error}, and it is in the way for good"
            num_failed = len(fault.failed)
    assert left(wheel) == expected
    names = [name for name, _, _ in fault.failed]
    assert {*names} == {name for _, name in TOUCHES} | {"open", "write", "run"}
    statements = [kind[0] for _, kind, _ in fault.failed if isinstance(kind, tuple)]
    assert statements.count("commit") > 2 * len(STEPS)
    assert sum(one.startswith("insert into wheel_step") for one in statements) == 2 * len(STEPS)
    assert len(names) - len(statements) > 40
