"""Every setting has a line of its own that says what it is, and what holds the settings can be asked for them."""

from __future__ import annotations

import dataclasses
import re
import typing
from collections import Counter
from dataclasses import dataclass, field
from typing import Literal

import pytest
from pydantic import BaseModel

from noria.contract import registry
from noria.contract.settings import in_words, lines_of, settings_of, values_of
from noria.job import Job, Range
from noria.model import blocks

LONGEST = 120  # characters: a line of a terminal, two sentences at most
COMPONENTS = {
    f"{kind} {name}": registry.component_class(kind, name)
    for kind in ("modalities", "targets")
    for name in registry.names(kind)
}
# Words that are neither settings nor choices of one: tokenizers and lexicons that may also be a file, keys of a file to
# download, what a modality says belongs together.
OTHER_WORDS = {"bpe", "unigram", "character", "byte", "url", "urls", "sha256", "training", "scaffold", "value"}


def sections(model):
    """The sections of a job below a model, itself included."""
    found = [model]
    for one in model.model_fields.values():
        for kind in (one.annotation, *typing.get_args(one.annotation)):
            if isinstance(kind, type) and issubclass(kind, BaseModel):
                found += sections(kind)
    return found


SECTIONS = {model.__name__: model for model in [*sections(Job), Range]}
VARIANTS = {name: type(blocks.block_variant(name, {})) for name in blocks.names()}
HOLDERS = COMPONENTS | SECTIONS | VARIANTS


def names_of(holder):
    return list(holder.model_fields) if issubclass(holder, BaseModel) else [one.name for one in settings_of(holder)]


def types_of(hint):
    return [hint, *(below for one in typing.get_args(hint) for below in types_of(one))]


def test_all_that_holds_settings_is_looked_at():
    assert {len(registry.names("modalities")), len(registry.names("targets"))} == {13, 24}
    assert sorted(SECTIONS) == [
        *(
            "Amounts",
            "Data",
            "Evaluate",
            "Fetch",
            "Job",
            "Model",
            "Range",
            "Service",
            "Split",
            "Train",
            "Tune",
            "Value",
        ),
        "Wheel",
    ]
    assert sorted(VARIANTS) == ["attention", "conformer", "recurrent", "swiglu"]
    assert sum(len(names_of(holder)) for holder in HOLDERS.values()) > 200


@pytest.mark.parametrize("name", HOLDERS)
def test_every_setting_has_a_line_and_no_line_is_long(name):
    lines = lines_of(HOLDERS[name])
    assert [one for one in names_of(HOLDERS[name]) if not lines.get(one)] == []
    assert [one for one in names_of(HOLDERS[name]) if len(lines[one]) > LONGEST] == []


@pytest.mark.parametrize("name", HOLDERS)
def test_no_two_settings_of_one_class_share_a_line(name):
    lines = lines_of(HOLDERS[name])
    shared = Counter(lines[one] for one in names_of(HOLDERS[name])).most_common(1)
    assert all(count == 1 for _, count in shared), shared


@pytest.mark.parametrize("name", HOLDERS)
def test_what_a_line_names_in_backticks_is_a_setting_or_one_of_its_choices(name):
    holder = HOLDERS[name]
    bases = [one for one in holder.__mro__ if one.__module__.startswith("noria.")]
    own = [hint for one in bases for hint in typing.get_type_hints(one).values()]
    hints = [below for hint in own for below in types_of(hint)]
    choices = {one for hint in hints if typing.get_origin(hint) is Literal for one in typing.get_args(hint)}
    known = {*names_of(holder), *choices, *OTHER_WORDS}
    said = {word for one in names_of(holder) for word in re.findall(r"`(\w+)`", lines_of(holder)[one])}
    assert said - known == set()


@dataclass(frozen=True)
class Lower:
    shown: int = 3
    """Said below."""
    plain: int = 4  # a comment is no line
    made: dict[str, int] = field(default_factory=dict)
    """Said in
    two rows."""
    twice: int = 0
    """Said first."""


@dataclass(frozen=True)
class Upper(Lower):
    shown: int = field(default=5, metadata={"network_only": True})
    own: bool = False
    """Said above."""
    plain: int = 6
    """Said anew."""
    twice: int = 0
    """Said again."""


def test_lines_are_inherited_and_the_class_itself_wins():
    assert lines_of(Lower) == {"shown": "Said below.", "made": "Said in two rows.", "twice": "Said first."}
    above = {"own": "Said above.", "plain": "Said anew.", "twice": "Said again."}
    assert lines_of(Upper) == {**lines_of(Lower), **above}


def test_settings_come_in_order_with_defaults_of_the_class_or_values_of_the_instance():
    of_class, of_instance = settings_of(Upper), settings_of(Upper(shown=7, made={"a": 1}))
    assert [one.name for one in of_class] == ["shown", "plain", "made", "twice", "own"]
    assert [one.default for one in of_class] == [5, 6, {}, 0, False]
    assert [one.default for one in of_instance] == [7, 6, {"a": 1}, 0, False]
    assert [one.network_only for one in of_class] == [True, False, False, False, False]
    assert [one.type for one in of_class] == [int, int, dict[str, int], int, bool]
    assert values_of(Upper()) == {"shown": 5, "plain": 6, "made": {}, "twice": 0, "own": False}


def test_a_class_within_a_function_has_its_lines_and_one_without_source_has_none():
    @dataclass(frozen=True)
    class Inner:
        one: int = 1
        """Said inside."""

    assert lines_of(Inner) == {"one": "Said inside."}
    made = dataclasses.make_dataclass("Made", [("one", int, 1)])
    assert lines_of(made) == {}
    assert [one.line for one in settings_of(made)] == [""]


def test_types_are_said_in_words():
    assert in_words(int | None) == "whole number or null"
    assert in_words(tuple[int, int] | None) == "list of 2 (whole number) or null"
    assert in_words(Literal["a", "b"]) == "`a` or `b`"
    assert in_words(dict[str, list[float]]) == "mapping (text: list (number))"
    assert in_words(Lower) == "lower"
