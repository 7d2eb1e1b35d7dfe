"""What all tests share: one thread a process, a cache of their own, and no word to the network."""

from __future__ import annotations

import fcntl
import functools
import os
import shutil
import sys
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, settings

if TYPE_CHECKING:
    from postgres_server import Server

# A timing never decides a test: the machines that run this may be busy.
settings.register_profile("steady", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("steady")

# Before torch is imported, here and in every child: the machines that run this have two cores.
os.environ["OMP_NUM_THREADS"] = "1"
os.environ["HF_HUB_OFFLINE"] = "1"


@pytest.fixture(scope="session", autouse=True)
def _own_folders(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Prepare into folders of the test session, keep jobs and the ledger there, never in the user's own."""
    names = {"NORIA_CACHE": "cache", "NORIA_HOME": "home"}
    with pytest.MonkeyPatch.context() as patch:
        for variable, name in names.items():
            patch.setenv(variable, str(tmp_path_factory.mktemp(name)))
        yield


@pytest.fixture(scope="session", autouse=True)
def _no_wait_for_the_disk() -> Iterator[None]:
    """Leave out the wait until the disk has written: no test cuts the power, and a training waits some 40 times.

    Tests of what is written when patch os.fsync on top; a handle that is not open stays an error.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", lambda handle: os.fstat(handle) and None)
        yield


@pytest.fixture(scope="session")
def postgres() -> Iterator[Server]:
    """A server of PostgreSQL that tests share, each with a database of its own; it is not to be killed."""
    yield from _running_postgres()


@pytest.fixture
def mortal_postgres() -> Iterator[Server]:
    """A server of PostgreSQL of the test's own, to be killed."""
    yield from _running_postgres()


def _running_postgres() -> Iterator[Server]:
    pytest.importorskip("pg8000", reason="needs pg8000")
    from postgres_server import Server

    server = Server()
    yield server
    server.remove()


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of an empty database of each kind."""
    if request.param == "sqlite":
        return str(tmp_path / "database" / "a.db")
    return str(request.getfixturevalue("postgres").new_url())


@pytest.fixture(scope="session")
def made_once(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str, Callable[[Path], object]], Path]:
    """A function: name, what fills a folder -> the folder, filled once for all processes that run the tests.

    Each process has a copy of its own, so that what its tests do to it is seen by no other.
    """
    base = tmp_path_factory.getbasetemp()
    common = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "made_once"
    common.mkdir(exist_ok=True)
    copies: dict[str, Path] = {}

    def folder_of(name: str, fill: Callable[[Path], object]) -> Path:
        if name not in copies:
            folder, is_whole = common / name, common / f"{name}.whole"
            with (common / f"{name}.lock").open("w") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX)
                if not is_whole.exists():
                    shutil.rmtree(folder, ignore_errors=True)  # of a process that failed at it
                    folder.mkdir()
                    fill(folder)
                    is_whole.touch()
            copies[name] = shutil.copytree(folder, tmp_path_factory.mktemp(name), dirs_exist_ok=True)
        return copies[name]

    return folder_of


@pytest.fixture(scope="session")
def trained(made_once: Callable[[str, Callable[[Path], object]], Path]) -> Callable[[str], Path]:
    """A function: name of a task -> the run folder of a small training of it, its data in the folder beside it."""
    from noria.reporter import Silent
    from noria.stages.train import train
    from tiny_data import tiny_job

    def fill(folder: Path) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            train(tiny_job(folder.name, folder), run=folder / "run", reporter=Silent())

    return lambda task_name: made_once(task_name, fill) / "run"


@pytest.fixture(scope="session")
def checkpoint(made_once: Callable[[str, Callable[[Path], object]], Path]) -> Callable[[str], Path]:
    """A function: name of a tiny checkpoint -> its folder."""
    pytest.importorskip("transformers", reason="needs transformers")
    from checkpoints import save_checkpoint

    return lambda name: made_once(name, lambda folder: save_checkpoint(name, folder))


@pytest.fixture(scope="session")
def onnx_operators() -> Iterator[None]:
    """Read the operators of ONNX once a session: torch parses their sources at each export, a fourth of its time."""
    registry = pytest.importorskip("torch.onnx._internal.exporter._registration").ONNXRegistry
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(registry, "from_torchlib", staticmethod(functools.cache(registry.from_torchlib)))
        yield


@pytest.fixture
def noria(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    """A function: words of a command -> exit code, what it printed, what it said to standard error."""

    from noria import cli

    def run(*words: object) -> tuple[int, str, str]:
        capsys.readouterr()
        monkeypatch.setattr(sys, "argv", ["noria", *map(str, words)])
        code: Any = 0
        try:
            cli.main()
        except SystemExit as left:
            code = left.code
        said = capsys.readouterr()
        return int(code or 0), said.out, said.err

    return run
