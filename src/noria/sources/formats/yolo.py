"""Boxes as YOLO keeps them: a text file a picture, in labels/ where the picture is in images/, and names in data.yaml.

    images/train/7.jpg  labels/train/7.txt  data.yaml: {names: [cat, dog], train: images/train, val: images/val}

A line is a class number, then centre, width and height as shares of the picture, and keypoints where data.yaml has
kpt_shape; or a polygon's corners, whose bounds are the box. A picture without a file has no objects.
Read next: yolo_data.py, sources/core/annotations.py.
"""

from __future__ import annotations

from noria.sources.core.annotations import Annotation, Annotations, Box, Pictures, box_of, stem
from noria.sources.core.layout import some
from noria.sources.core.members import Member
from noria.sources.core.tree import Tree
from noria.sources.formats.yolo_data import YoloData, names_file, read_data
from noria.types import Rejected


def has_yolo(tree: Tree) -> bool:
    """Say whether there are labels of this form: a folder labels/ with texts, or names with texts beside pictures."""
    pictures = {stem(name) for name in Pictures(tree.names).names}
    texts = [name for name in tree.names if name.endswith(".txt")]
    if any("labels" in name.split("/")[:-1] and _twin(name) in pictures for name in texts):
        return True
    return names_file(tree) is not None and any(stem(name) in pictures for name in texts)


def read_yolo(tree: Tree) -> Annotations:
    """Return what the label files say, each of the picture of its own name."""
    marks, pictures = Annotations(), Pictures(tree.names)
    said = read_data(tree)
    known = set(tree.names)
    labels = {picture: _labels(picture) for picture in pictures.names}
    read = tree.read([text for text in labels.values() if text in known])
    without = 0
    marks.notes += said.splits.notes()
    for picture, text in labels.items():
        split = said.splits.of(picture)
        if text in read:
            marks.of[picture] = _marked(read[text], split, said)
        else:
            without += 1
            marks.of[picture] = Annotation(picture, split=split, is_relative=True)
    belongs = set(labels.values())
    lost = [name for name in tree.names if "labels" in name.split("/")[:-1] and name.endswith(".txt")]
    marks.bad += [Rejected(f"{tree.origin}/{name}", "its picture is missing") for name in lost if name not in belongs]
    if without:
        marks.notes.append(f"{without} pictures have no file in labels/: they are taken to show no object")
    if said.num_keypoint_values:
        marks.notes.append("keypoints (kpt_shape) are not learnt: of their rows the boxes are read, the points are not")
    if said.names is None:
        marks.notes.append("no data.yaml names the classes: their numbers are the labels")
    return marks


def _twin(text: str) -> str:
    """Return the picture that a label file is of, without an ending: images/ stands for the last labels/."""
    return "/images/".join(f"/{stem(text)}".rsplit("/labels/", 1)).lstrip("/")


def _labels(picture: str) -> str:
    """Return the label file of a picture: labels/ stands for the last images/."""
    return "/labels/".join(f"/{stem(picture)}".rsplit("/images/", 1)).lstrip("/") + ".txt"


def _marked(member: Member, split: str, said: YoloData) -> Annotation:
    if member.flaw and member.flaw != "empty file":
        return Annotation(member.name, split=split, is_relative=True, flaw=member.flaw)
    boxes: list[Box] = []
    for number, line in enumerate(member.data.decode("utf-8-sig", "replace").splitlines(), 1):
        if line.strip():
            try:
                boxes.append(_box(line.split(), said))
            except ValueError as error:
                return Annotation(member.name, split=split, is_relative=True, flaw=f"{member.name}:{number}: {error}")
    return Annotation(member.name, boxes, split, is_relative=True)


def _box(words: list[str], said: YoloData) -> Box:
    try:
        number, shares = int(words[0]), [float(word) for word in words[1:]]
    except ValueError:
        raise ValueError(f"not a class number and shares of the picture: {' '.join(words)!r}"[:200]) from None
    if said.num_keypoint_values and len(shares) == 4 + said.num_keypoint_values:
        shares = shares[:4]
    if len(shares) == 5:
        raise ValueError("a sixth number is how sure a detector was: this is no truth to learn from")
    is_polygon = len(shares) >= 6 and len(shares) % 2 == 0
    if len(shares) != 4 and not is_polygon:
        fix = ": rows of keypoints need kpt_shape in data.yaml" if len(shares) > 5 else ""
        raise ValueError(f"expected a class number and four shares of the picture, found {len(words)} numbers{fix}")
    if not all(-0.01 <= share <= 1.01 for share in shares):
        raise ValueError(f"shares of the picture lie in 0 to 1: {' '.join(words)!r}"[:200])
    label = _label(number, said.names)
    if is_polygon:
        return box_of(label, min(shares[::2]), min(shares[1::2]), max(shares[::2]), max(shares[1::2]))
    x, y, width, height = shares
    return box_of(label, x - width / 2, y - height / 2, x + width / 2, y + height / 2)


def _label(number: int, names: dict[int, str] | None) -> str:
    if number < 0:
        raise ValueError(f"a class number is not negative: {number}")
    if names is not None and number not in names:
        raise ValueError(f"the class {number} is none of the names: {some(names.values())}")
    return str(number) if names is None else names[number]
