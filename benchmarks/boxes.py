"""Blood cells found by Noria's job and by a YOLO of ultralytics, both from scratch and in equal minutes; then speed.

    python benchmarks/boxes.py [--minutes 20] [--rounds 5] [--seed 0] [--config yolo11n.yaml] [--keep FOLDER]

Both learn at the same time, one thread each, each on a core of its own, from the same pictures with the same split:
Noria from 256 x 320 (the peer's sizes are multiples of 32), the peer with its defaults at 320 pixels. Minutes are of
training, its validations included; Noria, which plans its steps beforehand, plans with 5 % less, and what each really
took is printed. Noria learns in bfloat16 where the processor can, as it does by itself, the peer in float32. Both are
scored by Noria's metric, on the test pictures in their own pixels. Speed: pictures of 256 x 320 that lie in memory, to
the boxes of each, on one core in turn; a round is some seconds of each. The peer's model is fused in torch, and
exported for OpenVINO as its guide says, in float32, bfloat16 and int8; Noria's is run by torch and, where it is
installed, by its engine for OpenVINO. The peer's boxes are those from 0.25 on; Noria keeps those from 0.01 on. With
--keep and the runs of before, only scores and speed are measured.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import shutil
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from measuring import DATA, NORIA, ROOT, environment, machine

from noria.contract import Task
from noria.job import Job
from noria.job.load import load_job, shipped_jobs
from noria.metrics.intervals import measure
from noria.modalities.image.resize import resized
from noria.pipeline.fields import open_path
from noria.pipeline.predictor import Predictor, load
from noria.reporter import Silent
from noria.stages.prepared_again import prepared_again
from noria.targets.boxes.metrics import detection_metrics
from noria.types import Arrays, Dataset, Ragged
from noria.vision.pictures import read_picture

CELLS = DATA / "blood_cells" / "BCCD"
SCRIPT = ROOT / "benchmarks" / "peers" / "yolo.py"
PACKAGES = [
    "torch==2.13.0",
    "numpy",
    "opencv-python-headless",
    "pyyaml",
    "matplotlib",
    "psutil",
    "polars",
    "requests",
    "openvino==2026.4.1",
    "nncf==3.4.0",
]
SIZE = (256, 320)  # of the pictures by which speed is measured
BATCHES = (1, 16)
PEER, PEER_OPENVINO = "ultralytics, float32", "ultralytics, OpenVINO"
SCORES = ("map50", "map50_95")
PLANNED = 0.95  # of the minutes, by Noria: a plan may be too hopeful


def main() -> None:
    """Train both, print their scores, then their speed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=20)
    parser.add_argument("--rounds", type=int, default=5, help="of speed")
    parser.add_argument("--seconds", type=float, default=4, help="of each side in a round of speed")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--config", default="yolo11n.yaml")
    parser.add_argument("--keep", type=Path, help="where the runs stay; those that are there are not trained again")
    arguments = parser.parse_args()
    python = environment("boxes", PACKAGES, ["ultralytics==8.4.190", "ultralytics-thop"])
    print(machine(), flush=True)
    with tempfile.TemporaryDirectory() as scratch:
        folder = (arguments.keep or Path(scratch)).resolve()
        job, task = load_job(shipped_jobs()["blood_cells"])
        labels = write_pictures(job, task, folder / "cells")
        run, weights = folder / "noria", folder / "run" / "weights" / "best.pt"
        if not (run / "metrics.json").exists():
            train(python, folder, arguments.config, arguments.minutes, arguments.seed)
        model = load(run, device="cpu")
        dataset = prepared_again(run, Silent())[2].splits["test"]
        peer = [str(python), str(SCRIPT)]
        given = {"Noria": model.outputs(dataset)}
        command = [*peer, "predict", str(weights), str(folder / "cells" / "images" / "test"), str(folder / "peer.json")]
        called(command, folder)
        answers = json.loads((folder / "peer.json").read_text("utf-8"))
        given[f"ultralytics, {arguments.config}"] = as_output(answers, labels, model.states["target"]["labels"])
        show_scores(given, {name: values[:] for name, values in dataset.target.items()}, len(labels))
        speed(arguments.rounds, arguments.seconds, run, peer, weights, folder)


