"""Each rule on a file's lines, on samples that it must object to and samples that it must let pass."""

from __future__ import annotations

import pytest

from architecture.cases import branches, contents, keys, layers
from architecture.rules import by_line
from architecture.samples import objected

WRONG = branches.WRONG | contents.WRONG | keys.WRONG | layers.WRONG
RIGHT = branches.RIGHT | contents.RIGHT | keys.RIGHT | layers.RIGHT


@pytest.mark.parametrize(("rule", "name", "code"), [(rule, *one) for rule, cases in WRONG.items() for one in cases])
def test_a_rule_sees_what_is_wrong(rule: str, name: str, code: str):
    assert objected(rule, name, code)


@pytest.mark.parametrize(("rule", "name", "code"), [(rule, *one) for rule, cases in RIGHT.items() for one in cases])
def test_a_rule_lets_pass_what_is_right(rule: str, name: str, code: str):
    assert objected(rule, name, code) == []


def test_every_rule_on_lines_has_samples_of_both():
    assert set(WRONG) == set(RIGHT) == set(by_line({}))
