"""The files of a Hugging Face checkpoint: where they are, what the model is, its tokenizer, its weights.

A folder, one GGUF file, or a name on the hub, which is downloaded once. Weights are read from safetensors or GGUF only,
and of what comes with a checkpoint nothing is run but its chat template, in a sandbox. Knows no task.
Read next: fill.py, trunk.py.
"""

from __future__ import annotations

import hashlib
import io
import json
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from noria.contract.checkpoints import WHERE
from noria.errors import UserError, needs_extra
from noria.text.chat_template import ChatTemplate
from noria.text.tokenizer import Tokenizer, tokenizer_settings
from noria.types import State

Family = Literal["encoder", "decoder", "encoder-decoder"]
WANTED = ["*.json", "*.safetensors", "*.model", "*.jinja"]  # of what lies on the hub
NOT_OURS = ("auto_map", "quantization_config", "_name_or_path", "dtype", "transformers_version", "architectures")
ENCODER_DECODERS = ("t5", "mt5", "umt5")
NOT_NEEDED = ("pooler.",)  # weights that many checkpoints lack and no output of ours depends on
FILLERS = ("cls.predictions.transform.", "lm_head.dense.")  # how weights of BERT's and RoBERTa's heads are named


@dataclass(frozen=True)
class PretrainedFiles:
    """A checkpoint on the disk: its folder, and the file's name in it where all is in one GGUF file."""

    folder: Path
    gguf: str | None = None

    @staticmethod
    def find(given: str) -> PretrainedFiles:
        """Return the files that a path or a name on the hub stands for; raise UserError where there are none."""
        path = Path(given).expanduser()
        if path.is_file() and path.suffix == ".gguf":
            return PretrainedFiles(path.parent, path.name)
        folder = path if path.is_dir() else _of_hub(given)
        if not (folder / "config.json").is_file() or not any(folder.glob("*.safetensors")):
            raise UserError(
                "there is no checkpoint here",
                where=f"{WHERE}: {given}",
                expected="a folder with config.json, tokenizer.json and model.safetensors, or a .gguf file",
                found=", ".join(sorted(one.name for one in folder.iterdir())[:20]) or "an empty folder",
            )
        return PretrainedFiles(folder)

    def key(self) -> str:
        """Return what changes when the files do: a hash of their names, sizes and times."""
        files = [self.folder / self.gguf] if self.gguf else sorted(self.folder.glob("*.*"))
        stats = [(str(file.resolve()), file.stat().st_size, file.stat().st_mtime_ns) for file in files]
        return hashlib.sha256(json.dumps(stats).encode()).hexdigest()

    def trunk(self) -> State:
        """Return {"family", "config", "is_tied"}: enough to build the same architecture without these files."""
        transformers = import_transformers()
        with reading(self.folder / (self.gguf or "")):
            config = transformers.AutoConfig.from_pretrained(self.folder, **self._options())
        if getattr(config, "quantization_config", None) and not self.gguf:
            raise UserError("these weights are quantised", where=str(self.folder), expected="floats, or a .gguf file")
        plain = json.loads(config.to_json_string(use_diff=False))
        is_tied = bool(getattr(config, "tie_word_embeddings", False))
        kept = {key: value for key, value in plain.items() if key not in NOT_OURS}
        return {"family": _family(config), "config": kept, "is_tied": is_tied}

    def tokenizer(self) -> Tokenizer:
        """Return the checkpoint's tokenizer."""
        return self.tokenizer_and_template()[0]

    def tokenizer_and_template(self) -> tuple[Tokenizer, dict[str, Any] | None]:
        """Return the checkpoint's tokenizer, and the state of its chat template where it has one."""
        if not self.gguf and (self.folder / "tokenizer.json").is_file():
            own = self.folder / "chat_template.jinja"
            jinja = own.read_text("utf-8") if own.is_file() else None
            return Tokenizer.from_folder(self.folder), ChatTemplate.of(tokenizer_settings(self.folder), jinja)
        transformers = import_transformers()
        with reading(self.folder / (self.gguf or "")):
            made = transformers.AutoTokenizer.from_pretrained(self.folder, **self._options())
        settings = {**made.special_tokens_map, "chat_template": made.chat_template}
        return Tokenizer.of_checkpoint(made.backend_tokenizer.to_str(), settings), ChatTemplate.of(settings, None)

    def has_filler(self) -> bool:
        """Say whether an encoder has the head by which it was taught to fill in masks."""
        from safetensors import safe_open

        names: list[str] = []
        for file in self.folder.glob("*.safetensors"):
            with safe_open(file, "numpy") as weights:
                names += weights.keys()
        return any(name.startswith(FILLERS) for name in names)

    def model(self, trunk: State, fills_masks: bool = False) -> Any:
        """Return the checkpoint as `transformers` loads it, in float32, with the head of its language model if any.

        `trunk` is what trunk() gave: a GGUF file is not read for it again, which takes seconds. `fills_masks`: with an
        encoder's head too, which it needs for nothing else.
        """
        transformers = import_transformers()
        config = transformers.AutoConfig.for_model(**trunk["config"])
        with reading(self.folder / (self.gguf or "")):
            model, report = auto_class(transformers, trunk["family"], fills_masks).from_pretrained(
                self.folder,
                config=config,
                use_safetensors=True,
                dtype="float32",
                output_loading_info=True,
                **self._options(),
            )
        missing = [name for name in report["missing_keys"] if not name.startswith(NOT_NEEDED)]
        if missing:
            found = ", ".join(sorted(missing)[:5])
            raise UserError("the checkpoint lacks weights", where=str(self.folder), found=found)
        return model.eval()

    def _options(self) -> dict[str, Any]:
        own = {"gguf_file": self.gguf} if self.gguf else {}
        return {"local_files_only": True, "trust_remote_code": False, **own}


