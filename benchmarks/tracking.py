"""Scores of Noria's tracker beside a published tracker's output, on two MOT15 sequences with public detections.

    python benchmarks/tracking.py DATA

DATA holds NAME/gt.txt, NAME/test.txt (the other tracker's output) and detections/NAME/det.txt, as in motmetrics and in
SORT's repository. Settings are those of the papers; the truth of these sequences chose none of them.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from noria.modalities.detections.mot import read_mot, truth_rows
from noria.targets.tracks.association import Rules, associate
from noria.targets.tracks.metrics import COUNTS, SHARES, Tracked, counted, scores

NAMES = ("TUD-Campus", "TUD-Stadtmitte")
SORT = Rules(sure=0.5, unsure=1.0, start=0.5, overlap=0.3, wait=1, fill=0)


def tracked(table: np.ndarray) -> Tracked:
    return Tracked(table[:, 0].astype(int), table[:, 1].astype(int), table[:, 2:6])


def main(folder: Path) -> None:
    print(f"{'':36}" + "".join(f"{name:>16}" for name in (*SHARES, *COUNTS)))
    totals: dict[str, np.ndarray] = {}
    for name in NAMES:
        truth = tracked(truth_rows(read_mot((folder / name / "gt.txt").read_bytes())))
        found = read_mot((folder / "detections" / name / "det.txt").read_bytes())
        given = {"published output": tracked(read_mot((folder / name / "test.txt").read_bytes()))}
        for kind, rules in (("one stage (baseline)", SORT), ("noria", Rules())):
            given[kind] = associate(found[:, 0].astype(int), found[:, 2:6], found[:, 6], rules)[0]
        for kind, tracks in given.items():
            counts = counted(truth, tracks)
            totals[kind] = totals.get(kind, 0) + counts
            _print(f"{name} {kind}", counts)
    for kind, counts in totals.items():
        _print(f"both {kind}", counts)


def _print(title: str, counts: np.ndarray) -> None:
    found = scores(counts)
    cells = [f"{float(found[name]):>16.4f}" for name in SHARES] + [f"{float(found[name]):>16.0f}" for name in COUNTS]
    print(f"{title:36}" + "".join(cells))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
