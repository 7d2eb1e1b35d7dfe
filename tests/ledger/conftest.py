"""A ledger of each kind of database, and a spool."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from noria.database import Database, open_database
from noria.ledger import SCHEMA


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    """An empty ledger."""
    database = open_database(database_url)
    database.prepare(SCHEMA)
    yield database
    database.close()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The folder of a spool of a test's own."""
    (tmp_path / "spool").mkdir()
    return tmp_path / "spool"
