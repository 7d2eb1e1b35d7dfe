"""What a written text is worth: whether it is a molecule, which, with what properties, and whether training had it."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b
from typing import Any

import numpy as np

from noria.modalities.molecule.descriptors import substructures_of
from noria.modalities.molecule.properties import PROPERTIES, properties_of
from noria.modalities.molecule.reading import Limits, NoMolecule, canonical_smiles, rdkit, read_molecule
from noria.targets.molecule.arrays import IS_KNOWN, IS_VALID, RAW, SMILES, SUBSTRUCTURES, VALUES
from noria.types import Arrays, Ragged


def fingerprint(smiles: str) -> int:
    """Return 64 bits of a canonical SMILES, by which a molecule is known again."""
    return int.from_bytes(blake2b(smiles.encode(), digest_size=8).digest(), "little")


def is_known(texts: Sequence[str], known: np.ndarray) -> np.ndarray:
    """Return bool[n]: which canonical SMILES are among the ascending fingerprints of training molecules."""
    own = np.array([fingerprint(text) for text in texts], np.uint64)
    places = np.searchsorted(known, own).clip(max=len(known) - 1)
    return np.asarray(known[places] == own)


def parsed(text: str, limits: Limits) -> Any:
    """Return the RDKit molecule of what was written, None where it is none that can be used."""
    rdkit()
    try:
        return read_molecule(text, limits)
    except NoMolecule:
        return None


def judged(texts: Sequence[str], known: np.ndarray, limits: Limits, prefix: str = "") -> Arrays:
    """Return what can be said of written texts, its names begun by `prefix`; zeros of those that are no molecule.

    arrays.py names them; the texts are told without a prefix alone.
    """
    molecules = [parsed(text, limits) for text in texts]
    own = ["" if one is None else canonical_smiles(one) for one in molecules]
    none = np.zeros(len(PROPERTIES), np.float32)
    valid = np.array([one is not None for one in molecules], bool)
    properties = [none if one is None else properties_of(one) for one in molecules]
    substructures: list[Any] = [() if one is None else substructures_of(one)[0] for one in molecules]
    found: Arrays = {
        VALUES: np.array(properties, np.float32).reshape(-1, len(PROPERTIES)),
        IS_VALID: valid.astype(np.uint8),
        IS_KNOWN: (valid & is_known(own, known)).astype(np.uint8),
        SUBSTRUCTURES: Ragged.of(substructures, np.uint16),
    }
    if not prefix:
        found |= {SMILES: Ragged.of_texts(own), RAW: Ragged.of_texts(texts)}
    return {f"{prefix}{name}": one for name, one in found.items()}


def describe(values: np.ndarray) -> dict[str, float]:
    """Return the properties of a molecule by name, as people read them; no zero has a sign."""
    return {one.name: round(float(value), one.digits) + 0.0 for one, value in zip(PROPERTIES, values, strict=True)}
