"""New molecules: what is learnt and asked for in training, what is written, judged, scored and filed."""

from __future__ import annotations

import csv
import io

import numpy as np
import pytest
import torch

from noria.contract.capabilities import IDS
from noria.errors import UserError
from noria.modalities.molecule.properties import NAMES, PROPERTIES
from noria.modalities.molecule.reading import Limits
from noria.modalities.wishes.modality import FAR, LIKE, RANGES
from noria.targets.molecule import Molecule
from noria.targets.molecule.files import as_file
from noria.targets.molecule.judging import judged
from noria.targets.molecule.learning import asked_one, shuffled, wished
from noria.targets.molecule.metrics import molecule_metrics
from noria.targets.molecule.smiles import SmilesTokens
from noria.targets.molecule.writing import requested
from noria.types import PAD, as_tensors

Chem = pytest.importorskip("rdkit.Chem", reason="needs rdkit")
SMILES = [
    "CCO",
    "OC1CCCCC1Br",
    "c1ccccc1O",
    "CC(=O)Oc1ccccc1C(=O)O",
    "C[C@H](N)C(=O)[O-]",
    "ClCC#N",
    "CCCCCC",
    "CC(C)N",
]


@pytest.fixture(scope="module")
def target():
    return Molecule(wishes="wishes")


@pytest.fixture(scope="module")
def state(target):
    return target.fit(SMILES)


@pytest.fixture(scope="module")
def arrays(target, state):
    encoded = target.encode(SMILES, state)
    assert not encoded.bad
    return encoded.arrays


def values_of(written, arrays=None, weights=None):
    """Return the scores of written texts, all of them asked for the range of `arrays`."""
    known = Molecule(wishes="wishes").fit(SMILES)["known"]
    output = judged(written, known, Limits()) | judged(written, known, Limits(), "asked_")
    truth = arrays or {"asked": np.tile(np.float32([[0, -1, 1]]), (len(written), 1))}
    weights = np.ones((1, len(written))) if weights is None else weights
    return {one.name: one.value(output, truth, weights)[0] for one in molecule_metrics()[3:]}


def test_an_atom_a_bracket_and_a_ring_of_two_digits_are_one_token_each():
    text = "C[C@@H](Cl)c%12ccBr"
    tokens = SmilesTokens(SmilesTokens.of([text]))
    ids = tokens.ids(text)
    assert len(ids) - 1 == len(["C", "[C@@H]", "(", "Cl", ")", "c", "%12", "c", "c", "Br"])
    assert tokens.text(ids) == text
    assert (ids[-1], tokens.size) == (tokens.end, tokens.end + 1)


def test_a_molecule_is_learnt_in_one_form_and_told_as_it_is_learnt(target, state, arrays):
    other = target.encode(["OCC"], state).arrays
    np.testing.assert_array_equal(other[IDS][0], arrays[IDS][0])
    assert target.decode_target(arrays, state)[:2] == ["CCO", Chem.CanonSmiles(SMILES[1])]


def test_a_token_that_training_lacks_is_named_and_so_is_the_setting_that_refuses(target, state):
    bad = target.encode(["O=[As]O", "C1CC", None, "C" * 101, "C[Si](C)(C)C"], state).bad
    assert set(bad) == {0, 1, 2, 3}
    assert bad[0] == "has [As], which no training molecule has"
    assert "is no molecule" in bad[1]
    assert bad[2] == "the molecule is missing"
    assert "(target.max_atoms)" in bad[3]


def test_evaluation_asks_for_a_range_that_the_molecule_itself_lies_in(arrays):
    which, low, high = arrays["asked"].T
    own = arrays["properties"][np.arange(len(which)), which.astype(int)]
    assert ((low <= own) & (own <= high)).all()
    assert len(set(which.tolist())) > 1
    asked = asked_one(as_tensors(arrays, slice(None), "cpu"))[RANGES].numpy()
    assert ((np.abs(asked) < FAR).all(2).sum(1) == 1).all()


def test_training_asks_for_what_its_molecules_have_and_for_nothing_in_a_seventh():
    ends = [[0, 1, 2, 3, 4, 5], [0.1, 0.6, 0.7, 0.7, 0.8, 0.9], [100, 250, 300, 320, 350, 600], [1, 2, 3, 3, 4, 8]]
    torch.manual_seed(0)
    values = torch.tensor([[2.0, 0.7, 300.0, 3.0]]).repeat(4000, 1)
    like = torch.arange(6).repeat(4000, 1)
    drawn = wished({"properties": values, "substructures": like}, ends)
    low, high = drawn[RANGES].unbind(-1)
    assert bool(((low <= values) & (values <= high)).all())
    is_open = (low == -FAR) & (high == FAR)
    assert (is_open.all(1) & (drawn[LIKE] == PAD).all(1)).float().mean() == pytest.approx(
        0.15 + 0.85 * 0.5**4 * 0.9, abs=0.03
    )
    assert is_open.float().mean(0).min() > 0.5
    is_like = (drawn[LIKE] != PAD).any(1)
    assert is_like.float().mean() == pytest.approx(0.085, abs=0.03)
    assert (drawn[LIKE][is_like] == PAD).any(1).float().mean() > 0.5
    torch.manual_seed(0)
    again = wished({"properties": values, "substructures": like}, ends)
    assert all(torch.equal(drawn[name], again[name]) for name in drawn)


