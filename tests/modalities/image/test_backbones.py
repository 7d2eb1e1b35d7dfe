"""Backbones of `transformers` checkpoints: the maps are theirs, their places where the strides say, for any size."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from checkpoints import PICTURES
from noria.errors import UserError
from noria.modalities.image.backbones import TransformersBackbone, backbone_of, strides_of
from noria.modalities.image.checkpoint_files import IMAGENET, PictureFiles, is_of_pictures

Checkpoint = Callable[[str], Path]


def filled(folder: Path) -> tuple[TransformersBackbone, dict[str, Any]]:
    files = PictureFiles.find(str(folder))
    state = json.loads(json.dumps(files.state()))
    backbone = backbone_of(state)
    files.fill(backbone)
    assert isinstance(backbone, TransformersBackbone)
    return backbone.eval(), state


@pytest.mark.parametrize("name", PICTURES)
def test_the_maps_are_those_of_transformers(name: str, checkpoint: Checkpoint) -> None:
    import transformers

    backbone, state = filled(checkpoint(name))
    pixels = torch.randn(2, 3, 224, 224)
    with torch.inference_mode():
        given = backbone(pixels)
        if name == "vit":
            theirs = transformers.ViTModel.from_pretrained(checkpoint(name), add_pooling_layer=False).eval()
            tokens = theirs(pixels, interpolate_pos_encoding=True).last_hidden_state
            expected: Any = (tokens[:, 1:].transpose(1, 2).unflatten(2, (14, 14)),)
        else:
            layers = state["backbone"]["layers"]
            expected = type(backbone.model).from_pretrained(checkpoint(name), out_indices=layers).eval()(pixels)
            expected = expected.feature_maps
    assert len(given) == len(expected) == len(strides_of(state)) == len(backbone.widths)
    for one, other in zip(given, expected, strict=True):
        torch.testing.assert_close(one, other)


@pytest.mark.parametrize("name", PICTURES)
@pytest.mark.parametrize(("height", "width"), [(70, 98), (45, 60)])
def test_any_size_has_maps_with_sides_rounded_up(name: str, height: int, width: int, checkpoint: Checkpoint) -> None:
    backbone, state = filled(checkpoint(name))
    with torch.inference_mode():
        maps = backbone(torch.randn(1, 3, height, width))
    for one, stride, channels in zip(maps, strides_of(state), backbone.widths, strict=True):
        assert tuple(one.shape) == (1, channels, -(-height // stride), -(-width // stride))


def test_convolutions_give_a_pyramid_and_patches_one_map(checkpoint: Checkpoint) -> None:
    strides = {name: strides_of(PictureFiles.find(str(checkpoint(name))).state()) for name in PICTURES}
    four = (4, 8, 16, 32)
    assert strides == {"resnet": four, "convnext": four, "swin": four, "dinov2": (14,), "vit": (16,)}


def test_a_backbone_is_built_of_its_state_alone(checkpoint: Checkpoint, tmp_path: Path) -> None:
    folder = tmp_path / "copy"
    shutil.copytree(checkpoint("convnext"), folder)
    backbone, state = filled(folder)
    shutil.rmtree(folder)
    again = backbone_of(state)
    again.load_state_dict(backbone.state_dict())
    pixels = torch.randn(1, 3, 64, 64)
    with torch.inference_mode():
        torch.testing.assert_close(again.eval()(pixels), backbone(pixels))


@pytest.mark.parametrize(
    ("said", "mean", "spread"),
    [
        (None, IMAGENET[0], IMAGENET[1]),
        ({"image_mean": [0.5] * 3, "image_std": [0.25] * 3}, (0.5,) * 3, (0.25,) * 3),
        ({"do_normalize": False, "image_mean": [0.5] * 3}, (0.0,) * 3, (1.0,) * 3),
        ({"image_mean": [1.0] * 3, "image_std": [2.0] * 3, "rescale_factor": 2 / 255}, (0.5,) * 3, (1.0,) * 3),
    ],
)
def test_pixels_are_normalised_as_the_checkpoint_says(
    said: dict[str, Any] | None,
    mean: tuple[float, ...],
    spread: tuple[float, ...],
    checkpoint: Checkpoint,
    tmp_path: Path,
) -> None:
    folder = tmp_path / "copy"
    shutil.copytree(checkpoint("resnet"), folder)
    if said is not None:
        (folder / "preprocessor_config.json").write_text(json.dumps(said), "utf-8")
    state = PictureFiles.find(str(folder)).state()
    assert state["mean"] == pytest.approx(mean)
    assert state["spread"] == pytest.approx(spread)


def test_a_checkpoint_of_texts_is_none_of_pictures(checkpoint: Checkpoint) -> None:
    assert [is_of_pictures(str(checkpoint(name))) for name in PICTURES] == [True] * len(PICTURES)
    assert not any(is_of_pictures(str(checkpoint(name))) for name in ("bert", "llama", "t5", "gpt2"))
    assert not is_of_pictures("nobody/has-this-model")


@pytest.mark.parametrize(
    ("name", "said"), [("grey_resnet", "does not see colours"), ("clip", "the kind 'clip_vision_model' cannot be used")]
)
def test_a_checkpoint_that_gives_no_maps_of_colours_is_refused(name: str, said: str, checkpoint: Checkpoint) -> None:
    with pytest.raises(UserError, match=said):
        PictureFiles.find(str(checkpoint(name))).state()


def test_a_folder_that_lacks_weights_is_refused(checkpoint: Checkpoint, tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    folder = tmp_path / "copy"
    shutil.copytree(checkpoint("resnet"), folder)
    weights = load_file(folder / "model.safetensors")
    gone = next(name for name in weights if "encoder.stages.2" in name)
    save_file({name: value for name, value in weights.items() if name != gone}, folder / "model.safetensors")
    files = PictureFiles.find(str(folder))
    with pytest.raises(UserError, match="lacks weights"):
        files.fill(backbone_of(files.state()))
    (folder / "model.safetensors").unlink()
    with pytest.raises(UserError, match="no checkpoint of pictures here"):
        PictureFiles.find(str(folder))


def test_of_pickles_only_the_published_file_is_read(tmp_path: Path) -> None:
    from noria.modalities.image.efficientnet import EfficientNetLite0

    path = tmp_path / "mine.pth"
    torch.save({"weight": torch.zeros(1)}, path)
    with pytest.raises(UserError, match="others could run code"):
        PictureFiles.find(str(path)).fill(EfficientNetLite0(has_head=False))
    with pytest.raises(UserError, match="no checkpoint of pictures here"):
        PictureFiles.find(str(tmp_path / "none.pth"))
