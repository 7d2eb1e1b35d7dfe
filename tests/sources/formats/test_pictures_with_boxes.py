"""Pictures with boxes: the same boxes come out of every format, in pixels of the picture as shown."""

from __future__ import annotations

import io
import json
import tarfile
import zipfile

import pytest
from PIL import Image

from noria.errors import UserError
from noria.sources.formats.pictures_with_boxes import inside, picture_size, pictures_with_boxes
from noria.sources.formats.voc import parse_xml

# Pictures wider than high or higher than wide, and boxes that are not symmetric in anything: left, top, right, bottom.
TRUTH = {
    "a": ("train", (40, 20), [("cat", [3, 5, 13, 9]), ("dog", [30, 1, 40, 20])]),
    "b": ("validation", (16, 64), [("dog", [0, 60, 16, 64])]),
    "c": ("test", (40, 20), []),
    "d": ("train", (8, 8), [("cat", [7, 0, 8, 1])]),
}
NAMES = ["cat", "dog"]
FOLDER = {"train": "train", "validation": "val", "test": "test"}


def picture(size, orientation=None, form="PNG"):
    file = io.BytesIO()
    exif = Image.Exif()
    if orientation:
        exif[0x0112] = orientation
    Image.new("RGB", size, (9, 99, 199)).save(file, form, exif=exif)
    return file.getvalue()


def write(root, name, content):
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())


def voc_xml(name, size, boxes, more=""):
    objects = "".join(
        f"<object><name>{label}</name>{more}<bndbox><xmin>{left + 1}</xmin><ymin>{top + 1}</ymin>"
        f"<xmax>{right}</xmax><ymax>{bottom}</ymax></bndbox></object>"
        for label, (left, top, right, bottom) in boxes
    )
    width, height = size
    return (
        f"<annotation><filename>{name}</filename><size><width>{width}</width><height>{height}</height></size>"
        f"{objects}</annotation>"
    )


def write_voc(root):
    lists = {"train": [], "val": [], "test": []}
    for name, (split, size, boxes) in TRUTH.items():
        write(root, f"JPEGImages/{name}.png", picture(size))
        write(root, f"Annotations/{name}.xml", voc_xml(f"{name}.png", size, boxes))
        lists[FOLDER[split]].append(name)
    for split, names in lists.items():
        write(root, f"ImageSets/Main/{split}.txt", "\n".join(names) + "\n")
    write(root, "ImageSets/Main/trainval.txt", "\n".join(lists["train"] + lists["val"]))
    write(root, "ImageSets/Main/cat_train.txt", "a  1\nd -1\n")


def write_plain_voc(root):
    for name, (split, size, boxes) in TRUTH.items():
        write(root, f"{FOLDER[split]}/{name}.png", picture(size))
        write(root, f"{FOLDER[split]}/{name}.xml", voc_xml("moved.jpg", size, boxes))


def coco_json(chosen, beside=""):
    images, annotations = [], []
    for number, name in enumerate(chosen, 7):
        _, size, boxes = TRUTH[name]
        images.append({"id": number, "file_name": f"{beside}{name}.png", "width": size[0], "height": size[1]})
        for label, (left, top, right, bottom) in boxes:
            box = [left, top, right - left, bottom - top]
            known = {"id": len(annotations), "image_id": number, "category_id": NAMES.index(label) + 5}
            annotations.append({**known, "bbox": box, "iscrowd": 0, "area": box[2] * box[3]})
    categories = [{"id": number + 5, "name": name} for number, name in enumerate(NAMES)]
    return json.dumps({"info": {}, "images": images, "annotations": annotations, "categories": categories})


def write_coco(root):
    for split in FOLDER.values():
        chosen = [name for name, one in TRUTH.items() if FOLDER[one[0]] == split]
        for name in chosen:
            write(root, f"{split}2017/{name}.png", picture(TRUTH[name][1]))
        write(root, f"annotations/instances_{split}2017.json", coco_json(chosen))
        write(root, f"annotations/captions_{split}2017.json", json.dumps({"images": [], "annotations": []}))


