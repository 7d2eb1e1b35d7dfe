"""Writing: a text as its own characters, for a voice that was trained elsewhere and reads it by its own rules."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from noria.checkpoints.hibari.voice import is_spoken, phonemes
from noria.contract import Modality
from noria.contract.capabilities import Displays, WarmStarts
from noria.errors import UserError
from noria.types import Arrays, Encoded, Ragged, State, Values

if TYPE_CHECKING:
    from torch import nn

UTF8 = "utf8"


@dataclass(frozen=True)
class Writing(Modality, WarmStarts, Displays):
    """A text that is to be said. Arrays: `utf8` Ragged uint8, its bytes."""

    kind: ClassVar[str] = "writing"
    num_fit_records: ClassVar[int] = 1

    max_characters: int = 20_000
    """Longest text in characters; longer ones are refused. 20,000 are about twenty minutes of speech."""

    def fit(self, values: Values) -> State:
        return {"encoding": "utf-8"}

    def warm_start(self, state: State) -> State | None:
        return state

    def encode(self, values: Values, state: State) -> Encoded:
        rows, bad = [], {}
        for index, value in enumerate(values):
            if reason := self._flaw(value):
                bad[index] = reason
            rows.append(np.frombuffer(b"" if reason else value.encode(), np.uint8))
        return Encoded({UTF8: Ragged.of(rows, np.uint8)}, bad)

    def embedder(self, state: State, width: int) -> nn.Module:
        raise UserError("a network learns from no writing", fix="take the modality text")

    def display(self, arrays: Arrays, state: State) -> str:
        return np.asarray(arrays[UTF8], np.uint8).tobytes().decode()

    def _flaw(self, value: object) -> str:
        if not isinstance(value, str):
            return "is no text"
        if len(value) > self.max_characters:
            return f"has {len(value):,} characters; at most {self.max_characters:,} are said (max_characters)"
        if not is_spoken(value):
            return f"{value!r:.100} holds nothing that an English voice can say"
        try:
            return "" if phonemes(value) else f"{value!r:.100} is not pronounced by the English voice"
        except UserError as error:
            return f"{error.what}: {error.found}; {error.fix}"
