"""Labelled stretches of a text, such as names: each token is said to begin a stretch, to go on with one, or neither."""

from noria.targets.tags.target import Tags

__all__ = ["Tags"]
