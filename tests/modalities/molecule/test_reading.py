"""Molecules as people have them: salts, charges, metals, radicals, broken and endless texts; nothing is printed."""

from __future__ import annotations

import sys
import time

import numpy as np
import pytest

from noria.modalities.molecule import Molecule, reading
from noria.modalities.molecule.reading import Limits, NoMolecule, canonical_smiles, read_molecule

GOOD = ["CCO", "c1ccccc1O", "CC(=O)Oc1ccccc1C(=O)O"]


def smiles_of(value, **limits):
    return canonical_smiles(read_molecule(value, Limits(**limits)))


def reason_of(value, **limits):
    with pytest.raises(NoMolecule) as caught:
        read_molecule(value, Limits(**limits))
    return str(caught.value)


def remarks_of(*values, **settings):
    molecule = Molecule(**settings)
    return molecule.remarks(molecule.fit([*GOOD, *values]))


def mol_block(smiles, has_hydrogens=False):
    from rdkit import Chem

    molecule = Chem.MolFromSmiles(smiles)
    return Chem.MolToMolBlock(Chem.AddHs(molecule) if has_hydrogens else molecule)


@pytest.mark.parametrize("text", ["OCC", "C(O)C", " CCO ", "CCO ethanol", "[CH3][CH2][OH]"])
def test_one_molecule_has_one_form_however_it_is_written(text):
    assert smiles_of(text) == "CCO"
    state = Molecule().fit(GOOD)
    one, other = (Molecule().encode([value], state).arrays for value in ("CCO", text))
    for name, array in one.items():
        np.testing.assert_array_equal(getattr(array, "values", array), getattr(other[name], "values", other[name]))


def test_of_a_salt_the_largest_part_is_read_and_told():
    assert smiles_of("CC(=O)[O-].[Na+]") == "CC(=O)[O-]"
    assert remarks_of("CC(=O)[O-].[Na+]") == [
        "1 of 4 training molecules have several parts; the largest is read (inputs.molecule.parts)"
    ]
    assert smiles_of("CC(=O)[O-].[Na+]", parts="all") == "CC(=O)[O-].[Na+]"
    assert reason_of("CC(=O)[O-].[Na+]", parts="refuse") == "has 2 parts (inputs.molecule.parts)"


def test_of_five_fragments_the_largest_is_chosen_in_whatever_order_they_stand():
    parts = ["Cl", "CCN", "O", "OCC", "O"]
    assert {smiles_of(".".join(order)) for order in (parts, parts[::-1], sorted(parts))} == {"CCO"}


def test_charges_and_isotopes_and_stereo_are_kept():
    for smiles in ("C[N+](C)(C)C", "CC(=O)[O-]", "[2H]C([2H])[2H]", "C[C@H](N)C(=O)O", "C/C=C/C"):
        assert smiles_of(smiles) == smiles


def test_an_invalid_molecule_has_rdkits_own_reason_and_nothing_is_printed(capfd):
    assert "valence" in reason_of("CC(C)(C)(C)C")
    assert "kekulize" in reason_of("c1cccc1").lower()
    assert "unclosed ring" in reason_of("C1CC").lower()
    assert reason_of("not a molecule").startswith("is no molecule: ")
    printed = capfd.readouterr()
    assert (printed.out, printed.err) == ("", "")


@pytest.mark.parametrize("value", [None, "", "  ", float("nan"), b""])
def test_a_missing_molecule_is_told_as_such(value):
    assert reason_of(value) == "the molecule is missing"


def test_a_smiles_of_ten_thousand_characters_is_refused_before_it_is_parsed():
    started = time.process_time()
    assert "10,000 characters" in reason_of("C" * 10_000)
    assert "inputs.molecule.max_atoms" in reason_of("C" * 10_000)
    assert time.process_time() - started < 1
    assert reason_of("C" * 200) == "has 200 atoms, more than 150 (inputs.molecule.max_atoms)"
    assert smiles_of("C" * 90, max_atoms=90) == "C" * 90


