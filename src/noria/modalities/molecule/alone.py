"""Read one molecule, given as SMILES on standard input, in a process of its own.

That can be ended where it takes too long: see reading.py.
"""

from __future__ import annotations

import sys

from rdkit import Chem, rdBase

from noria.modalities.molecule.descriptors import descriptor_names, descriptors_of, substructures_of
from noria.modalities.molecule.graph import atoms_and_bonds_of


def main() -> int:
    """Return 0 where all that is read of the molecule was read."""
    rdBase.DisableLog("rdApp.*")
    molecule = Chem.MolFromSmiles(sys.stdin.read())
    if molecule is None:
        return 1
    descriptors_of(molecule, descriptor_names())
    substructures_of(molecule)
    atoms_and_bonds_of(molecule)
    return 0


if __name__ == "__main__":
    sys.exit(main())
