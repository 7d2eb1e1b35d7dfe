"""Tell systemd how far the server is, where it started it (Type=notify): a message to the socket that it names."""

from __future__ import annotations

import os
import socket
from typing import Literal


def notify(state: Literal["READY=1", "STOPPING=1"]) -> None:
    """Send the state; do nothing where nobody wants to know. A socket that is gone is no reason not to serve."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address:
        return
    if address.startswith("@"):  # a name in the abstract namespace
        address = "\0" + address[1:]
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
            sender.connect(address)
            sender.send(state.encode())
    except OSError:
        return
