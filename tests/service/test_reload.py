"""However often a server is asked to load its models anew meanwhile, it does so once more."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace

import uvicorn

from noria.service.serve import StoppingServer


def test_signals_that_come_meanwhile_are_one() -> None:
    reloads: list[str] = []

    class Models:
        names = ("a", "b")

        async def reload(self, name: str) -> None:
            await asyncio.sleep(0.01)
            reloads.append(name)

    async def scene() -> None:
        service = SimpleNamespace(models=Models(), is_draining=False)
        config = uvicorn.Config(lambda: None)
        server = StoppingServer(config, service, 0.0, lambda: None, lambda _: None)  # type: ignore[arg-type]
        for _ in range(40):
            server.reload()
            await asyncio.sleep(0.0005)
        await server._reloads  # type: ignore[misc]
        assert 4 <= len(reloads) <= 8
        server.reload()
        server._stop()
        await asyncio.sleep(0.1)
        assert len(reloads) <= 8

    asyncio.run(scene())
