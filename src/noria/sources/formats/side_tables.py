"""The tables of items and of users that published sets of interactions have beside them.

    RecBole    ml-100k.inter   ml-100k.item   ml-100k.user       MovieLens   ratings.dat  movies.dat  users.dat
                                                                             ratings.csv  movies.csv
Read next: histories.py.
"""

from __future__ import annotations

from pathlib import Path

from noria.contract.source import Source
from noria.sources.core.history import Attributes, SideTable, values_of_cell
from noria.sources.formats.csv_table import CsvTable
from noria.sources.formats.interactions import plain_name

BESIDE = {"ratings.dat": {"item": "movies.dat", "user": "users.dat"}, "ratings.csv": {"item": "movies.csv"}}
TITLES = ("title", "movie_title", "name", "product_name")
UNUSED = ("zip_code", "zip", "imdb_url", "video_release_date")  # nearly one of its own for each: nothing to learn from
MOST_VALUES = 64  # characters of a value of an attribute


def side_files(path: Path) -> dict[str, Path]:
    """Return the tables of items and users beside a table of interactions, those that are there."""
    if path.suffix == ".inter":
        named = {kind: path.with_suffix(f".{kind}") for kind in ("item", "user")}
    else:
        named = {kind: path.with_name(name) for kind, name in BESIDE.get(path.name.lower(), {}).items()}
    return {kind: one for kind, one in named.items() if one.is_file()}


def open_side(path: Path) -> Source:
    """Open such a table by the ending of its name."""
    from noria.sources.formats.dat import open_format

    return open_format(path, None) if path.suffix == ".dat" else CsvTable(path)


def side_table(path: Path) -> SideTable:
    """Return a table's attributes by the id in its first column; the column of titles names the things."""
    source = open_side(path)
    first, *others = source.columns
    names = {column: plain_name(column) for column in others}
    title = next((column for column, name in names.items() if name.lower() in TITLES), None)
    rows: dict[str, Attributes] = {}
    titles: dict[str, str] = {}
    for chunk in source.rows():
        ids = [str(cell).strip() for cell in chunk.columns[first]]
        if title is not None:
            titles |= {key: str(cell) for key, cell in zip(ids, chunk.columns[title], strict=True) if cell}
        kept = [column for column in others if column != title and names[column].lower() not in UNUSED]
        for index, key in enumerate(ids):
            rows[key] = {names[one]: _values(one, chunk.columns[one][index]) for one in kept}
    return SideTable(rows, titles)


def _values(column: str, cell: object) -> tuple[str, ...]:
    """Return the values of a cell: several where the header says so or bars stand between them."""
    if isinstance(cell, str) and column.endswith(":token_seq"):
        cell = cell.split()
    elif isinstance(cell, str) and "|" in cell:
        cell = cell.split("|")
    return tuple(value[:MOST_VALUES] for value in values_of_cell(cell))
