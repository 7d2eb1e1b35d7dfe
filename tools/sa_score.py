"""Write the table of the synthetic accessibility score anew: from RDKit's pickle to plain arrays, once.

    python tools/sa_score.py [FILE.pkl.gz]

What noria reads is modalities/molecule/sa_score.npz: `fragments` uint32[n] ascending, the number of each fragment less
that of the one before; `codes` uint16[n], which of `scores` float64[k] each has. A pickle may run what it likes, so it
is read here, from the RDKit that is installed, and never where a user's model runs.
"""

from __future__ import annotations

import gzip
import pickle
import sys
from pathlib import Path

import numpy as np

TABLE = Path(__file__).parents[1] / "src/noria/modalities/molecule/sa_score.npz"


def main() -> None:
    """Convert the table of RDKit's contributions, or the one that is named."""
    if len(sys.argv) > 1:
        path = Path(sys.argv[1])
    else:
        from rdkit import RDConfig

        path = Path(RDConfig.RDContribDir) / "SA_Score" / "fpscores.pkl.gz"
    with gzip.open(path) as file:
        rows = pickle.load(file)  # noqa: S301  # RDKit's own
    score_of = {int(fragment): float(row[0]) for row in rows for fragment in row[1:]}
    scores = np.unique(list(score_of.values()))
    fragments = np.array(sorted(score_of), np.uint64)
    codes = np.searchsorted(scores, [score_of[int(one)] for one in fragments]).astype(np.uint16)
    steps = np.diff(fragments, prepend=np.uint64(0)).astype(np.uint32)
    np.savez_compressed(TABLE, fragments=steps, codes=codes, scores=scores)
    sys.stdout.write(f"{len(fragments):,} fragments, {len(scores):,} scores, {TABLE.stat().st_size:,} bytes\n")


if __name__ == "__main__":
    main()
