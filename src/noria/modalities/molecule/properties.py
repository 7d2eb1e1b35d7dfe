"""The properties that a new molecule may be asked to have: what they are called, where they lie, and their values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

CELLS = 50  # into which the range of a property is divided


@dataclass(frozen=True)
class Property:
    """A property: its name in a wish, what it is, and the range in which wishes for it are told apart."""

    name: str
    what: str
    low: float
    high: float
    digits: int  # that are shown

    @property
    def step(self) -> float:
        """Return how far apart two values are that wishes tell apart."""
        return (self.high - self.low) / CELLS


PROPERTIES = (
    Property("logp", "how much rather it dissolves in fat than in water (Crippen)", -4.0, 8.5, 2),
    Property("qed", "how much it looks like a drug, 0 to 1 (Bickerton)", 0.0, 1.0, 3),
    Property("weight", "its mass in daltons", 0.0, 1000.0, 1),
    Property("sa", "how hard it is to make, 1 (easy) to 10 (Ertl)", 1.0, 11.0, 2),
)
NAMES = tuple(one.name for one in PROPERTIES)


def properties_of(molecule: Any) -> np.ndarray:
    """Return float32[PROPERTIES] of an RDKit molecule."""
    from rdkit.Chem import QED, Crippen, Descriptors

    from noria.modalities.molecule.sa_score import sa_score

    values = (
        Crippen.MolLogP(molecule),  # type: ignore[attr-defined]
        QED.qed(molecule),  # type: ignore[no-untyped-call]
        Descriptors.MolWt(molecule),  # type: ignore[attr-defined]
        sa_score(molecule),
    )
    return np.array(values, np.float32)
