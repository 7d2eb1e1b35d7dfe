"""The models that are served, by name: which copy is asked, and how a newer version takes an older one's place.

A newer version is loaded and has answered before it is asked anything; only then does it take the place of the older
one, which finishes what it has begun. Where the newer cannot be loaded, the older goes on.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from noria.errors import UserError, did_you_mean
from noria.service.asking.operation import About, many_models, no_model
from noria.service.fleet.canary import Canary, Trial
from noria.service.fleet.replica import Call, Replica, died
from noria.service.request.exchange import Reply, Request
from noria.service.request.http_error import HTTPError, busy
from noria.service.request.limits import Limits

Starter = Callable[["Plan"], Awaitable[Sequence[Replica]]]


@dataclass(frozen=True)
class Plan:
    """What is to be served under a name.

    workers: copies, each in a process of its own. threads: of the CPU, for each. gpus: of a cluster, for each.
    canary: a newer version that is asked a share of the requests until it has proved itself.
    """

    name: str
    run: Path
    engine: str | None = None
    workers: int = 1
    threads: int = 1
    gpus: float = 0.0
    canary: Canary | None = None


@dataclass
class Version:
    """The copies of one version of a model."""

    plan: Plan
    replicas: Sequence[Replica]

    @property
    def ready(self) -> list[Replica]:
        """Return the copies that answer now."""
        return [one for one in self.replicas if one.is_ready]

    @property
    def num_going(self) -> int:
        """Return how many requests are being answered."""
        return sum(one.num_going for one in self.replicas)

    @property
    def name(self) -> str:
        """Return what tells it from other versions."""
        return str(self.replicas[0].about.get("version", "")) if self.replicas else ""

    @property
    def valuing(self) -> str:
        """Return what says what its answers were worth."""
        return str(self.replicas[0].about.get("valuing", "")) if self.replicas else ""


@dataclass
class Model:
    """What is served under a name."""

    plan: Plan
    current: Version
    candidate: Version | None = None
    trial: Trial | None = None
    asked: float = -math.inf  # when a client asked it last, by the monotonic clock
    withdrawn: str = ""  # why the last candidate is asked no more, and where it stands
    withdrawn_run: str = ""

    def told(self) -> dict[str, str | int]:
        """Return how the candidate does: where it stands, how many requests it answered, and why it was withdrawn.

        Of the latest requests alone; all is empty where none was tried.
        """
        run = self.withdrawn_run if self.candidate is None else str(self.candidate.plan.run.resolve())
        return {"run": run, "answered": 0 if self.trial is None else self.trial.num_seen, "withdrawn": self.withdrawn}

    def about(self) -> About:
        """Return what is known of it."""
        told = self.current.replicas[0].about if self.current.replicas else {}
        return About(self.plan.name, self.current.name, bool(self.current.ready), told)


class Models:
    """All models, by name."""

    def __init__(self, limits: Limits, starter: Starter, tell: Callable[[str], None]) -> None:
        self._limits, self._starter, self._tell = limits, starter, tell
        self._models: dict[str, Model] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._locks: dict[str, asyncio.Lock] = {}

    @property
    def names(self) -> list[str]:
        """Return the names of the models."""
        return list(self._models)

    @property
    def all(self) -> list[Model]:
        """Return the models."""
        return list(self._models.values())

    def abouts(self) -> list[About]:
        """Return what is known of each model."""
        return [one.about() for one in self._models.values()]

    @property
    def num_going(self) -> int:
        """Return how many requests are being answered."""
        return sum(one.current.num_going + (one.candidate.num_going if one.candidate else 0) for one in self.all)

    def add(self, plan: Plan, replicas: Sequence[Replica]) -> None:
        """Serve copies that have been started."""
        self._models[plan.name] = Model(plan, Version(plan, replicas))
        self._locks[plan.name] = asyncio.Lock()

    async def start(self, plans: Sequence[Plan]) -> None:
        """Start all models, and their candidates; raise UserError where one cannot be loaded."""
        started = await asyncio.gather(*(self._starter(plan) for plan in plans), return_exceptions=True)
        for plan, replicas in zip(plans, started, strict=True):
            if not isinstance(replicas, BaseException):
                self.add(plan, replicas)
        for one in started:
            if isinstance(one, BaseException):
                await self.stop()
                raise one
        for plan in plans:
            if plan.canary is not None:
                await self._try_first(plan, plan.canary)

    async def _try_first(self, plan: Plan, canary: Canary) -> None:
        """Try a candidate as the server starts; one that is not there yet is tried when somebody asks for it."""
        try:
            await self.try_out(plan.name, canary)
        except UserError:
            if canary.run.exists():
                raise
            self._note(self._models[plan.name], f"no candidate stands at {canary.run} yet")

    def named(self, name: str | None, sees: Callable[[str], bool] = lambda _: True) -> Model:
        """Return the model of a name, or the only one there is; raise HTTPError (404), which names those one sees."""
        if name is None:
            if len(self._models) != 1:
                raise many_models([one for one in self._models if sees(one)])
            return next(iter(self._models.values()))
        if name not in self._models:
            raise no_model(name, [one for one in self._models if sees(one)])
        return self._models[name]

    def call(self, model: Model, request: Request) -> tuple[Call, Version]:
        """Have a request answered by the copy that has least to do; raise HTTPError (503) where all have too much."""
        model.asked = time.monotonic()
        version = model.current
        if model.candidate is not None and model.trial is not None and model.candidate.ready and model.trial.is_next():
            version = model.candidate
        return self._called(version, request), version

    def call_aside(self, model: Model, request: Request) -> tuple[Call, Version]:
        """Have a request answered that no client waits for: by what is served, never by a candidate."""
        return self._called(model.current, request), model.current

    def _called(self, version: Version, request: Request) -> Call:
        ready = version.ready
        if not ready:
            raise died("no copy of it answers now")
        replica = min(ready, key=lambda one: one.num_going)
        if replica.num_going > self._limits.waiting:
            raise busy(f"{self._limits.waiting} requests are waiting for the model")
        return replica.call(request)

    def saw(self, model: Model, version: Version, reply: Reply | HTTPError, seconds: float) -> None:
        """Take note of how a request was answered; a candidate that does worse is asked no more."""
        trial = model.trial
        if trial is None:
            return
        trial.see(version is model.candidate, reply, seconds)
        if model.candidate is not None and (reason := trial.verdict()) is not None:
            self._withdraw(model, model.candidate, reason)

    async def reload(self, name: str, run: Path | None = None) -> str:
        """Put a newer version in the place of what is served under a name; return what became of it.

        run: where it stands, by default where the older one stood. Raises UserError where it cannot be loaded: then
        the older one is still served.
        """
        model = self._known(name)
        async with self._locks[name]:
            plan = replace(model.plan, run=run or model.plan.run)
            try:
                replicas = await self._starter(plan)
            except UserError as error:
                self._note(model, f"a newer version could not be loaded, {model.current.name} is still served: {error}")
                raise
            newer = Version(plan, replicas)
            if (reason := _unlike(model.current, newer)) is not None:
                self._spawn(_drained(newer, self._limits))
                self._note(model, f"a newer version is no match, {model.current.name} is still served: {reason}")
                raise UserError(f"what stands there is no newer version of {name}", where=str(plan.run), found=reason)
            if model.candidate is not None:  # it was set beside the older one
                self._withdraw(model, model.candidate, "a newer version was loaded")
            old, model.plan, model.current = model.current, plan, newer
            self._spawn(_drained(old, self._limits))
            return self._note(model, f"{model.current.name} is served in the place of {old.name}")

    async def try_out(self, name: str, canary: Canary) -> str:
        """Load a newer version beside what is served, and ask it a share of the requests."""
        model = self._known(name)
        async with self._locks[name]:
            if model.candidate is not None:
                raise UserError(f"a newer version of {name} is being tried already", found=model.candidate.name)
            plan = replace(model.plan, run=canary.run, workers=1, canary=None)
            candidate = Version(plan, await self._starter(plan))
            if (reason := _unlike(model.current, candidate, is_tried=True)) is not None:
                self._spawn(_drained(candidate, self._limits))
                raise UserError(f"this cannot be tried as a version of {name}", where=str(canary.run), found=reason)
            model.candidate, model.trial = candidate, Trial(canary)
            model.withdrawn = model.withdrawn_run = ""
            return self._note(model, f"{model.candidate.name} is asked {canary.share:.0%} of the requests")

    async def promote(self, name: str) -> str:
        """Put the version that is tried in the place of the one that is served."""
        model = self._known(name)
        async with self._locks[name]:
            candidate, trial = model.candidate, model.trial
            if candidate is None:
                raise UserError(f"no newer version of {name} is being tried")
            plan = replace(model.plan, run=candidate.plan.run, canary=None)
            model.candidate = model.trial = None  # nobody else withdraws it meanwhile
            try:
                more = [] if plan.workers == 1 else await self._starter(replace(plan, workers=plan.workers - 1))
            except BaseException:
                model.candidate, model.trial = candidate, trial
                raise
            old = model.current
            model.current = Version(plan, [*candidate.replicas, *more])
            model.plan = plan
            self._spawn(_drained(old, self._limits))
            said = f"{model.current.name} is served in the place of {old.name}; reload looks at {plan.run} from now on"
            return self._note(model, said)

    async def stop(self) -> None:
        """End all processes."""
        versions = [one for model in self.all for one in (model.current, model.candidate) if one is not None]
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*(one.stop() for version in versions for one in version.replicas))

    def _withdraw(self, model: Model, candidate: Version, reason: str) -> None:
        model.candidate = model.trial = None
        model.withdrawn, model.withdrawn_run = reason, str(candidate.plan.run.resolve())
        self._note(model, f"{candidate.name} is asked no more: {reason}")
        self._spawn(_drained(candidate, self._limits))

    def _known(self, name: str) -> Model:
        if name not in self._models:
            fix = did_you_mean(name, self._models)
            raise UserError(f"there is no model {name!r}", found=", ".join(self._models), fix=fix)
        return self._models[name]

    def _note(self, model: Model, sentence: str) -> str:
        self._tell(f"{model.plan.name}: {sentence}")
        return sentence

    def _spawn(self, work: Awaitable[None]) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def _unlike(older: Version, newer: Version, is_tried: bool = False) -> str | None:
    """Return why a version cannot stand for another: it does another task, or, tried beside it, takes other records."""
    old, new = older.replicas[0].about, newer.replicas[0].about
    if old.get("task") != new.get("task"):
        return f"it does {new.get('task')}, not {old.get('task')}"
    fields = [sorted(one.get("schema", {}).get("properties", {})) for one in (old, new)]
    if is_tried and fields[0] != fields[1]:
        return f"its records hold {', '.join(fields[1])}, not {', '.join(fields[0])}"
    return None


async def _drained(version: Version, limits: Limits) -> None:
    """Wait until an older version has finished what it has begun, as long as an answer may take; then end it."""
    end = time.monotonic() + limits.answer_seconds + limits.writing_seconds
    try:
        while version.num_going and time.monotonic() < end:
            await asyncio.sleep(0.05)
    finally:
        for one in version.replicas:
            await one.stop()
