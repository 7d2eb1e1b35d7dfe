"""Molecules: SMILES or MOL blocks in one canonical form, as a graph of atoms, substructures and descriptors.

Read next: reading.py, graph.py, descriptors.py; embedder.py for the network.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from noria.contract import Modality
from noria.contract.capabilities import (
    Displays,
    KeepsTogether,
    MeasuresFamiliarity,
    Tabulates,
    TellsReading,
    Vectorizes,
)
from noria.errors import UserError
from noria.modalities.molecule.descriptors import (
    descriptor_names,
    descriptors_of,
    require_descriptors,
    substructures_of,
)
from noria.modalities.molecule.drawing import drawn
from noria.modalities.molecule.graph import ATOM_SIZES, CODES, atoms_and_bonds_of
from noria.modalities.molecule.reading import FOUND, NoMolecule, canonical_smiles, found_in, rdkit, read_molecule
from noria.modalities.molecule.scaffolds import SCAFFOLD, scaffolds_of
from noria.modalities.molecule.settings import MoleculeSettings
from noria.modalities.molecule.similarity import nearest, packed
from noria.types import Arrays, Encoded, Ragged, State, Values

if TYPE_CHECKING:
    from torch import nn

DESCRIBED = 2_000  # training molecules that say how descriptors are spread


@dataclass(frozen=True)
class Molecule(
    MoleculeSettings, Modality, Displays, Vectorizes, Tabulates, TellsReading, KeepsTogether, MeasuresFamiliarity
):
    """A molecule, by its SMILES or MOL block.

    Arrays: `atoms` Ragged uint8[atoms, 10], `bonds` Ragged uint8[bonds, 3], `substructures` Ragged uint16 and their
    `occurrences` Ragged uint8, `descriptors` float32[n, D] standardised, NaN where missing, `_smiles` Ragged uint8, and
    the same as `smiles` where the network reads them.
    """

    kind: ClassVar[str] = "molecule"
    is_wide: ClassVar[bool] = True
    familiarity_name: ClassVar[str] = "similarity_to_training"
    ways_to_group: ClassVar[tuple[str, ...]] = (SCAFFOLD,)

    def fit(self, values: Values) -> State:
        rdkit()
        molecules, seen, bad = [], Counter[str](), ""
        for value in _listed(values):
            try:
                molecule = read_molecule(value, self.limits)
            except NoMolecule as error:
                bad = bad or f"{str(value)[:60]!r} {error}"
                continue
            seen.update(found_in(str(value), molecule))
            molecules.append(molecule)
        if not molecules:
            raise UserError("no training record has a molecule", expected="SMILES, or MOL blocks", found=bad or "none")
        names = descriptor_names()
        chosen = molecules[:: -(-len(molecules) // DESCRIBED)]
        described = np.stack([descriptors_of(molecule, names) for molecule in chosen])
        known = np.isfinite(described)
        count = np.maximum(known.sum(0), 1)
        mean = np.where(known, described, 0).sum(0) / count
        spread = np.sqrt(np.where(known, (described - mean) ** 2, 0).sum(0) / count)
        kept = np.flatnonzero(spread > 1e-9 * np.maximum(1, np.abs(mean)))
        kept = kept if len(kept) else np.arange(1)  # of molecules that are all alike
        return {
            "descriptors": {names[i]: [float(mean[i]), max(float(spread[i]), 1e-9)] for i in kept},
            "seen": {"records": len(molecules), **seen},
            "training": packed([substructures_of(molecule)[0] for molecule in molecules]),
            "codes": dict(CODES),
        }

    def encode(self, values: Values, state: State) -> Encoded:
        rdkit()
        rows: dict[str, list[Any]] = {name: [] for name in ("atoms", "bonds", "substructures", "occurrences")}
        texts, bad = [], {}
        require_descriptors(state["descriptors"])
        raw = np.full((len(values), len(state["descriptors"])), np.nan)
        for index, value in enumerate(_listed(values)):
            try:
                molecule = read_molecule(value, self.limits)
            except NoMolecule as error:
                bad[index] = str(error)
                found: Sequence[Any] = ((), (), (), ())
                texts.append("")
            else:
                found = (*atoms_and_bonds_of(molecule), *substructures_of(molecule))
                raw[index] = descriptors_of(molecule, list(state["descriptors"]))
                texts.append(canonical_smiles(molecule))
            for name, row in zip(rows, found, strict=True):
                rows[name].append(row)
        mean, spread = np.array(list(state["descriptors"].values())).T
        descriptors = (raw - mean) / spread
        descriptors[list(bad)] = 0
        written = Ragged.of_texts(texts)
        return Encoded(
            {
                "atoms": Ragged.of(rows["atoms"], np.uint8, (len(ATOM_SIZES),)),
                "bonds": Ragged.of(rows["bonds"], np.uint8, (3,)),
                "substructures": Ragged.of(rows["substructures"], np.uint16),
                "occurrences": Ragged.of(rows["occurrences"], np.uint8),
                "descriptors": descriptors.astype(np.float32),
                "_smiles": written,
                **({"smiles": written} if self.smiles else {}),
            },
            bad,
        )

    def embedder(self, state: State, width: int) -> nn.Module:
        from noria.modalities.molecule.embedder import MoleculeEmbedder

        return MoleculeEmbedder(self, state, width)

    def vectorizer(self, state: State) -> nn.Module:
        from noria.modalities.molecule.vectorizer import MoleculeVectorizer

        return MoleculeVectorizer(state)

    def tabulator(self, state: State) -> nn.Module:
        from noria.modalities.molecule.vectorizer import MoleculeTabulator

        return MoleculeTabulator(state)

    def display(self, arrays: Arrays, state: State) -> np.ndarray:
        return drawn(arrays["_smiles"].tobytes().decode())

    def remarks(self, state: State) -> list[str]:
        seen: Mapping[str, int] = state["seen"]
        read = {"largest": "; the largest is read (inputs.molecule.parts)", "all": "; all of them are read"}
        beside = {"parts": read.get(self.parts, "")}
        return [
            f"{seen[name]:,} of {seen['records']:,} training molecules have {words}{beside.get(name, '')}"
            for name, words in FOUND.items()
            if seen.get(name)
        ]

    def reading(self, state: State) -> None:
        return None

    def group_keys(self, values: Values, way: str) -> list[str | None]:
        rdkit()
        return scaffolds_of(_listed(values), self.limits)

    def familiarity(self, arrays: Arrays, state: State) -> np.ndarray:
        own = arrays["substructures"]
        return nearest(packed([own[row] for row in range(len(own))]), state["training"])


def _listed(values: Values) -> list[Any]:
    return values.tolist() if isinstance(values, np.ndarray) else list(values)
