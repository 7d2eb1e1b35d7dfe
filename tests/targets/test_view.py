"""Views: a picture is found by another view of it, by a part of itself, from the command line, from a classifier."""

from __future__ import annotations

import csv
import io
import json

import numpy as np
import pytest
import torch
from PIL import Image as Pillow
from typer.testing import CliRunner

from noria import cli
from noria.contract import dispatch
from noria.errors import UserError
from noria.pipeline.predictor import load
from noria.reporter import Silent
from noria.stages.search import search
from noria.stages.train import train
from noria.targets.view import View, mean_color, other_view, raw_vectors
from noria.tasks.image_embedding import ImageEmbedding
from noria.types import Batch
from other_data import encode


def png(pixels):
    file = io.BytesIO()
    Pillow.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


def scene(seed, side=20):
    """Large patches of colour, so that a part and a mirror image still tell which picture it is."""
    coarse = np.random.default_rng(seed).integers(0, 255, (3, 3, 3), np.uint8)
    return np.asarray(Pillow.fromarray(coarse).resize((side, side), Pillow.Resampling.BICUBIC))


def folder_of(path, count=60, classes=("sea", "wood")):
    for index in range(count):
        place = path / classes[index % len(classes)] / f"{index:03d}.png"
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(png(scene(index)))
    return path


def job_for(path, **parts):
    return {
        "task": "image-embedding",
        "data": {"path": str(path), "split": {"test": 0.3, "validation": 0}},
        "inputs": {"image": {"widths": [16, 32], "pools": [2, 2], "pooling": "grid"}},
        "model": {"width": 16},
        "train": {"steps": 40, "batch_size": 16, "precision": "float32"},
        "evaluate": {"resamples": 100},
    } | parts


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("views")
    return train(job_for(folder_of(folder / "pictures")), run=folder / "run", reporter=Silent())


def test_a_folder_of_pictures_is_learnt_from_without_a_word_about_them(run):
    metrics = json.loads((run / "metrics.json").read_text())
    assert metrics["n"] > 8
    assert metrics["metrics"]["recall_at_10"]["value"] > 10 / metrics["n"]
    assert metrics["metrics"].keys() == metrics["baseline"].keys()
    vector = load(run, device="cpu").predict([{"image": scene(1)}])[0].value
    assert np.linalg.norm(vector) == pytest.approx(1, abs=1e-4)


def test_a_picture_that_is_its_own_view_is_looked_for_by_the_middle_of_its_mirror_image():
    pixels = torch.arange(2 * 8 * 8, dtype=torch.uint8).reshape(2, 8, 8, 1)
    view = pixels.clone()
    view[1] = 7
    other = other_view(pixels, view)
    assert (other[1] == 7).all()
    middle = np.asarray(pixels[0, 1:7, 1:7, 0], np.float32)[:, ::-1].copy()
    expected = torch.nn.functional.interpolate(torch.from_numpy(middle)[None, None], size=(8, 8), mode="bilinear")
    assert torch.allclose(other[0, :, :, 0], expected[0, 0])
    assert torch.equal(other_view(pixels[:1], view[:1]), other[:1])


def test_both_views_are_varied_and_each_otherwise():
    task = ImageEmbedding()
    pixels = torch.from_numpy(np.stack([scene(seed) for seed in range(4)]))
    torch.manual_seed(0)
    batch = dispatch.augment(task, Batch({"image": {"pixels": pixels}}, {"pixels": pixels}, 4))
    one, two = batch.inputs["image"]["pixels"].float(), batch.target["pixels"].float()
    for first, second in ((one, two), (one, pixels), (two, pixels)):
        assert ((first - second).abs().amax((1, 2, 3)) > 1).all()


def test_the_loss_is_least_where_each_finds_its_own():
    vectors = torch.nn.functional.normalize(torch.randn(6, 4, generator=torch.Generator().manual_seed(0)), dim=-1)
    batch = Batch({}, {}, 6)
    own, other = (View().loss({"vector": vectors, "match": m}, batch)["loss"] for m in (vectors, vectors.roll(1, 0)))
    assert own < other


