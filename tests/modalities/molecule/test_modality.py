"""What networks, simple models and people get of a molecule: pairs, counts, similarity, scaffolds, pictures."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from noria.errors import UserError
from noria.modalities.molecule import Molecule
from noria.modalities.molecule.embedder import _shuffled
from noria.modalities.molecule.graph import BONDS, FAREST, HANDS, NEAREST, SAME, STEREO_BONDS, pair_codes
from noria.modalities.molecule.similarity import nearest, packed
from noria.types import PAD, as_tensors

SMILES = ["CCO", "C=CC#N", "c1ccccc1O", "CC(=O)Oc1ccccc1C(=O)O", "C" * 14]


@pytest.fixture(scope="module")
def state():
    return Molecule().fit(SMILES)


def codes_of(smiles, beside=()):
    arrays = Molecule().encode([smiles, *beside], Molecule().fit(SMILES)).arrays
    tensors = as_tensors(arrays, slice(None), "cpu")
    return pair_codes(tensors["bonds"], tensors["atoms"][..., 0] != PAD)[0].numpy()


def test_pairs_are_told_by_their_bond_or_by_how_far_they_are_apart():
    single, double, triple = BONDS[1.0], BONDS[2.0], BONDS[3.0]
    expected = [
        [SAME, double, NEAREST, NEAREST + 1],
        [double, SAME, single, NEAREST],
        [NEAREST, single, SAME, triple],
        [NEAREST + 1, NEAREST, triple, SAME],
    ]
    assert codes_of("C=CC#N").tolist() == expected
    assert codes_of("C" * 14)[0].tolist() == [SAME, single, *range(NEAREST, FAREST), *[FAREST] * 4]


def test_pairs_do_not_depend_on_what_else_is_in_the_batch():
    alone, beside = codes_of("CCO"), codes_of("CCO", ["C" * 14])
    np.testing.assert_array_equal(beside[:3, :3], alone)
    assert not beside[3:].any()


def test_the_bias_of_pairs_is_that_of_their_codes_and_none_for_members(state):
    embedder = Molecule(members=2).embedder(state, 16)
    torch.nn.init.normal_(embedder.bias.weight)
    with torch.no_grad():
        embedder.bias.weight[0] = 0
    tokens = embedder(as_tensors(Molecule().encode(SMILES, state).arrays, slice(None), "cpu"))
    assert tokens.pair_bias.shape[1:] == (1, 16, 16)
    assert not tokens.pair_bias[:, :, :2].any()
    assert tokens.pair_bias[0, 0, 2, 3] == embedder.bias.weight[BONDS[1.0], 0]


def test_simple_models_read_how_often_each_substructure_stands_in_a_molecule(state):
    arrays = Molecule().encode(["CCCCCO", "CCO"], state).arrays
    tensors, tabulator = as_tensors(arrays, slice(None), "cpu"), Molecule().tabulator(state)
    rows = tabulator(tensors).numpy()
    features = Molecule().vectorizer(state)(tensors)
    dense = np.zeros((2, len(tabulator.is_code)))
    np.add.at(dense, (np.arange(2)[:, None], features.ids.numpy()), features.values.numpy())
    known = len(state["descriptors"])
    np.testing.assert_allclose(dense[:, known:], np.log1p(rows[:, known:]), atol=1e-6)
    assert rows[0, known:].max() > 1


def test_what_was_in_training_is_wholly_familiar_and_its_kin_more_than_others(state):
    near = Molecule().familiarity(Molecule().encode(["OCC", "c1ccccc1OC", "N#N"], state).arrays, state)
    assert near[0] == 1
    assert 1 > near[1] > near[2] >= 0


def test_similarity_is_tanimotos(state):
    from rdkit import Chem, DataStructs
    from rdkit.Chem import rdFingerprintGenerator

    make = rdFingerprintGenerator.GetMorganGenerator(radius=2, fpSize=2048).GetFingerprint
    prints = [make(Chem.MolFromSmiles(one)) for one in SMILES]
    rows = [np.array(list(one.GetOnBits())) for one in prints]
    for index, one in enumerate(prints):
        others = [place for place in range(len(SMILES)) if place != index]
        expected = max(DataStructs.TanimotoSimilarity(one, prints[place]) for place in others)
        found = nearest(packed([rows[index]]), packed([rows[place] for place in others]))
        assert found[0] == pytest.approx(expected)


def test_molecules_of_one_scaffold_have_one_key_and_what_is_none_has_none():
    keys = Molecule().group_keys(["Cc1ccccc1", "OCCc1ccccc1", "C1CCCCC1", "CCO", "CCCl", "junk"], "scaffold")
    assert keys[0] == keys[1] == "c1ccccc1"
    assert keys[3] == keys[4] == ""
    assert (keys[2], keys[5]) == ("C1CCCCC1", None)


def test_a_molecule_is_drawn(state):
    arrays = {name: array[2] for name, array in Molecule().encode(SMILES, state).arrays.items()}
    picture = Molecule().display(arrays, state)
    assert picture.dtype == np.uint8
    assert (picture < 128).any()


def test_training_without_a_molecule_says_what_it_found():
    with pytest.raises(UserError) as caught:
        Molecule().fit(["junk", "1.5"])
    assert "'junk' is no molecule" in caught.value.found


def test_descriptors_that_cannot_be_worked_out_are_missing_and_no_descriptor_is_endless(state):
    arrays = Molecule().encode(["[Na+]", "[U]", "*CC"], state).arrays
    assert not np.isinf(arrays["descriptors"]).any()
    embedder = Molecule(members=2).embedder(state, 16)
    assert embedder(as_tensors(arrays, slice(None), "cpu")).features.isfinite().all()


def test_a_descriptor_that_this_rdkit_lacks_is_told(state):
    with pytest.raises(UserError, match="does not work out") as caught:
        Molecule().encode(["CCO"], {**state, "descriptors": {"Lost": [0.0, 1.0]}})
    assert "Lost" in caught.value.found


@pytest.mark.parametrize(
    ("one", "other", "did_tell"),
    [
        ("C/C=C/C", "C/C=C\\C", False),
        ("C[C@H](N)C(=O)O", "C[C@@H](N)C(=O)O", True),  # as it is written
        ("C[C@H]1CC[C@@H](O)CC1", "C[C@H]1CC[C@H](O)CC1", True),  # centres whose mirror images are alike
    ],
)
def test_the_graph_tells_stereoisomers_apart_and_that_of_older_models_as_it_did(state, one, other, did_tell):
    arrays = as_tensors(Molecule().encode([one, other], state).arrays, slice(None), "cpu")
    older = {name: value for name, value in state.items() if name != "codes"}
    for known, is_told in ((state, True), (older, did_tell)):
        embedder = Molecule(members=1).embedder(known, 16)
        torch.nn.init.normal_(embedder.bias.weight)
        tokens = embedder(arrays)
        first, second = torch.cat([tokens.features[:, 1:].flatten(1), tokens.pair_bias.flatten(1)], 1)
        assert bool((first != second).any()) is is_told


@pytest.mark.parametrize(
    "texts",
    [("C/C=C/C", "C\\C=C\\C", "C(/C)=C\\C"), ("C[C@H](N)C(=O)O", "N[C@@H](C)C(=O)O", "OC(=O)[C@H](C)N")],
)
def test_one_stereoisomer_is_one_graph_however_it_is_written(state, texts):
    arrays = Molecule().encode(texts, state).arrays
    for name in ("atoms", "bonds"):
        rows = [arrays[name][index].tolist() for index in range(len(texts))]
        assert rows[0] == rows[1] == rows[2]


def test_r_and_s_and_e_and_z_are_told_by_the_rules_of_chemistry(state):
    arrays = Molecule().encode(["C[C@H](N)C(=O)O", "C/C=C/C"], state).arrays
    assert max(arrays["atoms"][0][:, -1]) == HANDS["S"]  # L-alanine
    assert max(arrays["bonds"][1][:, -1]) == STEREO_BONDS["E"]


def tokens_of(smiles, state):
    own = Molecule(smiles=True)
    torch.manual_seed(0)
    embedder = own.embedder(state, 16).eval()
    torch.nn.init.normal_(embedder.bias.weight)
    return embedder, embedder(as_tensors(own.encode(smiles, state).arrays, slice(None), "cpu"))


def test_a_molecule_is_read_as_smiles_beside_its_graph_wherever_it_stands_among_others(state):
    assert "smiles" not in Molecule().encode(SMILES, state).arrays
    _, alone = tokens_of(SMILES[:1], state)
    _, among = tokens_of(SMILES, state)
    is_real = among.is_real[0]
    assert int(is_real.sum()) == alone.features.shape[1] == 8 + 3 + len("CCO")
    torch.testing.assert_close(among.features[0, is_real], alone.features[0])
    assert among.positions[0, is_real].tolist() == alone.positions[0].tolist()
    bias = among.pair_bias[0, 0][is_real][:, is_real]
    torch.testing.assert_close(bias, alone.pair_bias[0, 0])


def test_in_training_the_smiles_of_a_molecule_is_written_in_many_orders_and_stays_the_same_molecule(state):
    from rdkit import Chem

    smiles = ["CC(=O)Oc1ccccc1C(=O)O", "C/C(F)=C/[C@H](N)O", "CCO"]
    arrays = Molecule(smiles=True).encode(smiles, state).arrays
    characters = as_tensors(arrays, slice(None), "cpu")["smiles"]
    torch.manual_seed(0)
    written = [[bytes(c for c in row if c != PAD).decode() for row in _shuffled(characters).tolist()] for _ in range(9)]
    for same in zip(*written, strict=True):
        assert len({Chem.CanonSmiles(one) for one in same}) == 1
        assert len(set(same)) > 1
    torch.manual_seed(0)
    assert [bytes(c for c in row if c != PAD).decode() for row in _shuffled(characters).tolist()] == written[0]
    embedder, _ = tokens_of(smiles, state)
    features = [embedder.smiles(characters)[0] for _ in range(2)]
    assert torch.equal(*features)  # in use as it is stored
    assert not torch.equal(embedder.train().smiles(characters)[0][0], features[0][0])
