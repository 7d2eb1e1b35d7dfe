from __future__ import annotations

import errno
import json
import logging
import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from ledger.spending import spent
from noria.database import Database
from noria.ledger import About, Spool, spool
from noria.ledger.collecting import collect


def keys(database: Database) -> list[str]:
    return [key for (key,) in database.transact(lambda to: to.run("select key from entry order by key"))]


def test_what_was_appended_is_collected_once_and_the_file_goes_with_its_process(
    database: Database, folder: Path
) -> None:
    own = Spool(folder)
    assert own.append([spent("a"), spent("b")])
    assert collect(database, folder).num_entries == 2
    assert collect(database, folder).num_entries == 0
    own.append([spent("c")])
    assert len(list(folder.iterdir())) == 1
    own.close()
    assert collect(database, folder).num_entries == 1
    assert list(folder.iterdir()) == []
    assert keys(database) == ["a", "b", "c"]


def test_a_process_that_is_killed_leaves_every_line_that_it_has_appended(database: Database, folder: Path) -> None:
    program = (
        "import sys; from pathlib import Path; from noria.ledger import Spool; from ledger.spending import spent\n"
        "own = Spool(Path(sys.argv[1]))\n"
        "for number in range(10**6):\n"
        "    own.append([spent(f'{number:06}')]); print(number, flush=True)\n"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    child = subprocess.Popen([sys.executable, "-c", program, str(folder)], stdout=subprocess.PIPE, env=environment)
    assert child.stdout is not None
    for _ in range(50):
        child.stdout.readline()
    child.send_signal(signal.SIGKILL)
    answered = 50 + len(child.stdout.read().splitlines())
    child.wait()
    child.stdout.close()
    count = collect(database, folder).num_entries
    assert answered <= count <= answered + 1  # the last one was written and not yet told
    assert keys(database) == [f"{number:06}" for number in range(count)]


def test_a_line_that_is_no_entry_is_counted_and_kept(database: Database, folder: Path) -> None:
    own = Spool(folder)
    own.append([spent("a")])
    (path,) = folder.iterdir()
    with path.open("ab") as file:
        file.write(b'{"key": "half\0\0\0\n')
    own.append([spent("b")])
    own.close()
    found = collect(database, folder)
    assert (found.num_entries, found.num_unreadable) == (2, 1)
    assert path.with_suffix(".unreadable").read_bytes() == b'{"key": "half\0\0\0\n'


def test_a_full_disk_stops_nothing_and_what_waited_is_written_later(
    database: Database, folder: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    own, write, room = Spool(folder), os.write, 30

    def full(file: int, data: bytes) -> int:
        nonlocal room
        if not room:
            raise OSError(errno.ENOSPC, "No space left on device")
        room, count = 0, write(file, data[:room])
        return count

    with monkeypatch.context() as patch, caplog.at_level(logging.WARNING):
        patch.setattr(spool.os, "write", full)
        assert not own.append([spent("a")])
        assert not own.append([spent("b")])
        assert own.num_waiting == 2
        assert caplog.text.count("cannot be written") == 1
    assert own.append([spent("c")])
    assert own.num_waiting == own.num_lost == 0
    own.close()
    found = collect(database, folder)
    assert (found.num_entries, found.num_unreadable) == (3, 1)  # the half line was written again, whole


def test_a_line_of_which_an_error_left_a_part_is_written_again_whole(
    database: Database, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own, write = Spool(folder), os.write

    def broken(file: int, data: bytes) -> int:
        write(file, data[: len(data) // 2])
        raise OSError(errno.EIO, "Input/output error")

    own.append([spent("a")])
    with monkeypatch.context() as patch:
        patch.setattr(spool.os, "write", broken)
        assert not own.append([spent("b")])
    own.append([spent("c")])
    own.close()
    assert collect(database, folder).num_entries == 3


@pytest.mark.parametrize("module", ["fcntl.flock", "os.rename"])
def test_a_file_that_cannot_be_begun_leaves_nothing_behind(
    folder: Path, monkeypatch: pytest.MonkeyPatch, module: str
) -> None:
    own = Spool(folder)

    def broken(*_: object) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    with monkeypatch.context() as patch:
        patch.setattr(module, broken)
        assert not own.append([spent("a")])
    assert list(folder.iterdir()) == []
    assert own.append([spent("b")])
    own.close()


def test_a_disk_that_says_at_the_end_that_it_is_full_stops_no_work(
    folder: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    own, close = Spool(folder), os.close
    own.append([spent("a")])

    def broken(file: int) -> None:
        close(file)
        raise OSError(errno.EDQUOT, "Disk quota exceeded")

    with monkeypatch.context() as patch:
        patch.setattr(spool.os, "close", broken)
        own.close()
    assert "may be lost: [Errno 122]" in caplog.text


def test_a_file_that_cannot_be_read_holds_up_no_other_and_is_told(
    database: Database, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in "abc":
        own = Spool(folder)
        own.append([spent(name)])
        own.close()
    first, *_ = sorted(folder.glob("*.jsonl"))
    plain = Path.open

    def forbidden(path: Path, *words: object) -> object:
        if path == first:
            raise PermissionError(errno.EACCES, "Permission denied")
        return plain(path, *words)  # type: ignore[arg-type]

    with monkeypatch.context() as patch:
        patch.setattr(Path, "open", forbidden)
        found = collect(database, folder)
    assert (found.num_entries, found.uncollected) == (2, (f"{first} (Permission denied)",))
    assert collect(database, folder).num_entries == 1


def test_of_too_many_lines_that_wait_the_oldest_are_lost_and_counted(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spool, "MOST_WAITING", 3)
    own = Spool(folder / "file")
    (folder / "file").write_text("in the place of the folder")
    for number in range(5):
        assert not own.append([spent(str(number))])
    assert (own.num_waiting, own.num_lost) == (3, 2)


def test_a_long_spool_goes_on_in_another_file(
    database: Database, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spool, "MOST_BYTES", 1000)
    own = Spool(folder)
    for number in range(20):
        own.append([spent(str(number))])
    assert len(list(folder.iterdir())) > 2
    assert collect(database, folder).num_entries == 20
    assert len(list(folder.iterdir())) <= 1
    own.close()


def test_nothing_is_booked_where_the_ledger_is_off(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NORIA_LEDGER", "off")
    own = Spool(folder)
    assert own.append([spent("a")])
    own.close()
    assert list(folder.iterdir()) == []


LINE = {
    "key": "bad", "time": 1.0, "about": {"model": "m"}, "quantities": {"predictions": 1}, "postings": {},
    "currency": "EUR", "basis": "stated",
}  # fmt: skip


@pytest.mark.parametrize(
    "change",
    [
        {"time": float("nan")},
        {"time": float("inf")},
        {"time": 1e18},
        {"quantities": {"predictions": 10**30}},
        {"quantities": {"predictions": float("inf")}},
        {"postings": {"cost:compute": 2**70, "clearing:cost": -(2**70)}},
        {"currency": ["EUR"]},
        {"basis": None},
        {"about": {"model": None}},
    ],
)
def test_a_line_that_no_table_can_hold_does_not_hold_up_those_behind_it(
    database: Database, folder: Path, change: dict[str, object]
) -> None:
    folder.mkdir(exist_ok=True)
    lines = [json.dumps(LINE | change), json.dumps(LINE | {"key": "good"})]
    (folder / "a.jsonl").write_text("".join(f"{one}\n" for one in lines))
    found = collect(database, folder)
    assert (found.num_entries, found.num_unreadable) == (1, 1)
    assert keys(database) == ["good"]
    assert (folder / "a.unreadable").read_text().splitlines() == lines[:1]


def test_a_model_in_a_folder_whose_name_is_no_text_is_booked_with_its_name_spelled_out(
    database: Database, folder: Path
) -> None:
    own = Spool(folder)
    own.append([replace(spent("a\0\udcff"), about=About(os.fsdecode(b"caf\xe9")))])
    own.close()
    assert collect(database, folder).num_entries == 1
    assert keys(database) == ["a\\0\\udcff"]
    assert database.transact(lambda to: to.run("select model from entry")) == [("caf\\udce9",)]


def test_a_file_is_not_collected_before_its_process_has_locked_it(
    database: Database, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own, lock = Spool(folder), spool.fcntl.flock

    def collected_first(file: int, how: int) -> None:
        with monkeypatch.context() as patch:
            patch.setattr(spool.fcntl, "flock", lock)
            collect(database, folder)
        lock(file, how)

    with monkeypatch.context() as patch:
        patch.setattr(spool.fcntl, "flock", collected_first)
        assert own.append([spent("a")])
    own.close()
    assert collect(database, folder).num_entries == 1
