"""A new molecule, written token by token: a language model of SMILES that may be asked for properties.

What it is asked for in training it tells itself from each training molecule: learning.py. Read next: writing.py, which
writes many; judging.py and metrics.py, which say what they are worth.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from noria.contract import Metric, Target
from noria.contract.capabilities import (
    IDS,
    DecodesTarget,
    Exports,
    Generates,
    PostProcesses,
    PredictStep,
    ShowsPanels,
    TrainingStep,
    WarmStarts,
)
from noria.contract.settings import named_input
from noria.errors import UserError, raise_unmet
from noria.modalities.molecule.descriptors import substructures_of
from noria.modalities.molecule.properties import NAMES, PROPERTIES, properties_of
from noria.modalities.molecule.reading import Limits, NoMolecule, Parts, canonical_smiles, rdkit, read_molecule
from noria.targets.molecule.arrays import ASKED, IS_KNOWN, RANGE, RAW, SMILES, SUBSTRUCTURES, VALUES
from noria.targets.molecule.judging import describe, fingerprint, judged
from noria.targets.molecule.metrics import molecule_metrics
from noria.targets.molecule.smiles import SmilesTokens
from noria.types import PAD, Arrays, Batch, Chunk, Encoded, Output, Panel, Prediction, Ragged, State, Values

if TYPE_CHECKING:
    from torch import Tensor, nn

NETWORK_ONLY = {"network_only": True}  # settings that preparation does not depend on
DESCRIBED = 2_000  # training molecules that say how properties are spread
PARTS = 5  # into which the values of a property are divided: evaluation asks for one of them


@dataclass(frozen=True)
class Molecule(
    Target,
    TrainingStep,
    PredictStep,
    PostProcesses,
    Generates,
    DecodesTarget,
    Exports,
    ShowsPanels,
    WarmStarts,
):
    """A molecule that is made up. Arrays: `ids` Ragged uint16, ended by the end token; `properties` float32[n, 4];
    `substructures` Ragged uint16; `asked` float32[n, 3], for evaluation: the number of one property, and the ends of
    the fifth of training values that its own lies in; `_smiles` Ragged uint8.
    """

    kind: ClassVar[str] = "molecule"

    parts: Parts = "largest"
    """Of salts and mixtures: learn from the `largest` part, `all` of them, or `refuse` them."""
    max_atoms: int = 100
    """Most atoms beside hydrogens of a molecule that is learnt from; larger ones are quarantined."""
    max_seconds: float = 10.0
    """Seconds that reading one molecule of many atoms or rings may take; what takes longer is quarantined."""
    shuffled: float = field(default=0.0, metadata=NETWORK_ONLY)
    """Share of training molecules, 0 to 1, whose atoms are written in another order each time. Raise it for few."""
    max_tokens: int = field(default=120, metadata=NETWORK_ONLY)
    """Longest molecule that is written, in tokens: atoms, bonds, brackets and ring numbers."""
    temperature: float = field(default=1.0, metadata=NETWORK_ONLY)
    """Spread of sampling: 1 follows the training molecules. Lower it for more valid and less varied ones."""
    top_p: float = field(default=1.0, metadata=NETWORK_ONLY)
    """Sample among the most likely tokens that together reach this probability; 1 keeps all."""
    min_p: float = field(default=0.0, metadata=NETWORK_ONLY)
    """Leave out tokens less likely than this share of the likeliest one. Raise it for more valid molecules."""
    tries: int = field(default=1, metadata=NETWORK_ONLY)
    """Times that `noria predict` writes at most for a wish until it is fulfilled. Raise it for narrow wishes."""
    seed: int = field(default=0, metadata=NETWORK_ONLY)
    """Seed of sampling. The same seed and wish give the same molecules."""
    wishes: str = named_input("wishes")  # the input that says what is asked for

    def __post_init__(self) -> None:
        rules = {
            "max_atoms": (1 <= self.max_atoms <= 250, "1 to 250", self.max_atoms),
            "max_seconds": (self.max_seconds > 0, "above 0", self.max_seconds),
            "shuffled": (0 <= self.shuffled <= 1, "0 to 1", self.shuffled),
            "max_tokens": (1 <= self.max_tokens <= 1000, "1 to 1000", self.max_tokens),
            "temperature": (0 < self.temperature <= 10, "above 0, at most 10", self.temperature),
            "top_p": (0 < self.top_p <= 1, "above 0, at most 1", self.top_p),
            "min_p": (0 <= self.min_p <= 1, "0 to 1", self.min_p),
            "tries": (1 <= self.tries <= 1000, "1 to 1000", self.tries),
            "seed": (0 <= self.seed < 2**32, "0 to 2^32 - 1", self.seed),
        }
        raise_unmet("new molecules", rules, "target.")

    @property
    def limits(self) -> Limits:
        """Return what is read of a text."""
        return Limits(self.parts, self.max_atoms, self.max_seconds, "target")

    def fit(self, values: Values) -> State:
        """Learn which tokens there are, which molecules are known, and how their properties are spread."""
        rdkit()
        texts, bad = [], ""
        described, step = [], max(1, len(values) // DESCRIBED)
        for index, value in enumerate(values):
            try:
                molecule = read_molecule(value, self.limits)
            except NoMolecule as error:
                bad = bad or f"{str(value)[:60]!r} {error}"
                continue
            texts.append(canonical_smiles(molecule))
            if index % step == 0:
                described.append(properties_of(molecule))
        if not described:
            raise UserError("no training record has a molecule", expected="SMILES, or MOL blocks", found=bad or "none")
        ends = np.quantile(np.array(described, np.float64), np.linspace(0, 1, PARTS + 1), axis=0)
        known = np.unique(np.array([fingerprint(text) for text in texts], np.uint64))
        return {"tokens": SmilesTokens.of(texts), "known": known, "ends": ends.T.tolist()}

    def warm_start(self, state: State) -> State | None:
        return state if "tokens" in state else None

    def encode(self, values: Values, state: State) -> Encoded:
        rdkit()
        tokens = SmilesTokens(state["tokens"])
        rows: list[tuple[Any, Any, str]] = []
        properties, bad = np.zeros((len(values), len(PROPERTIES)), np.float32), {}
        for index, value in enumerate(values):
            try:
                molecule = read_molecule(value, self.limits)
                smiles = canonical_smiles(molecule)
                rows.append((tokens.ids(smiles), substructures_of(molecule)[0], smiles))
                properties[index] = properties_of(molecule)
            except NoMolecule as error:
                bad[index] = str(error)
            except KeyError as error:
                bad[index] = f"has {error.args[0]}, which no training molecule has"
            if index in bad:
                rows.append(((), (), ""))
        ids, substructures, texts = zip(*rows, strict=True) if rows else ((), (), ())
        asked = _asked(properties, np.array(state["ends"]))
        asked[list(bad)] = 0
        arrays = {
            IDS: Ragged.of(ids, np.uint16),
            VALUES: properties,
            SUBSTRUCTURES: Ragged.of(substructures, np.uint16),
            RANGE: asked,
            SMILES: Ragged.of_texts(texts),
        }
        return Encoded(arrays, bad)

    def answer_embedder(self, state: State, width: int) -> nn.Module:
        from noria.model.token_embedder import TextEmbedder

        return TextEmbedder(SmilesTokens(state["tokens"]).size, width)

    def head(self, state: State, width: int) -> nn.Module:
        from noria.model.heads import NextToken

        return NextToken(width, SmilesTokens(state["tokens"]).size)

    def training_step(self, model: nn.Module, batch: Batch, state: State) -> dict[str, Tensor]:
        from noria.targets.molecule.learning import shuffled, wished

        inputs = {**batch.inputs, self.wishes: wished(batch.target, state["ends"])}
        ids = batch.target[IDS]
        if self.shuffled:
            ids = shuffled(ids, SmilesTokens(state["tokens"]), self.shuffled)
        target = {**batch.target, IDS: ids}
        return self.loss(model(inputs, target), Batch(inputs, target, batch.size))

    def loss(self, output: Output, batch: Batch) -> dict[str, Tensor]:
        from noria.targets.molecule.learning import nats_of

        nats, count = nats_of(output, batch.target[IDS])
        return {"loss": nats.sum() / count.sum(), "each": nats / count.clamp_min(1)}

    def predict_step(self, model: nn.Module, batch: Batch, state: State, is_quick: bool = False) -> Output:
        """Score the true molecule where it is known; write another one, and one that is asked for a property.

        Output: `nats`, `tokens`, `right`, float[B]; `written` int[B, T] and `written_asked`, PAD after the end.
        """
        from noria.targets.molecule.learning import asked_one, scored
        from noria.targets.molecule.writing import seeds_of, written_for

        output = scored(model, batch) if batch.target else {}
        if batch.target and is_quick:
            return output
        seeds, device = seeds_of(batch, self.seed), next(model.parameters()).device
        tries = 1 if batch.target else self.tries  # scores count all that is written
        output["written"] = written_for(self, model, batch.inputs, state, seeds, tries).to(device)
        if batch.target:
            inputs = {**batch.inputs, self.wishes: asked_one(batch.target)}
            output["written_asked"] = written_for(self, model, inputs, state, seeds).to(device)
        return output

    def postprocess(self, output: Arrays, inputs: Mapping[str, Arrays], state: State) -> Arrays:
        """Turn what was written into molecules, their properties, and whether they are known: judging.py."""
        kept = {name: values for name, values in output.items() if not name.startswith("written")}
        tokens = SmilesTokens(state["tokens"])
        for name, prefix in (("written", ""), ("written_asked", ASKED)):
            if name in output:
                texts = [tokens.text(row[row != PAD]) for row in output[name]]
                kept |= judged(texts, state["known"], self.limits, prefix)
        return kept

    def decode(self, output: Arrays, state: State) -> list[Prediction]:
        if SMILES not in output:  # only scored
            return [Prediction(None)] * len(next(iter(output.values())))
        texts, raw = output[SMILES].texts(), output[RAW].texts()
        return [
            Prediction(text, details={"is_valid": True, "is_new": not known, **describe(values)})
            if text
            else Prediction(None, details={"is_valid": False, "written": raw[i]})
            for i, (text, known, values) in enumerate(zip(texts, output[IS_KNOWN], output[VALUES], strict=True))
        ]

    def decode_target(self, truth: Arrays, state: State) -> list[Any]:
        tokens = SmilesTokens(state["tokens"])
        return [tokens.text(row) for row in (truth[IDS][i] for i in range(len(truth[IDS])))]

    def stream(self, model: nn.Module, batch: Batch, state: State, settings: Mapping[str, Any]) -> Iterator[Chunk]:
        """Return a generator of as many molecules as `count` says.

        Each is valid, new, as it was asked for, and unlike those before.
        """
        from noria.targets.molecule.writing import requested, stream

        return stream(self, model, batch, state, requested(self, settings))

    def writer(self, model: nn.Module, state: State) -> None:
        """Say that each answer is written for itself: it is many molecules, written side by side."""

    def stream_schema(self, most_tokens: int) -> dict[str, Any]:
        from noria.targets.molecule.writing import schema

        return schema(most_tokens)

    def export(self, answer: Prediction, suffix: str) -> bytes | None:
        from noria.targets.molecule.files import as_file

        return as_file(str(answer.value or "").split(), suffix)

    def metrics(self, state: State) -> Sequence[Metric]:
        return molecule_metrics()

    def panels(self, output: Arrays, truth: Arrays, state: State) -> list[Panel]:
        from noria.targets.molecule.panels import molecule_panels

        return molecule_panels(output, truth)


def _asked(properties: np.ndarray, ends: np.ndarray) -> np.ndarray:
    """Return float32[n, 3]: of each molecule one property in turn, and the ends of the part that its value lies in."""
    which = (np.abs(properties) * 1000).astype(np.int64).sum(1) % len(NAMES)
    values = properties[np.arange(len(properties)), which]
    parts = [np.searchsorted(ends[place][1:-1], value, "right") for place, value in zip(which, values, strict=True)]
    rows = [(place, ends[place][part], ends[place][part + 1]) for place, part in zip(which, parts, strict=True)]
    return np.array(rows, np.float32).reshape(-1, 3)
