"""The words of a text: what stands between spaces, and each sign of a script that writes no spaces."""

from __future__ import annotations

from noria.text.scripts import is_unspaced


def words_of(text: str) -> list[str]:
    """Return the words of a text: what stands between spaces, and each sign of a script that writes none."""
    return [text[first:end] for first, end in word_extents(text)]


def word_extents(text: str) -> list[tuple[int, int]]:
    """Return where the words of a text stand in it, first character and end."""
    found: list[tuple[int, int]] = []
    first = 0
    for place in range(len(text) + 1):
        is_end = place == len(text) or text[place].isspace()
        is_sign = not is_end and is_unspaced(text[place])
        if (is_end or is_sign) and place > first:
            found.append((first, place))
        if is_sign:
            found.append((place, place + 1))
        if is_end or is_sign:
            first = place + 1
    return found
