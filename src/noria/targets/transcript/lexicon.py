"""The words that a state's answers are made of, and the grammar that follows from it. Read next: grammar.py."""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from noria.errors import UserError
from noria.targets.transcript.grammar import AnyUnits, Grammar, Lexicon
from noria.targets.transcript.ngram import Ngram, learn_ngram
from noria.targets.transcript.settings import TRAINING, TranscriptSettings
from noria.text.normaliser import Normaliser, normalised
from noria.text.units import UNKNOWN, Units, units_of
from noria.types import State

MOST_WORDS = 1_000_000


def read_lexicon(name: str | None, kind: Normaliser) -> dict[str, str]:
    """Return the words of a lexicon's file and how each is said in pinyin, "" where the file does not say."""
    if name in (None, TRAINING):
        return {}
    assert name is not None
    path = Path(name)
    try:
        rows = [line.split("\t") for line in path.read_text("utf-8-sig").splitlines() if line.strip()]
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(
            "the lexicon cannot be read",
            where=f"target.lexicon={name}",
            expected=f"{TRAINING!r}, or a text file in UTF-8 with a word a line",
            found=str(error),
        ) from error
    if not rows or len(rows) > MOST_WORDS:
        raise UserError("a lexicon has 1 to 1,000,000 words", where=f"target.lexicon={name}", found=str(len(rows)))
    return {normalised(row[0], kind): row[1].strip() if len(row) > 1 else "" for row in rows}


def lexicon_state(settings: TranscriptSettings, texts: Sequence[str], words: Mapping[str, str], units: Units) -> State:
    """Return what a search needs of lexicon and training texts: `words` or None, and the n-gram's counts or None."""
    known = list(words) if words else sorted({word for text in texts for word in text.split()})
    has_lexicon = settings.lexicon is not None
    if not settings.ngram:
        return {"words": known if has_lexicon else None, "ngram": None}
    if has_lexicon:
        sentences = [text.split() for text in texts]
    else:
        sentences = [[units.names[one] for one in units.encode(text)[0]] for text in texts]
    return {"words": known if has_lexicon else None, "ngram": learn_ngram(sentences, settings.ngram)}


def grammar_of(state: State, weight: float) -> Grammar:
    """Return what may be said; the same object for the same state."""
    search = json.dumps({"units": state["units"], **state["search"]}, sort_keys=True)
    return _grammar(search, weight)


@functools.lru_cache(maxsize=4)
def _grammar(search: str, weight: float) -> Grammar:
    parts = json.loads(search)
    units = units_of(parts["units"])
    words, counts = parts["words"], parts["ngram"]
    if words is None:
        return AnyUnits(units.names, None if counts is None else Ngram(counts, len(units.names)), weight)
    said = {word: units.encode(word)[0] for word in words}
    usable = {word: ids for word, ids in said.items() if ids and UNKNOWN not in ids}
    return Lexicon(usable, units.separator, None if counts is None else Ngram(counts, len(usable)), weight)


def unusable(state: State) -> list[str]:
    """Return the words of the lexicon that no answer can have: they hold a sign without a unit."""
    units = units_of(state["units"])
    return [word for word in state["search"]["words"] or () if not (ids := units.encode(word)[0]) or UNKNOWN in ids]
