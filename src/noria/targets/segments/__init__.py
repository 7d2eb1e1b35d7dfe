"""Stretches of time in a sound in which somebody speaks."""

from noria.targets.segments.target import Segments

__all__ = ["Segments"]
