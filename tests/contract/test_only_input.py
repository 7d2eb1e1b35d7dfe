"""What is given to a model without saying to which input goes to the only one."""

from __future__ import annotations

import pytest

from noria.contract import only_input, registry
from noria.errors import UserError


def test_the_only_input_is_found():
    assert only_input(registry.task("text-generation"), "be given a prompt alone") == "prompt"


def test_of_several_inputs_none_is_taken_for_the_one_that_is_meant():
    with pytest.raises(UserError, match="only a model with one input can be given a prompt alone") as caught:
        only_input(registry.task("question-answering"), "be given a prompt alone")
    assert caught.value.found == "inputs question, context"
