"""What `noria list` says: each kind, and one component with every setting."""

from __future__ import annotations

import json

import pytest
import yaml

from noria.contract import registry
from noria.contract.settings import settings_of
from noria.job.load import load_job, shipped_jobs
from noria.stages.listing import ONE_OF, listing

COMPONENTS = [(kind, name) for kind in ("modality", "target") for name in registry.names(ONE_OF[kind])]


@pytest.mark.parametrize(("kind", "name"), COMPONENTS)
def test_a_component_is_shown_with_every_setting_its_default_its_type_and_its_line(kind, name, noria):
    code, out, _ = noria("list", kind, name)
    assert code == 0
    assert out.startswith(f"{name}\n  ")
    for one in settings_of(registry.component_class(ONE_OF[kind], name)):
        default = json.dumps(one.default, ensure_ascii=False)
        assert f"\n  {one.name} = {default}  (" in out
        assert f")\n      {one.line}\n" in out


@pytest.mark.parametrize("name", registry.names("tasks"))
def test_a_task_is_shown_with_the_keys_of_its_job_and_the_defaults_they_have_in_it(name, noria):
    task = registry.task(name)
    parts = {f"inputs.{field}": one for field, one in task.inputs.items()} | {"target": task.target}
    expected = {f"{path}.{one.name}": one for path, part in parts.items() for one in settings_of(part)}
    job = load_job({"task": name})[0]
    given = {f"inputs.{field}": one for field, one in job.inputs.items()} | {"target": job.target}
    defaults = {f"{path}.{key}": value for path, values in given.items() for key, value in values.items()}
    code, out, _ = noria("list", "task", name, "--json")
    found = json.loads(out)["settings"]
    assert (code, list(found)) == (0, list(expected))
    assert all(found[key]["line"] == one.line for key, one in expected.items())
    assert {key: one["default"] for key, one in found.items()} == json.loads(json.dumps(defaults))


def test_a_default_that_the_task_sets_is_the_one_that_is_shown(monkeypatch):
    monkeypatch.setattr(registry.component_class("tasks", "translation"), "defaults", {"target": {"beams": 4}})
    assert listing("task", "translation")["settings"]["target.beams"]["default"] == 4


def test_a_shipped_job_is_shown_as_it_is(noria):
    code, out, _ = noria("list", "job", "digits")
    name, _, text = out.partition("\n")
    assert (code, name) == (0, "digits")
    assert yaml.safe_load(text) == yaml.safe_load(shipped_jobs()["digits"].read_text("utf-8"))


@pytest.mark.parametrize(
    ("words", "nearest"),
    [
        (["modality", "imag"], "image"),
        (["target", "labl"], "label"),
        (["task", "image-clasification"], "image-classification"),
        (["job", "digitz"], "digits"),
        (["modalty", "image"], "modality"),
        (["taks"], "tasks"),
    ],
)
def test_an_unknown_name_is_told_with_the_nearest(words, nearest, noria):
    code, out, err = noria("list", *words)
    assert (code, out) == (2, "")
    assert f"did you mean {nearest!r}?" in err


def test_a_kind_of_one_without_a_name_says_both_ways(noria):
    code, _, err = noria("list", "modality")
    assert code == 2
    assert "noria list modalities, or noria list modality NAME" in err


def test_kinds_are_listed_as_json_too(noria):
    found = json.loads(noria("list", "--json")[1])
    assert list(found) == ["tasks", "modalities", "targets", "jobs"]
    assert found["targets"]["label"].startswith("A class name.")
    assert list(json.loads(noria("list", "jobs", "--json")[1])) == ["jobs"]
