"""Which numbers of masks are classes, by name, and which belong to none; and a mask's numbers as codes of classes.

Names come from the job, from a file beside the masks, or are the numbers themselves. Read next: numbers.py, target.py.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from noria.errors import UserError, did_you_mean
from noria.targets.mask.metrics import VOID
from noria.targets.mask.numbers import CUSTOM, MaskNumbers, is_custom_void, snapped
from noria.types import State
from noria.vision.masks import Classes, has_colours, number_of, shown_number

NO_CLASS = ("void", "unlabelled", "unlabeled", "ignore", "ignored")  # names that say it themselves
MOST_CLASSES = 255

Annotation = int | tuple[int, int, int]  # a class's number in masks, or its colour


def parts_of(value: Any) -> tuple[Any, Classes]:
    """Return what a mask is read from, and the classes that it brings with it."""
    if isinstance(value, Mapping) and "mask" in value and isinstance(value.get("classes", {}), Mapping):
        return value["mask"], value.get("classes", {})
    return value, {}


def void_of(value: Any) -> set[int]:
    """Return the numbers of no class that a mask brings with it."""
    return set(value.get("void", ())) if isinstance(value, Mapping) and "mask" in value else set()


def levels_with_edges(known: Classes, numbers: MaskNumbers) -> list[int]:
    """Return the two levels of masks with grey edges, if they have such; raise UserError where there are more."""
    levels = [] if has_colours(known) else numbers.levels()
    if not levels or (known and set(levels) != set(known.values())):
        return []  # what is no number of a named class is told mask by mask
    if len(levels) != 2:
        raise UserError(
            "masks have grey edges, as resizing and compression leave them, and what is meant there cannot be told",
            found=f"{len(numbers.counts)} numbers, most of them only around areas of {', '.join(map(str, levels))}",
            fix="resize masks by the nearest place (Pillow: Image.Resampling.NEAREST) and keep them as PNG; where each"
            " number is meant, name them all: target.classes",
        )
    return levels


def check_palettes(numbers: MaskNumbers) -> None:
    """Raise UserError where the palettes of masks show one number in several colours: each program counts its own."""
    several = {number: sorted(colours) for number, colours in numbers.colours.items() if len(colours) > 1}
    if several:
        number, colours = next(iter(sorted(several.items())))
        raise UserError(
            "the palettes of the masks differ, so that one number may stand for several classes",
            found=f"the number {number} in the colours {', '.join(map(str, colours[:3]))}",
            fix="say the class of each colour: target.classes={sky: [0, 0, 0], road: [255, 0, 0]}; or of each number,"
            " where colours do not matter: target.classes={sky: 0, road: 1}",
        )


def divided(
    known: Classes, counts: Counter[int], said: Sequence[Annotation | str] | None, beside: set[int]
) -> tuple[dict[str, int], set[int]]:
    """Return the number of each class, by name, and the numbers that belong to none: those that the job said, or those
    that come with the masks, 255 and what has a name that says so."""
    named = {name: number_of(mark) for name, mark in known.items()}
    void = _usual_void(known, named, counts) | beside if said is None else _said_void(said, named)
    named = named or {str(number): number for number in sorted(counts)}
    named = {name: number for name, number in named.items() if number not in void}
    if not 2 <= len(named) <= MOST_CLASSES:
        raise UserError(
            f"a mask needs at least two classes, and at most {MOST_CLASSES}",
            found=f"{len(named)}: {', '.join(list(named)[:10])}",
            fix="name them: target.classes=[sky, road]; target.void says which numbers are none",
        )
    return named, void


def _usual_void(known: Classes, named: Mapping[str, int], counts: Counter[int]) -> set[int]:
    void = {number for name, number in named.items() if name.lower() in NO_CLASS}
    if has_colours(known) or CUSTOM in named.values() or not (named or is_custom_void(counts)):
        return void
    seen = [name for name, number in named.items() if counts[number]]
    if named and counts[CUSTOM] and len(seen) < 2:
        other = next(name for name in named if name not in seen)
        raise UserError(
            "of the numbers in the masks fewer than two are those of a named class",
            found=", ".join(map(str, sorted(counts))),
            expected=", ".join(f"{name}: {number}" for name, number in named.items()),
            fix=f"say which number each class has: target.classes={{{(seen or list(named))[0]}: 0, {other}: {CUSTOM}}}",
        )
    return {*void, CUSTOM}


def _said_void(said: Sequence[Annotation | str], named: Mapping[str, int]) -> set[int]:
    unknown = [one for one in said if isinstance(one, str) and one not in named]
    if unknown:
        raise UserError(f"no class is called {unknown[0]!r}", where="target.void", fix=did_you_mean(unknown[0], named))
    return {named[one] if isinstance(one, str) else number_of(one) for one in said}


def class_notes(state: State) -> list[str]:
    """Return what a person should know of how numbers were read."""
    notes = []
    if share := state.get("edge_share"):
        low, high = state["numbers"]
        notes.append(
            f"masks of {low} and {high} have grey edges, as resizing leaves them: {_percent(share)} of all places have"
            " another number and are taken for the nearer one"
        )
    if share := state.get("void_share"):
        notes.append(
            f"{_percent(share)} of all places have the number {CUSTOM}, which is taken for no class: neither learnt nor"
            " scored. Where it is a class, say target.void=[]"
        )
    return notes


def table_of(state: State, beside: Classes) -> Classes:
    """Return the classes by which a mask is read: those that it brings if training knows any of them, else its own."""
    if set(beside) & set(state["classes"]):
        return beside
    numbers = state["numbers"]
    if state["is_colour"]:
        numbers = [[number >> 16, number >> 8 & 255, number & 255] for number in numbers]
    return dict(zip(state["classes"], numbers, strict=True))


def coded(mask: np.ndarray, table: Classes, state: State) -> np.ndarray:
    """Return a mask's codes uint8[h, w]; raise ValueError for a number that is no class."""
    if "edge_share" in state:
        mask = snapped(mask, state["numbers"], state["void"])
    place = {name: code for code, name in enumerate(state["classes"])}
    codes = dict.fromkeys(state["void"], VOID)
    codes |= {number_of(mark): place.get(name, VOID) for name, mark in table.items() if name in place}
    codes |= {number_of(mark): VOID for name, mark in table.items() if name.lower() in NO_CLASS and name not in place}
    numbers, places = np.unique(mask, return_inverse=True)
    if unknown := [number for number in numbers.tolist() if number not in codes]:
        shown = shown_number(unknown[0], state["is_colour"])
        count = int((mask == unknown[0]).sum())
        names = [name for name, mark in table.items() if number_of(mark) == unknown[0]]
        raise ValueError(
            f"the mask has {shown}{f' ({names[0]})' if names else ''} in {count} places, which is no class of the"
            " training masks: target.classes names classes, target.void what is none"
        )
    return np.array([codes[number] for number in numbers.tolist()], np.uint8)[places.reshape(mask.shape)]


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %" if share >= 0.001 else "less than 0.1 %"
