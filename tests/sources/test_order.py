"""Records that cannot be used keep their place among those that can, through every reader and every wrapper."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from noria.contract.source import Source
from noria.sources.core.filename_columns import Named
from noria.sources.formats.opening import open_source
from noria.types import Rejected, Rows


def places(source: Source, chunk_size: int = 4096) -> list[str]:
    """Where all records stand, in the order that the chunks tell: `!` marks one that cannot be used."""
    told = []
    for rows in source.rows(chunk_size):
        for index in range(len(rows) + 1):
            told += [f"!{one.where.rsplit(':')[-1].rsplit('/')[-1]}" for one in rows.bad if one.before == index]
            told += [rows.where(index).rsplit(":")[-1].rsplit("/")[-1]] if index < len(rows) else []
        assert len(told) >= len(rows) + len(rows.bad)
    return told


def table(folder: Path) -> Source:
    (folder / "a.csv").write_text("a,b\n1\n1,2\n3\n4\n5,6\n7\n")
    return open_source(folder / "a.csv")


def objects(folder: Path) -> Source:
    (folder / "a.jsonl").write_text('\n[1]\n{"a": 1}\n[2]\n[3]\n{"a": 2}\n3\n'[1:])
    return open_source(folder / "a.jsonl")


def files(folder: Path) -> Source:
    for name in "123456":
        (folder / "set").mkdir(exist_ok=True)
        (folder / "set" / f"{name}.png").write_bytes(b"x" if name in "25" else b"")
    return open_source(folder / "set")


@pytest.mark.parametrize("opened", [table, objects, files])
@pytest.mark.parametrize("chunk_size", [4096, 2, 1])
def test_what_cannot_be_read_stands_where_it_stood(
    opened: Callable[[Path], Source], chunk_size: int, tmp_path: Path
) -> None:
    told = [one.removesuffix(".png") for one in places(opened(tmp_path), chunk_size)]
    first = 1 if opened is not table else 2  # line 1 of a table is its header
    assert told == [f"{'' if number in (1, 4) else '!'}{number + first}" for number in range(6)]


def test_a_wrapper_that_refuses_more_keeps_the_order(tmp_path: Path) -> None:
    for name in ("a1", "b2", "c", "d4", "e", "f6"):
        (tmp_path / f"{name}.png").write_bytes(b"" if name == "b2" else b"x")
    found = places(Named(open_source(tmp_path), r"(?P<label>[a-z])\d"))
    assert found == ["a1.png", "!b2.png", "!c.png", "d4.png", "!e.png", "f6.png"]


def test_texts_that_cannot_be_read_keep_the_order(tmp_path: Path) -> None:
    for name, content in {"1": b"one", "2": b" ", "3": b"", "4": b"four", "5": b"\n"}.items():
        (tmp_path / "set" / "kind").mkdir(parents=True, exist_ok=True)
        (tmp_path / "set" / "kind" / f"{name}.txt").write_bytes(content)
    assert [one.removesuffix(".txt") for one in places(open_source(tmp_path / "set"))] == ["1", "!2", "!3", "4", "!5"]


def test_records_that_become_several_count_for_all_that_come_of_them() -> None:
    rows = Rows({"a": [0, 1, 2]}, "t", [1, 2, 4], bad=[Rejected("t:3", "unread", 2)])
    told = rows.flawed({1: "two"}, made=[3, 0, 2])
    assert [(one.where, one.reason, one.before) for one in told] == [("t:2", "two", 3), ("t:3", "unread", 3)]
    assert [(one.where, one.before) for one in rows.flawed({0: "one"})] == [("t:1", 0), ("t:3", 1)]
