"""The files of a Whisper model that was converted for CTranslate2, and how they travel inside of a bundle.

They become buffers of bytes of the model's head. So they are shipped, checked and copied as weights are, and a bundle
answers where the folder that it was made from is not. Read next: listener.py.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from noria.errors import UserError

MODEL, CONFIG, TOKENIZER = "model.bin", "config.json", "tokenizer.json"
NEEDED = (MODEL, CONFIG, TOKENIZER)
READ = (*NEEDED, "preprocessor_config.json", "vocabulary.json", "vocabulary.txt")


class WhisperFiles:
    """A folder of a faster-whisper model."""

    def __init__(self, given: str) -> None:
        self.folder = Path(given).expanduser()

    def is_whisper(self) -> bool:
        """Say whether the folder holds one: by the names of its files, and what config.json says."""
        if not (self.folder / MODEL).is_file() or not (self.folder / CONFIG).is_file():
            return False
        try:
            config = json.loads((self.folder / CONFIG).read_text("utf-8"))
        except (OSError, ValueError, RecursionError):
            return False
        return isinstance(config, Mapping) and ("alignment_heads" in config or "suppress_ids_begin" in config)

    @cached_property
    def contents(self) -> dict[str, np.ndarray]:
        """Return the bytes of the files by name, uint8; raise UserError where one is missing."""
        missing = [name for name in NEEDED if not (self.folder / name).is_file()]
        if missing:
            raise UserError("a file of the model is missing", where=str(self.folder), expected=", ".join(missing))
        return {name: np.fromfile(self.folder / name, np.uint8) for name in READ if (self.folder / name).is_file()}

    def key(self) -> str:
        """Return a hash of all files."""
        digest = hashlib.sha256()
        for name, data in self.contents.items():
            digest.update(f"{name} {len(data)} ".encode())
            digest.update(data.tobytes())
        return digest.hexdigest()

    def state(self) -> dict[str, Any]:
        """Return what builds a head that holds the files: their names and sizes, and the hash of all."""
        return {"files": {name: len(data) for name, data in self.contents.items()}, "sha256": self.key()}
