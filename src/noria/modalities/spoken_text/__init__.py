"""Spoken text: texts as a voice reads them. Read next: modality.py, reading.py."""

from noria.modalities.spoken_text.modality import SpokenText

__all__ = ["SpokenText"]
