from __future__ import annotations

import signal
import socket
import sqlite3
import struct
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from noria.database import Database, DatabaseAway, Schema, Transaction, open_database
from noria.database import sqlite as of_sqlite
from noria.database.home import home
from noria.database.postgres import SIGNS, PostgreSQL
from noria.errors import EXIT_DISK_FULL, UserError
from postgres_server import Server

SCHEMA = Schema("numbers", [["create table number (name text primary key, value bigint not null, raw blob)"]])


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    """A database of each kind, with one table and nothing in it."""
    database = open_database(database_url)
    database.prepare(SCHEMA)
    yield database
    database.close()


def add(name: str, value: int, raw: bytes | None = None) -> object:
    return lambda to: to.run("insert into number values (?, ?, ?) on conflict do nothing", name, value, raw)


def test_what_was_committed_is_there_for_another_connection(database: Database) -> None:
    database.transact(add("of 100 %", 2**40, b"\0\xff"))
    database.close()
    assert database.transact(lambda to: to.run("select * from number"), writes=False) == [
        ("of 100 %", 2**40, b"\0\xff")
    ]


def test_an_error_of_the_work_undoes_the_transaction(database: Database) -> None:
    def work(to: Transaction) -> None:
        to.run("insert into number values (?, ?, null)", "one", 1)
        raise RuntimeError("of the work")

    with pytest.raises(RuntimeError, match="of the work"):
        database.transact(work)
    assert database.transact(lambda to: to.run("select count(*) from number")) == [(0,)]


def test_who_is_interrupted_in_the_middle_of_a_reply_does_not_take_it_for_the_next_one(postgres: Server) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    database, before = open_database(postgres.new_url()), signal.signal(signal.SIGUSR1, interrupted)
    database.transact(Transaction.now)
    main = threading.get_ident()
    threading.Timer(0.3, lambda: signal.pthread_kill(main, signal.SIGUSR1)).start()
    with pytest.raises(KeyboardInterrupt):
        database.transact(lambda to: to.run("select 'slow' from pg_sleep(1)"))
    signal.signal(signal.SIGUSR1, before)
    assert database.transact(lambda to: to.run("select 'quick'")) == [("quick",)]
    database.close()


def test_no_addition_of_many_threads_is_lost(database: Database) -> None:
    database.transact(add("sum", 0))

    def add_all() -> None:
        for _ in range(25):
            database.transact(lambda to: to.run("update number set value = value + 1 where name = 'sum'"))
        database.close()

    threads = [threading.Thread(target=add_all) for _ in range(4)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert database.transact(lambda to: to.run("select value from number")) == [(100,)]


def test_the_clock_is_of_this_century_and_a_number(database: Database) -> None:
    assert 1.7e9 < database.transact(Transaction.now) < 1e10


def test_tables_are_brought_up_step_by_step_and_once(database: Database) -> None:
    first = Schema("steps", [["create table steps (name text)"]])
    second = Schema("steps", [*first.versions, ["alter table steps add column size bigint"]])
    for schema in (first, second, second):
        database.prepare(schema)
    database.transact(lambda to: to.run("insert into steps values (?, ?)", "a", 3))
    with pytest.raises(UserError, match="newer version of the package") as error:
        database.prepare(first)
    assert "upgrade noria" not in error.value.fix  # of the package index, where this name is another project's


def test_a_server_that_is_killed_costs_no_more_than_time(mortal_postgres: Server) -> None:
    database = open_database(mortal_postgres.new_url())
    database.prepare(SCHEMA)
    database.transact(add("before", 1))
    mortal_postgres.kill()
    starting = threading.Timer(1.0, mortal_postgres.start)
    starting.start()
    database.transact(add("after", 2))
    starting.join()
    found = database.transact(lambda to: to.run("select name from number order by name"), writes=False)
    assert found == [("after",), ("before",)]
    database.close()


@pytest.mark.parametrize("setting", ["default_transaction_read_only = on", "statement_timeout = 50"])
def test_a_server_that_has_become_a_copy_or_is_slow_is_waited_for(postgres: Server, setting: str) -> None:
    url = postgres.new_url()
    own = open_database(url)
    own.prepare(SCHEMA)
    own.close()
    role = url.partition("://")[2].partition("@")[0]
    own.transact(lambda to: to.run(f"alter role {role} set {setting}"))
    own.close()
    hasty = open_database(url, patience=0.0)
    with pytest.raises(DatabaseAway):
        hasty.transact(
            lambda to: to.run("insert into number select 'a', count(pg_sleep(1)) from generate_series(1, 2)")
        )
    hasty.close()


def test_a_server_whose_machine_is_gone_is_noticed_by_its_silence(monkeypatch: pytest.MonkeyPatch) -> None:
    pg8000 = pytest.importorskip("pg8000.dbapi", reason="needs pg8000")
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()) as client:
        monkeypatch.setattr(pg8000, "connect", lambda **_: SimpleNamespace(_usock=client))
        PostgreSQL("postgresql://a@127.0.0.1/b").connect()
        assert client.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
        asked = [client.getsockopt(socket.IPPROTO_TCP, getattr(socket, one)) for one in SIGNS if hasattr(socket, one)]
    assert asked == [value for name, value in SIGNS.items() if hasattr(socket, name)]