def write_roboflow_coco(root):
    for split in FOLDER.values():
        chosen = [name for name, one in TRUTH.items() if FOLDER[one[0]] == split]
        for name in chosen:
            write(root, f"{split}/{name}.png", picture(TRUTH[name][1]))
        write(root, f"{split}/_annotations.coco.json", coco_json(chosen))


def yolo_txt(name):
    _, (width, height), boxes = TRUTH[name]
    lines = []
    for label, (left, top, right, bottom) in boxes:
        shares = ((left + right) / 2 / width, (top + bottom) / 2 / height, (right - left) / width)
        lines.append(f"{NAMES.index(label)} {' '.join(map(repr, shares))} {(bottom - top) / height!r}\n")
    return "".join(lines)


def write_yolo(root):
    for name, (split, size, boxes) in TRUTH.items():
        write(root, f"images/{FOLDER[split]}/{name}.png", picture(size))
        if boxes:
            write(root, f"labels/{FOLDER[split]}/{name}.txt", yolo_txt(name))
    write(root, "data.yaml", "path: ../sets/mine\ntrain: images/train\nval: images/val\nnames: {0: cat, 1: dog}\n")


def write_roboflow_yolo(root):
    for name, (split, size, _) in TRUTH.items():
        write(root, f"{FOLDER[split]}/images/{name}.png", picture(size))
        write(root, f"{FOLDER[split]}/labels/{name}.txt", yolo_txt(name))
    write(root, "data.yaml", "train: ../train/images\nval: ../val/images\ntest: ../test/images\nnames: [cat, dog]\n")


def write_listed_yolo(root):
    lists = {"train": [], "val": [], "test": []}
    for name, (split, size, _) in TRUTH.items():
        write(root, f"obj/{name}.png", picture(size))
        write(root, f"obj/{name}.txt", yolo_txt(name))
        lists[FOLDER[split]].append(f"./obj/{name}.png")
    for split, names in lists.items():
        write(root, f"{split}.txt", "\n".join(names))
    write(root, "data.yaml", "train: train.txt\nval: val.txt\ntest: test.txt\nnames: [cat, dog]\n")


WRITERS = [
    write_voc,
    write_plain_voc,
    write_coco,
    write_roboflow_coco,
    write_yolo,
    write_roboflow_yolo,
    write_listed_yolo,
]


def boxes_of(values):
    return [(one["label"], one["box"]) for one in values[1]]


def rounded(boxes):
    return [(label, [round(side, 6) for side in box]) for label, box in boxes]


@pytest.mark.parametrize("writer", WRITERS, ids=lambda writer: writer.__name__[6:])
def test_every_format_gives_the_same_boxes_splits_and_pictures(writer, tmp_path, read_all):
    writer(tmp_path)
    source = pictures_with_boxes(tmp_path)
    assert source.columns == ["image", "boxes"]
    records, bad = read_all(source, chunk_size=1)
    assert bad == []
    found = {where.rsplit("/", 1)[-1][0]: (split, values) for where, split, values in records}
    assert len(found) == len(records) == len(TRUTH)
    for name, (split, size, boxes) in TRUTH.items():
        assert found[name][0] == split
        assert found[name][1][0] == picture(size)
        assert rounded(boxes_of(found[name][1])) == boxes
    again, _ = read_all(source)
    assert [one[0] for one in sorted(again)] == [one[0] for one in sorted(records)]


@pytest.mark.parametrize("kind", ["zip", "tar.gz"])
@pytest.mark.parametrize("writer", [write_voc, write_coco, write_yolo], ids=lambda writer: writer.__name__[6:])
def test_an_archive_is_read_like_its_folder(writer, kind, tmp_path, read_all):
    writer(tmp_path / "set")
    path = tmp_path / f"set.{kind}"
    with zipfile.ZipFile(path, "w") if kind == "zip" else tarfile.open(path, "w:gz") as archive:
        for file in sorted(one for one in (tmp_path / "set").rglob("*") if one.is_file()):
            (archive.write if kind == "zip" else archive.add)(file, file.relative_to(tmp_path))
    packed, bad = read_all(pictures_with_boxes(path))
    plain, _ = read_all(pictures_with_boxes(tmp_path / "set"))
    assert bad == []
    assert sorted((split, values[0], boxes_of(values)) for _, split, values in packed) == sorted(
        (split, values[0], boxes_of(values)) for _, split, values in plain
    )


