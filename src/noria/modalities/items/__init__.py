"""Items: the history of what somebody did with the items of a catalogue."""

from noria.modalities.items.modality import Items

__all__ = ["Items"]
