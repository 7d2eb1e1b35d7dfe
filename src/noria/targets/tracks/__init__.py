"""Tracks: the boxes of a sequence with identities. What is learnt is which detections are true, the rest follows."""

from noria.targets.tracks.target import Tracks

__all__ = ["Tracks"]
