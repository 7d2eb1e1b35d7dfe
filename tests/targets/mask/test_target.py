"""Masks as answers: classes and what belongs to none, sizes, bad ones by name, answers that can be sent."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image as Pillow

from noria.contract import registry
from noria.errors import UserError
from noria.job.load import load_job
from noria.pipeline.fields import encode_answer
from noria.pipeline.predictor import load
from noria.stages.prepare import prepare
from noria.targets.mask.target import VOID, Mask, everywhere_alike, majority_places
from noria.types import Arrays
from noria.vision.masks import from_png
from other_data import read

MASKS = [np.array([[0, 1, 2], [2, 2, 255]], np.uint8), np.array([[1, 1, 0], [0, 0, 0]], np.uint8)]
COLOURS = {"sky": [10, 20, 30], "road": [40, 50, 60], "void": [0, 0, 0]}


def png(array: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    Pillow.fromarray(array).save(buffer, "PNG")
    return buffer.getvalue()


def codes(target: Mask, value: Any, state: dict[str, Any]) -> Any:
    encoded = target.encode([value], state)
    assert encoded.bad == {}
    return encoded.arrays["mask"][0].tolist()


def test_classes_are_the_numbers_of_training_and_255_is_none() -> None:
    state = Mask().fit(MASKS)
    assert (state["classes"], state["numbers"], state["void"]) == (["0", "1", "2"], [0, 1, 2], [255])
    assert (state["height"], state["width"]) == (2, 3)
    assert state["shares"] == pytest.approx([5 / 11, 3 / 11, 3 / 11], rel=1e-4)
    assert codes(Mask(), MASKS[0], state) == [[0, 1, 2], [2, 2, VOID]]


def test_in_a_mask_of_0_and_255_the_class_is_255() -> None:
    state = Mask().fit([np.array([[0, 255]], np.uint8), np.array([[0, 0]], np.uint8)])
    assert (state["classes"], state["void"]) == (["0", "255"], [])
    assert codes(Mask(), np.array([[0, 255]], np.uint8), state) == [[0, 1]]


def test_names_and_void_of_the_job_hold_over_what_stands_beside_the_masks() -> None:
    beside = {"mask": png(MASKS[0]), "classes": {"a": 0, "b": 1, "c": 2}}
    target = Mask(classes=("sky", "road", "car", "nothing"), void=(255, "nothing"))
    state = target.fit([beside])
    assert (state["classes"], state["void"]) == (["sky", "road", "car"], [3, 255])
    assert codes(target, beside, state) == [[0, 1, 2], [2, 2, VOID]]
    assert Mask(void=(2, 255)).fit([beside])["classes"] == ["a", "b"]


def test_names_beside_masks_are_taken_and_one_called_void_is_none() -> None:
    state = Mask().fit([{"mask": png(MASKS[0]), "classes": {"sky": 0, "Void": 1, "car": 2}}])
    assert (state["classes"], state["numbers"], state["void"]) == (["sky", "car"], [0, 2], [1, 255])


def test_colours_are_classes_by_a_table() -> None:
    rgb = np.array([[COLOURS["road"], COLOURS["sky"], COLOURS["void"]]], np.uint8)
    value = {"mask": png(rgb), "classes": COLOURS}
    state = Mask().fit([value])
    assert (state["classes"], state["is_colour"]) == (["sky", "road"], True)
    assert codes(Mask(), value, state) == [[1, 0, VOID]]
    assert codes(Mask(), png(rgb), state) == [[1, 0, VOID]]
    target = Mask(classes={"sky": (10, 20, 30), "road": (40, 50, 60)}, void=((0, 0, 0),))
    assert codes(target, png(rgb), target.fit([png(rgb)])) == [[1, 0, VOID]]


def test_other_data_is_read_by_the_names_that_it_brings() -> None:
    """There the same names may stand for other numbers, as where each class has a mask of its own."""
    on, off = np.array([[255, 0]], np.uint8), np.array([[0, 255]], np.uint8)
    train = {"mask": {"car": on, "road": off}, "classes": {"background": 0, "car": 1, "road": 2}}
    other = {"mask": {"road": off}, "classes": {"background": 0, "road": 1}}
    state = Mask().fit([train])
    assert codes(Mask(), train, state) == [[1, 2]]
    assert codes(Mask(), other, state) == [[0, 2]]


def test_names_of_other_data_hold_over_the_numbers_of_training_unless_training_knows_none_of_them() -> None:
    state = Mask().fit([{"mask": np.array([[0, 1, 1]], np.uint8), "classes": {"sky": 0, "road": 1}}])
    mask = np.array([[0, 1, 1]], np.uint8)
    assert codes(Mask(), {"mask": mask, "classes": {"road": 0, "sky": 1}}, state) == [[1, 0, 0]]
    assert codes(Mask(), {"mask": mask, "classes": {"road": 0, "ignored": 1}}, state) == [[1, VOID, VOID]]
    assert codes(Mask(), {"mask": mask, "classes": {"himmel": 0, "weg": 1}}, state) == [[0, 1, 1]]
    said = Mask(classes=("sky", "road"))
    assert codes(said, {"mask": mask, "classes": {"road": 0, "sky": 1}}, said.fit([mask])) == [[0, 1, 1]]


def test_masks_of_one_size_keep_it_and_others_become_squares_of_the_nearest_places() -> None:
    large = np.kron(MASKS[0], np.ones((100, 100), np.uint8)).astype(np.uint8)
    assert [Mask().fit([large])[side] for side in ("height", "width")] == [256, 256]
    assert [Mask(side=300).fit([large])[side] for side in ("height", "width")] == [200, 300]
    assert [Mask().fit([large, MASKS[0]])[side] for side in ("height", "width")] == [256, 256]
    target = Mask(size=(2, 3))
    encoded = target.encode([large, MASKS[0]], target.fit([large, MASKS[0]])).arrays
    assert encoded["mask"].tolist() == [[[0, 1, 2], [2, 2, VOID]]] * 2
    assert encoded["_size"].tolist() == [[200, 300], [2, 3]]


def test_a_number_that_is_no_class_is_named_with_how_often_it_stands() -> None:
    state = Mask().fit(MASKS)
    encoded = Mask().encode([MASKS[0], np.array([[0, 7, 7]], np.uint8), MASKS[1]], state)
    assert list(encoded.bad) == [1]
    assert encoded.bad[1].startswith("the mask has 7 in 2 places, which is no class")
    assert not encoded.arrays["mask"][1].any()
    named = Mask().encode([{"mask": np.array([[0, 3]]), "classes": {"0": 0, "tree": 3}}], state)
    assert "3 (tree)" in named.bad[0]
    coloured = Mask().fit([{"mask": np.array([[[10, 20, 30], [40, 50, 60]]], np.uint8), "classes": COLOURS}])
    assert "the mask has (1, 2, 3) in 1" in Mask().encode([np.array([[[1, 2, 3]]], np.uint8)], coloured).bad[0]


@pytest.mark.parametrize(
    ("settings", "masks", "what"),
    [
        ({}, [np.zeros((2, 2), np.uint8)], "at least two classes"),
        ({}, [b"junk"], "no training mask can be read"),
        ({"classes": ("sky", "road"), "void": ("raod",)}, MASKS, "no class is called 'raod'"),
    ],
)
def test_masks_that_nothing_can_be_learnt_from_are_refused(settings: Any, masks: Any, what: str) -> None:
    with pytest.raises(UserError, match=what):
        Mask(**settings).fit(masks)


@pytest.mark.parametrize(
    "setting",
    [{"size": (0, 3)}, {"side": 0}, {"balance": 2.0}, {"overlap": -1.0}, {"classes": {"a": 1, "b": (1, 2, 3)}}],
)
def test_settings_that_make_no_sense_are_refused_with_the_job(setting: dict[str, Any]) -> None:
    with pytest.raises(UserError, match=f"target.{next(iter(setting))}"):
        Mask(**setting)


def test_rare_classes_count_more_by_as_much_as_asked_for() -> None:
    state = Mask().fit([np.array([[0] * 9 + [1]], np.uint8)])
    plain, half, whole = (Mask(balance=balance).head(state, 4).weights.tolist() for balance in (0.0, 0.5, 1.0))
    assert plain == pytest.approx([1, 1])
    assert half[1] / half[0] == pytest.approx(3, rel=1e-4)
    assert whole[1] / whole[0] == pytest.approx(9, rel=1e-4)
    assert 0.9 * half[0] + 0.1 * half[1] == pytest.approx(1, rel=1e-4)


def test_an_answer_is_json_and_comes_back_as_the_map() -> None:
    state = Mask(classes=("sky", "road", "car")).fit(MASKS)
    given = np.array([[[2, 2, 2], [2, 0, 1]]], np.uint8)
    (answer,) = Mask().decode({"classes": given, "confidence": np.array([0.75])}, state)
    sent = json.loads(json.dumps(answer.as_json()))
    assert from_png(sent["value"]["png"]).tolist() == given[0].tolist()
    assert (sent["value"]["size"], sent["value"]["classes"]) == ([2, 3], ["sky", "road", "car"])
    assert list(sent["shares"]) == ["car", "sky", "road"]
    assert sent["shares"]["car"] == pytest.approx(4 / 6, abs=1e-5)
    assert sent["confidence"] == 0.75
    (truth,) = Mask().decode_target(Mask().encode([MASKS[0]], state).arrays, state)
    assert from_png(truth["png"]).tolist() == [[0, 1, 2], [2, 2, VOID]]


def test_the_trivial_answer_is_the_class_that_each_place_has_most_often() -> None:
    masks = np.array([[[0, 1], [VOID, 2]], [[0, 1], [VOID, 1]], [[1, 1], [VOID, 2]]], np.uint8)
    learnt = majority_places({"mask": masks})
    assert learnt["classes"].tolist() == [[[0, 1], [1, 2]]]  # where nothing is known, the most frequent of all
    assert learnt["confidence"][0] == pytest.approx((2 + 3 + 2) / 9)
    alike = everywhere_alike(learnt, {"mask": np.zeros((5, 4, 4), np.uint8)})
    assert alike["classes"].shape == (5, 4, 4)
    assert (alike["classes"][3] == np.kron(learnt["classes"][0], np.ones((2, 2)))).all()
    large = majority_places({"mask": np.zeros((2, 200, 20), np.uint8)})
    assert large["classes"].shape == (1, 32, 20)


def picture(height: int, width: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 255, (height, width, 3)).astype(np.uint8)


def folder_of(path: Path, count: int = 40) -> Path:
    for index, record in enumerate(registry.task("semantic-segmentation").examples(count)):
        for name, folder in (("image", "images"), ("mask", "masks")):
            (path / folder).mkdir(parents=True, exist_ok=True)
            (path / folder / f"{index:02d}.png").write_bytes(png(record.fields[name]))
    return path


def prepared(path: Path, **more: Any) -> Any:
    job, task = load_job({"task": "semantic-segmentation", "data": {"path": str(path)}, **more})
    return prepare(job, task)


def test_a_folder_of_pictures_and_masks_is_prepared_and_what_cannot_be_used_is_named(tmp_path: Path) -> None:
    path = folder_of(tmp_path / "street")
    (path / "masks" / "00.png").write_bytes(png(np.zeros((10, 20), np.uint8)))  # of another size
    (path / "masks" / "01.png").write_bytes(png(np.full((36, 48), 9, np.uint8)))  # of an unknown class
    (path / "masks" / "02.png").unlink()
    (path / "masks" / "03.png").write_bytes((path / "masks" / "03.png").read_bytes()[:-30])
    found = prepared(path, target={"classes": ["sky", "box", "ground"]})
    reasons = {one["where"]: one["reason"] for one in found.report["quarantine"]}
    assert reasons["street/images/00.png"] == "the mask is of 20 x 10 pixels, its picture of 48 x 36"
    assert "the mask has 9 in 1728 places" in reasons["street/images/01.png"]
    assert reasons["street/images/02.png"] == "the picture has no mask"
    assert "broken" in reasons["street/images/03.png"]
    assert len(reasons) == 4
    assert sum(found.report["records"].values()) == 36
    assert found.states["target"]["classes"] == ["sky", "box", "ground"]


def test_a_picture_lying_on_its_side_fits_the_mask_of_what_is_seen() -> None:
    """A camera that was turned writes so into the file; the mask was drawn on the picture as it is shown."""
    task = registry.task("semantic-segmentation")
    exif = Pillow.Exif()
    exif[0x0112] = 6
    buffer = io.BytesIO()
    Pillow.fromarray(picture(30, 40)).save(buffer, "JPEG", exif=exif)
    upright, lying = np.eye(40, 30, dtype=np.uint8), np.eye(30, 40, dtype=np.uint8)
    state = task.target.fit([upright, lying])
    image = task.inputs["image"]
    inputs: dict[str, Arrays] = {"image": image.encode([buffer.getvalue()] * 2, image.fit([buffer.getvalue()])).arrays}
    bad = encode_answer(task, [upright, lying], state, inputs, None).bad
    assert bad == {1: "the mask is of 40 x 30 pixels, its picture of 30 x 40"}


def test_a_table_names_pictures_and_masks_by_their_files(tmp_path: Path) -> None:
    folder_of(tmp_path / "data")
    lines = [f"images/{index:02d}.png,masks/{index:02d}.png" for index in range(40)]
    lines[5] = "images/05.png,masks/none.png"
    lines[6] = "images/06.png,../../etc/passwd"
    (tmp_path / "data" / "table.csv").write_text("\n".join(["photo,truth", *lines]) + "\n")
    found = prepared(
        tmp_path / "data" / "table.csv",
        data={"path": str(tmp_path / "data" / "table.csv"), "fields": {"image": "photo", "mask": "truth"}},
    )
    reasons = [one["reason"] for one in found.report["quarantine"]]
    assert reasons == ["masks/none.png: there is no such file", "../../etc/passwd leads out of the data's folder"]
    assert found.states["target"]["classes"] == ["0", "1", "2"]
    whole = prepared(folder_of(tmp_path / "whole"))
    assert whole.states["target"]["classes"] == found.states["target"]["classes"]


def test_a_mask_that_a_cell_names_is_read_again_when_it_changes(tmp_path: Path) -> None:
    folder_of(tmp_path)
    lines = [f"images/{index:02d}.png,masks/{index:02d}.png" for index in range(40)]
    (tmp_path / "table.csv").write_text("\n".join(["image,mask", *lines]) + "\n")
    first = prepared(tmp_path / "table.csv").fingerprint
    assert prepared(tmp_path / "table.csv").fingerprint == first
    (tmp_path / "masks" / "07.png").write_bytes(png(np.ones((36, 48), np.uint8)))
    assert prepared(tmp_path / "table.csv").fingerprint != first


def test_other_data_is_scored_without_the_masks_of_another_size(trained: Any, tmp_path: Path) -> None:
    path = folder_of(tmp_path / "street", 12)
    (path / "masks" / "03.png").write_bytes(png(np.ones((48, 36), np.uint8)))  # as many places, the other way round
    (path / "masks" / "05.png").write_bytes(png(np.ones((36, 47), np.uint8)))
    dataset, bad = read(load(trained("semantic-segmentation"), device="cpu"), path)
    assert {one.where: one.reason for one in bad} == {
        "street/images/03.png": "the mask is of 36 x 48 pixels, its picture of 48 x 36",
        "street/images/05.png": "the mask is of 47 x 36 pixels, its picture of 48 x 36",
    }
    assert len(dataset) == 10
    assert not {one.where for one in bad} & set(dataset.wheres())


def test_a_tiny_training_gives_maps_of_the_size_of_the_masks(trained: Any, tmp_path: Path) -> None:
    model = load(trained("semantic-segmentation"), device="cpu")
    (answer,) = model.predict([{"image": png(picture(72, 96))}])
    assert from_png(answer.value["png"]).shape == (36, 48)
    assert sum(answer.details["shares"].values()) == pytest.approx(1, abs=1e-4)
