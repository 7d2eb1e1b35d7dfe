"""However often a server is asked to load its models anew meanwhile, it does so once more."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace

import uvicorn

from noria.service.serve import StoppingServer


def test_signals_that_come_meanwhile_are_one() -> None:
    reloads: list[str] = []

    async def scene() -> None:
        may_load = asyncio.Event()

        class Models:
            names = ("a", "b")

            async def reload(self, name: str) -> None:
                reloads.append(name)
                await may_load.wait()

        async def have_begun(count: int) -> None:
            while len(reloads) < count:
                await asyncio.sleep(0)

        service = SimpleNamespace(models=Models(), is_draining=False)
        config = uvicorn.Config(lambda: None)
        server = StoppingServer(config, service, 0.0, lambda: None, lambda _: None)  # type: ignore[arg-type]
        server.reload()
        await have_begun(1)
        for _ in range(40):
            server.reload()
        may_load.set()
        await server._reloads  # type: ignore[misc]
        assert reloads == ["a", "b"] * 2
        may_load.clear()
        server.reload()
        await have_begun(5)
        server.reload()
        server._stop()
        await asyncio.gather(server._reloads, return_exceptions=True)  # type: ignore[arg-type]
        assert reloads == ["a", "b"] * 2 + ["a"]

    asyncio.run(scene())