def write_pictures(job: Job, task: Task, folder: Path) -> list[str]:
    """Write the pictures and boxes as the peer reads them, in the order of the source; return the labels."""
    labels: list[str] = []
    for rows in open_path(CELLS, task, job.data).rows():
        for i in range(len(rows)):
            split = {"validation": "val"}.get(rows.split, rows.split)
            picture, boxes = rows.columns["image"][i], rows.columns["boxes"][i]
            height, width = read_picture(picture).shape[:2]
            lines = []
            for one in boxes:
                if one["label"] not in labels:
                    labels.append(one["label"])
                left, top, right, bottom = one["box"]
                center = ((left + right) / 2 / width, (top + bottom) / 2 / height)
                sides = ((right - left) / width, (bottom - top) / height)
                lines.append(" ".join(map(str, (labels.index(one["label"]), *center, *sides))))
            for kind, ending, data in (("images", "jpg", picture), ("labels", "txt", "\n".join(lines).encode())):
                path = folder / kind / split / f"{Path(str(rows.numbers[i])).stem}.{ending}"
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(data)
    content = {"path": str(folder), "train": "images/train", "val": "images/val", "names": dict(enumerate(labels))}
    (folder / "data.yaml").write_text(json.dumps(content), "utf-8")  # JSON is YAML
    return labels


def train(python: Path, folder: Path, config: str, minutes: float, seed: int) -> None:
    """Train both at the same time, each on its core; print what each took."""
    planned = PLANNED * minutes
    job = ["train", "blood_cells", f"data.path={CELLS}", f"inputs.image.size=[{SIZE[0]},{SIZE[1]}]", "--json"]
    job += [f"train.minutes={planned}", f"train.seed={seed}"]
    peer = ["train", config, str(folder / "cells" / "data.yaml"), str(minutes), str(seed), str(folder)]
    commands = {"Noria": [*NORIA, *job, "--run", str(folder / "noria")], "peer": [str(python), str(SCRIPT), *peer]}
    running = {}
    for core, (name, command) in enumerate(commands.items()):
        log = (folder / f"{name}.log").open("w", encoding="utf-8")
        running[name] = subprocess.Popen(pinned(command, core), stdout=log, stderr=log, env=quiet(folder))
    start, ended = time.perf_counter(), dict[str, float]()
    while len(ended) < len(running):
        time.sleep(0.5)
        for name, process in running.items():
            if name not in ended and process.poll() is not None:
                ended[name] = time.perf_counter() - start
                if process.returncode:
                    raise RuntimeError((folder / f"{name}.log").read_text("utf-8")[-2000:])
    spent = json.loads((folder / "noria" / "metrics.json").read_text("utf-8"))["seconds"]["train"]
    steps = json.loads((folder / "noria" / "plan.json").read_text("utf-8"))["steps"]
    print(f"Noria: {spent:.0f} s of training, {steps} steps, {ended['Noria']:.0f} s with all around it")
    epochs = (folder / "run" / "results.csv").read_text("utf-8").splitlines()
    spent, count = float(epochs[-1].split(",")[1]), len(epochs) - 1
    print(f"ultralytics: {spent:.0f} s of training, {count} epochs, {ended['peer']:.0f} s with all around it")


def pinned(command: list[str], core: int) -> list[str]:
    """Return a command that runs on one core."""
    return ["taskset", "-c", str(core), *command]


def quiet(folder: Path) -> dict[str, str]:
    """Return an environment of one thread, with caches and settings in the folder."""
    own = {"OMP_NUM_THREADS": "1", "NORIA_CACHE": str(folder / "cache"), "YOLO_CONFIG_DIR": str(folder)}
    return {**os.environ, **own}


def called(command: list[str], folder: Path) -> str:
    """Run a command on the first core and return what it prints."""
    done = subprocess.run(pinned(command, 0), check=True, stdout=subprocess.PIPE, text=True, env=quiet(folder))
    return done.stdout


def as_output(answers: list[Any], labels: list[str], known: list[str]) -> Arrays:
    """Return the peer's boxes as the target's settled output."""
    code = np.array([known.index(label) for label in labels], np.int32)
    boxes = [np.array(one[0], np.float32).reshape(-1, 4) for one in answers]
    ends = np.concatenate([[0], np.cumsum([len(one) for one in boxes])])
    return {
        "boxes": Ragged(np.concatenate(boxes), ends),
        "labels": Ragged.of([code[np.array(one[1], int)] for one in answers], np.int32),
        "scores": Ragged.of([one[2] for one in answers], np.float32),
    }


