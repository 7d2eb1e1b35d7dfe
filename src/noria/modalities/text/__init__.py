"""Texts: tokenised once, embedded by a table. Any language, no word segmenter. Read next: text/tokenizer.py."""

from noria.modalities.text.modality import Text

__all__ = ["Text"]
