"""EfficientNet-Lite0 as a backbone: the network of a published checkpoint, built of plain modules.

    stage   stem  1     2    3    4    5     6     7     head (only where a picture becomes one token)
    width   32    16    24   40   80   112   192   320   1280
    map           2     4    8         16          32    stride in pixels, the last of each

Built by hand because its weights come by pip and work offline: packages that bring this network (timm, torchvision)
fetch weights when they are used. Inverted residual blocks without squeeze-and-excitation, ReLU6: Sandler et al. 2018,
"MobileNetV2"; Tan and Le 2019, "EfficientNet"; the Lite variant is Google's of 2020, its package under Apache-2.0. Read
next: backbones.py.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional

# kernel, stride, factor of the hidden width, width, blocks
STAGES = ((3, 1, 1, 16, 1), (3, 2, 6, 24, 2), (5, 2, 6, 40, 2), (3, 2, 6, 80, 3), (5, 1, 6, 112, 3), (5, 2, 6, 192, 4),
          (3, 1, 6, 320, 1))  # fmt: skip
MAPS = (0, 2, 4, 10, 15)  # the last block of each stride
STEM_WIDTH, HEAD_WIDTH = 32, 1280
EPSILON, MOMENTUM = 1e-3, 0.01  # of the normalisation, as it was trained
MEAN, SPREAD = 127 / 255, 128 / 255  # of the pixels, 0 to 1, as it was trained

_PARTS = {
    "_conv_stem": "stem.convolution",
    "_bn0": "stem.normalise",
    "_conv_head": "head.convolution",
    "_bn1": "head.normalise",
}
_BLOCK_PARTS = {
    "_expand_conv": "expand.convolution",
    "_bn0": "expand.normalise",
    "_depthwise_conv": "depthwise.convolution",
    "_bn1": "depthwise.normalise",
    "_project_conv": "project.convolution",
    "_bn2": "project.normalise",
}


class EfficientNetLite0(nn.Module):
    """pixels float[B, 3, H, W] -> a map float[B, widths[i], H / strides[i], W / strides[i]] each, sides rounded up."""

    is_pretrained = True  # for the optimiser
    strides = (2, 4, 8, 16, 32)
    widths = (16, 24, 40, 112, 320)

    def __init__(self, has_head: bool) -> None:
        super().__init__()
        self.stem = _Convolution(3, STEM_WIDTH, 3, 2)
        blocks, channels = [], STEM_WIDTH
        for kernel, stride, factor, width, count in STAGES:
            for i in range(count):
                blocks.append(_Block(channels, width, kernel, stride if i == 0 else 1, factor))
                channels = width
        self.blocks = nn.ModuleList(blocks)
        self.head = _Convolution(channels, HEAD_WIDTH, 1) if has_head else None
        self.width = HEAD_WIDTH if has_head else channels

    def forward(self, pixels: Tensor) -> list[Tensor]:
        features, maps = self.stem(pixels), []
        for i, block in enumerate(self.blocks):
            features = block(features)
            if i in MAPS:
                maps.append(features)
        return maps

    def places(self, pixels: Tensor) -> Tensor:
        """Return float[B, width, H / 32, W / 32]: what the checkpoint's classifier takes the mean of, with the head."""
        coarsest = self(pixels)[-1]
        places: Tensor = coarsest if self.head is None else self.head(coarsest)
        return places


class _Convolution(nn.Module):
    """A convolution, batch normalisation and, unless it is linear, ReLU6."""

    normalised = (("convolution", "normalise"),)

    def __init__(
        self, channels: int, width: int, kernel: int, stride: int = 1, groups: int = 1, is_linear: bool = False
    ) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(channels, width, kernel, stride, kernel // 2, groups=groups, bias=False)
        self.normalise = nn.BatchNorm2d(width, eps=EPSILON, momentum=MOMENTUM)
        self.is_linear = is_linear
        self.is_slow = groups > 1 and (stride > 1 or kernel > 3)

    def forward(self, features: Tensor) -> Tensor:
        if self.is_slow and features.device.type == "cpu" and torch.is_autocast_enabled("cpu"):
            with torch.autocast("cpu", enabled=False):  # gradients of these in bfloat16 take 3 to 12 times as long
                convolved = self._convolved(features.float()).to(features.dtype)
        else:
            convolved = self._convolved(features)
        normalised: Tensor = self.normalise(convolved)
        return normalised if self.is_linear else functional.relu6(normalised)

    def _convolved(self, features: Tensor) -> Tensor:
        """Pad as TensorFlow does where it was trained: with a stride, one less on the left and top of an even side."""
        convolution, stride = self.convolution, self.convolution.stride[0]
        rows, columns = features.shape[-2:]
        if stride == 1 or (rows % 2 and columns % 2):
            convolved: Tensor = convolution(features)
            return convolved
        most = convolution.kernel_size[0] // 2
        left, top = most - 1 + columns % 2, most - 1 + rows % 2
        padded = functional.pad(features, (left, most, top, most))
        return functional.conv2d(padded, convolution.weight, convolution.bias, stride, groups=convolution.groups)


class _Block(nn.Module):
    """Widen each place, mix each channel with its neighbours, narrow again; beside a shortcut where shapes agree."""

    def __init__(self, channels: int, width: int, kernel: int, stride: int, factor: int) -> None:
        super().__init__()
        hidden = channels * factor
        self.expand = _Convolution(channels, hidden, 1) if factor > 1 else None
        self.depthwise = _Convolution(hidden, hidden, kernel, stride, groups=hidden)
        self.project = _Convolution(hidden, width, 1, is_linear=True)
        self.has_shortcut = stride == 1 and channels == width

    def forward(self, features: Tensor) -> Tensor:
        hidden = features if self.expand is None else self.expand(features)
        narrow: Tensor = self.project(self.depthwise(hidden))
        return features + narrow if self.has_shortcut else narrow


def own_names(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the weights of the published file by the names of the modules here; its classifier is left out."""
    renamed = {}
    for name, value in weights.items():
        first, *rest = name.split(".")
        if first == "_blocks":
            number, part, *rest = rest
            renamed[".".join((f"blocks.{number}", _BLOCK_PARTS[part], *rest))] = value
        elif first in _PARTS:
            renamed[".".join((_PARTS[first], *rest))] = value
    return renamed


@torch.no_grad()
def fill(backbone: EfficientNetLite0, weights: Mapping[str, Tensor]) -> None:
    """Copy the weights of the published file into a backbone."""
    named = own_names(weights)
    backbone.load_state_dict({name: named[name] for name in backbone.state_dict()})
