"""One molecule as a MOL block: .mol, read as an .sdf file of one record."""

from __future__ import annotations

from pathlib import Path

from noria.contract.source import Source
from noria.sources.formats.sdf import MolBlocks


def open_format(path: Path, encoding: str | None) -> Source:
    """Return the reader of a file that ends in .mol."""
    return MolBlocks(path, encoding)
