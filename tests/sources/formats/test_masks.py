"""Pictures with masks: the layouts that people have, in folders and archives, and what is left over."""

from __future__ import annotations

import io
import tarfile
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pillow

from noria.errors import UserError
from noria.job.data import Data
from noria.pipeline.fields import open_path
from noria.sources.formats.mask_classes import read_classes
from noria.sources.formats.mask_layout import pair_up
from noria.sources.formats.masks import masks
from noria.sources.formats.pictures_with_boxes import pictures_with_boxes
from noria.targets.mask.target import Mask
from noria.tasks.semantic_segmentation import SemanticSegmentation

CAMVID = Path(__file__).parents[3] / "shared/data/street_scenes/camvid_half.tar"

LAYOUTS = {
    "of SegNet": ("train/a.png", "trainannot/a.png", "train"),
    "of SegNet, for validation": ("val/a.png", "valannot/a.png", "validation"),
    "of CamVid": ("train/a.png", "train_labels/a_L.png", "train"),
    "two folders": ("images/a.jpg", "masks/a.png", ""),
    "two folders, in the singular": ("image/a.jpg", "label/a.png", ""),
    "below the splits": ("test/images/a.jpg", "test/masks/a.png", "test"),
    "above the splits": ("img_dir/val/a.jpg", "ann_dir/val/a.png", "validation"),
    "of ADE20K": ("images/training/a.jpg", "annotations/training/a.png", "train"),
    "of Pascal VOC": ("JPEGImages/a.jpg", "SegmentationClass/a.png", ""),
    "of Cityscapes": ("leftImg8bit/train/x/a_leftImg8bit.png", "gtFine/train/x/a_gtFine_labelIds.png", "train"),
    "beside each other": ("data/a.tif", "data/a_mask.tif", ""),
    "beside each other, as jpg and png": ("a.jpg", "a.png", ""),
    "a word in both folders": ("scene_images/a.jpg", "scene_masks/a.png", ""),
    "a word after the name in its own folder": ("images/a.jpg", "masks/a_polyp.png", ""),
}


@pytest.mark.parametrize("name", LAYOUTS)
def test_a_picture_finds_its_mask_in_every_layout(name: str) -> None:
    picture, mask, split = LAYOUTS[name]
    others = [name.replace("a.", "b.").replace("a_", "b_") for name in (picture, mask)]
    found = pair_up([picture, mask, *others])
    assert [pair.picture for pair in found.pairs] == [picture, others[0]]
    assert [pair.masks for pair in found.pairs] == [{"": mask}, {"": others[1]}]
    assert [(pair.split, pair.flaw) for pair in found.pairs] == [(split, "")] * 2
    assert found.lonely == []


def test_masks_of_one_class_each_are_told_by_what_follows_the_name() -> None:
    names = ["images/a.jpg", "images/a_b.jpg", "masks/a_car.png", "masks/a_road.png", "masks/a_b_car.png"]
    found = {pair.picture: pair.masks for pair in pair_up(names).pairs}
    assert found["images/a.jpg"] == {"car": "masks/a_car.png", "road": "masks/a_road.png"}
    assert found["images/a_b.jpg"] == {"car": "masks/a_b_car.png"}


def test_a_name_that_goes_on_after_another_is_a_picture_of_its_own() -> None:
    found = pair_up(["images/a.jpg", "images/a_b.jpg", "masks/a.png", "masks/a_b.png"])
    assert [pair.masks for pair in found.pairs] == [{"": "masks/a.png"}, {"": "masks/a_b.png"}]


def test_the_coloured_twin_of_a_mask_is_not_taken_for_a_class() -> None:
    found = pair_up(["leftImg8bit/a_leftImg8bit.png", "gtFine/a_gtFine_labelIds.png", "gtFine/a_gtFine_color.png"])
    assert [(pair.masks, pair.flaw) for pair in found.pairs] == [({"": "gtFine/a_gtFine_labelIds.png"}, "")]


def test_what_has_no_partner_or_several_is_said() -> None:
    found = pair_up(["images/a.jpg", "images/b.jpg", "images/b.png", "masks/b.png", "masks/c.png"])
    assert [(pair.picture, pair.flaw.split(":")[0]) for pair in found.pairs] == [
        ("images/a.jpg", "the picture has no mask"),
        ("images/b.jpg", "several pictures have one mask"),
    ]
    assert found.lonely == ["masks/c.png"]


def test_stereo_pictures_are_no_masks_and_class_folders_hold_none() -> None:
    assert not pair_up(["street/a.png", "street/a_L.png", "street/a_R.png"]).has_masks
    assert not pair_up(["cat/1.jpg", "dog/1.jpg", "johann/1.jpg"]).has_masks


