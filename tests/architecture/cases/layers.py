"""The order of the layers, and that components are found by name alone."""

from __future__ import annotations

WRONG = {
    "upward imports": [
        ("contract", "from noria.stages import train"),
        ("contract", "if TYPE_CHECKING:\n    from noria.stages.train import train"),
        ("contract", "def f():\n    import noria.stages.train"),
        ("contract", 'importlib.import_module("noria.stages.train")'),
        ("modalities.image", "from noria.targets.label import Label"),
        ("errors", "from noria.contract.core import Task"),
        ("no_place", "from noria.errors import UserError"),
    ],
    "imports past the registry": [
        ("stages.train", "from noria.tasks.image_classification import ImageClassification"),
        ("model.heads", "if TYPE_CHECKING:\n    from noria.modalities.image.modality import Image"),
    ],
}
RIGHT = {
    "upward imports": [
        ("stages.train", "from noria.contract.core import Task"),
        ("stages.train", "from noria.stages.step import step"),
        ("stages.train", "import noria"),
    ],
    "imports past the registry": [("tasks.image_classification", "from noria.targets.label import Label")],
}