def test_data_yaml_itself_means_its_folder(tmp_path, read_all):
    write_yolo(tmp_path)
    assert len(read_all(pictures_with_boxes(tmp_path / "data.yaml"))[0]) == len(TRUTH)


@pytest.mark.parametrize("names", [("1.png", "2.png"), ("cat/1.png", "dog/2.png"), ("1.png", "notes.txt"), ("t.csv",)])
def test_pictures_without_boxes_are_left_to_other_readers(names, tmp_path):
    for name in names:
        write(tmp_path, name, picture((4, 2)))
    assert pictures_with_boxes(tmp_path) is None
    assert pictures_with_boxes(tmp_path / names[0]) is None


def test_marks_of_what_is_not_to_be_scored_are_kept(tmp_path, read_all):
    write(tmp_path, "voc/a.png", picture((40, 20)))
    write(tmp_path, "voc/a.xml", voc_xml("a.png", (40, 20), TRUTH["a"][2][:1], "<difficult>1</difficult>"))
    assert read_all(pictures_with_boxes(tmp_path / "voc"))[0][0][2][1] == [
        {"label": "cat", "box": [3, 5, 13, 9], "difficult": True}
    ]
    whole = json.loads(coco_json(["a"]))
    whole["annotations"][1]["iscrowd"] = 1
    write(tmp_path, "coco/a.png", picture((40, 20)))
    write(tmp_path, "coco/a.json", json.dumps(whole))
    boxes = read_all(pictures_with_boxes(tmp_path / "coco"))[0][0][2][1]
    assert [one.get("crowd") for one in boxes] == [None, True]


def test_a_picture_turned_by_exif_has_the_size_it_is_shown_in(tmp_path, read_all):
    assert picture_size(picture((40, 20), 6, "JPEG")) == (20, 40, True)
    assert picture_size(picture((40, 20), 3, "JPEG")) == (40, 20, False)
    write(tmp_path, "images/a.jpg", picture((40, 20), 6, "JPEG"))
    write(tmp_path, "labels/a.txt", "0 0.5 0.25 0.5 0.5\n")
    write(tmp_path, "classes.txt", "cat\n")
    assert boxes_of(read_all(pictures_with_boxes(tmp_path))[0][0][2]) == [("cat", [5, 0, 15, 20])]


def test_boxes_of_a_picture_as_stored_are_refused_where_it_is_shown_turned(tmp_path, read_all):
    write(tmp_path, "a.jpg", picture((40, 20), 6, "JPEG"))
    write(tmp_path, "a.xml", voc_xml("a.jpg", (40, 20), TRUTH["a"][2]))
    records, bad = read_all(pictures_with_boxes(tmp_path))
    assert records == []
    assert "of a picture of 40 x 20 pixels, but it has 20 x 40, and lie in it as stored" in bad[0].reason


@pytest.mark.parametrize(
    ("sides", "left"),
    [
        ([-3, -2, 50, 30], [0, 0, 40, 20]),
        ([3, 5, 13, 9], [3, 5, 13, 9]),
        ([13, 5, 3, 9], None),
        ([3, 5, 3, 9], None),
        ([40, 5, 50, 9], None),
        ([float("nan"), 5, 50, 9], None),
    ],
)
def test_a_box_is_cut_at_the_edge_of_its_picture(sides, left):
    assert inside(sides, 40, 20) == left


def test_boxes_cut_are_counted(tmp_path, read_all):
    write(tmp_path, "a.png", picture((40, 20)))
    write(tmp_path, "a.xml", voc_xml("a.png", (40, 20), [("cat", [-3, 3, 9, 9]), ("cat", [30, 3, 50, 9])]))
    source = pictures_with_boxes(tmp_path)
    assert boxes_of(read_all(source)[0][0][2]) == [("cat", [0, 3, 9, 9]), ("cat", [30, 3, 40, 9])]
    assert source.notes() == ["2 boxes reached beyond their picture and were cut at its edge"]