def show_scores(given: dict[str, Arrays], truth: Arrays, labels: int) -> None:
    """Print the scores of all sides with their intervals."""
    print(f"| test, {len(truth['boxes'])} pictures | {' | '.join(SCORES)} |\n|---|{'---|' * len(SCORES)}")
    for name, output in given.items():
        found = measure(detection_metrics(labels, 0.5)[: len(SCORES)], output, truth)
        cells = [f"{found[s]['value']:.3f} [{found[s]['low']:.3f}, {found[s]['high']:.3f}]" for s in SCORES]
        print(f"| {name} | {' | '.join(cells)} |", flush=True)


def speed(rounds: int, seconds: float, run: Path, peer: list[str], weights: Path, folder: Path) -> None:
    """Time all sides in turn and print pictures a second, with and without what follows the model."""
    import torch

    os.sched_setaffinity(0, {0})
    torch.set_num_threads(1)
    paths = sorted((folder / "cells" / "images" / "test").iterdir())[:64]
    pixels = np.stack([resized(read_picture(path.read_bytes()), *SIZE) for path in paths])
    np.save(folder / "pictures.npy", pixels)
    engines = ("torch", "openvino") if importlib.util.find_spec("openvino") else ("torch",)
    sides = [(kind, engine) for kind in ("float32", "bfloat16") for engine in engines]
    own = {f"Noria, {engine}, {kind}": load(run, "cpu", kind, engine) for kind, engine in sides}
    rates: dict[tuple[str, int], list[tuple[float, float]]] = {}
    exported = {(batch, kind): export(peer, weights, folder, batch, kind) for batch in BATCHES for kind in ("", "int8")}
    for turn in range(rounds):
        for batch in BATCHES:
            ways = {
                PEER: [weights],
                **{
                    f"{PEER_OPENVINO}, {kind}": [exported[batch, "int8" if kind == "int8" else ""], hint]
                    for kind, hint in (("float32", "f32"), ("bfloat16", "bf16"), ("int8", "f32"))
                },
            }
            for name, (model, *hint) in ways.items():
                command = [*peer, "speed", str(model), str(folder / "pictures.npy"), str(seconds), str(batch), *hint]
                whole, bare = map(float, called(command, folder).split()[-2:])
                rates.setdefault((name, batch), []).append((whole, bare))
            for name, predictor in own.items():
                rates.setdefault((name, batch), []).append(own_rates(predictor, pixels, batch, seconds))
        print(f"round {turn + 1}", {key: tuple(round(one, 1) for one in found[-1]) for key, found in rates.items()})
    print("| | batch | pictures a second, median (range) | times | model alone |\n|---|---|---|---|---|")
    for (name, batch), found in sorted(rates.items(), key=lambda one: one[0][1]):
        whole, bare = (sorted(one) for one in zip(*found, strict=True))
        first = statistics.median(one[0] for one in rates[PEER, batch])
        median = statistics.median(whole)
        cells = f"{median:.1f} ({whole[0]:.1f}-{whole[-1]:.1f}) | {median / first:.2f} | {statistics.median(bare):.1f}"
        print(f"| {name} | {batch} | {cells} |")


def export(peer: list[str], weights: Path, folder: Path, batch: int, kind: str) -> Path:
    """Let the peer export its model for OpenVINO; return the folder, under a name of its own."""
    command = [*peer, "export", str(weights), str(folder / "cells" / "data.yaml"), str(batch), kind]
    made = Path(called(command, folder).split()[-1])
    kept = folder / f"openvino-{kind or 'float'}-{batch}"
    shutil.rmtree(kept, ignore_errors=True)
    return made.rename(kept)


def own_rates(model: Predictor, pixels: np.ndarray, batch: int, seconds: float) -> tuple[float, float]:
    """Return pictures a second of Noria: to the boxes, and of the model alone."""
    import torch

    size = np.tile(np.array([pixels.shape[1:3]], np.int32), (len(pixels), 1))
    data = Dataset({"image": {"pixels": pixels, "size": size}}, {})
    model.batch_size = batch

    def whole(chosen: slice) -> None:
        model.outputs(data.select(chosen))

    def bare(chosen: slice) -> None:
        with torch.inference_mode():
            model.network(data.batch(chosen).inputs)

    return rate(whole, len(pixels), batch, seconds), rate(bare, len(pixels), batch, seconds)


def rate(act: Callable[[slice], None], total: int, batch: int, seconds: float) -> float:
    """Return how many pictures a second are done; the first time is to warm up."""
    act(slice(0, batch))
    count, start = 0, time.perf_counter()
    while time.perf_counter() - start < seconds:
        place = count % (total - batch + 1)
        act(slice(place, place + batch))
        count += batch
    return count / (time.perf_counter() - start)


if __name__ == "__main__":
    main()
