"""Speech: a text read out. Read next: target.py, head.py, alignment.py, voice.py."""

from noria.targets.speech.target import Speech

__all__ = ["Speech"]
