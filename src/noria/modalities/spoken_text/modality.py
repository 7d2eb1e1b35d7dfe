"""A text that is to be read out: the units that a voice speaks, one token each.

Signs that cannot be spoken are never passed over in silence: the text is refused and names them, or the answer does.
Read next: reading.py, text/read_out.py, targets/speech/.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np

from noria.contract import Modality
from noria.contract.capabilities import IDS, Displays, Truncates, WarmStarts
from noria.errors import UserError
from noria.modalities.spoken_text.reading import NUM_TONES, Unit, UnitKind, language_of, read_units
from noria.types import Arrays, Encoded, Ragged, State, Values

if TYPE_CHECKING:
    from torch import nn

TONES, LEFT_OUT = "tones", "_left_out"


@dataclass(frozen=True)
class SpokenText(Modality, WarmStarts, Displays, Truncates):
    """A text to read out. Arrays: `ids` Ragged int, the units; `tones` Ragged uint8, 0 where a unit has none;
    `_left_out`, the signs that are not spoken, as UTF-8 bytes.

    Figures are read out before anything else: 25% is twenty five percent.
    """

    kind: ClassVar[str] = "spoken_text"

    units: UnitKind = "character"
    """`character`, or `pinyin` for Mandarin: initials, and finals with a tone; texts are characters or pinyin."""
    language: Literal["auto", "zh", "en"] = "auto"
    """Language that figures are read out in: `zh`, `en`, or `auto`, by what the training texts are written in."""
    unspoken: Literal["refuse", "skip"] = "refuse"
    """A text with signs that cannot be spoken: `refuse` it, or `skip` the signs; the answer then names them."""
    max_tokens: int = 512
    """Longest text in units; the rest is not read. Time grows with it."""

    def fit(self, values: Values) -> State:
        texts = [value for value in values if isinstance(value, str) and value.strip()]
        language = language_of(texts) if self.language == "auto" else self.language
        found: Counter[str] = Counter()
        for text in texts:
            found.update(unit.name for unit in read_units(text, self.units, language)[0])
        if not any(map(_is_sound, found)):
            raise UserError("no training text can be read out", expected="texts with letters or characters")
        return {"units": sorted(found), "language": language}

    def warm_start(self, state: State) -> State | None:
        return state

    def encode(self, values: Values, state: State) -> Encoded:
        known = {name: index for index, name in enumerate(state["units"])}
        rows: list[list[Unit]] = []
        left_out: list[str] = []
        bad, cut = {}, {}
        for index, value in enumerate(values):
            units, unspoken, reason = self._read(value, state, known)
            if reason:
                bad[index] = reason
                units = []
            elif len(units) > self.max_tokens:
                cut[index] = (self.max_tokens, len(units))
            rows.append(units[: self.max_tokens])
            left_out.append("" if reason else named(unspoken))
        ids = Ragged.of([[known[unit.name] for unit in row] for row in rows], np.uint16)
        tones = Ragged.of([[unit.tone for unit in row] for row in rows], np.uint8)
        return Encoded({IDS: ids, TONES: tones, LEFT_OUT: Ragged.of_texts(left_out)}, bad, cut)

    def _read(self, value: Any, state: State, known: dict[str, int]) -> tuple[list[Unit], list[str], str]:
        """Return the units of a value, the signs that are not spoken, and why it cannot be used, if so."""
        if not isinstance(value, str) or not value.strip():
            return [], [], "is no text" if not isinstance(value, str) else "the text is empty"
        units, unspoken = read_units(value, self.units, state["language"])
        unlearnt = [unit.name for unit in units if unit.name not in known and unit.name.strip()]
        units = [unit for unit in units if unit.name in known]
        if (unspoken or unlearnt) and self.unspoken == "refuse":
            return units, unspoken + unlearnt, _refusal(unspoken, unlearnt)
        unspoken += unlearnt
        if not any(_is_sound(unit.name) for unit in units):
            return units, unspoken, "nothing in the text can be spoken"
        return units, unspoken, ""

    def most_read(self) -> tuple[str, int]:
        return "max_tokens", self.max_tokens

    def embedder(self, state: State, width: int) -> nn.Module:
        from noria.modalities.spoken_text.embedder import SpokenTextEmbedder

        return SpokenTextEmbedder(len(state["units"]), NUM_TONES, width)

    def display(self, arrays: Arrays, state: State) -> str:
        names = [state["units"][int(index)] for index in np.asarray(arrays[IDS])]
        tones = [str(tone) if tone else "" for tone in np.asarray(arrays[TONES]).tolist()]
        joint = "" if self.units == "character" else " "
        return joint.join(f"{name}{tone}" for name, tone in zip(names, tones, strict=True))


def _refusal(unspoken: Sequence[str], unlearnt: Sequence[str]) -> str:
    """Return why a text with signs that nobody speaks, and with some that training has not shown, is refused."""
    reasons = []
    if unspoken:
        reasons.append(f"holds signs that this voice cannot speak: {named(unspoken)}; write them as words")
    if unlearnt:
        reasons.append(
            f"holds what no training text has, so that this voice cannot speak it: {named(unlearnt)}; train with more "
            "texts that have it (texts that are the same all stand in one split)"
        )
    return "; ".join([*reasons, "or set inputs.text.unspoken=skip"])


def _is_sound(name: str) -> bool:
    """Say whether a unit is more than a pause."""
    return bool(name.strip(",.!?' "))


def named(signs: Sequence[str]) -> str:
    """Return signs for people, each with how often it stands there: '☃' (2), '#'."""
    counts = Counter(signs)
    return ", ".join(f"{sign!r}" + (f" ({count})" if count > 1 else "") for sign, count in counts.items())
