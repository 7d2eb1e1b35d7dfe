"""Neighbours: the items of a catalogue that are most like those of a history.

target.py is the target; nearest_items.py the search, which targets/profile/ uses too.
"""

from noria.targets.neighbours.target import Neighbours

__all__ = ["Neighbours"]
