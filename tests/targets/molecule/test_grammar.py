"""Rules of SMILES: no molecule of the grammar is ruled out, and what is written at random under them can be read."""

from __future__ import annotations

import numpy as np
import pytest

from noria.targets.molecule.grammar import SmilesRules
from noria.targets.molecule.smiles import SmilesTokens

Chem = pytest.importorskip("rdkit.Chem", reason="needs rdkit")
MOLECULES = [
    "CC(=O)Oc1ccccc1C(=O)O",
    "C[C@H](N)C(=O)[O-]",
    "[Na+].[Cl-]",
    "O=C1CCC2(CC1)OCCO2",
    "F/C=C/F",
    "C1CC1C1CC1",  # a number is free again once its ring is closed
    "C%12CCCC%12",
    "C=1CCCCC=1",
    "c1ccc2c(c1)ccc1ccccc12",
    "CC(C)(C)N(C)C",
    "C12C3C4C1C5C2C3C45",  # cubane
]
BROKEN = [
    "C(",
    "C)",
    "C()C",
    "C1CC",
    "C11",
    "C1C1",
    "C(C1)1",
    "C=",
    "C=)C",
    "(C)C",
    "C..C",
    "=C",
    "C(C.C)C",
    "1CC1",
    ".C",
    "",
]


def is_allowed(text, tokens=None):
    """Say whether every token of a text, and its end, are let through."""
    words = SmilesTokens.of([*MOLECULES, "(", ")"]) if tokens is None else tokens
    rules = SmilesRules(words, 3)
    for token in SmilesTokens(words).ids(text):
        if not rules.allowed([1])[0, token]:
            return False
        rules.take(1, token)
    return True


@pytest.mark.parametrize("smiles", MOLECULES)
def test_a_molecule_is_let_through_in_whatever_order_its_atoms_are_written(smiles):
    molecule = Chem.MolFromSmiles(smiles)
    texts = {smiles, *(Chem.MolToSmiles(molecule, doRandom=True) for _ in range(20))}
    words = SmilesTokens.of([*texts])
    assert [text for text in texts if not is_allowed(text, words)] == []


@pytest.mark.parametrize("text", [*BROKEN, ""])
def test_what_can_be_no_molecule_is_ruled_out_at_some_token(text):
    assert not is_allowed(text)


def test_what_is_written_at_random_has_its_rings_and_brackets_closed_and_rows_do_not_touch_one_another():
    words = SmilesTokens.of(["C(=O)1-2#3/4\\567.c1n%10"])
    tokens, generator = SmilesTokens(words), np.random.default_rng(0)
    for _ in range(40):
        rules, rows = SmilesRules(words, 4), [[] for _ in range(4)]
        live = [0, 1, 3]
        for _ in range(60):
            allowed = rules.allowed(live).numpy()
            assert allowed.any(1).all()
            for row, mask in zip(live, allowed, strict=True):
                rows[row].append(int(generator.choice(np.flatnonzero(mask))))
                rules.take(row, rows[row][-1])
            live = [row for row in live if rows[row][-1] != tokens.end]
            if not live:
                break
        for ids in rows:
            if ids and ids[-1] == tokens.end:
                assert Chem.MolFromSmiles(tokens.text(ids), sanitize=False) is not None
