"""Molecule in, several numbers out: what is measured of it, some of it not of every molecule."""

from __future__ import annotations

import json

from noria.contract import Task
from noria.contract.capabilities import MakesExamples
from noria.modalities.molecule import Molecule
from noria.targets.measurements import Measurements, means
from noria.tasks.molecule_property import MOLECULE_MODEL, MOLECULE_TRAINING, MoleculeProperty
from noria.types import Record


class MoleculeProperties(Task, MakesExamples):
    """Say which numbers belong to a molecule, each of which may be unknown in training.

    Data: a table with a column of SMILES, data.fields.molecule=smiles, or an .sdf file, and a column for each number,
    data.fields.measurements=[logP, logS]. data.split.by=scaffold keeps molecules of one scaffold in one split.
    """

    def __init__(self) -> None:
        self.inputs = {"molecule": Molecule()}
        self.target = Measurements(is_voting=True)
        self.defaults = {"model": dict(MOLECULE_MODEL), "train": dict(MOLECULE_TRAINING)}

    fit_baseline = staticmethod(means)

    def example(self) -> Record:
        return Record({"molecule": "CCO", "measurements": '{"solubility": 1.1, "size": 3}'}, "ethanol, two numbers")

    def examples(self, count: int, seed: int = 0) -> list[Record]:
        drawn = MoleculeProperty().examples(count, seed)
        return [Record({"molecule": one.fields["molecule"], "measurements": _numbers(one)}) for one in drawn]


def _numbers(record: Record) -> str:
    """Return the number of a record and another, which is not known of every molecule."""
    smiles = str(record.fields["molecule"])
    known = {"solubility": record.fields["number"], "size": len(smiles)}
    return json.dumps(known if len(smiles) % 4 else {"solubility": known["solubility"]})