def test_ranges_that_training_asks_for_are_narrow_beside_how_its_values_are_spread():
    torch.manual_seed(0)
    values, spread = torch.tensor([[2.0, 0.7, 300.0, 3.0]]).repeat(4000, 1), torch.tensor([0.4, 0.1, 30.0, 0.5])
    ends = [[value - one, value - one / 2, value, value, value + one / 2, value + one]
            for value, one in zip(values[0].tolist(), spread.tolist(), strict=True)]  # fmt: skip
    ranges = wished({"properties": values, "substructures": torch.zeros(4000, 0)}, ends)[RANGES]
    widths = ranges[..., 1] - ranges[..., 0]
    for own, one in zip(widths.T, spread, strict=True):
        closed = own[own < FAR / 2] / one
        assert closed.median() < 1
        assert 2 < closed.max() <= 4
    alike = wished({"properties": values, "substructures": torch.zeros(4000, 0)}, [[one] * 6 for one in values[0]])
    widest = (alike[RANGES] - values[..., None]).abs()
    assert widest[widest < FAR / 2].max() > 20  # of molecules that all weigh the same, cells stand for the spread


def test_a_molecule_in_another_order_is_the_same_molecule(state, arrays):
    tokens = SmilesTokens(state["tokens"])
    ids = as_tensors({IDS: arrays[IDS]}, slice(None), "cpu")[IDS]
    torch.manual_seed(3)
    texts = [tokens.text(row) for row in shuffled(ids, tokens, 1.0).tolist()]
    plain = [tokens.text(row) for row in ids.tolist()]
    assert [Chem.CanonSmiles(one) for one in texts] == plain
    assert sum(one != other for one, other in zip(texts, plain, strict=True)) >= 4
    assert torch.equal(shuffled(ids, tokens, 0.0), ids)


def test_scores_tell_valid_from_different_from_new():
    written = ["CCO", "OCC", "C1CC", "CCCCO", "CCCCO", "CCCN"]
    found = values_of(written)
    assert found["validity"] == pytest.approx(5 / 6)
    assert found["uniqueness"] == pytest.approx(3 / 5)
    assert found["novelty"] == pytest.approx(3 / 5)


def test_inside_counts_what_is_no_molecule_as_outside():
    truth = {"asked": np.float32([[2, 40, 50], [2, 40, 50], [2, 400, 500], [0, -9, 9]])}
    assert values_of(["CCO", "C1CC", "CCO", "CCO"], truth)["inside"] == 0.5


def test_diversity_is_none_of_equals_and_leaves_out_a_molecule_with_itself():
    assert values_of(["CCO", "OCC"])["diversity"] == 0
    both = values_of(["CCO", "c1ccccc1"])["diversity"]
    assert 0.9 < both <= 1
    assert np.isnan(values_of(["CCO", "C1CC"])["diversity"])


def test_scores_of_what_was_not_written_are_not_told():
    output = {"nats": np.ones(3), "tokens": np.ones(3), "right": np.ones(3)}
    for metric in molecule_metrics()[3:]:
        assert np.isnan(metric.value(output, {}, np.ones((2, 3)))).all(), metric.name


def test_the_files_have_every_molecule_with_its_properties():
    smiles = ["CCO", "c1ccccc1O"]
    assert as_file(smiles, ".smi") == b"CCO\nc1ccccc1O\n"
    rows = list(csv.DictReader(io.StringIO(as_file(smiles, ".csv").decode())))
    assert [row["molecule"] for row in rows] == smiles
    assert rows[0]["weight"] == "46.1"
    supplier = Chem.SDMolSupplier()
    supplier.SetData(as_file(smiles, ".sdf").decode())
    assert [Chem.MolToSmiles(one) for one in supplier] == [Chem.CanonSmiles(one) for one in smiles]
    assert all(set(one.GetPropNames()) == {"smiles", *NAMES} for one in supplier)
    assert as_file(smiles, ".svg").lstrip().startswith(b"<?xml")
    assert as_file(smiles, ".docx") is None


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"logp": "2..3"}, 'put it into quotes, without the sign: "logp 2..3"'),
        ({"cuont": 3}, "did you mean 'count'"),
        ({"count": 0}, "1 to 100,000"),
        ({"count": "many"}, "a whole number"),
        ({"temperature": -1}, "0 to 100"),
        ({"seed": True}, "a whole number"),
    ],
)
def test_what_a_request_cannot_set_is_said(settings, told):
    with pytest.raises(UserError, match="(?s)" + told.replace("(", "[(]")):
        requested(Molecule(wishes="wishes"), settings)


def test_every_property_is_told_with_what_it_is():
    assert all(one.what and one.low < one.high for one in PROPERTIES)
