"""The Ray cluster that `--engine ray` works on: the one that RAY_ADDRESS names, or this machine alone.

https://docs.ray.io/en/latest/ray-core/configure.html
"""

from __future__ import annotations

import logging
import os
import socket
import threading
from typing import Any

from noria.errors import UserError, needs_extra

OBJECTS_BYTES = 512 * 2**20  # for what passes between processes of a cluster started here; Ray's own is 30 % of memory
REACH_SECONDS = 10.0  # within which the head of the cluster takes a connection
_LOCK = threading.Lock()


def require_ray() -> Any:
    """Return the package; raise UserError where it is not installed."""
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # else it tells its makers what it runs on
    try:
        import ray
    except ImportError as error:
        raise needs_extra("ray", "ray", "--engine ray") from error
    return ray


def connected() -> Any:
    """Return the package, connected to the cluster; raise UserError where that cannot be reached."""
    ray = require_ray()
    with _LOCK:
        if not ray.is_initialized():
            _connect(ray, os.environ.get("RAY_ADDRESS"))
    return ray


def disconnect() -> None:
    """Leave the cluster; one that was started here ends."""
    ray = require_ray()
    with _LOCK:
        ray.shutdown()


def _connect(ray: Any, address: str | None) -> None:
    quiet = {"logging_level": logging.WARNING}
    if not address:
        ray.init("local", include_dashboard=False, object_store_memory=OBJECTS_BYTES, **quiet)
        return
    try:
        _knock(address)
        ray.init(address, **quiet)
    except (OSError, ValueError, RuntimeError) as error:
        raise UserError(
            "the Ray cluster cannot be reached",
            where="RAY_ADDRESS",
            found=f"{address}: {str(error).partition(chr(10))[0]}",
            fix="run this on a machine of the cluster (ray start --address=HOST:6379) and set RAY_ADDRESS=auto; "
            "without RAY_ADDRESS, this machine alone is used",
        ) from error


def _knock(address: str) -> None:
    """Raise OSError or ValueError where nobody listens: Ray itself would try for minutes and then end the process."""
    host, _, port = address.rpartition(":")
    if "//" in address:
        raise ValueError("this is not the address of a head, HOST:PORT")
    if host:
        socket.create_connection((host, int(port)), REACH_SECONDS).close()
