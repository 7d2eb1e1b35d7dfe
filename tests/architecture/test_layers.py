"""The order of the layers, and that components are found by name alone."""

from __future__ import annotations

import pytest

from architecture.samples import objected

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


@pytest.mark.parametrize(("rule", "name", "code"), [(rule, *one) for rule, cases in WRONG.items() for one in cases])
def test_a_rule_sees_what_is_wrong(rule: str, name: str, code: str):
    assert objected(rule, name, code)


@pytest.mark.parametrize(("rule", "name", "code"), [(rule, *one) for rule, cases in RIGHT.items() for one in cases])
def test_a_rule_lets_pass_what_is_right(rule: str, name: str, code: str):
    assert objected(rule, name, code) == []