def picture(seed: int = 0) -> bytes:
    return png(np.random.default_rng(seed).integers(0, 255, (6, 8, 3)).astype(np.uint8))


def png(array: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    Pillow.fromarray(array).save(buffer, "PNG")
    return buffer.getvalue()


MASK = np.repeat(np.arange(4, dtype=np.uint8), 12).reshape(6, 8)


def written(folder: Path, files: dict[str, bytes], kind: str) -> Path:
    if kind == "folder":
        for name, data in files.items():
            path = folder / "data" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
        return folder / "data"
    path = folder / f"data.{kind}"
    if kind == "zip":
        with zipfile.ZipFile(path, "w") as archive:
            for name, data in files.items():
                archive.writestr(name, data)
    else:
        with tarfile.open(path, "w") as archive:
            for name, data in files.items():
                info = tarfile.TarInfo(name)
                info.size = len(data)
                archive.addfile(info, io.BytesIO(data))
    return path


def test_a_folder_may_hold_the_archive_beside_a_readme(tmp_path: Path) -> None:
    written(tmp_path, {"images/a.png": picture(1), "masks/a.png": png(MASK)}, "tar")
    (tmp_path / "README.md").write_text("where the data is from")
    source = open_path(tmp_path, SemanticSegmentation(), Data())
    assert (source.path, source.columns) == (tmp_path / "data.tar", ["file", "mask"])
    (tmp_path / "data.csv").write_text("a,b\n1,2\n")
    with pytest.raises(UserError, match="several files here could be the data"):
        open_path(tmp_path, SemanticSegmentation(), Data())


@pytest.mark.parametrize("kind", ["folder", "zip", "tar"])
def test_records_are_the_same_from_a_folder_and_an_archive_whatever_comes_first(kind: str, tmp_path: Path) -> None:
    files = {
        "trainannot/a.png": png(MASK),
        "train/a.png": picture(1),
        "test/b.png": picture(2),
        "train/c.png": picture(3),
        "train/d.png": b"",
        "trainannot/d.png": png(MASK),
        "testannot/b.png": png(MASK + 1),
    }
    source = masks(written(tmp_path, files, kind))
    assert source is not None
    assert source.columns == ["file", "mask"]
    found, bad = {}, {}
    for rows in source.rows():
        found |= {
            rows.numbers[i]: (rows.split, *(rows.columns[name][i] for name in source.columns)) for i in range(len(rows))
        }
        bad |= {one.where.split("/", 1)[1]: one.reason for one in rows.bad}
    assert found == {
        "train/a.png": ("train", picture(1), png(MASK)),
        "test/b.png": ("test", picture(2), png(MASK + 1)),
    }
    assert bad == {"train/c.png": "the picture has no mask", "train/d.png": "empty file"}


def test_chunks_hold_no_more_records_than_asked_for(tmp_path: Path) -> None:
    files = {f"images/{i}.png": picture(i) for i in range(7)} | {f"masks/{i}.png": png(MASK) for i in range(7)}
    source = masks(written(tmp_path, files, "folder"))
    assert source is not None
    assert [len(rows) for rows in source.rows(3)] == [3, 3, 1]


def test_names_in_a_file_come_with_every_mask(tmp_path: Path) -> None:
    files = {"images/a.png": picture(), "masks/a.png": png(MASK), "classes.txt": b"sky\nroad\ncar\nvoid\n"}
    source = masks(written(tmp_path, files, "tar"))
    assert source is not None
    (rows,) = source.rows()
    assert rows.columns["mask"] == [{"mask": png(MASK), "classes": {"sky": 0, "road": 1, "car": 2, "void": 3}}]
    assert source.notes() == ["4 classes are named in classes.txt"]


def test_masks_by_class_bring_their_names_in_one_order_for_all(tmp_path: Path) -> None:
    on = png(np.full((6, 8), 255, np.uint8))
    files = {"images/a.png": picture(), "images/b.png": picture(1), "masks/a_road.png": on, "masks/b_car.png": on}
    source = masks(written(tmp_path, files, "folder"))
    assert source is not None
    (rows,) = source.rows()
    classes = {"background": 0, "car": 1, "road": 2}
    assert rows.columns["mask"] == [
        {"mask": {"road": on}, "classes": classes},
        {"mask": {"car": on}, "classes": classes},
    ]


@pytest.mark.parametrize(
    ("text", "classes"),
    [
        ("sky\nroad\n", {"sky": 0, "road": 1}),
        ("name\nsky\nroad\n", {"sky": 0, "road": 1}),
        ("0 sky\n7: main road\n", {"sky": 0, "main road": 7}),
        ("name,r,g,b\nsky,128,128,128\nroad,128,64,0\n", {"sky": [128, 128, 128], "road": [128, 64, 0]}),
        ("64 128 64\tAnimal\n192 0 128\t\tArchway", {"Animal": [64, 128, 64], "Archway": [192, 0, 128]}),
        (
            "# label:color_rgb:parts:actions\nbackground:0,0,0::\ncar:64,0,128::\n",
            {"background": [0, 0, 0], "car": [64, 0, 128]},
        ),
        ("", {}),
    ],
)
def test_files_of_names_are_read_as_people_write_them(text: str, classes: dict[str, object]) -> None:
    assert read_classes(text) == classes


def test_a_table_and_a_folder_without_masks_are_left_to_other_readers(tmp_path: Path) -> None:
    (tmp_path / "table.csv").write_text("image,mask\na.png,b.png\n")
    assert masks(tmp_path / "table.csv") is None
    assert masks(written(tmp_path, {"cat/a.png": picture()}, "folder")) is None


@pytest.mark.skipif(not CAMVID.exists(), reason=f"needs {CAMVID.name}")
def test_camvid_at_half_size_has_the_records_that_it_is_known_for() -> None:
    source = masks(CAMVID)
    assert source is not None
    counts: dict[str, int] = {}
    for rows in source.rows():
        counts[rows.split] = counts.get(rows.split, 0) + len(rows)
        assert rows.bad == []
    assert counts == {"train": 367, "validation": 101, "test": 233}


PUBLISHED = {
    "Penn-Fudan": (
        {"PennFudanPed/PNGImages/{0}.png": "picture", "PennFudanPed/PedMasks/{0}_mask.png": "things"},
        {"PennFudanPed/Annotation/FudanPed00001.txt": b"# Compatible with PASCAL", "PennFudanPed/readme.txt": b"..."},
        {"": 4},
        (["background", "pedestrian"], [255]),
    ),
    "Pascal VOC": (
        {
            "VOC2012/JPEGImages/{0}.jpg": "picture",
            "VOC2012/SegmentationClass/{0}.png": "classes",
            "VOC2012/SegmentationObject/{0}.png": "things",
        },
        {
            "VOC2012/ImageSets/Segmentation/train.txt": b"a\nb\n",
            "VOC2012/ImageSets/Segmentation/val.txt": b"c\n",
            "VOC2012/ImageSets/Segmentation/trainval.txt": b"a\nb\nc\n",
            "VOC2012/ImageSets/Main/train.txt": b"d\n",
            "VOC2012/JPEGImages/z.jpg": b"of no list",
        },
        {"train": 2, "validation": 1},
        (["0", "1", "2", "3"], [255]),
    ),
    "Cityscapes by labelTrainIds": (
        {
            "leftImg8bit/train/aachen/{0}_000000_leftImg8bit.png": "picture",
            "gtFine/train/aachen/{0}_000000_gtFine_labelIds.png": "other",
            "gtFine/train/aachen/{0}_000000_gtFine_labelTrainIds.png": "classes",
            "gtFine/train/aachen/{0}_000000_gtFine_instanceIds.png": "other",
            "gtFine/train/aachen/{0}_000000_gtFine_color.png": "picture",
        },
        {"gtFine/train/aachen/a_000000_gtFine_polygons.json": b"{}"},
        {"train": 4},
        (["road", "sidewalk", "building", "wall", "fence"], [255]),
    ),
    "Cityscapes by labelIds": (
        {
            "leftImg8bit_trainvaltest/leftImg8bit/val/ulm/{0}_leftImg8bit.png": "picture",
            "gtFine_trainvaltest/gtFine/val/ulm/{0}_gtFine_labelIds.png": "labels",
        },
        {},
        {"validation": 4},
        (["road", "sidewalk", "building", "wall", "fence"], [0, 1, 2, 3, 4, 5, 6, 9, 10, 14, 15, 16, 18, 29, 30, 255]),
    ),
    "ADE20K": (
        {
            "ADEChallengeData2016/images/training/ADE_train_{0}.jpg": "picture",
            "ADEChallengeData2016/annotations/training/ADE_train_{0}.png": "classes",
        },
        {"ADEChallengeData2016/objectInfo150.txt": b"Idx\tRatio\tTrain\tVal\tStuff\tName\n"},
        {"train": 4},
        (["1", "2", "3"], [0, 255]),
    ),
    "CamVid of SegNet": (
        {"train/{0}.png": "picture", "trainannot/{0}.png": "classes"},
        {},
        {"train": 4},
        (["0", "1", "2", "3"], [255]),
    ),
    "CamVid": (
        {"701_StillsRaw_full/{0}.png": "picture", "LabeledApproved_full/{0}_L.png": "colours"},
        {"label_colors.txt": b"64 128 64\tAnimal\n192 0 128\t\tArchway\n"},
        {"": 4},
        (["Animal", "Archway"], []),
    ),
}
THINGS = np.zeros((6, 8), np.uint8)
THINGS[1:3, 1:4], THINGS[3:6, 5:8] = 1, 2
CONTENT = {
    "classes": MASK,
    "labels": np.array([0, 7, 8, 23], np.uint8)[MASK],
    "things": THINGS,
    "other": MASK + 100,
    "colours": np.array([[64, 128, 64], [192, 0, 128], [64, 128, 64], [192, 0, 128]], np.uint8)[MASK],
}
DIGITS = {"a": "00000001", "b": "00000002", "c": "00000003", "d": "00000004"}


def published_files(name: str) -> dict[str, bytes]:
    """Return four pictures of a data set as it is published; in Pascal VOC the fourth is in no list."""
    layout, beside, _, _ = PUBLISHED[name]
    files = dict(beside)
    for place, letter in enumerate("abcd"):
        for path, kind in layout.items():
            if name == "Pascal VOC" and letter == "d" and "Segmentation" in path:
                continue
            stem = DIGITS[letter] if name == "ADE20K" else letter
            files[path.format(stem)] = png(CONTENT[kind]) if kind in CONTENT else picture(place)
    return files


@pytest.mark.parametrize("name", PUBLISHED)
def test_published_data_sets_are_read_as_they_are_unpacked(name: str, tmp_path: Path) -> None:
    _, _, splits, (classes, void) = PUBLISHED[name]
    source = masks(written(tmp_path, published_files(name), "folder"))
    assert source is not None
    found: dict[str, int] = {}
    values = []
    for rows in source.rows():
        assert rows.bad == []
        found[rows.split] = found.get(rows.split, 0) + len(rows)
        values += rows.columns["mask"]
    assert found == splits
    target = Mask()
    state = target.fit(values)
    assert (state["classes"][: len(classes)], state["void"]) == (classes, void)
    assert target.encode(values, state).bad == {}


def test_what_is_left_out_of_a_published_data_set_is_told(tmp_path: Path) -> None:
    voc = masks(written(tmp_path / "voc", published_files("Pascal VOC"), "folder"))
    assert voc is not None
    assert [note.split(":")[0] for note in voc.notes()] == [
        "2 pictures stand in no list of ImageSets/Segmentation and were not read",
        "3 other masks of the same pictures were not read",
    ]
    streets = masks(written(tmp_path / "streets", published_files("Cityscapes by labelTrainIds"), "folder"))
    assert streets is not None
    assert [note.split(":")[0] for note in streets.notes()] == [
        "by their names the masks are those of a published set",
        "4 other masks of the same pictures were not read",
    ]
    people = masks(written(tmp_path / "people", published_files("Penn-Fudan"), "folder"))
    assert people is not None
    assert people.notes() == ["masks are of one class each: background, pedestrian"]


def test_classes_of_the_job_hold_over_what_is_known_of_published_masks(tmp_path: Path) -> None:
    source = masks(written(tmp_path, published_files("Cityscapes by labelIds"), "folder"))
    assert source is not None
    values = [value for rows in source.rows() for value in rows.columns["mask"]]
    target = Mask(classes={"nothing": 0, "road": 7, "path": 8, "sky": 23})
    state = target.fit(values)
    assert (state["classes"], state["void"]) == (["nothing", "road", "path", "sky"], [255])


@pytest.mark.parametrize("name", ["Penn-Fudan", "images and masks"])
def test_boxes_are_those_of_the_things_that_masks_number(name: str, tmp_path: Path) -> None:
    label, files = "object", {"images/a.png": picture(), "masks/a.png": png(THINGS)}
    if name == "Penn-Fudan":
        label, files = "pedestrian", published_files(name)
    source = pictures_with_boxes(written(tmp_path, files, "folder"))
    assert source is not None
    (rows,) = source.rows()
    assert rows.columns["boxes"][0] == [
        {"label": label, "box": [1, 1, 4, 3]},
        {"label": label, "box": [5, 3, 8, 6]},
    ]
    assert source.notes() == [f"boxes are those of masks: each number of a mask is one thing, with the label {label}"]


def test_masks_that_do_not_number_things_give_no_boxes(tmp_path: Path) -> None:
    files = {f"images/{name}.png": picture() for name in "abc"}
    files |= {"masks/a.png": png(THINGS), "masks/b.png": png(255 * (THINGS > 0).astype(np.uint8))}
    files |= {"masks/c.png": png(THINGS * 5)}
    source = pictures_with_boxes(written(tmp_path, files, "folder"))
    assert source is not None
    (rows,) = source.rows()
    assert len(rows) == 1
    assert [one.where[-5:] for one in rows.bad] == ["b.png", "c.png"]
    assert all("its numbers are not those of things" in one.reason for one in rows.bad)
