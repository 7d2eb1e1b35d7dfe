"""Numbers that chemists work out of a molecule, and the substructures that it has.

Source of the substructures: Rogers and Hahn 2010, "Extended-connectivity fingerprints" (RDKit's Morgan generator).
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from typing import Any

import numpy as np

from noria.errors import UserError

NUM_SUBSTRUCTURES = 2048
SHOWN = 5  # names in an error
RADIUS = 2  # bonds around each atom: ECFP4
SLOW = {"Ipc", "AvgIpc"}  # they take seconds for a chain of a hundred atoms, and are no number for many
MOST = 1e9  # beyond which a descriptor says nothing


def descriptor_names() -> list[str]:
    """Return the names of the descriptors of RDKit."""
    return [name for name in _functions() if name not in SLOW]


def require_descriptors(names: Iterable[str]) -> None:
    """Raise UserError where this RDKit lacks a descriptor that a model has learnt from."""
    if missing := [name for name in names if name not in _functions()]:
        from rdkit import __version__

        raise UserError(
            f"RDKit {__version__} does not work out what this model has learnt from",
            found=f"no descriptor {', '.join(missing[:SHOWN])}",
            fix="install the release of RDKit that it was trained with: environment.json in its run names it",
        )


def descriptors_of(molecule: Any, names: list[str]) -> np.ndarray:
    """Return float64[names], NaN where one cannot be worked out."""
    functions = _functions()
    found = np.array([_number(functions[name], molecule) for name in names])
    return np.where(np.abs(found) < MOST, found, np.nan)


def substructures_of(molecule: Any) -> tuple[np.ndarray, np.ndarray]:
    """Return which of NUM_SUBSTRUCTURES a molecule has, uint16[k] ascending, and how often, uint8[k]."""
    counts = _generator().GetCountFingerprint(molecule).GetNonzeroElements()
    places = sorted(counts)
    return np.array(places, np.uint16), np.array([min(255, counts[place]) for place in places], np.uint8)


@cache
def _functions() -> dict[str, Any]:
    from rdkit.Chem import Descriptors

    return dict(Descriptors.descList)


@cache
def _generator() -> Any:
    from rdkit.Chem import rdFingerprintGenerator

    return rdFingerprintGenerator.GetMorganGenerator(radius=RADIUS, fpSize=NUM_SUBSTRUCTURES)


def _number(function: Any, molecule: Any) -> float:
    try:
        return float(function(molecule))
    except (ValueError, ArithmeticError, RuntimeError):  # an element without such a parameter
        return float("nan")