def test_a_large_molecule_that_takes_too_long_is_told(monkeypatch):
    reading._tried.cache_clear()
    monkeypatch.setattr(reading, "ALONE", [sys.executable, "-c", "import os; os.abort()"])
    assert reason_of("C" * 120) == "cannot be read: RDKit ends on it"
    reading._tried.cache_clear()
    monkeypatch.setattr(reading, "ALONE", [sys.executable, "-c", "import time; time.sleep(60)"])
    assert reason_of("C" * 120, max_seconds=0.05) == "takes longer than 0.05 s (inputs.molecule.max_seconds)"


def cage(count):
    """Return the SMILES of a molecule each of whose atoms is bound to all others."""
    from rdkit import Chem

    molecule = Chem.RWMol()
    for place in range(count):
        molecule.AddAtom(Chem.Atom("U"))
        for other in range(place):
            molecule.AddBond(other, place, Chem.BondType.SINGLE)
    return Chem.MolToSmiles(molecule)


def test_a_small_molecule_of_many_rings_is_read_within_the_time_too(monkeypatch):
    reading._tried.cache_clear()
    monkeypatch.setattr(reading, "ALONE", [sys.executable, "-c", "import time; time.sleep(60)"])
    assert reason_of(cage(12), max_seconds=0.05) == "takes longer than 0.05 s (inputs.molecule.max_seconds)"


def test_a_molecule_of_as_many_rings_as_real_ones_have_is_read_at_once(monkeypatch):
    monkeypatch.setattr(reading, "_tried", lambda *_: pytest.fail("tried in a process of its own"))
    assert smiles_of("c1ccccc1" * 14)


@pytest.mark.parametrize("smiles", ["*", "[H+]", "[H][H]", "**", "[*]~[*]"])
def test_what_has_no_atom_of_a_known_element_beside_hydrogen_is_refused(smiles):
    assert reason_of(smiles) == "has no atom of a known element beside hydrogen"


def test_atoms_of_no_known_element_are_counted():
    assert remarks_of("*CC") == ["1 of 4 training molecules have an atom of no known element"]


def test_metals_radicals_and_stereo_that_is_left_open_are_read_and_counted():
    assert smiles_of("[CH2]C") == "[CH2]C"
    assert smiles_of("C[Hg]C") == "[CH3][Hg][CH3]"
    told = remarks_of("C[Hg]C", "[CH2]C", "CC(N)C(=O)O")
    assert [one.split(" have ")[1] for one in told] == ["a metal", "a radical", "stereo that is left open"]
    assert not remarks_of("C[C@H](N)C(=O)O", "C/C=C/C")
    assert remarks_of("CC=CC") == ["1 of 4 training molecules have stereo that is left open"]


def test_stereo_that_a_mol_block_without_coordinates_has_lost_is_counted():
    lines = mol_block("C/C=C\\C").splitlines()
    flat = [f"{0:10.4f}" * 3 + line[30:] if len(line) > 60 else line for line in lines]
    assert smiles_of("\n".join(lines)) == "C/C=C\\C"
    assert smiles_of("\n".join(flat)) == "CC=CC"
    assert remarks_of("\n".join(flat)) == ["1 of 4 training molecules have stereo that is left open"]


def test_parts_of_a_mol_block_are_counted_too():
    assert smiles_of(mol_block("CCO.[Na+].[Cl-]")) == "CCO"
    assert remarks_of(mol_block("CCO.[Na+].[Cl-]"))[0].startswith("1 of 4 training molecules have several parts")


def test_a_mol_block_with_and_without_hydrogens_is_the_same_molecule():
    for smiles in ("CCO", "C[C@H](N)C(=O)O", "c1ccccc1"):
        assert smiles_of(mol_block(smiles)) == smiles_of(mol_block(smiles, has_hydrogens=True)) == smiles_of(smiles)
    assert smiles_of(mol_block("CCO").encode()) == "CCO"


def test_a_broken_mol_block_has_a_reason():
    lines = mol_block("CCO").splitlines()
    assert reason_of("\n".join([*lines[:4], *lines[5:]])).startswith("is no molecule: ")


def test_a_large_molecule_that_is_read_in_time_is_read():
    reading._tried.cache_clear()
    assert smiles_of("C" * 110, max_seconds=100) == "C" * 110
