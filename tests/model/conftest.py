"""What the trunk's tests share: a trunk whose every weight matters, and ragged rows of tokens."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest
import torch

from noria.model.settings import TransformerSettings
from noria.model.transformer import Transformer
from noria.types import Tokens

WIDTH = 32

MakeTrunk = Callable[..., Transformer]
MakeRows = Callable[[Sequence[int]], list[torch.Tensor]]


@pytest.fixture(scope="session")
def make_trunk() -> MakeTrunk:
    """Build a small trunk in eval mode; the matrices that start at zero are drawn, so that no error hides in them."""

    def make(depth: int = 2, heads: int = 4, **settings: object) -> Transformer:
        with torch.random.fork_rng():
            torch.manual_seed(1)
            trunk = Transformer(TransformerSettings(WIDTH, depth, heads, **settings))  # type: ignore[arg-type]
            for parameter in trunk.parameters():
                if parameter.ndim == 2:
                    torch.nn.init.normal_(parameter, std=parameter.shape[1] ** -0.5)
                else:
                    torch.nn.init.uniform_(parameter, 1.0, 3.0)
        return trunk.eval()

    return make


@pytest.fixture(scope="session")
def make_rows() -> MakeRows:
    """Draw rows float[length, WIDTH], the same for the same lengths."""

    def make(lengths: Sequence[int]) -> list[torch.Tensor]:
        generator = torch.Generator().manual_seed(2)
        return [torch.randn(length, WIDTH, generator=generator) for length in lengths]

    return make


@pytest.fixture(scope="session")
def spread() -> Callable[[list[torch.Tensor], torch.Tensor], Tokens]:
    """Lay rows out where `is_real` is True; padding is NaN, so that reading it shows."""

    def lay_out(rows: list[torch.Tensor], is_real: torch.Tensor) -> Tokens:
        features = torch.full((*is_real.shape, WIDTH), float("nan"))
        features[is_real] = torch.cat(rows)
        return Tokens(features, is_real)

    return lay_out
