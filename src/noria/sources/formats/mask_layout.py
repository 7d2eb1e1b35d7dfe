"""Which mask belongs to which picture, by their names alone; the layouts that people have.

    train/a.jpg      trainannot/a.png       val, valannot, test, testannot           CamVid, as SegNet has it
    images/a.jpg     masks/a.png            below train and val, or with them below  img_dir/train, ann_dir/train
    a.jpg            a_mask.png, a_L.png    in one folder, or in two
    images/a.jpg     masks/a_car.png, masks/a_road.png                               one mask a class

A folder is one of masks where its name ends in a word for them; without this word, and without words for pictures,
both names must be the same. Knows names only. Read next: masks.py.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from noria.sources.core.annotations import is_picture
from noria.sources.core.layout import SPLITS

_LONG = "annotations?|annots?|masks?|labels?|labelids|labeltrainids|gtfine|segmentations?|ground_?truths?"
_SHORT = "anns?|ann_dir|gts?|segs?"  # too short to be glued to another word: Johann
_MASK_FOLDER = re.compile(
    rf"(?P<rest>.*?)[ _.-]?(?:{_LONG}|segmentation_?class(?:es|raw|aug)?)|(?:(?P<before>.+)[ _.-])?(?:{_SHORT})", re.I
)
_PICTURE_FOLDER = re.compile(
    r"(?P<rest>.*?)[ _.-]?(?:images?|imgs?|img_dir|jpe?gimages|pictures?|photos?|frames?|leftimg8bit|inputs?|rgb)", re.I
)
_MASK_STEM = re.compile(rf"(?P<rest>.+?)[ _.-](?:(?:gtfine[ _.-])?(?:{_LONG}|{_SHORT}))", re.I)
_STEM_IN_FOLDER = re.compile(r"(?P<rest>.+)[ _.-]L", re.I)  # CamVid's own; beside pictures it may mean left
_PICTURE_STEM = re.compile(r"(?P<rest>.+?)[ _.-](?:image|img|leftimg8bit)", re.I)

Key = tuple[str, ...]  # folders without the words that say what is in them, then the name without its ending


@dataclass(frozen=True)
class Pair:
    """A picture and its mask, or its masks by class: names in the tree. `flaw` says why it cannot be used."""

    picture: str
    split: str = ""
    masks: dict[str, str] = field(default_factory=dict)  # class -> name; "" for a mask of all classes
    flaw: str = ""

    @property
    def is_by_class(self) -> bool:
        return bool(self.masks) and "" not in self.masks


@dataclass(frozen=True)
class Pairs:
    """All pictures in the order of their names' listing, and the masks of no picture."""

    pairs: list[Pair]
    lonely: list[str]

    @property
    def has_masks(self) -> bool:
        return any(pair.masks for pair in self.pairs)


def pair_up(names: Iterable[str]) -> Pairs:
    """Say which of the names are pictures and which masks, and which belong together."""
    pictures: dict[Key, list[str]] = {}
    masks: dict[Key, list[str]] = {}
    for name in names:
        if is_picture(name):
            key, is_mask = _key(name)
            (masks if is_mask else pictures).setdefault(key, []).append(name)
    _same_stem(pictures, masks)
    found: dict[Key, dict[str, list[str]]] = {key: {"": listed} for key, listed in masks.items() if key in pictures}
    rest = {key: listed for key, listed in masks.items() if key not in pictures}
    lonely = _by_class(pictures, rest, found)
    pairs = [_pair(key, listed, found.get(key, {})) for key, listed in pictures.items()]
    return Pairs(pairs, lonely)


def _key(name: str) -> tuple[Key, bool]:
    *folders, base = name.split("/")
    parts, is_mask, is_picture_folder = [], False, False
    for folder in folders:
        masked, pictured = _MASK_FOLDER.fullmatch(folder), _PICTURE_FOLDER.fullmatch(folder)
        is_mask |= masked is not None
        is_picture_folder |= pictured is not None and masked is None
        found = masked or pictured
        part = folder if found is None else found["rest"] or found.groupdict().get("before") or ""
        if part:
            parts.append(part.lower())
    stem = base.rpartition(".")[0] or base
    if is_mask or not is_picture_folder:
        masked = _MASK_STEM.fullmatch(stem) or (_STEM_IN_FOLDER.fullmatch(stem) if is_mask else None)
        is_mask |= masked is not None
        stem = stem if masked is None else masked["rest"]
    if not is_mask and (pictured := _PICTURE_STEM.fullmatch(stem)):
        stem = pictured["rest"]
    return (*parts, stem), is_mask


def _same_stem(pictures: dict[Key, list[str]], masks: dict[Key, list[str]]) -> None:
    """Where nothing is named after masks, take a.png for the mask of a.jpg beside it."""
    if masks:
        return
    for key, listed in pictures.items():
        pngs = [name for name in listed if name.lower().endswith(".png")]
        photos = [name for name in listed if name.lower().endswith((".jpg", ".jpeg"))]
        if len(listed) == 2 and len(pngs) == len(photos) == 1:
            pictures[key], masks[key] = photos, pngs


def _by_class(
    pictures: dict[Key, list[str]], masks: dict[Key, list[str]], found: dict[Key, dict[str, list[str]]]
) -> list[str]:
    """Give the masks whose names go on after a picture's to that picture, by class; return those of no picture.

    Where what follows is the same for all, it is no class but one more word for masks.
    """
    of_class: list[tuple[Key, str, list[str]]] = []
    lonely: list[str] = []
    for key, listed in masks.items():
        *folders, stem = key
        places = [place for place in range(len(stem) - 1, 0, -1) if stem[place] in " _.-"]
        place = next((place for place in places if (*folders, stem[:place]) in pictures), None)
        if place is None:
            lonely += listed
        else:
            of_class.append(((*folders, stem[:place]), stem[place + 1 :], listed))
    of_class = [one for one in of_class if "" not in found.get(one[0], {})]  # it has a mask of all classes
    is_word = len({name for _, name, _ in of_class}) == 1
    for key, name, listed in of_class:
        found.setdefault(key, {}).setdefault("" if is_word else name, []).extend(listed)
    return lonely


def _pair(key: Key, pictures: list[str], masks: dict[str, list[str]]) -> Pair:
    split = next((SPLITS[part.lower()] for part in key[:-1] if part.lower() in SPLITS), "")
    flaw = ""
    if not masks:
        flaw = "the picture has no mask"
    elif len(pictures) > 1:
        flaw = f"several pictures have one mask: {', '.join(pictures)}"
    elif twice := next((listed for listed in masks.values() if len(listed) > 1), None):
        flaw = f"the picture has several masks: {', '.join(twice)}"
    return Pair(pictures[0], split, {name: listed[0] for name, listed in masks.items()}, flaw)
