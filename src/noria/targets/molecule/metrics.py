"""What new molecules are scored by: how likely true ones are, and what those that are written are worth.

Sources: Polykovskiy et al. 2020, "Molecular Sets (MOSES)", for validity, uniqueness, novelty and internal diversity.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import numpy as np

from noria.contract import Metric, mean_metric
from noria.metrics.likelihood import likelihood
from noria.modalities.molecule.similarity import packed
from noria.targets.molecule.arrays import ASKED, IS_KNOWN, IS_VALID, RANGE, SMILES, SUBSTRUCTURES, VALUES
from noria.types import Arrays

COMPARED = 2_000  # molecules, evenly drawn, that are compared with one another


def molecule_metrics() -> tuple[Metric, ...]:
    """Return the scores; those of what is written are NaN where nothing was."""
    shares = (
        ("validity", "of all", _valid, None),
        ("uniqueness", "of valid", _first, _valid),
        ("novelty", "of valid", _new, _valid),
    )
    return (
        *likelihood(nats="nats", tokens="tokens", right="right"),
        *(_share(name, f"fraction {of}", above, below) for name, of, above, below in shares),
        Metric("diversity", "mean distance, 0 to 1", "higher", _diversity, follows_loss=False),
        mean_metric("inside", "fraction in asked range", "higher", _inside),
    )


def _share(
    name: str,
    unit: str,
    above: Callable[[Arrays], np.ndarray],
    below: Callable[[Arrays], np.ndarray] | None,
) -> Metric:
    """Return the metric of which share of the records that `below` chooses `above` holds."""

    def scores(output: Arrays, truth: Arrays) -> np.ndarray:
        if SMILES not in output:
            return np.full(len(next(iter(output.values()))), np.nan)
        whole = 1.0 if below is None else below(output).mean()
        return np.asarray(above(output) / whole if whole else np.full(len(output[SMILES]), np.nan))

    def value(output: Arrays, truth: Arrays, weights: np.ndarray) -> np.ndarray:
        return np.asarray(weights @ scores(output, truth) / weights.sum(1))

    return Metric(name, unit, "higher", value, scores, follows_loss=name == "validity")


def _valid(output: Arrays) -> np.ndarray:
    return np.asarray(output[IS_VALID], np.float64)


def _new(output: Arrays) -> np.ndarray:
    return np.asarray(_valid(output) * (1.0 - output[IS_KNOWN]))


def _first(output: Arrays) -> np.ndarray:
    """Return 1 for the first of molecules that are the same."""
    texts = np.array(output[SMILES].texts())
    is_first = np.zeros(len(texts))
    is_first[np.unique(texts, return_index=True)[1]] = 1.0
    return np.asarray(is_first * _valid(output))


def _inside(output: Arrays, truth: Arrays) -> np.ndarray:
    """Return 1 where a molecule that is valid has the property that was asked for."""
    if ASKED + VALUES not in output:
        return np.full(len(next(iter(output.values()))), np.nan)
    which, low, high = np.asarray(truth[RANGE], np.float64).T
    values = np.asarray(output[ASKED + VALUES], np.float64)[np.arange(len(which)), which.astype(np.int64)]
    return np.asarray(output[ASKED + IS_VALID] * ((values >= low) & (values <= high)), np.float64)


def _diversity(output: Arrays, truth: Arrays, weights: np.ndarray) -> np.ndarray:
    """Return one minus the mean similarity of two valid molecules (Tanimoto, by their substructures)."""
    if SMILES not in output:
        return np.full(len(weights), np.nan)
    valid = np.flatnonzero(output[IS_VALID])
    chosen = valid[:: -(-len(valid) // COMPARED) or 1]
    if len(chosen) < 2:
        return np.full(len(weights), np.nan)
    alike = _similarities(tuple(output[SUBSTRUCTURES][int(row)].tobytes() for row in chosen))
    own = weights[:, chosen].astype(np.float64)
    total = own.sum(1)
    pairs = total * (total - 1)
    both = np.einsum("rn,nm,rm->r", own, alike, own, optimize=True) - total  # a molecule is not its own pair
    return np.asarray(1 - np.divide(both, pairs, out=np.full(len(own), np.nan), where=pairs > 0))


@lru_cache(maxsize=2)
def _similarities(rows: tuple[bytes, ...]) -> np.ndarray:
    """Return float64[n, n] of the substructures of n molecules, uint16 each; once, however many resamples ask."""
    bits = np.unpackbits(packed([np.frombuffer(row, np.uint16) for row in rows]), axis=1).astype(np.float32)
    both = bits @ bits.T
    sizes = bits.sum(1)
    either = sizes[:, None] + sizes - both
    return np.asarray(np.divide(both, either, out=np.ones(both.shape), where=either > 0))


def training_properties(train: Arrays, count: int) -> np.ndarray:
    """Return float32[count or fewer, properties] of training molecules, evenly drawn."""
    properties = np.asarray(train[VALUES], np.float32)
    return properties[:: -(-len(properties) // count)]


def trivial(truth: Arrays, properties: np.ndarray) -> Arrays:
    """Return the answer of who draws a training molecule, whatever is asked for."""
    count = len(truth[RANGE])
    drawn = np.random.default_rng(0).integers(0, len(properties), count)
    return {ASKED + VALUES: properties[drawn], ASKED + IS_VALID: np.ones(count, np.uint8)}
