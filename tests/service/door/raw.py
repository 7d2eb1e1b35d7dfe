"""A request as no client library would write it, straight to an application."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from typing import Any

from starlette.applications import Starlette


@dataclass(frozen=True)
class Answer:
    """What came back."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def error(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.body)["error"]
        return found


def raw(
    app: Starlette,
    method: str,
    path: str,
    headers: list[tuple[bytes, bytes]] = [],  # noqa: B006
    body: bytes = b"",
    server: tuple[str, int] = ("127.0.0.1", 2),
    client: str = "127.0.0.1",
) -> Answer:
    """Send a request, and return the answer."""
    messages: list[Any] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: Any) -> None:
        messages.append(message)

    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "root_path": "",
        "headers": headers,
        "client": (client, 1),
        "server": server,
    }
    asyncio.run(app(scope, receive, send))
    found = {name.decode().lower(): value.decode() for name, value in messages[0]["headers"]}
    return Answer(messages[0]["status"], found, b"".join(one.get("body", b"") for one in messages[1:]))
