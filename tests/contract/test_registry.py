"""Spokes are found by their file name; a wrong name is told with the nearest right one."""

from __future__ import annotations

from importlib.metadata import EntryPoint

import pytest

from noria.contract import registry
from noria.errors import UserError


@pytest.mark.parametrize("kind", ["tasks", "modalities", "targets", "checkpoints"])
def test_names_are_sorted_and_have_dashes(kind):
    names = registry.names(kind)
    assert names == sorted(names)
    assert not any("_" in name for name in names)


@pytest.mark.parametrize("name", ["image_classification", "Image-Classification", "image-clasification"])
def test_a_wrong_name_is_told_with_the_nearest(name):
    with pytest.raises(UserError, match="did you mean 'image-classification'"):
        registry.task(name)


@pytest.mark.parametrize("name", ["", "..", "os", "../job", "image.stems", "__init__"])
def test_a_name_that_is_no_spoke_imports_nothing(name):
    with pytest.raises(UserError, match="there is no modality"):
        registry.modality(name)


def test_each_call_gives_a_task_of_its_own():
    assert registry.task("image-classification") is not registry.task("image-classification")


def test_a_spoke_of_another_package_comes_through_the_same_door(monkeypatch):
    entry = EntryPoint("number-too", "noria.targets.number:Number", "noria.targets")

    def entry_points(group, name=None):
        return [entry] if group == "noria.targets" and name in (None, "number-too") else []

    monkeypatch.setattr(registry, "entry_points", entry_points)
    assert "number-too" in registry.names("targets")
    assert type(registry.target("number-too")) is registry.component_class("targets", "number")
