"""Molecule in, a number out: solubility, how well it binds, a boiling point."""

from __future__ import annotations

from noria.contract import Task
from noria.contract.capabilities import MakesExamples
from noria.modalities.molecule import Molecule
from noria.targets.number import Number, mean
from noria.types import Record

# Some that are alike and some that are not, for tests and documents.
MOLECULES = ("CCO", "c1ccccc1O", "CC(=O)Oc1ccccc1C(=O)O", "CCCCCC", "CN1C=NC2=C1C(=O)N(C(=O)N2C)C", "C1CCCCC1N")
# A first guess at what suits a thousand molecules, nowhere tuned; benchmarks/molecules.py says what it gives.
MOLECULE_MODEL = {"width": 64, "depth": 2, "heads": 4, "dropout": 0.1, "linear": True, "trees": True}
MOLECULE_TRAINING = {"optimizer": "adamw", "learning_rate": 0.002, "weight_decay": 0.05, "warmup": 0.1, "epochs": 30}


class MoleculeProperty(Task, MakesExamples):
    """Say what number belongs to a molecule.

    Data: a table with a column of SMILES, data.fields.molecule=smiles, or an .sdf file, and a column of numbers. New
    series are what matters: data.split.by=scaffold keeps molecules of one scaffold in one split.
    """

    def __init__(self) -> None:
        self.inputs = {"molecule": Molecule()}
        self.target = Number(is_voting=True)
        self.defaults = {
            "model": dict(MOLECULE_MODEL),
            "train": dict(MOLECULE_TRAINING),
        }

    fit_baseline = staticmethod(mean)

    def example(self) -> Record:
        return Record({"molecule": "CCO", "number": 1.1}, "ethanol")

    def examples(self, count: int, seed: int = 0) -> list[Record]:
        chains = [
            MOLECULES[(index + seed) % len(MOLECULES)] + "C" * (index // len(MOLECULES)) for index in range(count)
        ]
        return [Record({"molecule": one, "number": len(one) / 10 + seed % 3}) for one in chains]