def test_a_server_that_stays_away_is_an_error_that_hides_the_password(tmp_path: Path) -> None:
    pytest.importorskip("pg8000", reason="needs pg8000")
    database = open_database(f"postgresql://noria:secret@localhost/x?host={tmp_path}", patience=0.0)
    with pytest.raises(UserError, match="did not answer") as caught:
        database.transact(Transaction.now)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("mysql://a/b", "no such kind of database"),
        ("postgresql://a@b/c?sslmode=allow", "sslmode=allow"),
        ("postgresql://a@b/c?timeout=1", "timeout"),
        ("postgresql://b/c", "no user"),
        ("postgresql://a@b:port/c", "cannot be read"),
    ],
)
def test_a_url_that_cannot_be_used_is_told(url: str, words: str) -> None:
    with pytest.raises(UserError, match=words):
        open_database(url)


@pytest.mark.parametrize(("mode", "asks_first"), [("disable", False), ("prefer", True), ("", True)])
def test_tls_is_asked_for_unless_it_is_disabled(mode: str, asks_first: bool) -> None:
    pytest.importorskip("pg8000", reason="needs pg8000")
    asked: list[bytes] = []

    def answer(server: socket.socket) -> None:
        connection, _ = server.accept()
        asked.append(connection.recv(8))
        connection.close()

    with socket.create_server(("127.0.0.1", 0)) as server:
        listening = threading.Thread(target=answer, args=(server,))
        listening.start()
        url = f"postgresql://a@127.0.0.1:{server.getsockname()[1]}/c" + (f"?sslmode={mode}" if mode else "")
        with pytest.raises(UserError):
            open_database(url, patience=0.0).transact(Transaction.now)
        listening.join()
    assert (asked[0] == struct.pack("!ii", 8, 80877103)) is asks_first


def test_a_database_that_another_process_writes_is_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(of_sqlite, "BUSY_SECONDS", 0.0)
    database = open_database(str(tmp_path / "a.db"))
    database.prepare(SCHEMA)
    holder = sqlite3.connect(tmp_path / "a.db", isolation_level=None, check_same_thread=False)
    holder.execute("begin immediate")
    threading.Timer(0.5, lambda: holder.execute("rollback")).start()
    database.transact(add("one", 1))
    assert database.transact(lambda to: to.run("select count(*) from number")) == [(1,)]
    holder.close()
    database.close()


def test_a_full_disk_has_the_exit_code_of_one(tmp_path: Path) -> None:
    database = open_database(str(tmp_path / "a.db"), patience=0.0)
    database.prepare(SCHEMA)

    def fill(to: Transaction) -> None:
        to.run("pragma max_page_count = 8")
        to.run("insert into number values ('a', 1, zeroblob(1000000))")

    with pytest.raises(UserError, match="disk is full") as caught:
        database.transact(fill)
    assert caught.value.exit_code == EXIT_DISK_FULL
    database.close()


def test_a_damaged_file_is_told_and_left_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    path.write_bytes(b"no database at all" * 1000)
    with pytest.raises(UserError, match="damaged, or none"):
        open_database(str(path)).transact(Transaction.now)
    assert path.read_bytes() == b"no database at all" * 1000


def test_a_file_system_of_a_network_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mounts = tmp_path / "mounts"
    own, shares = f"/dev/a / ext4 rw 0 0\n/dev/b {tmp_path} xfs rw 0 0\n", f"host:/share {tmp_path} nfs4 rw 0 0\n"
    mounts.write_text(own + shares)  # the later one of two on one point is what is seen
    monkeypatch.setattr(of_sqlite, "MOUNTS", mounts)
    with pytest.raises(UserError, match="network's file system"):
        open_database(str(tmp_path / "b" / "a.db")).transact(Transaction.now)


def test_a_child_does_not_use_the_connection_of_its_parent(tmp_path: Path) -> None:
    code = (
        "import os, sys\n"
        "from noria.database import open_database, Transaction\n"
        "database = open_database(sys.argv[1])\n"
        "database.transact(Transaction.now)\n"
        "parent = database._kept()\n"
        "child = os.fork()\n"
        "if not child:\n"
        "    os._exit(0 if database._kept() is None and parent is not None else 1)\n"
        "sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))\n"
    )
    assert subprocess.run([sys.executable, "-c", code, str(tmp_path / "a.db")], check=False).returncode == 0


def test_the_home_folder_is_private_and_named_by_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NORIA_HOME", str(tmp_path / "here"))
    assert home() == tmp_path / "here"
    assert home().stat().st_mode & 0o777 == 0o700
    monkeypatch.delenv("NORIA_HOME")
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    assert home() == tmp_path / "noria"
