"""Checkpoints of texts: a folder as `transformers` saves it, one GGUF file, or a name on the hub.

They bring a trunk, a tokenizer, and the table by which tokens are embedded. Read next: model/pretrained/files.py.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any, ClassVar

from noria.contract.checkpoints import TrunkLoader
from noria.types import State

# Rates of the papers' fine-tuning: BERT (https://arxiv.org/abs/1810.04805, appendix A.3) and LoRA, which needs more.
# Muon's steps are of one size whatever the weights are, and would soon forget what a checkpoint knows.
TUNING: Mapping[str, Any] = {"optimizer": "adamw", "learning_rate": 5e-5, "warmup": 0.1, "clip": 1.0}
LORA_RATE = 5e-4


class Text(TrunkLoader):
    """Encoders, decoders and encoder-decoders of texts, as `transformers` or llama.cpp saves them."""

    kind: ClassVar[str] = "text"
    reads: ClassVar[str] = (
        "a folder with config.json, tokenizer.json and model.safetensors, a .gguf file, or a name on the hub"
    )
    is_general: ClassVar[bool] = True

    def recognizes(self, given: str) -> bool:
        from noria.model.pretrained.files import is_hub_name

        path = Path(given).expanduser()
        if path.is_dir():
            return (path / "config.json").is_file()
        return path.suffix == ".gguf" if path.is_file() else is_hub_name(given)

    def is_behind(self, states: Mapping[str, Any]) -> bool:
        return "trunk" in states

    def defaults(self, has_lora: bool) -> Mapping[str, Any]:
        return {"train": {**TUNING, **({"learning_rate": LORA_RATE} if has_lora else {})}}

    def key(self, given: str) -> str:
        from noria.model.pretrained.files import PretrainedFiles

        return PretrainedFiles.find(given).key()

    def states(self, given: str, input_kinds: Collection[str]) -> dict[str, State]:
        from noria.model.pretrained.files import PretrainedFiles
        from noria.model.pretrained.fill import states_of

        text, trunk = states_of(PretrainedFiles.find(given))
        return {self.kind: text, "trunk": trunk}

    def trunk(self, state: State) -> Any:
        from noria.model.pretrained.trunk import pretrained_trunk

        return pretrained_trunk(state)

    def most_tokens(self, state: State) -> int | None:
        from noria.model.pretrained.trunk import most_positions

        return most_positions(state)

    def tie(self, model: Any, state: State) -> None:
        from noria.model.pretrained.trunk import tie

        tie(model, state)

    def fill(self, model: Any, given: str, states: Mapping[str, Any]) -> list[str]:
        from noria.model.pretrained.files import PretrainedFiles
        from noria.model.pretrained.fill import fill

        return fill(model, PretrainedFiles.find(given), states)

    def export(self, model: Any, states: Mapping[str, Any], out: Path) -> None:
        from noria.model.pretrained.folder import write_folder

        write_folder(model, states, out)
