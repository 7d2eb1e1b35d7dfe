"""Every column keeps a name of its own, and what was renamed is said."""

from __future__ import annotations

from noria.sources.core.column_names import unique_names


def test_columns_of_one_name_or_none_are_told_apart() -> None:
    notes: list[str] = []
    assert unique_names(["x", "", "x", "x.1", "x"], notes) == ["x", "column_2", "x.2", "x.1", "x.3"]
    assert notes == [
        "column 2 has no name and is called column_2",
        "column 3 is called x.2: another one is named 'x'",
        "column 5 is called x.3: another one is named 'x'",
    ]
