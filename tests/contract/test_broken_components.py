"""The checks can fail: each component that breaks the contract is rejected by the check that is meant for it."""

from __future__ import annotations

import importlib
import inspect
import pkgutil

import pytest
from tests.contract.broken import embedders, modalities, targets, tasks
from tests.contract.broken.healthy import Letters, Side, WordSide, rejected

from noria import checks
from noria.checks import CheckFailed, check_modality, check_padding, check_target, check_task

WORDS = ["wheel low", "wheel high", "river", "water low", "a", "river high", "wheels", "bank"]
SIDES = ["left", "right", "left", "left", "right", "right", "left", "right"]
MODALITIES, TARGETS, TASKS = [*rejected(modalities), *rejected(embedders)], rejected(targets), rejected(tasks)


def rejecting_check(run, *arguments):
    """Return the name of the check that rejects, "" where none does."""
    try:
        run(*arguments)
    except CheckFailed as failure:
        return failure.check
    return ""


def names(components):
    return [component.__name__ for component in components]


def test_healthy_components_pass_every_check():
    check_modality(Letters(), WORDS)
    check_target(Side(), SIDES)
    check_padding(Side(), SIDES)
    check_task(WordSide())


@pytest.mark.parametrize("component", MODALITIES, ids=names(MODALITIES))
def test_a_broken_modality_is_rejected_by_the_check_that_is_meant_for_it(component):
    assert rejecting_check(check_modality, component(), WORDS) == component.rejected_by


@pytest.mark.parametrize("component", TARGETS, ids=names(TARGETS))
def test_a_broken_target_is_rejected_by_the_check_that_is_meant_for_it(component):
    assert rejecting_check(check_task, WordSide(target=component())) == component.rejected_by


@pytest.mark.parametrize("task", TASKS, ids=names(TASKS))
def test_a_broken_task_is_rejected_by_the_check_that_is_meant_for_it(task):
    assert rejecting_check(check_task, task()) == task.rejected_by


def test_a_task_is_rejected_for_its_modality():
    assert rejecting_check(check_task, WordSide(modality=embedders.OneSpanAWord())) == "spans"


def test_a_head_that_looks_at_padding_is_rejected_by_itself():
    assert rejecting_check(check_padding, targets.AveragesThePadding(), SIDES) == "padded_head"


def test_what_a_component_raises_is_told_with_its_place_and_cause():
    with pytest.raises(CheckFailed, match="RaisesForABadValue: it raises AttributeError") as caught:
        check_modality(modalities.RaisesForABadValue(), WORDS)
    assert isinstance(caught.value.__cause__, AttributeError)
    assert str(caught.value).endswith("check: bad_values")


def test_every_check_rejects_at_least_one_component():
    modules = [
        importlib.import_module(f"{checks.__name__}.{found.name}") for found in pkgutil.iter_modules(checks.__path__)
    ]
    known = {
        function.__name__.removeprefix("check_")
        for module in modules
        for function in vars(module).values()
        if inspect.isfunction(function) and "__wrapped__" in vars(function)
    }
    assert len(known) == 51
    assert known == {component.rejected_by for component in (*MODALITIES, *TARGETS, *TASKS)}


def test_the_list_of_broken_components_is_whole():
    assert (len(MODALITIES), len(TARGETS), len(TASKS)) == (55, 52, 20)
