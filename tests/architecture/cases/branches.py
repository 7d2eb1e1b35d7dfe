"""Nothing asks which task, modality or target it serves, nor of what class it is."""

from __future__ import annotations

WRONG = {
    "task names": [
        ("stages.train", 'if job.task == "image-classification": pass'),
        ("stages.train", 'x = task in ("a", "b")'),
        ("stages.train", 'if task == "anything": pass'),
        ("stages.train", "match job.task:\n    case _: pass"),
        ("stages.train", "isinstance(x, ImageClassification)"),
        ("stages.train", 'TABLE = {"image-classification": 1}'),
        ("targets.label", 'if name == "image-classification": pass'),
    ],
    "kind names": [
        ("stages.train", 'if kind_of(modality) == "image": pass'),
        ("stages.train", 'if answer_field(task) in ("label", "boxes"): pass'),
        ("stages.train", 'PICTURES = "image"\nif modality.kind == PICTURES: pass'),
        ("stages.train", "from noria.modalities.image import KEPT\nif modality.kind == KEPT: pass"),
        ("stages.train", 'match target.kind:\n    case "label": pass\n    case _: pass'),
        ("stages.train", 'x = READERS_OF_KINDS["image"]'),
        ("stages.train", 'registry.modality("image")'),
    ],
    "class questions": [
        ("stages.train", "isinstance(task.target, Text)"),
        ("stages.train", 'hasattr(task, "window")'),
        ("stages.train", 'getattr(predictor.task.target, "window", None)'),
        ("stages.train", "isinstance(task.inputs[name], Image)"),
        ("stages.train", 'for one in task.inputs.values():\n    getattr(one, "size")'),
        ("stages.train", "any(isinstance(one, Image) for name, one in self.task.inputs.items())"),
        ("stages.train", 'def f(it: Modality | Target):\n    return hasattr(it, "size")'),
        ("stages.train", "it = task.target\nisinstance(it, Text)"),
        ("stages.train", "if it := task.target:\n    isinstance(it, Text)"),
        ("stages.train", "type(target) is Text"),
        ("stages.train", "isinstance(other, type(task.target))"),
        ("stages.train", "name = type(target).__module__"),
        ("stages.train", "isinstance(model.head, NextToken)"),
        ("stages.train", "isinstance(model.embedders[name], TextEmbedder)"),
    ],
    "overridden methods": [
        ("stages.train", "type(target).choose is not Target.choose"),
        ("stages.train", "if Task.step == task.__class__.step: pass"),
        ("stages.train", '"stream" in vars(type(target))'),
        ("stages.train", '"stream" in type(target).__dict__'),
        ("stages.train", "target.stream.__func__ is Target.stream"),
        ("stages.train", "any(part is Target for part in type(target).__mro__)"),
    ],
}
RIGHT = {
    "task names": [
        ("tasks.image_classification", 'NAME = "image-classification"'),
        ("stages.train", 'def f():\n    """image-classification"""'),
        ("stages.train", "if job.task == other.task: pass"),
    ],
    "kind names": [
        ("stages.train", 'if column == "label": pass'),
        ("stages.train", 'if section == "image": pass'),
        ("stages.train", 'state["kind"] == "pretrained"'),
        ("targets.boxes.head", 'if target.kind == "boxes": pass'),
    ],
    "class questions": [
        ("stages.train", "isinstance(value, str)"),
        ("stages.train", "for one in batch.inputs.values():\n    isinstance(one, Ragged)"),
        ("stages.train", "f'{type(target).__name__}'"),
        ("contract.capabilities", "def generates(target: Target):\n    return isinstance(target, Generates)"),
        ("contract.settings", "def settings_of(component: Any):\n    return getattr(component, name)"),
    ],
    "overridden methods": [("stages.train", "type(value).__name__ == 'int'"), ("stages.train", "vars(settings)")],
}