ENTITIES = b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY x "xx"><!ENTITY y "&x;&x;">]><annotation>&y;</annotation>'


@pytest.mark.parametrize(
    ("xml", "reason"),
    [
        (b"<annotation><object>", "the XML is broken"),
        (b"", "empty file"),
        (b"\xff\xfe<", "the XML is broken"),
        (ENTITIES, "declares a document type"),
        (b"<other/>", "its XML is <other>"),
        (voc_xml("a", (40, 20), [("", [1, 2, 3, 4])]).encode(), "object 1 has no name"),
        (voc_xml("a", (40, 20), [("cat", [1, 2, 3, 4])]).replace("<xmax>3", "<xmax>").encode(), "bndbox xmax is not"),
        (voc_xml("a", (40, 20), [("cat", [9, 2, 3, 4])]).encode(), "box 1 (cat) holds nothing of the 40 x 20"),
        (voc_xml("a", (40, 20), [("cat", [50, 2, 60, 4])]).encode(), "holds nothing"),
        (
            voc_xml("a", (20, 40), [("cat", [1, 2, 3, 4])]).encode(),
            "of a picture of 20 x 40 pixels, but it has 40 x 20",
        ),
    ],
)
def test_bad_xml_is_bad_where_it_stands_and_spares_its_neighbour(xml, reason, tmp_path, read_all):
    for name in "ab":
        write(tmp_path, f"JPEGImages/{name}.png", picture((40, 20)))
    write(tmp_path, "Annotations/a.xml", xml)
    write(tmp_path, "Annotations/b.xml", voc_xml("b.png", (40, 20), TRUTH["a"][2]))
    write(tmp_path, "Annotations/0.xml", "<annotation/>")  # which is what tells the format
    records, bad = read_all(pictures_with_boxes(tmp_path))
    assert [where.rsplit("/", 1)[-1] for where, _, _ in records] == ["b.png"]
    assert {one.where.rsplit("/", 1)[-1] for one in bad} == {"a.png", "0.xml"}
    assert any(reason in one.reason for one in bad), bad


def test_entities_are_refused_before_they_unfold():
    with pytest.raises(ValueError, match="document type"):
        parse_xml(ENTITIES)


def test_what_is_missing_is_said(tmp_path, read_all):
    write_voc(tmp_path)
    (tmp_path / "JPEGImages/a.png").unlink()
    (tmp_path / "Annotations/b.xml").unlink()
    write(tmp_path, "Annotations/z.xml", voc_xml("z", (4, 4), []))
    write(tmp_path, "JPEGImages/d.png", b"no picture")
    source = pictures_with_boxes(tmp_path)
    records, bad = read_all(source)
    assert [where.rsplit("/", 1)[-1] for where, _, _ in records] == ["c.png"]
    assert sorted((one.where.removeprefix(f"{tmp_path.name}/"), one.reason) for one in bad) == [
        ("Annotations/a.xml", "its picture is missing: a.png"),
        ("ImageSets/Main/val.txt:1", "b has no XML file"),
        ("JPEGImages/d.png", "not a picture in a known format"),
    ]
    assert source.notes() == [
        "1 annotated pictures stand in no list of ImageSets/Main and were not read",
        "1 pictures have no annotation and were not read: JPEGImages/b.png",
    ]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("0 0.5 0.5 0.5", "found 4 numbers"),
        ("0 0.5 0.5 0.5 x", "not a class number"),
        ("2 0.5 0.5 0.5 0.5", "the class 2 is none of the names: cat, dog"),
        ("0 20 10 5 5", "lie in 0 to 1"),
        ("0 0.5 0.5 0.5 0", "holds nothing"),
    ],
)
def test_bad_lines_of_yolo_are_bad_where_they_stand(line, reason, tmp_path, read_all):
    write_yolo(tmp_path)
    write(tmp_path, "labels/train/d.txt", f"0 0.5 0.5 1 1\n\n{line}\n")
    write(tmp_path, "labels/train/lost.txt", "")
    records, bad = read_all(pictures_with_boxes(tmp_path))
    assert len(records) == len(TRUTH) - 1
    assert [one.where.rsplit("/", 1)[-1] for one in bad] == ["d.png", "lost.txt"]
    assert reason in bad[0].reason
    assert bad[1].reason == "its picture is missing"


