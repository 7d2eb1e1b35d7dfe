"""A molecule as a picture for people."""

from __future__ import annotations

import io
from typing import Any

import numpy as np

SIZE = 260, 200  # pixels


def drawn(smiles: str) -> np.ndarray:
    """Return the drawing of a molecule, uint8[height, width, 3]."""
    from PIL import Image
    from rdkit import Chem
    from rdkit.Chem.Draw import rdMolDraw2D

    canvas: Any = rdMolDraw2D.MolDraw2DCairo(*SIZE)
    rdMolDraw2D.PrepareAndDrawMolecule(canvas, Chem.MolFromSmiles(smiles))
    canvas.FinishDrawing()
    with Image.open(io.BytesIO(canvas.GetDrawingText())) as picture:
        return np.asarray(picture.convert("RGB"))
