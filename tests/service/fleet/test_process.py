"""A model's process, watched: one that is stopped is killed and started anew, one that cannot load is told."""

from __future__ import annotations

import asyncio
import errno
import signal
import time
from pathlib import Path

import psutil
import pytest

from noria.errors import UserError
from noria.service.fleet import link, process
from noria.service.fleet.link import Load, thread_settings
from noria.service.fleet.process import ProcessReplica
from noria.service.request.exchange import JSON, Request
from noria.service.request.http_error import HTTPError
from noria.service.request.limits import Limits


def test_a_process_that_gives_no_sign_of_life_is_started_anew(run, texts, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "BEAT_SECONDS", 0.1)
    monkeypatch.setattr(process, "LOST_BEATS", 50)
    told: list[str] = []
    request = Request("predict", f'{{"image": "{texts[0]}"}}'.encode(), {"content-type": JSON})

    async def answered(replica: ProcessReplica) -> int:
        call = replica.call(request)
        try:
            return [reply.status async for reply in call.replies()][-1]
        except HTTPError as error:
            return int(error.status)
        finally:
            call.close()

    async def scene() -> None:
        replica = ProcessReplica(Load("m", run, threads=2), Limits(), told.append)
        await replica.start()
        assert await answered(replica) == 200
        first = psutil.Process(replica.pid)
        assert thread_settings(2).items() <= first.environ().items()
        first.send_signal(signal.SIGSTOP)
        assert await answered(replica) == 503  # and not never
        end = time.monotonic() + 120
        while replica.num_restarts == 0 or not replica.is_running:
            await asyncio.sleep(0.01)
        replica._beat = time.monotonic()
        assert not replica.is_ready  # it is loading: nobody is to be sent there
        while not replica.is_ready and time.monotonic() < end:
            await asyncio.sleep(0.05)
        assert await answered(replica) == 200
        assert replica.num_restarts == 1
        assert not first.is_running()
        await replica.stop()
        assert not psutil.pid_exists(replica.pid or 0)

    asyncio.run(scene())
    assert "gave no sign of life for 5 seconds" in told[0]


def test_a_model_that_cannot_be_loaded_is_told_and_leaves_no_process(tmp_path: Path) -> None:
    async def scene() -> None:
        replica = ProcessReplica(Load("m", tmp_path / "none"), Limits(), lambda _: None)
        with pytest.raises(UserError, match="none"):
            await replica.start()
        assert replica.pid is not None
        assert not psutil.pid_exists(replica.pid)

    asyncio.run(scene())


def test_a_machine_that_has_no_room_for_a_process_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise BlockingIOError(errno.EAGAIN, "Resource temporarily unavailable")

    monkeypatch.setattr(link.subprocess, "Popen", full)
    replica = ProcessReplica(Load("m", tmp_path, threads=1), Limits(), lambda _: None)
    with pytest.raises(UserError, match="no process can be started for m") as told:
        asyncio.run(replica.start())
    assert "temporarily unavailable" in told.value.found


def test_a_pause_of_the_process_that_listens_is_not_taken_for_the_models(run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "BEAT_SECONDS", 0.1)
    monkeypatch.setattr(process, "LOST_BEATS", 30)

    async def scene() -> None:
        replica = ProcessReplica(Load("m", run), Limits(), lambda _: None)
        await replica.start()
        await asyncio.sleep(0.3)
        time.sleep(3.5)  # longer than a process may be silent: the loop stands still, as in a process that is stopped
        await asyncio.sleep(0.5)
        assert (replica.num_restarts, replica.is_ready) == (0, True)
        await replica.stop()

    asyncio.run(scene())


def test_a_request_that_cannot_be_sent_is_not_counted(tmp_path: Path) -> None:
    replica = ProcessReplica(Load("m", tmp_path), Limits(), lambda _: None)
    with pytest.raises(HTTPError, match="has just ended"):
        replica.call(Request("predict"))
    assert replica.num_going == 0