def auto_class(transformers: Any, family: Family, fills_masks: bool = False) -> Any:
    """Return the class of `transformers` that loads a family with the head of its language model, if it has one."""
    encoder = "AutoModelForMaskedLM" if fills_masks else "AutoModel"
    names = {"encoder": encoder, "decoder": "AutoModelForCausalLM", "encoder-decoder": "AutoModelForSeq2SeqLM"}
    return getattr(transformers, names[family])


def import_transformers() -> Any:
    """Import `transformers`; raise UserError with the command that installs it."""
    try:
        import transformers
    except ImportError as error:
        raise needs_extra("transformers", "pretrained", "a pretrained checkpoint") from error
    return transformers


def _family(config: Any) -> Family:
    from transformers.models.auto.modeling_auto import (
        MODEL_FOR_CAUSAL_LM_MAPPING_NAMES,
        MODEL_FOR_MASKED_LM_MAPPING_NAMES,
    )

    kind = config.model_type if hasattr(config, "vocab_size") else f"{config.model_type} of several parts"
    if kind in ENCODER_DECODERS:
        return "encoder-decoder"
    if not config.is_encoder_decoder and kind in MODEL_FOR_MASKED_LM_MAPPING_NAMES:
        return "encoder"
    if not config.is_encoder_decoder and kind in MODEL_FOR_CAUSAL_LM_MAPPING_NAMES:
        return "decoder"
    raise UserError(
        f"a checkpoint of the kind {kind!r} cannot be used",
        where=WHERE,
        expected="an encoder (as BERT), a decoder (as Llama, GPT-2) or an encoder-decoder (T5)",
    )


def is_hub_name(given: str) -> bool:
    """Say whether something can be the name of a checkpoint on the hub."""
    return re.fullmatch(r"[\w][\w.-]*(/[\w][\w.-]*)?", given) is not None


def _of_hub(given: str) -> Path:
    if not is_hub_name(given):
        raise UserError("there is no such folder", where=f"{WHERE}: {given}", expected="a folder, or a name on the hub")
    import_transformers()
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

    try:
        known = Path(snapshot_download(given, allow_patterns=WANTED, local_files_only=True))
        if any(known.glob("*.safetensors")):
            return known
    except (LocalEntryNotFoundError, HFValidationError):
        pass
    try:
        return Path(snapshot_download(given, allow_patterns=WANTED))
    except (HfHubHTTPError, HFValidationError, LocalEntryNotFoundError, OSError) as error:
        raise UserError(
            "neither a folder nor a checkpoint that can be downloaded",
            where=f"{WHERE}: {given}",
            found=str(error).strip().splitlines()[0][:200],
            fix="check the name and the network, or give the folder of a checkpoint that is here",
        ) from error


@contextmanager
def silent() -> Iterator[None]:
    """Keep `transformers` from warning, logging and drawing progress bars."""
    from transformers.utils import logging

    verbosity = logging.get_verbosity()
    logging.set_verbosity_error()
    try:
        with warnings.catch_warnings(), redirect_stderr(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.set_verbosity(verbosity)


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Say plainly what `transformers` cannot read."""
    try:
        with silent():
            yield
    except ImportError as error:  # gguf, sentencepiece
        raise needs_extra(str(error.name or "gguf"), "pretrained", "this checkpoint") from error
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError("the checkpoint cannot be read", where=str(path), found=str(error)[:300]) from error
