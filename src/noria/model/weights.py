"""The weights of a model by name, each tensor once: embedders that several inputs share have several names for one.

Files of tensors cannot hold two names of one tensor. Read next: training/loop.py, pipeline/bundle.py.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

# What fills a tensor by chance and hands itself over to a mode as a whole. Not Tensor.normal_ and its like: torch draws
# truncated numbers with it until all fit, which they never would.
DRAWING = (nn.init.normal_, nn.init.uniform_, nn.init.kaiming_uniform_)


class SkipInit(TorchFunctionMode):
    """Within it, a model that is built fills no layers by chance: weights from a file would replace them all."""

    def __torch_function__(
        self, function: Callable[..., Any], types: Any, args: Sequence[Any] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        return next(iter((*args, *kwargs.values()))) if function in DRAWING else function(*args, **kwargs)


def weights_of(model: nn.Module) -> dict[str, Tensor]:
    """Return weights and buffers by their first name; they share memory with the model."""
    names = _first_names(model)
    return {name: tensor for name, tensor in model.state_dict().items() if names[name] == name}


def load_weights(model: nn.Module, weights: Mapping[str, Tensor]) -> None:
    """Copy what `weights_of` gave into a model; raise RuntimeError where a name or a shape does not fit."""
    others = {name: weights[one] for name, one in _first_names(model).items() if one in weights}
    model.load_state_dict({**weights, **others})


def _first_names(model: nn.Module) -> dict[str, str]:
    """Return, for each name of a tensor, the first name of the same tensor."""
    first: dict[tuple[int, int], str] = {}
    return {
        name: first.setdefault((tensor.data_ptr(), tensor.numel()), name) if tensor.numel() else name
        for name, tensor in model.state_dict().items()
    }
