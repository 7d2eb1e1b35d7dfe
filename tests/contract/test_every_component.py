"""Every component that noria.contract.registry knows keeps the contract."""

from __future__ import annotations

from pathlib import Path

import pytest

import noria
from noria.checks import check_modality, check_padding, check_target, check_task
from noria.contract import answer_field, registry
from noria.contract.examples import column, records_like

SOURCE = Path(noria.__file__).parent
RECORDS = 12
# What is there, by name: a file that is lost, or is no component, fails.
KNOWN = {
    "modalities": "audio detections image items messages molecule raw-audio series spoken-text table text video wishes",
    "targets": """
        boxes correctness embedding label labels mask masked-text measurements molecule neighbours number profile
        ranking ratings reply segments span speech tags text tracks transcript view waveform
    """,
    "tasks": """
        audio-classification chat image-classification image-embedding image-multilabel knowledge-tracing
        masked-language-modelling molecule-generation molecule-properties molecule-property molecule-safety
        object-detection object-tracking question-answering rating-prediction semantic-segmentation
        sequential-recommendation series-classification similar-items speech-recognition speech-to-text
        summarization tabular-classification tabular-multilabel tabular-regression text-classification
        text-embedding text-generation text-multilabel text-to-speech token-classification top-recommendation
        translation user-profile video-classification vocoder voice-activity-detection voice-assistant
    """,
}


def values_of(kind, name):
    """Raw values for a modality or target by name: those of the first task that has it."""
    for task_name in registry.names("tasks"):
        task = registry.task(task_name)
        records = records_like(task, RECORDS)
        if kind == "targets" and answer_field(task) == name.replace("-", "_"):
            return [record[answer_field(task)] for record in records]
        for field, modality in task.inputs.items():
            if kind == "modalities" and type(modality) is registry.component_class("modalities", name):
                return column([record[field] for record in records])
    pytest.fail(f"no task uses {name}: give the test values for it")


def not_of_a_task(kind):
    """Names of components that no task has as they are made by name: the check of a task checks the others."""
    tasks = [registry.task(name) for name in registry.names("tasks")]
    theirs = [part for task in tasks for part in (task.target, *task.inputs.values())]
    return [name for name in registry.names(kind) if registry.component_class(kind, name)() not in theirs]


@pytest.mark.parametrize("kind", list(KNOWN))
def test_no_component_is_lost_or_found_twice(kind):
    files = {path.stem.replace("_", "-") for path in (SOURCE / kind).iterdir() if path.stem.strip("_") == path.stem}
    assert sorted(files) == registry.names(kind) == KNOWN[kind].split()


@pytest.mark.parametrize("name", not_of_a_task("modalities"))
def test_a_modality_keeps_the_contract(name):
    check_modality(registry.modality(name), values_of("modalities", name))


@pytest.mark.parametrize("name", not_of_a_task("targets"))
def test_a_target_keeps_the_contract(name):
    check_target(registry.target(name), values_of("targets", name))
    check_padding(registry.target(name), values_of("targets", name))


@pytest.mark.parametrize("name", registry.names("tasks"))
def test_a_task_keeps_the_contract(name):
    check_task(registry.task(name))
