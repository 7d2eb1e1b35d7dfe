"""Street scenes by the shipped job and by DABNet's encoder, at our size, in equal minutes.

    OMP_NUM_THREADS=1 python benchmarks/scenes.py [--minutes 20] [--rounds 3] [--peer-settings train.optimizer=muon]

Both learn from the same pictures with the same augmentation, loss, batch size, head and mean of weights, from nothing,
after the same budget of minutes; only what stands between pixels and head differs, and the optimizer: the peer's is
AdamW at 0.001, near to what was published for CamVid. The weights that did best on validation are scored on test.
"""

from __future__ import annotations

import argparse
import json
import sys

from measuring import DATA, NORIA, ROOT, Contender, interleave, machine, table, train

from noria.job.load import shipped_jobs

PEER = [sys.executable, str(ROOT / "benchmarks" / "peers" / "dabnet.py")]
PUBLISHED = ["train.optimizer=adamw", "train.learning_rate=0.001", "train.weight_decay=0.0002"]


def main() -> None:
    """Train both in turn, each round with another seed; print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=20)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--peer-settings", nargs="+", default=PUBLISHED, metavar="SETTING=VALUE")
    arguments = parser.parse_args()
    print(machine(), flush=True)
    ours = contender("Noria", NORIA, arguments.minutes)
    peer = contender("DABNet's encoder", PEER, arguments.minutes, "inputs.image.strides=[8]", *arguments.peer_settings)
    interleave([ours, peer], arguments.rounds)
    print(table([ours, peer], "mean IoU"))


def contender(name: str, command: list[str], minutes: float, *overrides: str) -> Contender:
    """Return one side; what it learnt is told beside its score."""
    path = DATA / "street_scenes" / "camvid_half.tar"

    def run(seed: int) -> float:
        given = (f"data.path={path}", f"train.minutes={minutes}", *overrides)
        found = train(shipped_jobs()["street_scenes"], seed, *given, command=command)
        score, plan = found["metrics"]["miou"], found["plan"]  # type: ignore[index]
        told = {"miou": score, "weights": plan["weights"], "steps": found["times"][-1]["step"]}  # type: ignore[index]
        print(json.dumps(told), flush=True)
        return float(score["value"])

    return Contender(name, run)


if __name__ == "__main__":
    main()
