"""What text inputs and text answers learn from training: one vocabulary. And which raw values are texts at all."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from noria.errors import UserError, shown_values
from noria.text.tokenizer import KINDS, Tokenizer
from noria.types import State, Values

# Of a vocabulary that the number of texts decides. On validation splits of 1,000 and 5,500 English sentences and of
# 1,000 and 8,000 Chinese titles more tokens were no better, of Chinese worse. A script's signs all need a place.
LEAST_TOKENS, MOST_TOKENS = 2048, 8192
TOKENS_A_SIGN = 1.2


def learn_text(values: Values, tokenizer: str, vocabulary: int | None, lowercase: bool) -> State:
    """Return {"tokenizer": JSON, "vocabulary": size, "kind": ...} learnt from raw values, or from a folder's file."""
    if tokenizer in KINDS:
        texts = [text for value in values if (text := text_of(value)) is not None]
        if not texts and tokenizer != "byte":
            raise UserError("no training record has a text", found=shown_values(values))
        size = automatic_vocabulary(texts) if vocabulary is None else vocabulary
        learnt = Tokenizer.train(texts, tokenizer, size, lowercase)
    elif Path(tokenizer).is_dir():
        learnt = Tokenizer.from_folder(Path(tokenizer))
    else:
        raise UserError("unknown tokenizer", expected=f"{', '.join(KINDS)}, or a folder", found=tokenizer)
    return {"tokenizer": learnt.to_json(), "vocabulary": learnt.size, "kind": learnt.kind}


def automatic_vocabulary(texts: Sequence[str]) -> int:
    """Return how many tokens to learn: a power of two, no more than there are texts, but with room for all signs."""
    by_number = min(MOST_TOKENS, max(LEAST_TOKENS, 1 << len(texts).bit_length() - 1))
    return max(by_number, int(TOKENS_A_SIGN * len(set().union(*texts))))


def usable_texts(values: Values, is_optional: bool = False) -> tuple[list[str], dict[int, str]]:
    """Return one text a value, "" where there is none, and why some values are none."""
    texts, bad = [], {}
    for index, value in enumerate(values):
        text = text_of(value)
        if text is None and not (is_optional and is_missing(value)):
            bad[index] = "the text is missing" if is_missing(value) else f"not a text but {type(value).__name__}"
        texts.append(text or "")
    return texts, bad


def text_of(value: Any) -> str | None:
    """Return a raw value as a text, None where it is none: empty, not a number, or broken UTF-8."""
    if isinstance(value, bytes | bytearray):
        try:
            value = bytes(value).decode("utf-8")
        except UnicodeDecodeError:
            return None
    if isinstance(value, bool) or is_missing(value):
        return None
    if isinstance(value, int | float | np.integer | np.floating):
        return str(value)
    if not isinstance(value, str):
        return None
    try:
        value.encode("utf-8")
    except UnicodeEncodeError:  # a lone surrogate
        return None
    return value


def is_missing(value: Any) -> bool:
    """Say whether there is no value at all: None, NaN, or something empty."""
    if value is None or (isinstance(value, float | np.floating) and not np.isfinite(value)):
        return True
    return (
        isinstance(value, str | bytes | bytearray | Sequence) and not isinstance(value, np.ndarray) and len(value) == 0
    )
