"""A server of PostgreSQL for tests: in a folder, on a socket, to be killed and started again."""

from __future__ import annotations

import itertools
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path

import pytest

FOLDERS = sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
SETTINGS = {"listen_addresses": "", "shared_buffers": "16MB", "max_connections": "40"}


def program(name: str) -> str:
    """Return the path of one of the server's programs; skip the test where it is not there."""
    found = next((str(one / name) for one in FOLDERS if (one / name).exists()), shutil.which(name))
    return found or pytest.skip(f"needs {name} of Debian's package postgresql")


def user() -> dict[str, str | int]:
    """Return who the server runs as: it refuses to run as root."""
    if os.geteuid():
        return {}
    try:
        found = pwd.getpwnam("postgres")
    except KeyError:
        return pytest.skip("needs the user postgres where root runs the tests")
    return {"user": found.pw_uid, "group": found.pw_gid}


class Server:
    """A server that is running."""

    def __init__(self) -> None:
        initdb, self._who = program("initdb"), user()
        self.folder = Path(tempfile.mkdtemp(prefix="noria-pg-"))  # a short path: that of a socket has 107 bytes at most
        if self._who:
            os.chown(self.folder, int(self._who["user"]), int(self._who["group"]))
        words = [initdb, "-D", str(self.folder / "data"), "-U", "noria", "-A", "trust", "-E", "UTF8", "--no-sync"]
        subprocess.run(words, check=True, capture_output=True, cwd=self.folder, **self._who)
        self._count = itertools.count()
        self.start()

    def new_url(self) -> str:
        """Make a user with a schema of its own, in which nothing is; return its URL. A database would have 8 MB."""
        name = f"test{next(self._count)}"
        words = [program("psql"), "-qh", str(self.folder), "-U", "noria", "postgres"]
        made = f"create role {name} superuser login", f"create schema authorization {name}"
        subprocess.run([*words, "-c", made[0], "-c", made[1]], check=True)
        return f"postgresql://{name}@localhost/postgres?host={self.folder}"

    def start(self) -> None:
        """Start it and wait until it takes connections."""
        words = [program("postgres"), "-D", str(self.folder / "data"), "-k", str(self.folder)]
        settings = [word for name, value in SETTINGS.items() for word in ("-c", f"{name}={value}")]
        (self.folder / "data" / "postmaster.pid").unlink(missing_ok=True)
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen([*words, *settings], stdout=log, stderr=log, cwd=self.folder, **self._who)
        ready = [program("pg_isready"), "-h", str(self.folder), "-U", "noria"]
        for _ in range(600):
            if subprocess.run(ready, capture_output=True, check=False).returncode == 0:
                return
            assert self._process.poll() is None, (self.folder / "log").read_text()
            time.sleep(0.1)
        raise AssertionError("the server did not start")

    def kill(self) -> None:
        """Kill the server and all that it started, at once."""
        children = subprocess.run(
            ["pgrep", "-P", str(self._process.pid)], capture_output=True, text=True, check=False
        ).stdout.split()
        for one in (self._process.pid, *map(int, children)):
            try:
                os.kill(one, signal.SIGKILL)
            except ProcessLookupError:
                continue
        self._process.wait(30)

    def remove(self) -> None:
        """End the server, delete its folder."""
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGQUIT)
            self._process.wait(30)
        shutil.rmtree(self.folder, ignore_errors=True)
