"""Backbones that come from a checkpoint of pictures: the same maps, fine to coarse, whatever made them.

A backbone has `strides` in pixels and `widths` in channels of its maps, `places` for who wants only the coarsest one,
and `is_pretrained` for the optimiser. It is built from a state alone; its weights come once, from checkpoint_files.py.
Read next: efficientnet.py; pyramid.py, which fuses the maps.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from noria.modalities.image.efficientnet import EfficientNetLite0
from noria.model.pretrained.files import import_transformers
from noria.types import State

PATCHES = ("vit", "deit")  # kinds that `AutoBackbone` does not know: their last tokens are one map
NOT_LEARNT = ("hidden_states_norms.", "layernorm.", "norm.")  # on the way out, which a classifier's checkpoint may lack


def backbone_of(state: State, has_head: bool = False) -> EfficientNetLite0 | TransformersBackbone:
    """Build the backbone that `state["backbone"]` describes, with random weights."""
    described = state["backbone"]
    if described["family"] == "efficientnet-lite0":
        return EfficientNetLite0(has_head)
    return TransformersBackbone(described)


def strides_of(state: State) -> tuple[int, ...]:
    """Return the strides of that backbone's maps, in pixels, without building it."""
    described = state["backbone"]
    return EfficientNetLite0.strides if described["family"] == "efficientnet-lite0" else tuple(described["strides"])


class TransformersBackbone(nn.Module):
    """The modules of `transformers`; pixels float[B, 3, H, W] -> maps of sides H / strides[i], W / strides[i].

    The sides are rounded up. Some models round down, others want whole patches: the picture is filled up to the
    coarsest stride, right and below.
    """

    is_pretrained = True  # for the optimiser

    def __init__(self, described: Mapping[str, Any]) -> None:
        super().__init__()
        self.strides, self.widths = tuple(described["strides"]), tuple(described["widths"])
        self.width = self.widths[-1]
        self.model = modules_of(described["config"], described["layers"])

    def forward(self, pixels: Tensor) -> list[Tensor]:
        rows, columns = pixels.shape[-2:]
        coarsest = self.strides[-1]
        maps = maps_of(self.model, functional.pad(pixels, (0, -columns % coarsest, 0, -rows % coarsest)))
        return [
            one[:, :, : -(-rows // stride), : -(-columns // stride)]
            for one, stride in zip(maps, self.strides, strict=True)
        ]

    def places(self, pixels: Tensor) -> Tensor:
        """Return the coarsest map."""
        coarsest: Tensor = self(pixels)[-1]
        return coarsest


def modules_of(config: Mapping[str, Any], layers: list[int] | None = None) -> Any:
    """Build a backbone of `transformers` that gives the maps after these of its layers, by default after each."""
    transformers = import_transformers()
    own = transformers.AutoConfig.for_model(**config)
    if config["model_type"] in PATCHES:
        return transformers.AutoModel.from_config(own, add_pooling_layer=False)
    own.out_indices = list(range(len(own.stage_names))) if layers is None else list(layers)
    return transformers.AutoBackbone.from_config(own)


def maps_of(model: Any, pixels: Tensor) -> tuple[Tensor, ...]:
    """Return the maps of what `modules_of` built; the sides of the picture are multiples of its patches."""
    if model.config.model_type not in PATCHES:
        return tuple(model(pixels).feature_maps)
    tokens = model(pixels, interpolate_pos_encoding=True).last_hidden_state
    rows, columns = (side // model.config.patch_size for side in pixels.shape[-2:])
    return (tokens[:, -rows * columns :].mT.reshape(len(tokens), -1, rows, columns),)  # those of no place come first


@torch.no_grad()
def shape_of(config: Mapping[str, Any], side: int) -> dict[str, list[int]]:
    """Return the strides and widths of a backbone's maps, fine to coarse, and the layers after which they come.

    Of several maps with one stride the last is taken. `side` is that of a picture whose maps it can make.
    """
    maps = maps_of(modules_of(config).eval(), torch.zeros(1, config.get("num_channels", 3), side, side))
    last = {side // one.shape[-1]: (one.shape[1], layer) for layer, one in enumerate(maps)}
    strides = sorted(last)
    return {
        "strides": strides,
        "widths": [last[stride][0] for stride in strides],
        "layers": [last[stride][1] for stride in strides],
    }
