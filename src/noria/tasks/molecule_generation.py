"""Wishes in, a new molecule out: one that nobody has shown, with the properties that are asked for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from noria.contract import Task
from noria.contract.capabilities import MakesExamples, PredictsBaseline
from noria.modalities.wishes import Wishes
from noria.targets.molecule import Molecule
from noria.targets.molecule.arrays import VALUES
from noria.targets.molecule.metrics import training_properties, trivial
from noria.targets.text import unigram, unigram_scores
from noria.tasks.molecule_property import MoleculeProperty
from noria.types import Arrays, Dataset, Record

BASELINE_MOLECULES = 500  # whose properties the trivial answer keeps


class MoleculeGeneration(Task, MakesExamples, PredictsBaseline):
    """Make up molecules like those of training, with logP, QED, weight and ease of making as they are wished.

    Data: a .smi or .sdf file, or a table with a column of SMILES, data.fields.molecule=smiles; no wishes are needed, as
    training asks for the properties that its molecules have. noria generate RUN "logp 2..3" count=100 writes new ones.
    """

    inputs: Mapping[str, Wishes] = {"wishes": Wishes(is_optional=True)}
    target = Molecule(wishes="wishes")
    attention = "causal"
    defaults: Mapping[str, Any] = {
        "model": {"width": 128, "depth": 4, "heads": 4, "dropout": 0.05},
        "train": {"optimizer": "adamw", "learning_rate": 0.003, "weight_decay": 0.1, "warmup": 0.05, "batch_size": 64}
        | {"epochs": 15},
        "evaluate": {"batch_size": 256},
    }

    def example(self) -> Record:
        return Record({"wishes": "logp 1..2", "molecule": "c1ccccc1O"}, "phenol, asked for by how it dissolves")

    def examples(self, count: int, seed: int = 0) -> list[Record]:
        wishes = ("sa ..3", "logp 1..2", "weight ..400, qed 0.3..", "like c1ccccc1O")
        drawn = MoleculeProperty().examples(count, seed)
        return [
            Record({"wishes": wishes[index % len(wishes)], "molecule": one.fields["molecule"]})
            for index, one in enumerate(drawn)
        ]

    def fit_baseline(self, train: Arrays) -> Arrays:
        """Return how often each token stands in training molecules, and the properties of some of them."""
        return {**unigram(train), VALUES: training_properties(train, BASELINE_MOLECULES)[None]}

    def predict_baseline(self, dataset: Dataset, learnt: Arrays) -> Arrays:
        """Return training molecules drawn whatever is asked for, and how likely the true tokens are by their counts."""
        properties = np.asarray(learnt[VALUES][0], np.float32)
        return {**unigram_scores(dataset.target, learnt), **trivial(dataset.target, properties)}
