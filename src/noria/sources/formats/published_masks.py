"""What the numbers in the masks of published data sets mean: Cityscapes, ADE20K. The table is published_masks.yaml."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files

import yaml

PACKAGE, TABLE = "noria.sources.formats", "published_masks.yaml"


@dataclass(frozen=True)
class PublishedMasks:
    """Which numbers are which class, and which are none; classes that are not named are their numbers."""

    files: re.Pattern[str]
    classes: dict[str, int] = field(default_factory=dict)
    void: list[int] = field(default_factory=list)


def published(masks: Iterable[str]) -> PublishedMasks | None:
    """Return what is known of masks by the names of all of them; None where they are of no data set that is known."""
    masks = list(masks)
    fitting = (one for one in _table() if all(one.files.search(name) for name in masks))
    return next(fitting, None) if masks else None


@cache
def _table() -> tuple[PublishedMasks, ...]:
    whole = yaml.safe_load(files(PACKAGE).joinpath(TABLE).read_text(encoding="utf-8"))
    return tuple(PublishedMasks(re.compile(one.pop("files")), **one) for one in whole)
