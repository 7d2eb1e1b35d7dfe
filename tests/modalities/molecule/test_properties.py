"""What a molecule can be asked to have: the score of how hard it is to make is RDKit's own, without its pickle."""

from __future__ import annotations

import gzip
import sys
from pathlib import Path

import numpy as np
import pytest

from noria.modalities.molecule.properties import CELLS, NAMES, PROPERTIES, properties_of
from noria.modalities.molecule.sa_score import _table, sa_score

Chem = pytest.importorskip("rdkit.Chem", reason="needs rdkit")
CASES = [
    "CC(=O)Oc1ccccc1C(=O)O",
    "C",
    "[Na+].[Cl-]",
    "C1CC2(C1)CCC2",
    "C1CCCCCCCCCCC1",
    "C[C@H](N)C(=O)O",
    "c1ccc2c(c1)C1CCC2C1",
    "C" * 60,
    "[U]",
]


@pytest.fixture(scope="module")
def contribution(monkeypatch_module):
    from rdkit import RDConfig

    folder = Path(RDConfig.RDContribDir) / "SA_Score"
    if not (folder / "sascorer.py").is_file():
        pytest.skip("this RDKit came without its contributions")
    monkeypatch_module.syspath_prepend(str(folder))
    import sascorer

    return sascorer


@pytest.fixture(scope="module")
def monkeypatch_module():
    with pytest.MonkeyPatch.context() as patch:
        yield patch
    sys.modules.pop("sascorer", None)


def test_the_score_of_how_hard_a_molecule_is_to_make_is_that_of_rdkits_contribution(contribution):
    for smiles in CASES:
        molecule = Chem.MolFromSmiles(smiles)
        assert sa_score(molecule) == contribution.calculateScore(molecule), smiles


def test_the_shipped_table_has_every_fragment_of_rdkits_with_its_score(contribution):
    contribution.readFragmentScores()
    known, scores = _table()
    wanted = contribution._fscores
    assert len(known) == len(wanted) == 705_292
    assert all(wanted[int(one)] == score for one, score in zip(known[::97], scores[::97], strict=True))
    assert bool((np.diff(known.astype(np.int64)) > 0).all())


def test_the_shipped_table_is_no_pickle():
    from importlib.resources import files

    data = files("noria.modalities.molecule").joinpath("sa_score.npz").read_bytes()
    assert data[:2] == b"PK"
    with pytest.raises(gzip.BadGzipFile):
        gzip.decompress(data)


def test_aspirin_has_the_properties_that_are_known_of_it():
    values = dict(zip(NAMES, properties_of(Chem.MolFromSmiles(CASES[0])), strict=True))
    assert values == pytest.approx({"logp": 1.31, "qed": 0.55, "weight": 180.16, "sa": 1.58}, abs=0.01)


def test_wishes_are_told_apart_by_round_steps():
    assert {one.name: round(one.step, 6) for one in PROPERTIES} == {
        "logp": 0.25,
        "qed": 0.02,
        "weight": 20.0,
        "sa": 0.2,
    }
    assert CELLS == 50
