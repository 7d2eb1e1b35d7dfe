"""Which mask belongs to which picture, by their names alone; the layouts that people have.

    train/a.jpg      trainannot/a.png       val, valannot, test, testannot           CamVid, as SegNet has it
    images/a.jpg     masks/a.png            below train and val, or with them below  img_dir/train, ann_dir/train
    a.jpg            a_mask.png, a_L.png    in one folder, or in two
    images/a.jpg     masks/a_car.png, masks/a_road.png                               one mask a class
    stills/a.png     approved/a_L.png                                                CamVid as it was published
    PNGImages/a.png  PedMasks/a_mask.png                                             Penn-Fudan: masks of single things

A folder is one of masks where its name ends in a word for them; without this word, and without words for pictures,
both names must be the same, or else there is only one of the name on either side. Of several masks of one picture
the one that people train on is taken. Knows names only. Read next: masks.py, instance_masks.py.
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
_INSTANCES = re.compile(r"pedmasks|segmentationobject(?:s|aug)?|instance[ _.-]?masks?|instances", re.I)
THINGS, THING = {"pedmasks": "pedestrian"}, "object"  # what single things are, by their folder; else it is not said
_LEARNT = ("labeltrainids",)  # words of masks that are taken where a picture has several: Cityscapes
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
    """All pictures in the order of their names' listing, the masks of no picture, and those that are not needed."""

    pairs: list[Pair]
    lonely: list[str]
    spare: list[str] = field(default_factory=list)

    @property
    def has_masks(self) -> bool:
        return any(pair.masks for pair in self.pairs)


def pair_up(names: Iterable[str]) -> Pairs:
    """Say which of the names are pictures and which masks, and which belong together."""
    pictures: dict[Key, list[str]] = {}
    masks: dict[Key, list[str]] = {}
    single: dict[Key, list[str]] = {}
    for name in filter(is_picture, names):
        key, is_mask = _key(name)
        (single if is_of_instances(name) else masks if is_mask else pictures).setdefault(key, []).append(name)
    _same_stem(pictures, masks)
    _with_l(pictures, masks)
    spare = [] if not masks else [name for listed in single.values() for name in listed]
    spare += _without_others(masks)
    masks = masks or single
    found: dict[Key, dict[str, list[str]]] = {key: {"": listed} for key, listed in masks.items() if key in pictures}
    rest = {key: listed for key, listed in masks.items() if key not in pictures}
    _by_name(pictures, rest, found)
    lonely = _by_class(pictures, rest, found)
    pairs = [_pair(key, listed, found.get(key, {})) for key, listed in pictures.items()]
    return Pairs(pairs, lonely, spare)


def pair_instances(names: Iterable[str]) -> Pairs:
    """Say which masks of single things belong to which pictures: those in folders for them, where there are any."""
    names = list(names)
    if any(map(is_of_instances, names)):
        names = [name for name in names if is_of_instances(name) or (is_picture(name) and not _key(name)[1])]
    return pair_up(names)


def is_of_instances(name: str) -> bool:
    """Say whether a mask numbers single things, by the folder that it stands in."""
    return is_picture(name) and any(_INSTANCES.fullmatch(folder) for folder in name.split("/")[:-1])


def thing_of(name: str) -> str:
    """Return the class of what a mask of single things numbers."""
    return next((THINGS[folder] for folder in name.lower().split("/") if folder in THINGS), THING)


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


def _with_l(pictures: dict[Key, list[str]], masks: dict[Key, list[str]]) -> None:
    """Where nothing is named after masks, take a folder of a_L.png for that of the masks of a.png in another one."""
    if masks:
        return
    stems = {key[-1] for key in pictures}
    folders: dict[Key, list[Key]] = {}
    for key in pictures:
        folders.setdefault(key[:-1], []).append(key)
    for folder, keys in folders.items():
        if all(_STEM_IN_FOLDER.fullmatch(key[-1]) and key[-1][:-2] in stems for key in keys):
            for key in keys:
                masks[*folder, key[-1][:-2]] = pictures.pop(key)


def _without_others(masks: dict[Key, list[str]]) -> list[str]:
    """Leave of several masks of one picture the one that is trained on; return the others."""
    others: list[str] = []
    for key, listed in masks.items():
        chosen = [name for name in listed if any(word in name.rsplit("/", 1)[-1].lower() for word in _LEARNT)]
        if len(chosen) == 1:
            others += [name for name in listed if name not in chosen]
            masks[key] = chosen
    return others


def _by_name(
    pictures: dict[Key, list[str]], masks: dict[Key, list[str]], found: dict[Key, dict[str, list[str]]]
) -> None:
    """Give the masks whose folders fit no picture to the only picture of their name in the same split."""
    free: dict[tuple[str, str], list[Key]] = {}
    for key in pictures:
        if key not in found:
            free.setdefault((_split(key), key[-1]), []).append(key)
    named: dict[tuple[str, str], list[Key]] = {}
    for key in masks:
        named.setdefault((_split(key), key[-1]), []).append(key)
    for name, keys in named.items():
        if len(keys) == 1 and len(free.get(name, ())) == 1:
            found[free[name][0]] = {"": masks.pop(keys[0])}


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
    flaw = ""
    if not masks:
        flaw = "the picture has no mask"
    elif len(pictures) > 1:
        flaw = f"several pictures have one mask: {', '.join(pictures)}"
    elif twice := next((listed for listed in masks.values() if len(listed) > 1), None):
        flaw = f"the picture has several masks: {', '.join(twice)}"
    named = {name or _class_of(listed[0]): listed[0] for name, listed in masks.items()}
    return Pair(pictures[0], _split(key), named, flaw)


def _class_of(mask: str) -> str:
    return thing_of(mask) if is_of_instances(mask) else ""


def _split(key: Key) -> str:
    return next((SPLITS[part.lower()] for part in key[:-1] if part.lower() in SPLITS), "")
