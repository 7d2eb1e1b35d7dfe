"""Molecules in files of their own: SMILES a line, MOL blocks with properties; what is cut off is told, and where."""

from __future__ import annotations

import pytest

from noria.errors import UserError
from noria.sources.formats.opening import open_source

BLOCK = """{name}
  made by hand

  2  1  0  0  0  0  0  0  0  0999 V2000
    0.0000    0.0000    0.0000 C   0  0
    1.0000    0.0000    0.0000 O   0  0
  1  2  1  0
M  END
"""


def read(path, chunk_size=4096):
    source = open_source(path)
    return source, list(source.rows(chunk_size))


@pytest.fixture
def sdf(tmp_path):
    path = tmp_path / "two.sdf"
    first = BLOCK.format(name="methanol") + ">  <logS>  (1)\n1.1\n\n> <note>\ntwo\nlines\n\n$$$$\n"
    broken = "broken\n\n\n  1  0  0\n$$$$\n"
    path.write_text(first + broken + BLOCK.format(name="again") + "> <logS>\n-0.5\n\n$$$$\n")
    return path


def test_an_sdf_file_has_a_column_for_each_property_and_tells_what_is_no_block(sdf):
    source, (rows,) = read(sdf)
    assert source.columns == ["molecule", "name", "logS", "note"]
    assert rows.columns["name"] == ["methanol", "again"]
    assert rows.columns["logS"] == ["1.1", "-0.5"]
    assert rows.columns["note"] == ["two\nlines", None]
    assert rows.columns["molecule"][0] == BLOCK.format(name="methanol")
    assert (list(rows.numbers), [one.where for one in rows.bad]) == ([1, 22], ["two.sdf:17"])
    assert "M  END" in rows.bad[0].reason
    assert rows.bad[0].before == 1


def test_records_come_in_chunks_and_are_the_same_every_time(sdf):
    source, chunks = read(sdf, 1)
    assert [len(rows) for rows in chunks] == [1, 0, 1]
    assert [list(rows.numbers) for rows in source.rows(1)] == [list(rows.numbers) for rows in chunks]


def test_a_mol_file_is_one_record(tmp_path):
    path = tmp_path / "one.mol"
    path.write_text(BLOCK.format(name="methanol"))
    _, (rows,) = read(path)
    assert (rows.columns["molecule"], rows.columns["name"]) == ([BLOCK.format(name="methanol")], ["methanol"])


def test_a_file_without_a_block_is_refused(tmp_path):
    path = tmp_path / "none.sdf"
    path.write_text("nothing\nof the kind\n")
    with pytest.raises(UserError, match="holds no molecule"):
        open_source(path)


@pytest.mark.parametrize(("head", "first"), [("", 1), ("smiles name\n", 2)])
def test_a_smi_file_has_a_molecule_and_perhaps_a_name_a_line(tmp_path, head, first):
    path = tmp_path / "few.smi"
    path.write_text(f"{head}CCO ethyl alcohol\n\nc1ccccc1\n")
    source, (rows,) = read(path)
    assert source.columns == ["molecule", "name"]
    assert rows.columns == {"molecule": ["CCO", "c1ccccc1"], "name": ["ethyl alcohol", None]}
    assert list(rows.numbers) == [first, first + 2]


def test_a_comment_of_a_smi_file_is_passed_over_with_a_note(tmp_path):
    path = tmp_path / "few.smi"
    path.write_text("# from a supplier\nsmiles name\nCCO\n# aromatic\nc1ccccc1 benzene\nC#N\n")
    source, (rows,) = read(path)
    assert rows.columns == {"molecule": ["CCO", "c1ccccc1", "C#N"], "name": [None, "benzene", None]}
    assert list(rows.numbers) == [3, 5, 6]
    assert source.notes() == ["few.smi: 2 lines that begin with # are comments, passed over"]
