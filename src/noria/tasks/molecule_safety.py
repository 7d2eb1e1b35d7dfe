"""Molecule in, several yes/no answers out: what it harms, what it gets through, what it does in an assay."""

from __future__ import annotations

from noria.contract import Task
from noria.contract.capabilities import MakesExamples
from noria.modalities.molecule import Molecule
from noria.targets.labels import Labels, base_rates
from noria.tasks.molecule_property import MOLECULE_MODEL, MOLECULE_TRAINING, MoleculeProperty
from noria.types import Record


class MoleculeSafety(Task, MakesExamples):
    """Say which of several labels hold of a molecule, each of which may be unknown.

    Data: a table with a column of SMILES, data.fields.molecule=smiles, or an .sdf file, and a column of yes and no for
    each label, data.fields.labels=[toxic, permeable]. data.split.by=scaffold keeps molecules of one scaffold together.
    """

    def __init__(self) -> None:
        self.inputs = {"molecule": Molecule()}
        self.target = Labels(is_voting=True)
        self.defaults = {
            "model": dict(MOLECULE_MODEL),
            "train": {**MOLECULE_TRAINING, "best_by": "log_loss"},
        }

    fit_baseline = staticmethod(base_rates)

    def example(self) -> Record:
        return Record({"molecule": "c1ccccc1O", "labels": "irritant; aromatic"}, "phenol, two labels")

    def examples(self, count: int, seed: int = 0) -> list[Record]:
        drawn = MoleculeProperty().examples(count, seed)
        return [
            Record({"molecule": one.fields["molecule"], "labels": _labels(str(one.fields["molecule"]))})
            for one in drawn
        ]


def _labels(smiles: str) -> str:
    held = {"aromatic": "c1" in smiles, "oxygen": "O" in smiles}
    return "; ".join(name for name, holds in held.items() if holds) or "[]"
