"""A YOLO detector by ultralytics, from scratch and with its defaults. Run by benchmarks/boxes.py.

python yolo.py train CONFIG data.yaml MINUTES SEED FOLDER
python yolo.py predict WEIGHTS pictures-folder out.json
python yolo.py export WEIGHTS data.yaml BATCH [int8]        for OpenVINO, as its guide says; the folder is printed last
python yolo.py speed WEIGHTS|FOLDER pictures.npy SECONDS BATCH [PRECISION]     pictures a second: with NMS, without
"""

import importlib.metadata
import json
import os
import sys
import time
import types
from collections.abc import Callable
from pathlib import Path

os.environ |= {"YOLO_OFFLINE": "true", "YOLO_AUTOINSTALL": "false", "WANDB_MODE": "disabled"}

import numpy as np
import torch

MOST = 300  # boxes that it keeps of a picture by default


def nms(boxes: torch.Tensor, scores: torch.Tensor, overlap: float) -> torch.Tensor:
    """Return which boxes stay, best first, as torchvision.ops.nms does; no more than are kept afterwards."""
    order = scores.argsort(descending=True)
    left, top, right, bottom = boxes[order].numpy().T
    areas, rest, kept = (right - left) * (bottom - top), np.arange(len(order)), []
    while len(rest) and len(kept) < MOST:
        best, rest = rest[0], rest[1:]
        kept.append(best)
        width = np.minimum(right[best], right[rest]) - np.maximum(left[best], left[rest])
        height = np.minimum(bottom[best], bottom[rest]) - np.maximum(top[best], top[rest])
        shared = width.clip(0) * height.clip(0)
        rest = rest[shared <= overlap * (areas[best] + areas[rest] - shared)]
    return order[kept]


def stand_in() -> None:
    """Let ultralytics find a torchvision, of which it uses the one function above; none is built for this torch."""
    known = importlib.metadata.version
    importlib.metadata.version = lambda name: "0.28.0" if name == "torchvision" else known(name)
    stub = types.ModuleType("torchvision")
    stub.ops = types.SimpleNamespace(nms=nms)
    sys.modules["torchvision"] = stub


stand_in()
from ultralytics import YOLO, settings  # noqa: E402
from ultralytics.utils.nms import non_max_suppression  # noqa: E402

SIDE = 320
SIZE = [256, 320]  # of the pictures by which speed is measured


def train(config: str, data: str, minutes: str, seed: str, folder: str) -> None:
    """Train a model that knows nothing; its best weights by its own validation are FOLDER/run/weights/best.pt."""
    settings.update({"sync": False})
    YOLO(config).train(
        data=data, time=float(minutes) / 60, imgsz=SIDE, seed=int(seed), device="cpu", pretrained=False,
        project=folder, name="run", plots=False,
    )  # fmt: skip


def predict(weights: str, folder: str, out: str) -> None:
    """Write the boxes of every picture, in its own pixels, with the threshold of its validation."""
    model, found = YOLO(weights), []
    for path in sorted(Path(folder).iterdir()):
        boxes = model.predict(str(path), imgsz=SIDE, conf=0.001, iou=0.7, device="cpu", verbose=False)[0].boxes
        found.append([boxes.xyxy.tolist(), boxes.cls.int().tolist(), boxes.conf.tolist()])
    Path(out).write_text(json.dumps(found), "utf-8")


def export(weights: str, data: str, batch: str, kind: str = "") -> None:
    """Convert the model for OpenVINO, for pictures of SIZE and one size of batch; int8 is calibrated on `data`."""
    more = {"int8": True, "data": data, "fraction": 0.5} if kind == "int8" else {}
    print(YOLO(weights).export(format="openvino", imgsz=SIZE, batch=int(batch), device="cpu", **more), flush=True)


def torch_model(weights: str) -> tuple[Callable[[torch.Tensor], torch.Tensor], int]:
    """Return the fused model, in float32, and how many labels it has."""
    model = YOLO(weights).model.fuse().eval().float()
    return (lambda pixels: model(pixels)[0]), len(model.names)


def openvino_model(folder: str, precision: str) -> tuple[Callable[[torch.Tensor], torch.Tensor], int]:
    """Return the exported model on one thread, and how many labels it has."""
    import openvino

    settings = {"INFERENCE_PRECISION_HINT": precision, "INFERENCE_NUM_THREADS": 1, "PERFORMANCE_HINT": "LATENCY"}
    compiled = openvino.Core().compile_model(next(Path(folder).glob("*.xml")), "CPU", settings)
    labels = compiled.output(0).shape[1] - 4
    return (lambda pixels: torch.from_numpy(compiled(pixels.numpy())[0])), labels


@torch.inference_mode()
def speed(weights: str, pictures: str, seconds: str, batch: str, precision: str = "f32") -> None:
    """Time pictures uint8[n, H, W, 3] that lie in memory, with the thresholds of its predictions."""
    torch.set_num_threads(1)
    pixels, size = torch.from_numpy(np.load(pictures)), int(batch)
    is_exported = Path(weights).is_dir()
    model, labels = openvino_model(weights, precision) if is_exported else torch_model(weights)
    for is_whole in (True, False):
        count, start, place = -size, time.perf_counter(), 0
        while time.perf_counter() - start < float(seconds):
            chosen = pixels[place : place + size]
            output = model(chosen.permute(0, 3, 1, 2).float().contiguous() / 255)
            if is_whole:
                non_max_suppression(output, 0.25, 0.7, max_det=MOST, nc=labels)
            count, place = count + size, (place + size) % (len(pixels) - size + 1)
            if count == 0:
                start = time.perf_counter()  # the first one was to warm up
        print(count / (time.perf_counter() - start), flush=True)


if __name__ == "__main__":
    {"train": train, "predict": predict, "export": export, "speed": speed}[sys.argv[1]](*sys.argv[2:])
