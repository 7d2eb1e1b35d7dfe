"""Rows of cells as lines of text whose columns stand below one another, also where characters are two cells wide."""

from __future__ import annotations

from collections.abc import Sequence

from rich.cells import cell_len

GAP = "  "


def aligned(rows: Sequence[Sequence[str]], num_left: int | None = None) -> list[str]:
    """Return a line a row. num_left: columns that begin at one place, by default all; the others end at one place."""
    widths = [max(map(cell_len, column)) for column in zip(*rows, strict=True)]
    left = len(widths) if num_left is None else num_left

    def padded(index: int, cell: str) -> str:
        blank = " " * (widths[index] - cell_len(cell))
        return cell + blank if index < left else blank + cell

    return [GAP.join(padded(*one) for one in enumerate(row)).rstrip() for row in rows]
