"""New molecules: how many of what is written are valid, different, new, and inside of what was asked for.

    OMP_NUM_THREADS=1 python benchmarks/molecule_design.py [--run build/molecule_design] [--count 10000] [--seeds 3]
        [--asked 2000] [--temperature 1.1] [--min-p 0.15] [--tries 4] [--set train.epochs=5]

Everything that the network writes counts, drawn once: nothing is drawn again, as `noria generate` does; with --tries
what `noria predict` answers by `target.tries` is counted beside it. The baseline of a wish is the share of training
molecules that it holds for. The run is trained on zinc_valid.smi where it is not there.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from measuring import DATA, ROOT, machine

FILE = DATA / "molecules" / "zinc_valid.smi"
WISHES = ("logp 2..3", "logp 4..", "qed 0.9..", "weight ..300", "sa ..2", "logp 1..2, weight 300..350")
AT_ONCE = 256


def main() -> None:
    """Train where the run is not there, then draw and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--run", type=Path, default=ROOT / "build" / "molecule_design")
    parser.add_argument("--count", type=int, default=10_000)
    parser.add_argument("--asked", type=int, default=2_000, help="molecules that are drawn for each wish")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--wishes", nargs="*", default=list(WISHES))
    parser.add_argument("--temperature", type=float, default=1.0)
    parser.add_argument("--min-p", type=float, default=0.0)
    parser.add_argument("--tries", type=int, default=1, help="how often each is written at most, beside once")
    parser.add_argument("--set", nargs="+", default=[], help="overrides of the job")
    arguments = parser.parse_args()
    import noria
    from noria.reporter import Silent

    print(machine(), flush=True)
    if not (arguments.run / "metrics.json").is_file():
        noria.train("molecule_design", [f"data.path={FILE}", *arguments.set], arguments.run, reporter=Silent())
    model = noria.load(arguments.run)
    target = replace(model.task.target, temperature=arguments.temperature, min_p=arguments.min_p)
    for seed in range(arguments.seeds):
        texts = list(written(model, target, "", arguments.count, seed))
        how = f"temperature {arguments.temperature}, min_p {arguments.min_p}, seed {seed}"
        print(f"{how}: {free(model, texts)}", flush=True)
    known = training(model)
    for wish in arguments.wishes:
        for tries in sorted({1, arguments.tries}):
            texts = list(written(model, target, wish, arguments.asked, 0, tries))
            print(f"{wish:<28} {tries} tries: {asked(model, wish, texts, known)}", flush=True)


def written(model: Any, target: Any, wish: str, count: int, seed: int, tries: int = 1) -> Iterator[str]:
    """Yield what the network writes for a wish, molecule or not, by the settings of `target`."""
    from noria.targets.molecule.smiles import SmilesTokens
    from noria.targets.molecule.writing import rows_of, written_for

    state, network = model.states["target"], model.bundle.model.eval()
    tokens = SmilesTokens(state["tokens"])
    (chunk,) = model.encoded([{"wishes": wish}] * min(AT_ONCE, count))
    inputs = chunk.records.batch(np.arange(len(chunk)), model.device).inputs
    seeds = np.random.SeedSequence(seed).generate_state(count).tolist()
    for start in range(0, count, AT_ONCE):
        some = seeds[start : start + AT_ONCE]
        own = rows_of(inputs, slice(len(some)))
        yield from (tokens.text(row) for row in written_for(target, network, own, state, some, tries).tolist())


def free(model: Any, texts: list[str]) -> str:
    """Return the shares of what was written without a wish."""
    from noria.modalities.molecule.reading import canonical_smiles
    from noria.targets.molecule.judging import is_known, parsed

    found = [parsed(text, model.task.target.limits) for text in texts]
    smiles = [canonical_smiles(one) for one in found if one is not None]
    new = ~is_known(smiles, model.states["target"]["known"])
    shares = {
        "validity": (len(smiles), len(texts)),
        "uniqueness": (len(set(smiles)), len(smiles)),
        "novelty": (int(new.sum()), len(smiles)),
    }
    return ", ".join(f"{name} {share(*counts)}" for name, counts in shares.items())


def training(model: Any) -> np.ndarray:
    """Return float32[n, properties] of two thousand training molecules, evenly drawn."""
    from noria.modalities.molecule.properties import properties_of
    from noria.modalities.molecule.reading import Limits, canonical_smiles, rdkit, read_molecule
    from noria.targets.molecule.judging import is_known

    rdkit()
    lines = FILE.read_text().split()
    found = [read_molecule(line, Limits()) for line in lines[:: max(1, len(lines) // 2500)]]
    own = is_known([canonical_smiles(one) for one in found], model.states["target"]["known"])
    return np.array([properties_of(one) for one, is_own in zip(found, own, strict=True) if is_own])


def asked(model: Any, wish: str, texts: list[str], known: np.ndarray) -> str:
    """Return the share of what was written that is as asked for, and that of training molecules."""
    from noria.modalities.molecule.properties import properties_of
    from noria.targets.molecule.judging import parsed

    found = [parsed(text, model.task.target.limits) for text in texts]
    values = np.array([properties_of(one) for one in found if one is not None])
    (chunk,) = model.encoded([{"wishes": wish}])
    ends = np.asarray(chunk.records.inputs["wishes"]["ranges"])[0]
    inside, usual = (int(((one >= ends[:, 0]) & (one <= ends[:, 1])).all(1).sum()) for one in (values, known))
    return f"inside {share(inside, len(texts))}, of training molecules {share(usual, len(known))}"


def share(count: int, whole: int) -> str:
    """Return a share with its 95 % interval (Wilson) and n."""
    if not whole:
        return "of none"
    p, z = count / whole, 1.96
    middle = (p + z * z / (2 * whole)) / (1 + z * z / whole)
    reach = z / (1 + z * z / whole) * math.sqrt(p * (1 - p) / whole + z * z / (4 * whole * whole))
    return f"{p:.4f} [{max(0.0, middle - reach):.4f}, {min(1.0, middle + reach):.4f}] (n {whole:,})"


if __name__ == "__main__":
    main()
