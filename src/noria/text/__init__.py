"""Texts to token ids and back. Knows no modality and no target: those of text are made of it."""
