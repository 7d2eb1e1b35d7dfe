"""`noria` with DABNet's encoder in the place of the pyramid's own stages. Run by benchmarks/scenes.py.

python dabnet.py train street_scenes inputs.image.strides=[8] ...

Li, Yun, Kim and Kim 2019, "DABNet: Depth-wise Asymmetric Bottleneck for Real-time Semantic Segmentation", 0.76 million
weights: three modules with dilation 2 at a quarter of the picture, six with 4 to 16 at an eighth.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

from noria.cli import main
from noria.modalities.image.embedder import STEMS

QUARTER, EIGHTH = (2, 2, 2), (4, 4, 8, 8, 16, 16)  # dilations of the modules of each resolution


class Convolution(nn.Sequential):
    """A convolution, and where wanted batch normalisation and PReLU after it."""

    def __init__(self, channels, width, kernel, stride=1, dilation=(1, 1), groups=1, is_active=True):
        padding = tuple(one // 2 * by for one, by in zip(kernel, dilation, strict=True))
        layers = [nn.Conv2d(channels, width, kernel, stride, padding, dilation, groups, bias=False)]
        super().__init__(*layers, *([Active(width)] if is_active else []))


class Active(nn.Sequential):
    """Batch normalisation and PReLU."""

    def __init__(self, width):
        super().__init__(nn.BatchNorm2d(width, eps=1e-3), nn.PReLU(width))


class Module(nn.Module):
    """Two depth-wise asymmetric branches, near and dilated, between a narrower and a wider convolution."""

    def __init__(self, width, dilation):
        super().__init__()
        half = width // 2
        self.narrow = nn.Sequential(Active(width), Convolution(width, half, (3, 3)))
        self.near, self.far = (
            nn.Sequential(
                Convolution(half, half, (3, 1), dilation=(by, 1), groups=half),
                Convolution(half, half, (1, 3), dilation=(1, by), groups=half),
            )
            for by in (1, dilation)
        )
        self.widen = nn.Sequential(Active(half), Convolution(half, width, (1, 1), is_active=False))

    def forward(self, pixels: Tensor) -> Tensor:
        narrow = self.narrow(pixels)
        return self.widen(self.near(narrow) + self.far(narrow)) + pixels


class Down(nn.Module):
    """Half the resolution: by a convolution, beside maximum pooling where that leaves channels for it."""

    def __init__(self, channels, width):
        super().__init__()
        self.is_pooled = channels < width
        own = width - channels if self.is_pooled else width
        self.convolution = Convolution(channels, own, (3, 3), 2, is_active=False)
        self.active = Active(width)

    def forward(self, pixels: Tensor) -> Tensor:
        parts = [self.convolution(pixels)]
        if self.is_pooled:
            parts.append(functional.max_pool2d(pixels, 2, ceil_mode=True))
        return self.active(torch.cat(parts, 1))


class DABNet(nn.Module):
    """pixels float[B, C, H, W] -> float[B, T, width]: an eighth of the picture, row by row, as the stem `pyramid`."""

    def __init__(self, settings, state, width):
        super().__init__()
        colours = state["channels"]
        self.first = nn.Sequential(
            Convolution(colours, 32, (3, 3), 2), Convolution(32, 32, (3, 3)), Convolution(32, 32, (3, 3))
        )
        self.quarter = nn.Sequential(Active(32 + colours), Down(32 + colours, 64))
        self.quarter_modules = nn.Sequential(*(Module(64, by) for by in QUARTER))
        self.eighth = nn.Sequential(Active(128 + colours), Down(128 + colours, 128))
        self.eighth_modules = nn.Sequential(*(Module(128, by) for by in EIGHTH))
        self.last = nn.Sequential(Active(256 + colours), nn.Conv2d(256 + colours, width, 1))
        self.width = width

    def forward(self, pixels: Tensor) -> Tensor:
        half = torch.cat([self.first(pixels), smaller(pixels, 2)], 1)
        quarter = self.quarter(half)
        quarter = torch.cat([self.quarter_modules(quarter), quarter, smaller(pixels, 4)], 1)
        eighth = self.eighth(quarter)
        eighth = torch.cat([self.eighth_modules(eighth), eighth, smaller(pixels, 8)], 1)
        return self.last(eighth).flatten(2).transpose(1, 2)


def smaller(pixels: Tensor, times: int) -> Tensor:
    """Return the picture itself with a side so many times as short, rounded up."""
    while times > 1:
        pixels, times = functional.avg_pool2d(pixels, 3, 2, 1), times // 2
    return pixels


if __name__ == "__main__":
    STEMS["pyramid"] = DABNet
    main()