def test_the_trivial_answer_compares_pixels():
    pixels = np.stack([scene(seed) for seed in range(5)])
    noisy = np.clip(pixels.astype(int) + 3, 0, 255).astype(np.uint8)
    given = raw_vectors({"pixels": pixels}, {"pixels": noisy}, mean_color({"pixels": pixels}))
    assert (given["vector"] @ given["match"].T).argmax(1).tolist() == [0, 1, 2, 3, 4]
    assert given["vector"].shape == (5, 20 * 20 * 3)
    assert raw_vectors({"pixels": np.zeros((1, 90, 64, 3), np.uint8)}, {"pixels": np.ones((1, 90, 64, 3), np.uint8)},
                       {"mean": np.zeros((1, 3))})["vector"].shape == (1, 30 * 32 * 3)  # fmt: skip


def test_pairs_of_pictures_come_from_the_columns_of_a_table(tmp_path):
    rows = []
    for index in range(40):
        picture = scene(index)
        (tmp_path / f"{index}.png").write_bytes(png(picture))
        (tmp_path / f"{index}-again.png").write_bytes(png((picture * 0.8).astype(np.uint8)))
        rows.append([f"{index}.png", f"{index}-again.png"])
    with (tmp_path / "pairs.csv").open("w", newline="") as file:
        csv.writer(file).writerows([["image", "view"], *rows])
    run = train(job_for(tmp_path / "pairs.csv", train={"steps": 5, "batch_size": 16}), run=tmp_path / "run",
                reporter=Silent())  # fmt: skip
    assert json.loads((run / "metrics.json").read_text())["baseline"]["recall_at_1"]["value"] > 0.5


def test_a_view_that_is_no_picture_is_bad():
    target = View()
    state = target.fit([b"junk", png(scene(0))])
    encoded = target.encode([png(scene(1)), b"junk", None], state)
    assert set(encoded.bad) == {1, 2}
    with pytest.raises(UserError, match="no training picture"):
        target.fit([b"junk"])


def test_a_picture_finds_itself_in_a_folder_from_the_command_line(run, tmp_path):
    pictures = folder_of(tmp_path / "pictures", 12)
    for seed in (3, 8):
        query = tmp_path / f"query-{seed}.png"
        query.write_bytes(png(scene(seed)))
        given = CliRunner().invoke(
            cli.app, ["search", str(run), str(query), "--data", str(pictures), "-k", "3", "--json"]
        )
        assert given.exit_code == 0, given.output
        hits = json.loads(given.stdout)["hits"]
        assert hits[0]["where"].endswith(f"{seed:03d}.png")
        assert hits[0]["score"] == pytest.approx(1, abs=1e-3)
        assert len(hits) == 3


def test_a_query_that_cannot_be_read_is_named(run, tmp_path):
    pictures = folder_of(tmp_path / "pictures", 4)
    with pytest.raises(UserError, match="No such file") as caught:
        search(run, [str(tmp_path / "missing.png")], pictures)
    assert "missing.png" in caught.value.where
    (tmp_path / "text.png").write_bytes(b"no picture")
    with pytest.raises(UserError, match="not a picture"):
        search(run, [tmp_path / "text.png"], pictures)


def test_a_trained_classifier_gives_vectors_without_training(tmp_path):
    pictures = folder_of(tmp_path / "pictures")
    settings = {"inputs": {"image": {"widths": [16, 32], "pools": [2, 2]}}, "model": {"width": 16, "depth": 0}}
    first = train(
        settings
        | {"task": "image-classification", "data": {"path": str(pictures)}, "train": {"steps": 4, "batch_size": 16}},
        run=tmp_path / "first",
        reporter=Silent(),
    )
    made = train(
        job_for(pictures, **settings | {"model": {"from": str(first), "width": 16, "depth": 0}, "train": {"steps": 0}}),
        run=tmp_path / "made",
        reporter=Silent(),
    )
    classifier, embedder = load(first, device="cpu"), load(made, device="cpu")
    arrays = encode(classifier, [{"image": scene(1)}])[0]["image"]
    tensors = {name: torch.from_numpy(np.array(array)) for name, array in arrays.items()}
    one, two = (model.bundle.model.eval().embedders["image"](tensors).features for model in (classifier, embedder))
    assert torch.allclose(one, two, atol=1e-5)
    assert search(made, [scene(1)], pictures, 1)[0][0].where.endswith("001.png")
