"""hibari, an English voice in a package, for use: text-to-speech without training. Read next: loader.py, voice.py."""

from noria.checkpoints.hibari.loader import Hibari

__all__ = ["Hibari"]
