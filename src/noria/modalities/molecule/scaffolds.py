"""Which molecules belong to one series: those of one scaffold, the rings and what links them.

Source: Bemis and Murcko 1996, "The Properties of Known Drugs"; handedness is left out, as DeepChem and chemprop do.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from noria.modalities.molecule.reading import Limits, NoMolecule, read_molecule

SCAFFOLD = "scaffold"


def scaffolds_of(values: Sequence[Any], limits: Limits) -> list[str | None]:
    """Return the scaffold of each molecule as SMILES, "" for those without rings; None for what is no molecule."""
    from rdkit.Chem.Scaffolds import MurckoScaffold

    found: list[str | None] = []
    for value in values:
        try:
            molecule = read_molecule(value, limits)
        except NoMolecule:
            found.append(None)
            continue
        scaffold = MurckoScaffold.MurckoScaffoldSmiles(mol=molecule, includeChirality=False)  # type: ignore[no-untyped-call]
        found.append(scaffold)
    return found
