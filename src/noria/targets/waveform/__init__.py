"""Waveform: the samples of a sound from its log-mel frames. Read next: target.py, head.py."""

from noria.targets.waveform.target import Waveform

__all__ = ["Waveform"]
