"""Scores of language, made of statistics per record, so that drawing the records again costs one weighted sum."""
