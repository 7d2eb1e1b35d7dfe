"""A new molecule, written token by token as SMILES, unlike those of training and as it is wished for."""

from noria.targets.molecule.target import Molecule

__all__ = ["Molecule"]
