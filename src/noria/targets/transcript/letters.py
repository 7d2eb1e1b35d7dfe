"""Answers in small letters: what is written with capitals is compared with true words, which have none."""

from __future__ import annotations

from noria.types import Arrays, Ragged


def in_small_letters(output: Arrays) -> Arrays:
    """Return settled outputs with their text in small letters; the places of words in it stay."""
    texts = [text.lower() if len(text.lower()) == len(text) else text for text in output["_text"].texts()]
    return {**output, "_text": Ragged.of_texts(texts)}
