"""The lists of splits that Pascal VOC has, one name a line: ImageSets/Main/train.txt, ImageSets/Segmentation/val.txt.

Read next: voc.py, mask_layout.py.
"""

from __future__ import annotations

from collections.abc import Iterator

from noria.sources.core.tree import Tree

_LISTS = {"train": "train", "val": "validation", "test": "test"}


class ImageSets:
    """The lists below one folder, "" or with a slash; `kind` is the folder in ImageSets/."""

    def __init__(self, tree: Tree, base: str, kind: str):
        found = {f"{base}ImageSets/{kind}/{one}.txt": split for one, split in _LISTS.items()}
        whole = {f"{base}ImageSets/{kind}/trainval.txt": "train"}
        here = [name for name in (found if any(name in tree.names for name in found) else whole) if name in tree.names]
        self._split: dict[str, str] = {}
        self._where: dict[str, str] = {}
        for name, member in tree.read(here).items():
            for number, line in enumerate(member.data.decode("utf-8-sig", "replace").splitlines(), 1):
                if words := line.split():
                    self._split.setdefault(words[0], {**found, **whole}[name])
                    self._where.setdefault(words[0], f"{name}:{number}")

    @property
    def is_said(self) -> bool:
        """Whether any list names a picture."""
        return bool(self._split)

    def split(self, one: str) -> str | None:
        """Return the split of a picture by its name without an ending; None where no list has it."""
        return self._split.get(one)

    def without(self, known: set[str]) -> Iterator[tuple[str, str]]:
        """Yield what is listed and not among some names, and where it is listed."""
        return ((one, where) for one, where in self._where.items() if one not in known)
