"""A collector that is killed after any of its steps: the next one books every line, once, and leaves nothing behind."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

PROGRAM = """
import os, signal, sys
from collections.abc import Callable
from itertools import count
from pathlib import Path
from noria.database import Database, open_database
from noria.ledger import SCHEMA, Spool, audit, collecting
from ledger.spending import spent

collecting.BYTES_AT_ONCE = 800  # three lines
steps_left = 0

def dying(step):
    def stepped(*given, **more):
        global steps_left
        found, steps_left = step(*given, **more), steps_left - 1
        if steps_left < 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return found
    return stepped

def collect_and_die(database, folder):
    Database.transact, collecting.book = dying(Database.transact), dying(collecting.book)
    Path.unlink, collecting._keep = dying(Path.unlink), dying(collecting._keep)
    collecting.collect(database, folder)
    os._exit(0)

for number in count():
    folder, steps_left = Path(sys.argv[1], str(number)), number
    folder.mkdir()
    for name in ("a", "b"):
        spool = Spool(folder)
        spool.append([spent(f"{name}{one}") for one in range(7)])
        (path,) = [one for one in folder.glob("*.jsonl") if name.encode() + b"6" in one.read_bytes()]
        spool.close()
        with path.open("ab") as file:
            file.write(b"no entry\\n")
    url = str(folder / "a.db")
    open_database(url).prepare(SCHEMA)
    if not (child := os.fork()):
        collect_and_die(open_database(url), folder)
    was_killed = os.WIFSIGNALED(os.waitpid(child, 0)[1])
    database = open_database(url)
    collecting.collect(database, folder)
    keys = [key for (key,) in database.transact(lambda to: to.run("select key from entry order by key"))]
    assert keys == [f"{name}{one}" for name in "ab" for one in range(7)], (number, keys)
    assert not any(one.wrong for one in database.transact(audit.check, writes=False)), number
    assert database.transact(lambda to: to.run("select * from spool")) == [], number
    assert not list(folder.glob("*.jsonl")), number
    assert {line for path in folder.glob("*.unreadable") for line in path.read_bytes().splitlines()} == {b"no entry"}
    database.close()
    if not was_killed:
        print(number)
        break
"""


def test_a_collector_that_is_killed_after_any_step_leaves_nothing_half_booked(tmp_path: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    words = [sys.executable, "-W", "ignore", "-c", PROGRAM, str(tmp_path)]
    done = subprocess.run(words, capture_output=True, text=True, env=environment, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > 15  # two files of three transactions each
