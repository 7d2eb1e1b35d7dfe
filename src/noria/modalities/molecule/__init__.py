"""Molecules: a SMILES or a MOL block becomes atoms and bonds, substructures and descriptors.

reading.py makes a molecule of a text, or says why it is none; graph.py and descriptors.py say what is read
of it; embedder.py and vectorizer.py take these into networks and simple models; scaffolds.py says what is alike.
"""

from noria.modalities.molecule.modality import Molecule

__all__ = ["Molecule"]
