"""All of batches, put together: the routes, and what works on them."""

from __future__ import annotations

from starlette.routing import Route

from noria import ledger
from noria.service.batches.apart import Apart
from noria.service.batches.routes import BatchRoutes
from noria.service.batches.runner import Runner
from noria.service.batches.tables import SCHEMA
from noria.service.batches.work import Admits
from noria.service.door.body import Holder
from noria.service.fleet.models import Models
from noria.service.request.limits import Limits


class Batching:
    """Takes files and batches, and works on them from `start` until `stop`."""

    def __init__(self, models: Models, limits: Limits, room: Holder) -> None:
        apart = Apart([SCHEMA, ledger.SCHEMA])
        self._runner = Runner(apart, models, limits)
        self._routes = BatchRoutes(apart, models, limits, room, self._runner.wake)

    def ask_first(self, admits: Admits) -> None:
        """Work only on batches whose key may still ask their model."""
        self._runner.ask_first(admits)

    def start(self) -> None:
        """Begin to work, also on what an earlier server left."""
        self._runner.start()

    async def stop(self) -> None:
        """Begin nothing more, and let go of what was begun."""
        await self._runner.stop()

    def routes(self) -> list[Route]:
        """Return the paths."""
        return self._routes.routes()
