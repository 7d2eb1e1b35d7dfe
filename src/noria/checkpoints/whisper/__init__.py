"""Whisper, as faster-whisper reads it, for use: speech-recognition without training. Read next: loader.py."""

from noria.checkpoints.whisper.loader import Whisper

__all__ = ["Whisper"]
