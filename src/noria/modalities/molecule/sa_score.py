"""How hard a molecule is to make, 1 (easy) to 10 (hard): how usual its fragments are, and how complex it is.

Source: Ertl and Schuffenhauer 2009, "Estimation of synthetic accessibility score of drug-like molecules"; number for
number as RDKit's contribution has it (its table, BSD licence, is sa_score.npz: tools/sa_score.py).
"""

from __future__ import annotations

import math
from functools import cache
from importlib.resources import files
from typing import Any

import numpy as np

RADIUS = 2  # bonds around each atom that a fragment has
UNKNOWN = -4.0  # the score of a fragment that is in none of the million molecules that were counted
LEAST, MOST = -4.0, 2.5  # of the raw score, which becomes 10 to 1
LARGE_RING = 8  # atoms, above which a ring is hard to close


def sa_score(molecule: Any) -> float:
    """Return the score of an RDKit molecule that has an atom, 1 to 10."""
    counts = _generator().GetSparseCountFingerprint(molecule).GetNonzeroElements()
    usual = sum(one * count for one, count in zip(_scores(list(counts)), counts.values(), strict=True))
    size = molecule.GetNumAtoms()
    density = 0.5 * math.log(size / len(counts)) if size > len(counts) else 0.0
    raw = usual / sum(counts.values()) - _complexity(molecule) + density
    score = 11.0 - (raw - LEAST + 1) / (MOST - LEAST) * 9.0
    if score > 8.0:
        score = 8.0 + math.log(score - 8.0)  # the hardest ones are spread less
    return float(min(10.0, max(1.0, score)))


def _complexity(molecule: Any) -> float:
    from rdkit.Chem import FindMolChiralCenters, rdMolDescriptors

    size = molecule.GetNumAtoms()
    centers = len(FindMolChiralCenters(molecule, includeUnassigned=True))  # type: ignore[no-untyped-call]
    bridges = rdMolDescriptors.CalcNumBridgeheadAtoms(molecule)
    spiro = rdMolDescriptors.CalcNumSpiroAtoms(molecule)
    has_large_ring = any(len(ring) > LARGE_RING for ring in molecule.GetRingInfo().AtomRings())
    penalties = [math.log10(count + 1) for count in (centers, spiro, bridges, int(has_large_ring))]
    return float(size**1.005 - size + sum(penalties))


def _scores(fragments: list[int]) -> list[float]:
    """Return the score of each fragment by its number."""
    known, scores = _table()
    wanted = np.array(fragments, np.uint32)
    places = np.searchsorted(known, wanted).clip(max=len(known) - 1)
    found: list[float] = np.where(known[places] == wanted, scores[places], UNKNOWN).tolist()
    return found


@cache
def _table() -> tuple[np.ndarray, np.ndarray]:
    """Return the numbers of known fragments, ascending, and the score of each."""
    with files(__package__).joinpath("sa_score.npz").open("rb") as file, np.load(file, allow_pickle=False) as table:
        return np.cumsum(table["fragments"], dtype=np.uint32), table["scores"][table["codes"]]


@cache
def _generator() -> Any:
    from rdkit.Chem import rdFingerprintGenerator

    return rdFingerprintGenerator.GetMorganGenerator(radius=RADIUS)
