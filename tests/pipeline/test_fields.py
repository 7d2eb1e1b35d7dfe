"""Which column fills which field: one that is named twice for a field is told."""

from __future__ import annotations

import pytest

from noria.errors import UserError
from noria.pipeline.fields import map_fields
from noria.tasks.molecule_safety import MoleculeSafety


def test_a_field_that_names_a_column_twice_is_refused() -> None:
    named: dict[str, str | list[str]] = {"molecule": "smiles", "labels": ["old", "new", "old"]}
    with pytest.raises(UserError, match="more than once: old") as caught:
        map_fields(["smiles", "old", "new"], MoleculeSafety(), named, needs_answer=True)
    assert caught.value.where == "data.fields.labels"
