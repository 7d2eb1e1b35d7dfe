"""New molecules as a file: SMILES a line, an SDF with their properties, a table, or a grid of drawings."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Sequence
from typing import Any

from noria.modalities.molecule.properties import NAMES, properties_of
from noria.targets.molecule.judging import describe

MOST_DRAWN, COLUMNS, SIDE_PX = 48, 4, (260, 200)  # of a grid: what a page holds


def as_file(smiles: Sequence[str], suffix: str) -> bytes | None:
    """Return molecules as a file of an ending; None for one that is not known."""
    make = _MADE.get(suffix)
    return make(smiles) if make else None


def _lines(smiles: Sequence[str]) -> bytes:
    return "".join(f"{one}\n" for one in smiles).encode()


def _table(smiles: Sequence[str]) -> bytes:
    file = io.StringIO(newline="")
    table = csv.writer(file)
    table.writerow(["molecule", *NAMES])
    table.writerows([one, *describe(properties_of(_molecule(one))).values()] for one in smiles)
    return file.getvalue().encode()


def _blocks(smiles: Sequence[str]) -> bytes:
    """Return MOL blocks with coordinates in the plane, and the properties behind each."""
    from rdkit import Chem
    from rdkit.Chem import AllChem

    parts = []
    for number, one in enumerate(smiles, 1):
        molecule = _molecule(one)
        AllChem.Compute2DCoords(molecule)  # type: ignore[attr-defined]
        molecule.SetProp("_Name", f"new-{number}")
        told = {"smiles": one, **describe(properties_of(molecule))}
        values = "".join(f">  <{name}>\n{value}\n\n" for name, value in told.items())
        parts.append(f"{Chem.MolToMolBlock(molecule)}{values}$$$$\n")
    return "".join(parts).encode()


def grid(smiles: Sequence[str]) -> str:
    """Return the first molecules drawn in a grid, as SVG."""
    from rdkit.Chem import Draw

    shown = smiles[:MOST_DRAWN]
    drawn: Any = Draw.MolsToGridImage(  # type: ignore[no-untyped-call]
        [_molecule(one) for one in shown], molsPerRow=COLUMNS, subImgSize=SIDE_PX, useSVG=True
    )
    return str(getattr(drawn, "data", drawn))


def _molecule(smiles: str) -> Any:
    from rdkit import Chem

    return Chem.MolFromSmiles(smiles)


_MADE: dict[str, Callable[[Sequence[str]], bytes]] = {
    ".smi": _lines,
    ".csv": _table,
    ".sdf": _blocks,
    ".svg": lambda smiles: grid(smiles).encode(),
}
