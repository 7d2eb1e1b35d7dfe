"""Which copy is asked, and how a newer version takes an older one's place: with copies that do nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from noria.errors import UserError
from noria.service.fleet.canary import Canary
from noria.service.fleet.models import Models, Plan
from noria.service.fleet.replica import Replica
from noria.service.request.exchange import Reply, Request
from noria.service.request.http_error import HTTPError
from noria.service.request.limits import Limits


class Idle(Replica):
    """A copy that never answers by itself."""

    def __init__(self, version: str) -> None:
        super().__init__()
        self.about = {"version": version, "name": "m"}
        self.is_alive, self.is_stopped, self.sent, self.cancelled = True, False, list[int](), list[int]()

    @property
    def is_ready(self) -> bool:
        return self.is_alive

    @property
    def num_waiting(self) -> int:
        return 0

    @property
    def pid(self) -> None:
        return None

    @property
    def watched(self) -> dict[str, Any]:
        return {}

    @property
    def is_running(self) -> bool:
        return True

    async def stop(self) -> None:
        self.is_stopped = True

    def _send(self, number: int, request: Request) -> None:
        self.sent.append(number)

    def _cancel(self, number: int) -> None:
        self.cancelled.append(number)


class Stage:
    """Models whose copies are kept in sight."""

    def __init__(self, limits: Limits | None = None) -> None:
        self.made: list[Idle] = []
        self.told: list[str] = []
        self.is_broken = False
        self.next_about: dict[str, Any] = {}
        self.while_starting: Callable[[], Any] = lambda: None
        self.models = Models(limits or Limits(), self._start, self.told.append)

    async def _start(self, plan: Plan) -> Sequence[Replica]:
        if self.is_broken:
            raise UserError("the bundle is broken")
        self.while_starting()
        made = [Idle(f"v{len(self.made)}") for _ in range(plan.workers)]
        for one in made:
            one.about |= self.next_about
        self.made += made
        return made

    async def have_stopped(self, *expected: bool) -> None:
        """Wait until those are stopped that are expected to be, and no others; those that follow may be or not."""
        while [one.is_stopped for one in self.made][: len(expected)] != [*expected]:
            await asyncio.sleep(0.01)


REQUEST = Request("predict")


def test_the_copy_that_has_least_to_do_is_asked_and_one_that_is_gone_is_not() -> None:
    async def scene() -> None:
        stage = Stage()
        await stage.models.start([Plan("m", Path("x"), workers=2)])
        model = stage.models.named("m")
        for _ in range(4):
            stage.models.call(model, REQUEST)
        assert [len(one.sent) for one in stage.made] == [2, 2]
        stage.made[0].is_alive = False
        stage.models.call(model, REQUEST)
        assert len(stage.made[1].sent) == 3
        stage.made[1].is_alive = False
        with pytest.raises(HTTPError) as told:
            stage.models.call(model, REQUEST)
        assert (told.value.status, told.value.code) == (503, "model_died")
        assert not stage.models.abouts()[0].is_ready
        assert stage.models.num_going == 5  # and not one that nobody took

    asyncio.run(scene())


def test_an_older_version_finishes_what_it_has_begun_before_it_is_ended() -> None:
    async def scene() -> None:
        stage = Stage()
        await stage.models.start([Plan("m", Path("x"))])
        model = stage.models.named("m")
        call, _ = stage.models.call(model, REQUEST)
        await stage.models.reload("m")
        await asyncio.sleep(0.2)
        assert not stage.made[0].is_stopped
        stage.models.call(model, REQUEST)
        assert len(stage.made[1].sent) == 1
        call.put(Reply(b"{}"))
        assert [reply.body async for reply in call.replies()] == [b"{}"]
        call.close()
        assert not stage.made[0].cancelled
        await stage.have_stopped(True)
        assert stage.told == ["m: v1 is served in the place of v0"]

    asyncio.run(scene())


def test_an_older_version_is_ended_only_when_no_answer_may_take_longer(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [0.0]
    monkeypatch.setattr("noria.service.fleet.models.time", SimpleNamespace(monotonic=lambda: clock[0]))

    async def scene() -> None:
        stage = Stage(limits := Limits())
        await stage.models.start([Plan("m", Path("x"))])
        stage.models.call(stage.models.named("m"), REQUEST)  # as a stream that is written for minutes
        await stage.models.reload("m")
        for seconds, is_stopped in ((limits.answer_seconds + limits.writing_seconds - 1, False), (2, True)):
            await asyncio.sleep(0.06)
            clock[0] += seconds
            await asyncio.sleep(0.2)
            assert stage.made[0].is_stopped is is_stopped

    asyncio.run(scene())


def test_a_version_that_cannot_be_loaded_leaves_the_older_one() -> None:
    async def scene() -> None:
        stage = Stage()
        await stage.models.start([Plan("m", Path("x"))])
        stage.is_broken = True
        with pytest.raises(UserError, match="bundle is broken"):
            await stage.models.reload("m")
        model = stage.models.named("m")
        stage.models.call(model, REQUEST)
        assert len(stage.made[0].sent) == 1
        assert "v0 is still served" in stage.told[0]

    asyncio.run(scene())


def test_a_candidate_is_asked_its_share_and_withdrawn_when_it_fails() -> None:
    async def scene() -> None:
        stage = Stage()
        await stage.models.start([Plan("m", Path("x"), canary=Canary(Path("y"), 0.25))])
        model = stage.models.named("m")
        for number in range(400):
            call, version = stage.models.call(model, REQUEST)
            call.close()
            is_newer = version is model.candidate
            assert is_newer == (number % 4 == 3) or model.candidate is None
            stage.models.saw(model, version, Reply(b"{}", 500 if is_newer else 200), 0.01)
            await asyncio.sleep(0)
        assert model.candidate is None
        assert "v1 is asked no more: 100% of its requests fail" in stage.told[-1]
        await stage.have_stopped(False, True)

    asyncio.run(scene())


def test_a_candidate_that_is_promoted_takes_the_place() -> None:
    async def scene() -> None:
        stage = Stage()
        await stage.models.start([Plan("m", Path("x"), workers=2, canary=Canary(Path("y"), 0.5))])
        assert "v2 is served in the place of v0; reload looks at y" in await stage.models.promote("m")
        model = stage.models.named("m")
        assert (model.plan.run, len(model.current.replicas), model.candidate) == (Path("y"), 2, None)
        await stage.have_stopped(True, True, False, False)
        with pytest.raises(UserError, match="no newer version"):
            await stage.models.promote("m")

    asyncio.run(scene())


def test_a_candidate_that_does_another_task_or_takes_other_records_is_refused() -> None:
    async def scene() -> None:
        stage = Stage()
        await stage.models.start([Plan("m", Path("x"))])
        stage.made[0].about = {"version": "v0", "task": "a", "schema": {"properties": {"x": {}}}}
        stage.next_about = {"task": "b", "schema": {"properties": {"x": {}}}}
        with pytest.raises(UserError, match="it does b, not a"):
            await stage.models.try_out("m", Canary(Path("y")))
        with pytest.raises(UserError, match="no newer version of m"):
            await stage.models.reload("m")
        stage.next_about = {"task": "a", "schema": {"properties": {"z": {}}}}
        with pytest.raises(UserError, match="its records hold z, not x"):
            await stage.models.try_out("m", Canary(Path("y")))
        model = stage.models.named("m")
        assert (model.current.name, model.candidate) == ("v0", None)
        await stage.have_stopped(False, True, True, True)

    asyncio.run(scene())


def test_a_candidate_is_not_withdrawn_while_it_is_promoted() -> None:
    async def scene() -> None:
        stage = Stage()
        await stage.models.start([Plan("m", Path("x"), workers=2, canary=Canary(Path("y"), 0.5))])
        model = stage.models.named("m")
        trial, candidate = model.trial, model.candidate
        assert trial is not None
        stage.while_starting = lambda: [
            stage.models.saw(model, version, Reply(b"{}", 500 if version is candidate else 200), 0.01)
            for version in (model.current, candidate) * 40  # type: ignore[operator]
        ]
        await stage.models.promote("m")
        await stage.have_stopped(True, True, False, False)
        stage.while_starting = lambda: None
        stage.is_broken = True
        stage.models.named("m").candidate, stage.models.named("m").trial = candidate, trial
        with pytest.raises(UserError):
            await stage.models.promote("m")
        assert model.candidate is candidate

    asyncio.run(scene())


def test_too_many_requests_at_once_are_told_to_come_again() -> None:
    async def scene() -> None:
        stage = Stage(Limits(waiting=1))
        await stage.models.start([Plan("m", Path("x"))])
        model = stage.models.named(None)
        calls = [stage.models.call(model, REQUEST)[0] for _ in range(2)]
        with pytest.raises(HTTPError) as told:
            stage.models.call(model, REQUEST)
        assert told.value.code == "overloaded"
        calls[0].close()
        assert stage.made[0].cancelled == [1]
        stage.models.call(model, REQUEST)

    asyncio.run(scene())


def test_a_candidate_that_is_not_there_yet_is_tried_when_it_is_asked_for(tmp_path: Path) -> None:
    async def scene() -> None:
        stage = Stage()
        stage.while_starting = lambda: setattr(stage, "is_broken", True)  # the second start fails: no such run
        canary = Canary(tmp_path / "candidate", 0.5)
        await stage.models.start([Plan("m", Path("x"), canary=canary)])
        assert "no candidate stands at" in stage.told[-1]
        model = stage.models.named("m")
        assert model.told() == {"run": "", "answered": 0, "withdrawn": ""}
        stage.is_broken, stage.while_starting = False, lambda: None
        await stage.models.try_out("m", canary)
        for _ in range(40):
            stage.models.saw(model, model.candidate or model.current, Reply(b"{}", 200), 0.01)
        assert model.told() == {"run": str(canary.run.resolve()), "answered": 40, "withdrawn": ""}

    asyncio.run(scene())


def test_a_newer_version_ends_the_trial_beside_the_older_one() -> None:
    async def scene() -> None:
        stage = Stage()
        await stage.models.start([Plan("m", Path("x"), canary=Canary(Path("y"), 0.5))])
        await stage.models.reload("m")
        model = stage.models.named("m")
        assert (model.candidate, model.plan.run) == (None, Path("x"))
        assert model.told()["withdrawn"] == "a newer version was loaded"
        await stage.models.try_out("m", Canary(Path("z")))
        assert model.told()["withdrawn"] == ""

    asyncio.run(scene())
