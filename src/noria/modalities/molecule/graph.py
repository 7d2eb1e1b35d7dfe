"""Atoms and bonds as small integers: what each atom is, which are bound, and how far apart any two are.

Handedness and the sides of a double bond are told by the rules of Cahn, Ingold and Prelog, which do not depend on how a
molecule is written: R and S, E and Z. Source: Hanson et al. 2018, "Algorithmic Analysis of CIP Chirality Rules".

Read next: embedder.py.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from torch import Tensor

# What is told of an atom, and how many values it has: number in the periodic table, bonds, hydrogens, charge + 4,
# hybridisation, whether aromatic, handedness as its SMILES writes it, smallest ring, unpaired electrons, R or S.
ATOM_SIZES = (120, 8, 6, 9, 9, 2, 3, 10, 4, 3)
MOST_ATOMS = 250  # so that a place fits into a byte
BONDS = {1.0: 2, 2.0: 3, 3.0: 4, 1.5: 5}  # code of a bound pair, by bond order
SAME, OTHER_BOND = 1, 6  # 0 is a pair of which one is no atom
NEAREST, FAREST = 7, 15  # codes of pairs two bonds apart, and of ten or more bonds or none at all between
STEREO_BONDS = {"E": 16, "Z": 17}  # double bonds with known sides
PAIR_CODES = max(STEREO_BONDS.values()) + 1
CODES = {"atom": len(ATOM_SIZES), "pair": PAIR_CODES}  # what a model is told of an atom, and kinds of pairs
CODES_BEFORE = {"atom": len(ATOM_SIZES) - 1, "pair": FAREST + 1}  # without R and S, E and Z
HANDS = {"R": 1, "S": 2}
CIP = "_CIPCode"  # RDKit's property; small letters where mirror images are alike
MOST_CIP_STEPS = 100_000  # about a second; highly symmetric cages would take for ever


def atoms_and_bonds_of(molecule: Any) -> tuple[np.ndarray, np.ndarray]:
    """Return uint8[atoms, len(ATOM_SIZES)]; and uint8[bonds, 3], the places of both atoms and what binds them."""
    _label_stereo(molecule)
    return _atoms_of(molecule), _bonds_of(molecule)


def _label_stereo(molecule: Any) -> None:
    """Have RDKit say of each centre and double bond what it is; what takes too long keeps no label."""
    from rdkit.Chem import rdCIPLabeler

    with suppress(RuntimeError):
        rdCIPLabeler.AssignCIPLabels(molecule, maxRecursiveIterations=MOST_CIP_STEPS)


def _label(one: Any) -> str:
    return str(one.GetProp(CIP)).upper() if one.HasProp(CIP) else ""


def _atoms_of(molecule: Any) -> np.ndarray:
    rings = molecule.GetRingInfo()
    rows = [
        (
            atom.GetAtomicNum(),
            atom.GetDegree(),
            atom.GetTotalNumHs(),
            atom.GetFormalCharge() + 4,
            int(atom.GetHybridization()),
            int(atom.GetIsAromatic()),
            int(atom.GetChiralTag()),
            rings.MinAtomRingSize(atom.GetIdx()),
            atom.GetNumRadicalElectrons(),
            HANDS.get(_label(atom), 0),
        )
        for atom in molecule.GetAtoms()
    ]
    return np.clip(np.array(rows, np.int64), 0, np.array(ATOM_SIZES) - 1).astype(np.uint8)


def _bonds_of(molecule: Any) -> np.ndarray:
    rows = [
        (
            bond.GetBeginAtomIdx(),
            bond.GetEndAtomIdx(),
            STEREO_BONDS.get(_label(bond)) or BONDS.get(bond.GetBondTypeAsDouble(), OTHER_BOND),
        )
        for bond in molecule.GetBonds()
    ]
    return np.array(rows, np.uint8).reshape(-1, 3)


def pair_codes(bonds: Tensor, is_atom: Tensor) -> Tensor:
    """Return int64[B, T, T], the code of each pair of atoms, from bonds int64[B, bonds, 3] filled up with PAD."""
    import torch

    size, count = is_atom.shape
    codes = bonds.new_full((size, count, count), FAREST)
    real = bonds[..., 2] > 0
    rows = torch.arange(size, device=bonds.device)[:, None].expand_as(real)[real]
    one, other, code = bonds[real].unbind(-1)
    codes[rows, one, other] = codes[rows, other, one] = code
    near = torch.eye(count, device=bonds.device) + (codes != FAREST)
    reached = near
    for distance in range(2, FAREST - NEAREST + 2):
        further = (reached @ near).clamp(max=1)
        is_new = (further > 0) & (reached == 0)
        codes[is_new] = NEAREST + distance - 2
        reached = further
    places = torch.arange(count, device=bonds.device)
    codes[:, places, places] = SAME
    return codes.masked_fill(~(is_atom[:, :, None] & is_atom[:, None, :]), 0)
