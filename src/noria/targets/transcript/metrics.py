"""Error rates of transcripts: of words, characters, units, and for Mandarin of syllables with and without their tones.

Each is a sum of edits over a sum of true lengths. Read next: metrics/edits.py.
"""

from __future__ import annotations

from collections.abc import Callable

from noria.contract import Metric
from noria.metrics.edits import error_rate, text_error_rates
from noria.text.normaliser import Normaliser
from noria.text.units import PinyinUnits, Units
from noria.types import Arrays

UNITS = "units"


def transcript_metrics(units: Units, normaliser: Normaliser) -> tuple[Metric, ...]:
    """Return the scores of `_text` and `units` of the output beside those of the truth; the first is trained for."""
    wer, cer = text_error_rates(normaliser, "_text")
    plain = error_rate("unit_error", "errors per unit", UNITS, _ids)
    if isinstance(units, PinyinUnits):  # each sign is a word, and the letters of an unknown one are no characters
        return *_syllable_metrics(units), wer, plain
    return wer, cer, plain


def _syllable_metrics(units: PinyinUnits) -> tuple[Metric, ...]:
    def rate(name: str, unit: str, part: Callable[[str], str]) -> Metric:
        def sequences(arrays: Arrays) -> list[list[str]]:
            return [[part(one) for one in units.syllables(ids)] for ids in _ids(arrays)]

        return error_rate(name, unit, UNITS, sequences)

    return (
        rate("syllable_error", "errors per toned syllable", str),
        rate("toneless_error", "errors per syllable, tones aside", lambda one: one.rstrip("12345")),
        rate("tone_error", "errors per tone", lambda one: one[-1]),
    )


def _ids(arrays: Arrays) -> list[list[int]]:
    rows = arrays[UNITS]
    return [rows[index].tolist() for index in range(len(rows))]
