"""Connections that only wait for their client make room, the oldest first; overdue ones are given up."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from noria.service.door.connections import Connections, Phase
from noria.service.request.limits import Limits


class Fake:
    """A connection that notes how it was given up."""

    def __init__(self) -> None:
        self.given_up: Phase | None = None
        self.is_shut = False
        self.unread = 100

    def num_unread(self) -> int:
        return self.unread

    def is_closing(self) -> bool:
        return self.is_shut

    def give_up(self, phase: Phase) -> None:
        self.given_up, self.is_shut = phase, True


@pytest.fixture
def at(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[Callable[[float], None]], None]], None]:
    """Run a function in a loop whose clock it may set."""

    def run(test: Callable[[Callable[[float], None]], None]) -> None:
        async def inside() -> None:
            loop = asyncio.get_running_loop()
            now = loop.time()
            real = loop.time

            def set_clock(seconds: float) -> None:
                monkeypatch.setattr(loop, "time", lambda: now + seconds)

            set_clock(0)
            test(set_clock)
            monkeypatch.setattr(loop, "time", real)

        asyncio.run(inside())

    return run


def opened(connections: Connections, count: int) -> list[Fake]:
    found = [Fake() for _ in range(count)]
    for one in found:
        connections.opened(one)
    return found


def test_at_the_limit_the_one_that_waits_longest_goes(at) -> None:
    def test(_) -> None:
        connections = Connections(Limits(connections=3))
        first, second, third = opened(connections, 3)
        connections.enter(first, None)  # is being answered
        (fourth,) = opened(connections, 1)
        assert [one.given_up for one in (first, second, third, fourth)] == [None, Phase.SILENT, None, None]

    at(test)


def test_one_that_is_being_answered_is_never_given_up(at) -> None:
    def test(set_clock) -> None:
        connections = Connections(Limits(connections=2))
        found = opened(connections, 2)
        for one in found:
            connections.enter(one, None)
        set_clock(10_000)
        connections.sweep()
        late = opened(connections, 1)[0]
        assert [one.given_up for one in (*found, late)] == [None, None, Phase.SILENT]

    at(test)


@pytest.mark.parametrize(
    ("phase", "seconds"), [(Phase.SILENT, 1.0), (Phase.HEAD, 2.0), (Phase.UNREAD, 3.0), (Phase.CLOSING, 3.0)]
)
def test_each_wait_has_its_own_end(at, phase, seconds) -> None:
    def test(set_clock) -> None:
        connections = Connections(Limits(silent_seconds=1.0, head_seconds=2.0, unread_seconds=3.0))
        (one,) = opened(connections, 1)
        connections.enter(one, phase)
        set_clock(seconds - 0.1)
        connections.sweep()
        assert one.given_up is None
        set_clock(seconds + 0.1)
        connections.sweep()
        assert one.given_up is phase

    at(test)


def test_one_that_was_closed_and_is_not_gone_is_seen(at) -> None:
    def test(set_clock) -> None:
        connections = Connections(Limits(unread_seconds=3.0))
        (one,) = opened(connections, 1)
        connections.enter(one, None)
        one.is_shut = True  # by somebody who did not tell
        connections.sweep()
        assert connections.phase(one) is Phase.CLOSING
        set_clock(3.1)
        connections.sweep()
        assert one.given_up is Phase.CLOSING

    at(test)


def test_nothing_is_kept_of_those_that_are_gone(at) -> None:
    def test(_) -> None:
        connections = Connections(Limits(connections=10))
        for one in opened(connections, 1000):
            connections.closed(one)
        assert len(connections) == 0
        assert not any(connections._since.values())
        assert connections._clock is None

    at(test)


def test_a_client_that_reads_slowly_is_let_alone_and_one_that_does_not_read_is_not(at) -> None:
    def test(set_clock) -> None:
        connections = Connections(Limits(unread_seconds=30.0))
        slow, gone = opened(connections, 2)
        for one in (slow, gone):
            connections.enter(one, Phase.UNREAD)
        for seconds in (31, 62, 93):
            slow.unread -= 1
            set_clock(seconds)
            connections.sweep()
            assert (slow.given_up, gone.given_up) == (None, Phase.UNREAD)
            connections.closed(gone)
        set_clock(124)
        connections.sweep()
        assert slow.given_up is Phase.UNREAD

    at(test)
