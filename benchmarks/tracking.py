"""Scores of Noria's tracker beside OC-SORT, ByteTrack and SORT of `trackers`, on two MOT15 sequences.

    python benchmarks/tracking.py [DATA]

DATA holds NAME/gt.txt, NAME/test.txt (the output of another tracker) and detections/NAME/det.txt, as in motmetrics and
in SORT's repository. All trackers read the same public detections and are scored by the same metrics. Settings are
those of the papers, the peers' are their package's defaults; the truth of these sequences chose none of them. The peers
give only boxes that were detected, as Noria does where the gaps of a track are not filled (`target.fill`).
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from measuring import DATA, ROOT, environment

from noria.modalities.detections.mot import read_mot, truth_rows
from noria.targets.tracks.association import Rules, associate
from noria.targets.tracks.metrics import COUNTS, SHARES, Tracked, counted, scores

NAMES = ("TUD-Campus", "TUD-Stadtmitte")
FRAMES_PER_SECOND = 25  # of both sequences
SORT = Rules(sure=0.5, unsure=1.0, start=0.5, overlap=0.3, wait=1, fill=0)
OWN = {"one stage (baseline)": SORT, "noria": Rules(), "noria, gaps not filled": Rules(fill=0)}
PEERS = ROOT / "benchmarks" / "peers" / "tracks.py"


def tracked(table: np.ndarray) -> Tracked:
    return Tracked(table[:, 0].astype(int), table[:, 1].astype(int), table[:, 2:6])


def peers(python: Path, detections: np.ndarray) -> dict[str, Tracked]:
    """Return what each tracker of the package `trackers` makes of detections, rows of `read_mot`."""
    with tempfile.TemporaryDirectory() as scratch:
        given = Path(scratch) / "detections.npy"
        np.save(given, detections[:, [0, 2, 3, 4, 5, 6]])
        out = Path(scratch) / "out"
        out.mkdir()
        subprocess.run([python, PEERS, given, str(FRAMES_PER_SECOND), out], check=True)
        return {f"{path.stem}, trackers": tracked(np.load(path)) for path in sorted(out.glob("*.npy"))}


def main(folder: Path) -> None:
    """Track both sequences by all trackers, print the scores of each and of both."""
    python = environment("tracking", ["trackers==2.6.1"])
    print(f"{'':36}" + "".join(f"{name:>16}" for name in (*SHARES, *COUNTS)))
    totals: dict[str, np.ndarray] = {}
    for name in NAMES:
        truth = tracked(truth_rows(read_mot((folder / name / "gt.txt").read_bytes())))
        found = read_mot((folder / "detections" / name / "det.txt").read_bytes())
        given = {"published output": tracked(read_mot((folder / name / "test.txt").read_bytes()))}
        for kind, rules in OWN.items():
            given[kind] = associate(found[:, 0].astype(int), found[:, 2:6], found[:, 6], rules)[0]
        given |= peers(python, found)
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
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else DATA / "tracking")
