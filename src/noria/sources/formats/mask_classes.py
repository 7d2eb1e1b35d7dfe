"""Names of classes that stand in a file beside masks: a name a line, or a table of names and colours.

    sky              0 sky           name,r,g,b            64 128 64  Animal
    building         1: building     Animal,64,128,64      192 0 128  Archway

Knows text only. Read next: masks.py.
"""

from __future__ import annotations

import re

CLASS_FILES = (
    "classes.txt", "labels.txt", "class_names.txt", "names.txt", "label_colors.txt", "labelmap.txt",
    "class_dict.csv", "classes.csv", "labels.csv",
)  # fmt: skip
_COLOUR = re.compile(r"(\d{1,3})[\s,;:]+(\d{1,3})[\s,;:]+(\d{1,3})(?!\d)")
_NUMBER = re.compile(r"(?P<number>\d{1,5})\s*[\s,;:=]\s*(?P<name>\D.*)")

Classes = dict[str, int | list[int]]  # name -> number, or colour


def read_classes(text: str) -> Classes:
    """Return the classes that a file names; empty where it names none. Lines that begin with # are passed over."""
    lines = [line for raw in text.lstrip("\ufeff").splitlines() if (line := raw.strip()) and line[0] != "#"]
    colours = [_coloured(line) for line in lines]
    if sum(one is not None for one in colours) >= max(1, len(lines) - 1):  # but for a header
        return dict(one for one in colours if one is not None)
    numbered = [_NUMBER.fullmatch(line) for line in lines]
    if lines and all(numbered):
        return {one["name"].strip(): int(one["number"]) for one in numbered if one is not None}
    lines = lines[1:] if lines and lines[0].lower() in ("name", "class", "label") else lines
    return {name.strip(): number for number, name in enumerate(lines)}


def _coloured(line: str) -> tuple[str, list[int]] | None:
    """Return name and colour of a line that has both."""
    found = _COLOUR.search(line)
    if found is None or any(int(part) > 255 for part in found.groups()):
        return None
    name = (line[: found.start()] + line[found.end() :]).strip(" \t,;:")
    return (name, [int(part) for part in found.groups()]) if name else None
