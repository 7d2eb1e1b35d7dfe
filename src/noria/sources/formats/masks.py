"""Pictures with a mask of classes each: columns `file`, the picture's bytes, and `mask`.

A mask is the bytes of its file or, where more is known of it, {"mask": bytes, or bytes by class, "classes": name ->
number or colour, "void": numbers of no class}. mask_layout.py says which belong together, a file of names beside them
what the numbers mean, or published_masks.py. What is in the files is not decoded here.
Read next: mask_layout.py, mask_classes.py.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from noria.contract.source import Source, reading
from noria.sources.core.annotations import stem
from noria.sources.core.file_rows import FileRows
from noria.sources.core.layout import some
from noria.sources.core.members import Member
from noria.sources.core.tree import Tree
from noria.sources.formats.image_sets import ImageSets
from noria.sources.formats.mask_classes import CLASS_FILES, Classes, read_classes
from noria.sources.formats.mask_layout import Pair, pair_up
from noria.sources.formats.published_masks import published
from noria.types import Rows


def masks(path: Path) -> Source | None:
    """Return the reader of pictures with masks in a folder or an archive, or None where the path holds none."""
    tree = Tree.at(path)
    if tree is None:
        return None
    source = MaskedPictures(tree)
    return source if source.has_masks else None


class MaskedPictures(Source):
    """The pictures of a tree, each with its mask; the masks, which are small, are held while pictures stream by."""

    def __init__(self, tree: Tree):
        self.path, self.columns = tree.path, ["file", "mask"]
        self.root = tree.path if tree.path.is_dir() else tree.path.parent
        self._tree = tree
        found = pair_up(tree.names)
        self.has_masks, self._lonely, self._spare = found.has_masks, found.lonely, found.spare
        self._pairs = {pair.picture: pair for pair in found.pairs}
        self._unlisted = self._keep_listed() if self.has_masks else 0
        self._named = next((name for name in tree.names if name.rsplit("/", 1)[-1].lower() in CLASS_FILES), None)
        self._classes = self._read_classes() if self.has_masks else {}
        self._published = published(name for pair in self._pairs.values() for name in pair.masks.values())

    def files(self) -> list[Path]:
        """Return the files on disk."""
        return self._tree.files()

    def notes(self) -> list[str]:
        """Return where classes have their names from, and the masks of no picture."""
        notes = []
        if self._classes and self._named is not None:
            notes.append(f"{len(self._classes)} classes are named in {self._named}")
        elif self._classes:
            notes.append(f"masks are of one class each: {some(self._classes)}")
        elif self._published is not None:
            void = ", ".join(map(str, self._published.void))
            named = f"{len(self._published.classes) or 'all other'} classes are scored"
            notes.append(f"by their names the masks are those of a published set: {named}, {void} are none")
        if self._unlisted:
            notes.append(f"{self._unlisted} pictures stand in no list of ImageSets/Segmentation and were not read")
        if self._spare:
            notes.append(f"{len(self._spare)} other masks of the same pictures were not read: {some(self._spare)}")
        return notes + ([f"masks of no picture: {some(self._lonely)}"] if self._lonely else [])

    def rows(self, chunk_size: int = 4096) -> Iterator[Rows]:
        """Yield the pictures; one without a mask, or that cannot be read, is in `bad`."""
        gathered = FileRows(self.columns, self._tree.origin, chunk_size)
        usable = {name: pair for name, pair in self._pairs.items() if not pair.flaw}
        masks = self._tree.read([name for pair in usable.values() for name in pair.masks.values()])
        with reading(self.path):
            for member in self._tree.members(usable.__contains__):
                pair = self._pairs.get(member.name)
                if pair is None:
                    continue
                if flaw := _flaw(pair, member, masks):
                    yield from gathered.add_bad(member.name, flaw)
                else:
                    record = (member.data, self._mask(pair, masks))
                    yield from gathered.add_record(pair.split, member.name, record, len(member.data))
            yield from gathered.rest()

    def _mask(self, pair: Pair, masks: dict[str, Member]) -> Any:
        by_class = {name: masks[file].data for name, file in pair.masks.items()}
        mask: Any = by_class if pair.is_by_class else by_class[""]
        if self._published is not None and not self._classes:
            return {"mask": mask, "classes": self._published.classes, "void": self._published.void}
        return {"mask": mask, "classes": self._classes} if self._classes or pair.is_by_class else mask

    def _keep_listed(self) -> int:
        """Take splits from the lists of ImageSets/Segmentation, if any; return how many pictures stand in none."""
        inner = "ImageSets/Segmentation/"
        bases = {name[: name.index(inner)] for name in self._tree.names if inner in name and name.endswith(".txt")}
        unlisted = 0
        for base in bases:
            lists = ImageSets(self._tree, base, "Segmentation")
            for name, pair in list(self._pairs.items()) if lists.is_said else ():
                split = lists.split(stem(name).rsplit("/", 1)[-1]) if name.startswith(base) else pair.split
                if split is None:
                    unlisted += 1
                    del self._pairs[name]
                else:
                    self._pairs[name] = replace(pair, split=split)
        return unlisted

    def _read_classes(self) -> Classes:
        if self._named is not None:
            text = self._tree.read([self._named])[self._named].data.decode("utf-8", "replace")
            return read_classes(text)
        by_class = [pair.masks for pair in self._pairs.values() if pair.is_by_class]
        names = sorted({name for one in by_class for name in one})
        return {"background": 0, **{name: number for number, name in enumerate(names, 1)}} if names else {}


def _flaw(pair: Pair, member: Member, masks: dict[str, Member]) -> str:
    """Return why a picture cannot be used, or nothing."""
    if pair.flaw or member.flaw:
        return pair.flaw or member.flaw
    if not member.data:
        return "empty file"
    gone = [name for name in pair.masks.values() if name not in masks]
    if gone:
        return f"its mask is gone: {gone[0]}"
    broken = next((masks[name] for name in pair.masks.values() if masks[name].flaw or not masks[name].data), None)
    return "" if broken is None else f"its mask {broken.name}: {broken.flaw or 'empty file'}"
