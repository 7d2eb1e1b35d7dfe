"""What the report shows of new molecules: some of them drawn, and how their properties lie beside true ones."""

from __future__ import annotations

import numpy as np

from noria.modalities.molecule.properties import PROPERTIES
from noria.targets.molecule.arrays import IS_VALID, SMILES, VALUES
from noria.targets.molecule.files import grid
from noria.types import Arrays, Panel

SHSMILES = 12
QUANTILES = (0.1, 0.5, 0.9)


def molecule_panels(output: Arrays, truth: Arrays) -> list[Panel]:
    """Return the drawings and the table; nothing where no molecule was written."""
    valid = np.flatnonzero(output[IS_VALID]) if SMILES in output else np.zeros(0, np.int64)
    if not len(valid):
        return []
    chosen = valid[np.linspace(0, len(valid) - 1, min(SHSMILES, len(valid))).astype(int)]
    drawn = grid([output[SMILES][int(row)].tobytes().decode() for row in chosen])
    own, true = np.asarray(output[VALUES])[valid], np.asarray(truth[VALUES])
    rows = [
        [one.name, one.what, *_spread(true[:, place], one.digits), *_spread(own[:, place], one.digits)]
        for place, one in enumerate(PROPERTIES)
    ]
    heads = [f"{whose} {quantile:.0%}" for whose in ("true", "new") for quantile in QUANTILES]
    return [
        Panel("picture", "New molecules", {"svg": drawn}, f"{len(chosen)} of {len(valid):,} valid ones, evenly drawn."),
        Panel("table", "Properties", {"columns": ["property", "what it is", *heads], "rows": rows}, "Quantiles."),
    ]


def _spread(values: np.ndarray, digits: int) -> list[float]:
    return [round(float(one), digits) for one in np.quantile(values, QUANTILES)]
