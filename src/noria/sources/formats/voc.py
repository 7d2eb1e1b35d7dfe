"""Boxes as Pascal VOC keeps them: an XML file a picture, in Annotations/ or beside it, and lists of the splits.

    JPEGImages/7.jpg  Annotations/7.xml  ImageSets/Main/{train,val,test}.txt
    7.jpg  7.xml                                       beside each other; splits are folders, if any

Its pixels count from 1 and a box ends with its last pixel, so xmin and ymin are one less here; where any of them is 0,
pixels count from 0 and sides are taken as they stand. What is marked difficult stays so. XML with a document type is
refused: entities could unfold without end.
Read next: sources/core/annotations.py.
"""

from __future__ import annotations

from xml.etree.ElementTree import Element, ParseError, TreeBuilder
from xml.parsers import expat

from noria.sources.core.annotations import Annotation, Annotations, Box, Pictures, box_of, split_of_folders, stem
from noria.sources.core.members import Member
from noria.sources.core.tree import Tree
from noria.sources.formats.image_sets import ImageSets
from noria.types import Rejected

_MAX_BYTES = 10_000_000  # of one picture's XML
_PICTURE_FOLDERS = ("JPEGImages", "images", "Images")


def has_voc(tree: Tree) -> bool:
    """Say whether there are annotations of this form: by the first XML file."""
    first = [name for name in tree.names if _is_xml(name)][:1]
    return any(b"<annotation" in member.data[:4096] for member in tree.read(first).values())


def read_voc(tree: Tree) -> Annotations:
    """Return what the XML files say, each of the picture of its own name."""
    marks, pictures = Annotations(), Pictures(tree.names)
    names = [name for name in tree.names if _is_xml(name)]
    lists = {base: ImageSets(tree, base, "Main") for base in {_base(name) for name in names}}
    unlisted = 0
    for name, member in tree.read(names).items():
        base = _base(name)
        of_base = lists[base]
        split = of_base.split(stem(name).rsplit("/", 1)[-1]) if of_base.is_said else split_of_folders(name)
        if split is None:
            unlisted += 1
            continue
        mark, said = _marked(member, split)
        marks.add(_picture(name, said, base, pictures), mark, f"{tree.origin}/{name}", said or stem(name))
    for base, listed in lists.items():
        annotated = {stem(name).rsplit("/", 1)[-1] for name in names if _base(name) == base}
        marks.bad += [
            Rejected(f"{tree.origin}/{where}", f"{one} has no XML file") for one, where in listed.without(annotated)
        ]
    _counted_from_1(marks)
    if unlisted:
        marks.notes.append(f"{unlisted} annotated pictures stand in no list of ImageSets/Main and were not read")
    return marks


def _counted_from_1(marks: Annotations) -> None:
    """Move boxes whose pixels count from 1; where any side is 0, the program that wrote them counts from 0."""
    boxes = [one["box"] for mark in marks.of.values() for one in mark.boxes]
    num_at_0 = sum(0 <= min(box[:2]) < 1 for box in boxes)
    if num_at_0:
        marks.notes.append(
            f"pixels count from 0, as xmin or ymin is 0 in {num_at_0} of {len(boxes)} boxes: read as they stand"
        )
        return
    for box in boxes:
        box[0], box[1] = box[0] - 1, box[1] - 1


def _is_xml(name: str) -> bool:
    return name.lower().endswith(".xml")


def _base(name: str) -> str:
    """Return the folder that Annotations/ stands in, "" or with a slash; without one the file's own folder."""
    folder = name.rpartition("/")[0]
    parts = folder.split("/") if folder else []
    for depth in reversed(range(len(parts))):
        if parts[depth] == "Annotations":
            return "".join(f"{part}/" for part in parts[:depth])
    return f"{folder}/" if folder else ""


def _picture(name: str, said: str, base: str, pictures: Pictures) -> str | None:
    """Return the picture of an XML file: the one of its own name, else the one it names."""
    below = name.removeprefix(f"{base}Annotations/")
    folders = [*(f"{base}{folder}/" for folder in _PICTURE_FOLDERS), base]
    beside = pictures.with_stem(stem(name), *(folder + stem(below) for folder in folders))
    if beside is not None or not said:
        return beside
    return next((found for folder in folders if (found := pictures.with_stem(folder + stem(said)))), None)


def _marked(member: Member, split: str) -> tuple[Annotation, str]:
    """Return what one XML file says, and which picture it names."""
    if member.flaw or len(member.data) > _MAX_BYTES:
        return Annotation(member.name, split=split, flaw=member.flaw or f"its XML has more than {_MAX_BYTES} bytes"), ""
    said = ""
    try:
        root = parse_xml(member.data)
        if root.tag != "annotation":
            raise ValueError(f"its XML is <{root.tag}>, not <annotation>")
        said = (root.findtext("filename") or "").strip()
        width, height = _number(root, "size/width", 0), _number(root, "size/height", 0)
        boxes = [_box(one, number) for number, one in enumerate(root.iter("object"), 1)]
    except ValueError as error:
        return Annotation(member.name, split=split, flaw=f"{member.name}: {error}"), said
    size = (round(width), round(height)) if width > 0 and height > 0 else None
    return Annotation(member.name, boxes, split, size), said


def _box(one: Element, number: int) -> Box:
    label = (one.findtext("name") or "").strip()
    if not label:
        raise ValueError(f"object {number} has no name")
    try:
        left, top, right, bottom = (_number(one, f"bndbox/{side}") for side in ("xmin", "ymin", "xmax", "ymax"))
    except ValueError as error:
        raise ValueError(f"object {number} ({label}): {error}") from None
    return box_of(label, left, top, right, bottom, difficult=(one.findtext("difficult") or "").strip() == "1")


def _number(root: Element, path: str, default: float | None = None) -> float:
    text = (root.findtext(path) or "").strip()
    if not text and default is not None:
        return default
    try:
        return float(text)
    except ValueError:
        raise ValueError(f"{path.replace('/', ' ')} is not a number: {text!r}"[:200]) from None


def parse_xml(data: bytes) -> Element:
    """Return the root of an XML document; raise ValueError for one that is broken or declares a document type."""
    builder = TreeBuilder()
    parser = expat.ParserCreate()

    def refuse(*_: object) -> None:
        raise ValueError("the XML declares a document type, which is refused")

    parser.StartDoctypeDeclHandler = refuse
    parser.StartElementHandler = builder.start
    parser.EndElementHandler = builder.end
    parser.CharacterDataHandler = builder.data
    try:
        parser.Parse(data, True)
        return builder.close()
    except (expat.ExpatError, ParseError, AssertionError, LookupError) as error:
        raise ValueError(f"the XML is broken: {error}") from None
