"""Workers by names that say which process of which machine they are, so that those that are no more are told."""

from __future__ import annotations

import os
import socket
from pathlib import Path

from noria.batch.shards import release
from noria.database import Database

BOOT = Path("/proc/sys/kernel/random/boot_id")


def worker_name(pid: int) -> str:
    """Return the name of a process: the same of no other, not even of one that has its number later."""
    return f"{_machine()}{pid}:{_started(pid)}"


def release_the_dead(database: Database) -> None:
    """Let others have what processes of this machine had claimed that are no more."""
    statement = "select distinct worker from batch_shard where state = 'waiting' and lease_until > 0 and worker like ?"
    writers = "select distinct writer from batch_job where writer_until > 0 and writer like ?"
    machine = _machine()
    found = database.transact(
        lambda to: to.run(statement, f"{machine}%") + to.run(writers, f"{machine}%"), writes=False
    )
    for (name,) in found:
        pid = name.removeprefix(machine).split(":")[0]
        if pid.isdigit() and name != worker_name(int(pid)):
            release(database, name)


def _machine() -> str:
    """Return what the processes that this one can see have in common: machine, boot, container, users."""
    try:
        boot = BOOT.read_text().strip()[:8]
        container = ":".join(os.readlink(f"/proc/self/ns/{kind}") for kind in ("pid", "user"))
    except OSError:
        boot, container = "", ""
    return f"{socket.gethostname()}:{boot}:{container}:".replace("%", "")


def _started(pid: int) -> str:
    """Return when a process began, in ticks since the machine did; empty where there is none."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
    except (OSError, IndexError):
        return ""