def test_keypoints_of_yolo_are_skipped_with_a_word_and_without_kpt_shape_the_error_names_it(tmp_path, read_all):
    write(tmp_path, "images/a.png", picture((40, 20)))
    write(tmp_path, "labels/a.txt", "0 0.5 0.5 0.5 0.5 0.4 0.4 2 0.6 0.6 1\n0 0.25 0.5 0.5 1\n0 0 0 1 0 1 1 0 1\n")
    write(tmp_path, "data.yaml", "names: [person]\nkpt_shape: [2, 3]\n")
    source = pictures_with_boxes(tmp_path)
    boxes = rounded(boxes_of(read_all(source)[0][0][2]))
    assert boxes == [("person", [10, 5, 30, 15]), ("person", [0, 0, 20, 20]), ("person", [0, 0, 40, 20])]
    assert source.notes() == [
        "keypoints (kpt_shape) are not learnt: of their rows the boxes are read, the points are not"
    ]
    write(tmp_path, "labels/a.txt", "0 0.5 0.5 0.5 0.5 0.4 0.4 0.6 0.6\n")  # of two numbers a point, as a polygon has
    write(tmp_path, "data.yaml", "names: [person]\nkpt_shape: [2, 2]\n")
    assert rounded(boxes_of(read_all(pictures_with_boxes(tmp_path))[0][0][2])) == [("person", [10, 5, 30, 15])]
    write(tmp_path, "labels/a.txt", "0 0.5 0.5 0.5 0.5 0.4 0.4 2\n")
    write(tmp_path, "data.yaml", "names: [person]\n")
    (bad,) = read_all(pictures_with_boxes(tmp_path))[1]
    assert bad.reason.endswith("rows of keypoints need kpt_shape in data.yaml")


def splits_of(root, read_all):
    records = read_all(pictures_with_boxes(root))[0]
    return {where.rsplit("/", 1)[-1].split(".")[0]: split for where, split, _ in records}


def test_pictures_that_train_and_validate_alike_are_divided_anew_and_it_is_told(tmp_path, read_all):
    for name in "abc":
        write(tmp_path, f"images/{name}.png", picture(TRUTH[name][1]))
        write(tmp_path, f"labels/{name}.txt", yolo_txt(name))
    write(tmp_path, "data.yaml", "train: images\nval: images\nnames: [cat, dog]\n")
    assert splits_of(tmp_path, read_all) == {"a": "", "b": "", "c": ""}
    notes = pictures_with_boxes(tmp_path).notes()
    assert notes == ["images/ is said to be train and validation at once: its pictures are divided anew"]
    write(tmp_path, "data.yaml", "train: all.txt\nval: b.txt\nnames: [cat, dog]\n")
    write(tmp_path, "all.txt", "images/a.png\nimages/b.png\nimages/c.png\n")
    write(tmp_path, "b.txt", "images/b.png\n")
    assert splits_of(tmp_path, read_all) == {"a": "train", "b": "", "c": "train"}
    notes = pictures_with_boxes(tmp_path).notes()
    assert notes == ["1 pictures are listed for several splits and are divided anew: images/b.png"]


def test_of_folders_in_each_other_the_inner_one_says_the_split(tmp_path, read_all):
    write_yolo(tmp_path)
    write(tmp_path, "data.yaml", "train: images\nval: images/val\nnames: [cat, dog]\n")
    assert splits_of(tmp_path, read_all) == {"a": "train", "b": "validation", "c": "train", "d": "train"}
    write(tmp_path, "data.yaml", "train: images\nval: images\nnames: [cat, dog]\n")
    assert splits_of(tmp_path, read_all) == {"a": "train", "b": "validation", "c": "test", "d": "train"}


