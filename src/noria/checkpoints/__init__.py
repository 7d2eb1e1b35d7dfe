"""Loaders of checkpoints that others have trained, one file a kind, found by what they recognise. Read: text.py."""
