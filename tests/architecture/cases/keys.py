"""Nothing takes the first input, knows the name of one, or reads the arrays of another room."""

from __future__ import annotations

WRONG = {
    "first inputs": [
        ("stages.train", "next(iter(task.inputs))"),
        ("stages.train", "next(iter(batch.inputs.values()))"),
        ("stages.train", "next(iter(model.embedders.values())).width"),
        ("stages.train", "next(iter(batch.target.values()))"),
        ("stages.train", "list(task.inputs)[0]"),
        ("stages.train", "[*task.inputs][0]"),
        ("stages.train", "names = list(task.inputs)\nname = names[0]"),
        ("stages.train", "(name, modality), *_ = task.inputs.items()"),
        ("stages.train", "[name] = task.inputs"),
        ("stages.train", "task.first_input()"),
        ("targets.label", "next(iter(inputs))"),
    ],
    "fixed inputs": [
        ("stages.train", 'batch.inputs["image"]'),
        ("stages.train", 'IMAGE = "image"\nbatch.inputs[IMAGE]'),
        ("stages.train", 'inputs.get("text")'),
        ("stages.train", '"text" in task.inputs'),
        ("targets.boxes.head", 'batch.inputs["image"]'),
    ],
    "array keys": [
        ("stages.train", 'batch.target["sides"]'),
        ("stages.train", 'batch.inputs[name]["pixels"]'),
        ("stages.train", 'given = batch.inputs[name]\ngiven.get("pixels")'),
        ("stages.train", 'if "logits" in output: pass'),
        ("stages.train", 'anything["_text"]'),
        ("stages.train", 'def f(x: dict[str, Tensor]):\n    return x["pixels"]'),
        ("stages.train", 'PIXELS = "pixels"\ndef f(x: Arrays):\n    return x[PIXELS]'),
        ("targets.boxes.head", 'encoded.arrays["pixels"]'),
        ("model.heads", 'arrays["pixels"]'),
        ("targets.boxes.loss", 'output["logits"]'),
        ("targets.boxes.loss", 'from noria.modalities.image import PIXELS\narrays["pixels"]'),
        (
            "targets.boxes.loss",
            "from noria.modalities.text import PIXELS\narrays[PIXELS]",
        ),  # another room's word for it
        ("stages.train", 'from noria.contract.capabilities import LOGITS\noutput["logits"]'),
        ("contract.metric", 'output["logits"]'),
    ],
}
RIGHT = {
    "first inputs": [
        ("stages.train", "next(iter(metrics))"),
        ("stages.train", "len(next(iter(output.values())))"),
        ("stages.train", "for name in task.inputs: pass"),
        ("stages.train", "rows = list(rows)\nrows[0]"),
    ],
    "fixed inputs": [
        ("stages.train", "batch.inputs[name]"),
        ("stages.train", "batch.inputs[self.field]"),
        ("tasks.image_classification", 'dataset.inputs["image"]'),
    ],
    "array keys": [
        ("modalities.image", 'arrays["pixels"]'),
        ("targets.boxes.loss", 'output["sides"]'),
        ("targets.boxes.loss", 'from noria.model.heads import Head\noutput["logits"]'),
        ("targets.boxes.loss", "from noria.modalities.image import PIXELS\narrays[PIXELS]"),
        ("targets.boxes.loss", "from noria.contract.capabilities import LOGITS\noutput[LOGITS]"),
        ("stages.train", "from noria.contract.capabilities import LOGITS\nLOGITS in output"),
        ("stages.train", 'record["pixels"]'),
        ("stages.train", 'output["loss"]'),
    ],
}