@pytest.mark.parametrize("said", ["[cat, dog]", "{0: cat, 1: dog}", "{'0': cat, '1': dog}", "classes.names"])
def test_classes_of_yolo_come_as_a_list_a_mapping_or_the_name_of_a_file(said, tmp_path, read_all):
    write_yolo(tmp_path)
    write(tmp_path, "data.yaml", f"names: {said}\n")
    write(tmp_path, "classes.names", "cat\ndog\n")
    records = read_all(pictures_with_boxes(tmp_path))[0]
    assert {label for _, _, values in records for label, _ in boxes_of(values)} == {"cat", "dog"}
    write(tmp_path, "data.yaml", "names: coco.names\n")
    with pytest.raises(UserError, match="there is no such file"):
        read_all(pictures_with_boxes(tmp_path))


def test_voc_that_counts_from_0_is_read_as_it_stands_and_it_is_told(tmp_path, read_all):
    for name, box in (("a", [-1, 3, 9, 9]), ("b", [4, 2, 40, 20])):  # one is added: 0, 4, 9, 9 and 5, 3, 40, 20
        write(tmp_path, f"{name}.png", picture((40, 20)))
        write(tmp_path, f"{name}.xml", voc_xml(f"{name}.png", (40, 20), [("cat", box)]))
    source = pictures_with_boxes(tmp_path)
    found = [boxes_of(values) for _, _, values in read_all(source)[0]]
    assert found == [[("cat", [0, 4, 9, 9])], [("cat", [5, 3, 40, 20])]]
    assert source.notes() == ["pixels count from 0, as xmin or ymin is 0 in 1 of 2 boxes: read as they stand"]


def test_polygons_of_yolo_become_their_bounds(tmp_path, read_all):
    write(tmp_path, "images/a.png", picture((40, 20)))
    write(tmp_path, "labels/a.txt", "1 0.1 0.9 0.5 0.2 0.25 0.5\n")
    source = pictures_with_boxes(tmp_path)
    assert rounded(boxes_of(read_all(source)[0][0][2])) == [("1", [4, 4, 20, 18])]
    assert source.notes() == ["no data.yaml names the classes: their numbers are the labels"]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda whole: whole["annotations"][0].pop("bbox"), "bbox is not left, top, width, height: None"),
        (lambda whole: whole["annotations"][0].update(bbox=[1, 2, "3", 4]), "bbox is not"),
        (lambda whole: whole["annotations"][0].update(category_id=1), "no category has the id 1"),
        (lambda whole: whole["annotations"][0].update(image_id=99), "annotation 0 is of no picture: image_id 99"),
        (lambda whole: whole["images"][0].update(file_name="z.png"), "its picture is missing: z.png"),
        (lambda whole: whole["images"][0].update(width=20, height=40), "of a picture of 20 x 40 pixels"),
        (lambda whole: whole["images"].append({**whole["images"][0], "id": 99}), "a.png is named twice"),
    ],
)
def test_bad_records_of_coco_are_bad_with_a_reason(change, reason, tmp_path, read_all):
    whole = json.loads(coco_json(["a", "d"]))
    change(whole)
    for name in "ad":
        write(tmp_path, f"{name}.png", picture(TRUTH[name][1]))
    write(tmp_path, "boxes.json", json.dumps(whole))
    records, bad = read_all(pictures_with_boxes(tmp_path))
    assert [where.rsplit("/", 1)[-1] for where, _, _ in records][-1] == "d.png"
    assert len(bad) == 1
    assert reason in bad[0].reason


def test_a_file_that_is_not_whole_coco_breaks_off_with_its_place(tmp_path, read_all):
    write(tmp_path, "a.png", picture((4, 4)))
    write(tmp_path, "boxes.json", '{"images": [], "annotations": []')
    with pytest.raises(UserError, match=r"boxes\.json: is not of COCO's form"):
        read_all(pictures_with_boxes(tmp_path))


def test_blood_cells_are_read_as_counted(shared_data, read_all):
    source = pictures_with_boxes(shared_data / "blood_cells" / "BCCD")
    records, bad = read_all(source)
    splits = [split for _, split, _ in records]
    assert [splits.count(split) for split in ("train", "validation", "test")] == [205, 87, 72]
    assert bad == []
    assert sum(len(values[1]) for _, _, values in records) == 4888
