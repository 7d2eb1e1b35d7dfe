"""The databases that the ledger's tests run on."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from noria.database import Database, open_database
from noria.ledger import SCHEMA, About, Entry, Posting
from postgres_server import Server

DAY = 1_795_953_600.0  # 2026-11-29, noon


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    server = Server()
    yield server
    server.remove()


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    """An empty ledger of each kind of database."""
    url = str(tmp_path / "database" / "a.db")
    if request.param == "postgresql":
        pytest.importorskip("pg8000", reason="needs pg8000")
        url = request.getfixturevalue("server").url
    database = open_database(url)
    if request.param == "postgresql":
        drop = "drop table if exists posting, entry, total, spool, answers, feedback, valuing, schema_version cascade"
        database.transact(lambda to: to.run(drop))
    database.prepare(SCHEMA)
    yield database
    database.close()


def spent(key: str, micro: int = 5, about: About | None = None, day: float = DAY, **quantities: int) -> Entry:
    """Return an entry of compute."""
    postings = (Posting("cost:compute", micro), Posting("clearing:cost", -micro))
    return Entry(key, day, about or About("digits", "1"), quantities or {"predictions": 1}, postings, "EUR", "stated")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The folder of a spool of a test's own."""
    (tmp_path / "spool").mkdir()
    return tmp_path / "spool"
