"""Pictures, boxes, masks and clips as people have them: odd ones are used, bad ones counted with a reason."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from noria.contract import registry
from noria.job.load import load_job
from noria.stages.prepare import prepare
from tiny_data import file_of, png

SIZE = (64, 48)  # width and height of every picture as it is shown
BOX = [20, 10, 12, 18]  # left, top, width, height
RGB = np.full((SIZE[1], SIZE[0], 3), 200, np.uint8)
EXIF_TURNED = 6  # stored lying on its side
GENERATOR = np.random.default_rng(0)


def another() -> bytes:
    """Return a picture that is like no other: equal ones would all go into one split."""
    return png(GENERATOR.integers(0, 255, RGB.shape).astype(np.uint8))


def prepared(task: str, path: Path, **more: Any) -> tuple[int, dict[str, str], dict[str, Any]]:
    """Return how many records can be used, why the others cannot, by the last part of their place, and the states."""
    data = {"path": str(path), "max_bad": 0.9, "split": {"validation": 0.2, "test": 0.2}}
    found = prepare(*load_job({"task": task, "data": data, **more}))
    reasons = {one["where"].rsplit("/", 1)[-1]: one["reason"] for one in found.report["quarantine"]}
    return sum(found.report["records"].values()), reasons, found.states


def saved(picture: Image.Image, kind: str, **options: Any) -> bytes:
    file = io.BytesIO()
    picture.save(file, kind, **options)
    return file.getvalue()


def turned() -> bytes:
    exif = Image.Exif()
    exif[0x0112] = EXIF_TURNED
    return saved(Image.fromarray(np.rot90(RGB).copy()), "JPEG", exif=exif)


def odd_pictures() -> dict[str, bytes]:
    """Files of the same picture that programs write, and careless readers stumble over."""
    whole = Image.fromarray(RGB)
    return {
        "turned.jpg": turned(),
        "cmyk.jpg": saved(whole.convert("CMYK"), "JPEG"),
        "deep.png": saved(Image.fromarray(RGB[..., 0].astype(np.uint16) * 257), "PNG"),
        "alpha.png": saved(whole.convert("RGBA"), "PNG"),
        "palette.png": saved(whole.convert("P"), "PNG"),
        "really-a-jpeg.png": saved(whole, "JPEG"),
        "really-a-png.jpg": png(RGB),
    }


def broken_pictures() -> dict[str, tuple[bytes, str]]:
    return {
        "cut.png": (png(np.random.default_rng(0).integers(0, 255, RGB.shape).astype(np.uint8))[:-400], "broken"),
        "page.jpg": (b"<html>404</html>", "not a picture"),
        "none.png": (b"", "empty file"),
    }


def coco(path: Path, pictures: dict[str, bytes], changes: dict[str, dict[str, Any]]) -> None:
    """Write pictures with one box each; `changes` are to the annotations of some, None takes a key out."""
    path.mkdir()
    images, annotations = [], []
    for number, (name, data) in enumerate(pictures.items(), 1):
        (path / name).write_bytes(data)
        images.append({"id": number, "file_name": name, "width": SIZE[0], "height": SIZE[1]})
        one = {"id": number, "image_id": number, "category_id": 1 + number % 2, "bbox": BOX, "iscrowd": 0}
        one |= changes.get(name, {})
        annotations.append({key: value for key, value in one.items() if value is not None})
    names = ["cat", "dog", "bird"]  # no picture shows a bird
    categories = [{"id": number, "name": name} for number, name in enumerate(names, 1)]
    whole = {"images": images, "annotations": annotations, "categories": categories}
    (path / "boxes.json").write_text(json.dumps(whole), "utf-8")


BAD_BOXES: dict[str, tuple[dict[str, Any], str]] = {
    "outside.png": ({"bbox": [70, 10, 9, 9]}, "holds nothing of the 64 x 48 pixels"),
    "inverted.png": ({"bbox": [30, 10, -9, 9]}, "holds nothing"),
    "empty.png": ({"bbox": [30, 10, 0, 9]}, "holds nothing"),
    "endless.png": ({"bbox": [30, 10, float("inf"), 9]}, "holds nothing"),
    "lost.png": ({"bbox": [30, float("nan"), 9, 9]}, "holds nothing"),
    "corners.png": ({"bbox": [30, 10, 9]}, "bbox is not left, top, width, height"),
    "no-box.png": ({"bbox": None}, "bbox is not left, top, width, height: None"),
    "no-label.png": ({"category_id": None}, "no category has the id None"),
    "other-label.png": ({"category_id": 9}, "no category has the id 9"),
}


def test_of_coco_the_odd_is_used_and_the_bad_is_counted(tmp_path: Path) -> None:
    good = {f"{number}.png": another() for number in range(30)}
    broken = broken_pictures()
    pictures = good | odd_pictures() | {name: data for name, (data, _) in broken.items()}
    pictures |= {name: another() for name in [*BAD_BOXES, "crowd.png"]}
    changes = {name: change for name, (change, _) in BAD_BOXES.items()}
    crowd = {"iscrowd": 1, "segmentation": {"counts": [0, 9, 3063], "size": [48, 64]}}
    coco(tmp_path / "set", pictures, changes | {"crowd.png": crowd})
    count, reasons, states = prepared("object-detection", tmp_path / "set")
    assert count == len(good) + len(odd_pictures()) + 1
    expected = {name: reason for name, (_, reason) in (BAD_BOXES | broken).items()}
    assert reasons.keys() == expected.keys()
    for name, reason in expected.items():
        assert reason in reasons[name], name
    assert states["target"]["labels"] == ["cat", "dog"]  # a category without boxes is nothing to learn


YOLO_LINES = {
    "five.png": ("0 0.5 0.5 0.2 0.2", ""),
    "six.png": ("0 0.5 0.5 0.2 0.2 0.93", "a sixth number is how sure a detector was"),
    "four.png": ("0 0.5 0.5 0.2", "found 4 numbers"),
    "beyond.png": ("2 0.5 0.5 0.2 0.2", "the class 2 is none of the names: cat, dog"),
    "negative.png": ("-1 0.5 0.5 0.2 0.2", "a class number is not negative: -1"),
    "named.png": ("cat 0.5 0.5 0.2 0.2", "not a class number"),
    "pixels.png": ("0 20 10 5 5", "shares of the picture lie in 0 to 1"),
}


@pytest.mark.parametrize("has_names", [True, False])
def test_of_yolo_lines_of_other_columns_or_classes_are_counted(has_names: bool, tmp_path: Path) -> None:
    for folder in ("images", "labels"):
        (tmp_path / folder).mkdir()
    lines = {f"{number}.png": (f"{number % 2} 0.5 0.5 0.25 0.25", "") for number in range(20)} | YOLO_LINES
    if has_names:
        (tmp_path / "data.yaml").write_text("names: [cat, dog]\n")
    for name, (line, _) in lines.items():
        (tmp_path / "images" / name).write_bytes(another())
        (tmp_path / "labels" / name).with_suffix(".txt").write_text(f"{line}\n")
    count, reasons, _ = prepared("object-detection", tmp_path)
    expected = {name: reason for name, (_, reason) in lines.items() if reason}
    if not has_names and "beyond.png" not in reasons:
        expected.pop("beyond.png")  # without names any number is a class, if it is in the training split
    elif not has_names:
        expected["beyond.png"] = "does not stand in the training records"
    assert reasons.keys() == expected.keys()
    for name, reason in expected.items():
        assert reason in reasons[name], name
    assert count == len(lines) - len(expected)


VOC_SIDES = {
    "half.png": (("20.5", "10.25", "32.75", "28"), ""),
    "spaces.png": ((" 20 ", "10", "32", "28\n"), ""),
    "words.png": (("20", "ten", "32", "28"), "bndbox ymin is not a number: 'ten'"),
    "comma.png": (("20,5", "10", "32", "28"), "bndbox xmin is not a number: '20,5'"),
    "nothing.png": (("", "10", "32", "28"), "bndbox xmin is not a number"),
    "nan.png": (("nan", "10", "32", "28"), "holds nothing"),
}


def test_of_voc_parts_of_pixels_are_kept_and_what_is_no_number_is_counted(tmp_path: Path) -> None:
    sides = {f"{number}.png": (("20", "10", "32", "28"), "") for number in range(20)} | VOC_SIDES
    for name, (given, _) in sides.items():
        (tmp_path / name).write_bytes(another())
        box = "".join(
            f"<{key}>{side}</{key}>" for key, side in zip(("xmin", "ymin", "xmax", "ymax"), given, strict=True)
        )
        xml = f"<annotation><object><name>cat</name><bndbox>{box}</bndbox></object></annotation>"
        (tmp_path / name).with_suffix(".xml").write_text(xml)
    count, reasons, _ = prepared("object-detection", tmp_path)
    expected = {name: reason for name, (_, reason) in VOC_SIDES.items() if reason}
    assert reasons.keys() == expected.keys()
    for name, reason in expected.items():
        assert reason in reasons[name], name
    assert count == len(sides) - len(expected)
    source = registry.task("object-detection").read(tmp_path)
    assert source is not None
    boxes = {name: rows.columns["boxes"][i][0]["box"] for rows in source.rows() for i, name in enumerate(rows.numbers)}
    assert boxes["half.png"] == [19.5, 9.25, 32.75, 28]
    assert boxes["spaces.png"] == [19, 9, 32, 28]


def palette_mask(numbers: np.ndarray) -> bytes:
    mask = Image.fromarray(numbers)
    mask.putpalette([*range(30)])  # of ten colours
    return saved(mask, "PNG")


def test_of_masks_another_size_and_numbers_above_the_classes_are_counted(tmp_path: Path) -> None:
    for folder in ("images", "masks"):
        (tmp_path / folder).mkdir()
    whole = np.zeros((SIZE[1], SIZE[0]), np.uint8)
    whole[20:] = 1
    above = whole.copy()
    above[5, :7] = 9
    wide = Image.fromarray(whole).resize((80, 48))
    bad = {
        "above.png": (palette_mask(above), "the mask has 9 in 7 places, which is no class"),
        "size.png": (saved(wide, "PNG"), "the mask is of 80 x 48 pixels, its picture of 64 x 48"),
        "lying.png": (png(whole.T.copy()), "the mask is of 48 x 64 pixels"),
        "blurred.png": (saved(Image.fromarray(whole), "JPEG"), "a JPEG blurs the numbers of classes"),
        "coloured.png": (png(np.stack([whole * 9, whole, whole], 2)), "the mask is in colours and no table says"),
        "broken.png": (palette_mask(whole)[:-40], "broken"),
    }
    odd = odd_pictures()
    for name in [*(f"{number}.png" for number in range(20)), *bad, *odd]:
        (tmp_path / "images" / name).write_bytes(odd.get(name) or another())
        mask = bad[name][0] if name in bad else palette_mask(whole)
        (tmp_path / "masks" / name).with_suffix(".png").write_bytes(mask)
    count, reasons, states = prepared("semantic-segmentation", tmp_path, target={"classes": ["sky", "ground"]})
    assert reasons.keys() == bad.keys()
    for name, (_, reason) in bad.items():
        assert reason in reasons[name], name
    assert count == 20 + len(odd)
    assert states["target"]["classes"] == ["sky", "ground"]


def test_of_tracks_a_file_of_too_few_columns_is_counted(tmp_path: Path) -> None:
    good = registry.task("object-tracking").examples(12)
    for number, record in enumerate(good):
        folder = tmp_path / f"seq{number:02d}"
        folder.mkdir()
        (folder / "det.txt").write_bytes(record.fields["detections"])
        (folder / "gt.txt").write_bytes(record.fields["tracks"])
    (tmp_path / "seq03" / "det.txt").write_text("1,-1,10,20,30\n")
    (tmp_path / "seq05" / "gt.txt").write_text("frame,id,left,top,width,height\n1,1,10,20,30,40\n")
    (tmp_path / "seq07" / "gt.txt").write_text("1,1,10,20,30,40,1\n2,1,10,20,30,40\n")
    (tmp_path / "seq09" / "det.txt").unlink()
    count, reasons, _ = prepared("object-tracking", tmp_path)
    assert "line 1 has 5 numbers, expected at least 6: frame, identity, left, top" in reasons["seq03"]
    assert "line 1 is not numbers only: 'frame,id" in reasons["seq05"]
    assert "line 2 has 6 numbers, expected 7" in reasons["seq07"]
    assert "it has no det.txt" in reasons["seq09"]
    assert (count, len(reasons)) == (8, 4)


def test_of_clips_one_that_cannot_be_read_is_counted_and_the_class_goes_on(tmp_path: Path) -> None:
    pytest.importorskip("av", reason="needs noria[video]")
    for number in range(24):
        clip = GENERATOR.integers(0, 255, (4, 16, 16, 3)).astype(np.uint8)
        frames = [Image.fromarray(frame) for frame in clip]
        whole = saved(frames[0], "GIF", save_all=True, append_images=frames[1:], duration=100)
        folder = tmp_path / ("run" if number % 2 else "walk")
        folder.mkdir(exist_ok=True)
        (folder / f"{number}.gif").write_bytes(whole)
    (tmp_path / "run" / "cut.gif").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "run" / "page.mp4").write_bytes(b"<html>404</html>")
    (tmp_path / "run" / "none.avi").write_bytes(b"")
    (tmp_path / "walk" / "still.mp4").write_bytes(png(clip[0]))
    (tmp_path / "walk" / "frames").mkdir()
    (tmp_path / "walk" / "frames" / "1.png").write_bytes(png(clip[0]))
    (tmp_path / "walk" / "frames" / "2.png").write_bytes(png(clip[1])[:-40])
    count, reasons, states = prepared("video-classification", tmp_path)
    assert count == 24
    assert reasons.keys() == {"cut.gif", "page.mp4", "none.avi", "still.mp4", "frames"}
    assert "breaks off" in reasons["cut.gif"]
    assert "known format" in reasons["page.mp4"]
    assert "empty file" in reasons["none.avi"]
    assert "known format" in reasons["still.mp4"]
    assert "frame 2" in reasons["frames"]
    assert states["target"]["classes"] == ["run", "walk"]


def test_of_series_one_that_cannot_be_read_is_counted(tmp_path: Path) -> None:
    for number in range(20):
        folder = tmp_path / ("up" if number % 2 else "down")
        folder.mkdir(exist_ok=True)
        (folder / f"{number}.npy").write_bytes(file_of(np.random.default_rng(number).normal(size=(9, 2))))
    (tmp_path / "up" / "wide.npy").write_bytes(file_of(np.ones((9, 3))))
    (tmp_path / "up" / "gap.csv").write_text("1,2\n3,nan\n")
    (tmp_path / "up" / "ragged.txt").write_text("1 2\n3\n")
    count, reasons, _ = prepared("series-classification", tmp_path)
    assert count == 20
    assert "3 numbers a frame; the training series have 2" in reasons["wide.npy"]
    assert "row 2 holds a number that is missing or not finite" in reasons["gap.csv"]
    assert "row 2 holds 1 numbers, row 1 holds 2" in reasons["ragged.txt"]
