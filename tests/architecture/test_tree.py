"""The tree against the rules: nothing more than what is known, and nothing less."""

from __future__ import annotations

import pytest

from architecture import known, layers
from architecture.rules import ALLOWED, RULES, STATIC, by_line, static
from architecture.tree import SOURCE, files, imports


def test_the_rules_look_at_every_file():
    assert len(files()) > 200
    assert sum(1 for file in files().values() for _ in imports(file, files())) > 1000
    assert all((SOURCE.parents[1] / file.path).is_file() for file in files().values())


@pytest.mark.parametrize("rule", STATIC)
def test_the_tree_has_exactly_what_is_known_against_this_rule(rule: str):
    said = known.differences(rule, static()[rule], known.known().get(rule, {}))
    assert not said, "\n".join(["", *said])


def test_the_list_of_what_is_known_names_rules_that_exist():
    assert set(known.known()) <= set(RULES)


def test_every_part_has_a_place_in_the_order_and_every_place_a_part():
    assert layers.without_a_place(files()) == [], "give each a place in ORDER, layers.py"
    assert layers.not_there(files()) == [], "named twice in ORDER, layers.py, or no part of the house"


def test_what_is_allowed_still_stands_somewhere():
    for rule, words in ALLOWED:
        lines_of = by_line(files())[rule]
        lines = [file.text.splitlines()[line - 1] for file in files().values() for line in lines_of(file)]
        assert any(words in line for line in lines), f"{rule}: {words!r} can go from ALLOWED, rules.py"
